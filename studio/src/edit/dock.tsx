/** Where one says what should change: mask tools, the instruction, and the button that shows every wait. */
import { ArrowUp, Plus, Square, X } from "lucide-react";
import { type KeyboardEvent, useEffect, useMemo, useRef, useState } from "react";
import { coverage } from "../painting/layer.ts";
import { paintedOf } from "../painting/regions.ts";
import { beginNext, unqueue } from "../state/asked.ts";
import { edit, runQueue } from "../state/edit.ts";
import { keep, stop } from "../state/job.ts";
import { addRegion, changeRegion, chooseRegion, moveThreshold, removeRegion } from "../state/mask.ts";
import { get, modelOf, useStudio } from "../state/store.ts";
import type { Job } from "../state/types.ts";
import { duration, IconButton, Slider, Tip } from "../ui/controls.tsx";
import { t } from "../words/index.ts";
import { Heard } from "./heard.tsx";
import { References } from "./references.tsx";
import { colourOf } from "./region-colours.ts";
import { suggest } from "./suggestions.ts";
import { Tools } from "./tools.tsx";

export function Dock() {
  const job = useStudio((s) => s.job);
  const said = useStudio((s) => s.said);
  return (
    <section className="dock" aria-label={t.edit}>
      <Tools />
      <Queue />
      <div className="instruction-row">
        <References />
        <Instruction />
        {job?.kind === "edit" && job.preview && !job.stopping && (
          <Tip label={t.keepThisTip}>
            <button type="button" className="keep-button" aria-label={t.keepThis} onClick={keep}>
              {t.keep}
            </button>
          </Tip>
        )}
        <EditButton />
      </div>
      <Heard />
      <p className="visually-hidden" role="status">
        {said}
      </p>
    </section>
  );
}

/** Edits that wait for the one before them, each to be taken back. */
function Queue() {
  const queue = useStudio((s) => s.queue);
  const idle = useStudio((s) => s.job === null);
  if (queue.length === 0) return null;
  return (
    <ol className="queue" aria-label={t.queue}>
      {queue.map(({ id, title, held }, index) => (
        <li key={id}>
          <span className="muted">{index === 0 ? t.next : index + 1}</span>
          <span className="queue-title">{title}</span>
          {idle && (held || index === 0) && (
            <button type="button" className="link" onClick={() => runQueue(id)}>
              {t.runNow}
            </button>
          )}
          <IconButton label={t.takeBack(title)} icon={X} onClick={() => unqueue(id)} />
        </li>
      ))}
    </ol>
  );
}

function Instruction() {
  const regions = useStudio((s) => s.regions);
  const region = useStudio((s) => s.region);
  const past = useStudio((s) => s.past);
  const session = useStudio((s) => s.session)!;
  const model = useStudio(modelOf);
  const current = regions.find(({ id }) => id === region) ?? regions[0]!;
  const [focused, setFocused] = useState(false);
  const [place, setPlace] = useState(-1);
  const draft = useRef("");
  const suggestions = useMemo(() => suggest(model, session, 12), [model, session]);
  const empty = current.instruction === "";
  const strip = useStudio((s) => s.variations.length > 0);
  const familiar = session.familiar !== false && !strip;
  const shown = familiar && empty && (focused || session.nodes.length === 1) && suggestions.length > 0;

  const write = (instruction: string) => {
    beginNext();
    changeRegion(get().region, { instruction });
  };
  const onKeyDown = (event: KeyboardEvent<HTMLInputElement>) => {
    if (event.key === "Enter") {
      event.preventDefault();
      void edit();
    } else if (event.key === "ArrowUp" || event.key === "ArrowDown") {
      if (past.length === 0) return;
      event.preventDefault();
      if (place === -1) draft.current = current.instruction;
      const next = Math.min(past.length - 1, Math.max(-1, place + (event.key === "ArrowUp" ? 1 : -1)));
      setPlace(next);
      write(next === -1 ? draft.current : past[next]!);
    } else if (event.key === "Escape") event.currentTarget.blur();
  };

  // One line above the dock: the places of this edit, else what could be asked.
  const hint =
    regions.length > 1 || current.masked ? (
      <Regions />
    ) : shown ? (
      <div className="suggestions" role="group" aria-label={t.whatItKnows(model?.title ?? "")}>
        {suggestions.map((one) => (
          <button
            type="button"
            key={one}
            className="chip"
            // The box keeps the focus, so that Enter goes on from here.
            onPointerDown={(event) => event.preventDefault()}
            onClick={() => {
              write(one);
              document.getElementById("instruction")?.focus();
            }}
          >
            {one}
          </button>
        ))}
      </div>
    ) : null;

  return (
    <div className="instruction">
      <div className="hints">{hint}</div>
      <input
        id="instruction"
        aria-label={current.masked ? t.whatInPlace : t.what}
        placeholder={current.masked ? t.whatThere : t.what}
        value={current.instruction}
        autoComplete="off"
        enterKeyHint="go"
        maxLength={500}
        onFocus={() => setFocused(true)}
        onBlur={() => setFocused(false)}
        onChange={(event) => {
          setPlace(-1);
          write(event.target.value);
        }}
        onKeyDown={onKeyDown}
      />
    </div>
  );
}

/** Several places with an instruction each; one place without a mask needs no line of its own. */
function Regions() {
  const regions = useStudio((s) => s.regions);
  const region = useStudio((s) => s.region);
  // The covered share changes with every stroke.
  useStudio((s) => s.painted);
  const automatic = regions.find(({ id }) => id === region)?.automatic;
  const list = useRef<HTMLDivElement>(null);
  // On a narrow screen what was just added or chosen would lie beyond the line's end.
  const meant = automatic ? ".threshold" : `[data-region="${region}"]`;
  // biome-ignore lint/correctness/useExhaustiveDependencies: a further region moves the one that is meant
  useEffect(() => {
    list.current?.querySelector(meant)?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }, [meant, regions.length]);
  return (
    <div className="regions" role="group" aria-label={t.places} ref={list}>
      {regions.map((one, index) => {
        const own = paintedOf(one.id);
        const share =
          one.masked && own ? t.format.percent(Math.max(0.01, coverage(own.layer))) : t.everywhere;
        return (
          <span
            key={one.id}
            className="region"
            data-region={one.id}
            data-current={one.id === region || undefined}
            style={{ "--place": colourOf(index) } as React.CSSProperties}
          >
            <button type="button" aria-pressed={one.id === region} onClick={() => chooseRegion(one.id)}>
              <span className="region-number">{index + 1}</span>
              <span className="region-name">{one.instruction || t.whatQuestion}</span>
              <span className="muted number">{share}</span>
            </button>
            {regions.length > 1 && (
              <button
                type="button"
                className="region-remove"
                aria-label={t.removePlace(index + 1)}
                onClick={() => removeRegion(one.id)}
              >
                <X size="0.75rem" aria-hidden />
              </button>
            )}
          </span>
        );
      })}
      {automatic && (
        <span className="region threshold">
          <Slider
            compact
            label={t.threshold}
            value={automatic.threshold}
            min={0.02}
            max={0.98}
            step={0.01}
            format={(value) => t.format.number(value, 2)}
            onChange={(value) => void moveThreshold(value)}
          />
        </span>
      )}
      <span className="region">
        <IconButton label={t.anotherPlace} keys="N" icon={Plus} onClick={addRegion} />
      </span>
    </div>
  );
}

function EditButton() {
  const job = useStudio((s) => s.job);
  const ready = useStudio((s) => s.regions.every(({ instruction }) => instruction.trim() !== ""));
  const variations = useStudio((s) => s.settings.variations);
  if (!job) {
    return (
      <button
        type="button"
        className="edit-button"
        data-quiet={!ready || undefined}
        onClick={() => void edit()}
      >
        {variations > 1 ? `${t.edit} ×${variations}` : t.edit}
        <ArrowUp size="1rem" strokeWidth={2} aria-hidden />
      </button>
    );
  }
  const done =
    job.making?.fraction ?? (job.steps === 0 ? 0 : (job.index - 1 + job.step / job.steps) / job.count);
  const words = jobWords(job);
  return (
    <button
      type="button"
      className="edit-button running"
      onClick={stop}
      aria-label={t.stopAnd(words)}
      title={t.stopTip}
    >
      <span className="progress" style={{ transform: `scaleX(${done})` }} />
      <span className="number">{words}</span>
      <Square size="0.75rem" fill="currentColor" aria-hidden />
    </button>
  );
}

function jobWords(job: Job): string {
  if (!job.connected) return t.reconnecting;
  if (job.stopping) return t.stopping;
  if (job.position) return t.waiting(job.position);
  if (job.making) return t.making(job.making.fraction, duration(job.making.secondsLeft));
  if (job.steps === 0) return job.kind === "heat" ? t.looking : t.preparing;
  if (job.step === 0 && job.index === 1) return t.preparing;
  const many = job.count > 1 ? `${job.index}/${job.count} · ` : "";
  return `${many}${job.step}/${job.steps}${job.secondsLeft === null ? "" : ` · ${duration(job.secondsLeft)}`}`;
}
