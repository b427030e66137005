/** How the next edit is made, and what is known about the step that is shown. */
import { ChevronRight, Crop, Dices, Expand } from "lucide-react";
import { Collapsible } from "radix-ui";
import { useState } from "react";
import type { NodeView } from "../backend/backend.ts";
import { changesWords, levelOf, nameOf, untouchedWords } from "../history/names.ts";
import { changeCanvasStep } from "../state/canvas.ts";
import { changeStep, descendants, tryAgain, wayTo, withDetail } from "../state/steps.ts";
import { modelOf, newSeed, useStudio } from "../state/store.ts";
import { lastSeenBelow } from "../state/way.ts";
import { duration } from "../ui/controls.tsx";
import { t } from "../words/index.ts";
import { NextEdit } from "./next-edit.tsx";

export function SettingsPanel() {
  const head = useStudio((s) => s.session?.nodes.find(({ id }) => id === s.session?.head));
  return (
    <section className="settings" aria-label={t.settings}>
      <NextEdit />
      {head && <ThisStep key={head.id} node={head} />}
    </section>
  );
}

function ThisStep({ node }: { node: NodeView }) {
  const [level, untouched] = [levelOf(node), untouchedWords(node)];
  return (
    <div className="settings-group">
      <h2>{t.thisStep}</h2>
      <p className="step-name">{nameOf(node)}</p>
      {node.parent === null && <p className="muted">{t.yourPicture}</p>}
      {level && (
        <p className="fact">
          <span className="trust-mark" data-level={level} aria-hidden />
          {changesWords(node)}
        </p>
      )}
      {untouched && (
        <p className="fact" data-testid="untouched">
          <span className="trust-mark" data-level="kept" aria-hidden />
          {untouched}
        </p>
      )}
      {node.settings && (
        <button type="button" className="button" onClick={() => void tryAgain(node.id)}>
          <Dices size="1rem" strokeWidth={1.75} aria-hidden /> {t.tryAgain}
        </button>
      )}
      {node.canvas && (
        <button type="button" className="button" onClick={() => void changeCanvasStep(node.id)}>
          {node.canvas.kind === "crop" ? (
            <Crop size="1rem" strokeWidth={1.75} aria-hidden />
          ) : (
            <Expand size="1rem" strokeWidth={1.75} aria-hidden />
          )}{" "}
          {t.reframe.change}
        </button>
      )}
      {node.settings && <DetailOfStep node={node} />}
      {node.settings && <ChangeStep node={node} />}
    </div>
  );
}

const decibel = (psnr: number) => (Number.isFinite(psnr) ? `${t.format.number(psnr, 1)} dB` : t.identical);

/** The same step with and without the picture's own detail, before and after one press each. */
function DetailOfStep({ node }: { node: NodeView }) {
  const session = useStudio((s) => s.session)!;
  const native = useStudio((s) => modelOf(s)?.nativeSize ?? 0);
  if (Math.max(session.width, session.height) <= native || !node.settings) return null;
  const on = node.settings.detail === "on";
  return (
    <div className="segments" role="radiogroup" aria-label={t.detail}>
      {[true, false].map((wanted) => (
        <button
          type="button"
          key={String(wanted)}
          role="radio"
          aria-checked={wanted === on}
          onClick={() => void (wanted === on || withDetail(node.id, wanted))}
        >
          {wanted ? t.withDetail : t.withoutDetail}
        </button>
      ))}
    </div>
  );
}

/** Where one has been below a step: the way that is made again where not everything is. */
function useWay(node: string): string[] {
  const session = useStudio((s) => s.session)!;
  const below = descendants(session, node);
  const leaf = lastSeenBelow(node) ?? below.at(-1)!;
  return below.includes(leaf) ? wayTo(session, node, leaf) : [node];
}

/** A step changed, and everything after it made again, on a branch of its own. */
function ChangeStep({ node }: { node: NodeView }) {
  const [instruction, setInstruction] = useState(node.regions[0]?.instruction ?? "");
  const session = useStudio((s) => s.session)!;
  const busy = useStudio((s) => s.job !== null);
  const guided = useStudio((s) => modelOf(s)?.leastTextGuidance !== null);
  const below = descendants(session, node.id);
  const way = useWay(node.id);
  const [whole, setWhole] = useState(true);
  const time = (ids: readonly string[]) =>
    duration(session.nodes.reduce((sum, one) => sum + (ids.includes(one.id) ? one.seconds : 0), 0));
  const until = whole || way.length === 0 ? undefined : way.at(-1);
  const { settings } = node;
  if (!settings) return null;
  const change = (changes: Parameters<typeof changeStep>[1]) => void changeStep(node.id, changes, until);
  return (
    <Collapsible.Root>
      <Collapsible.Trigger className="disclosure">
        <ChevronRight size="1rem" strokeWidth={1.75} aria-hidden />
        {t.changeStep}
      </Collapsible.Trigger>
      <Collapsible.Content className="advanced">
        <form
          onSubmit={(event) => {
            event.preventDefault();
            change({ instruction: instruction.trim() });
          }}
        >
          <input
            className="text-input"
            aria-label={t.instructionOfStep}
            value={instruction}
            onChange={(event) => setInstruction(event.target.value)}
          />
          {below.length > way.length && way.length > 0 && (
            <fieldset className="reach">
              <legend className="visually-hidden">{t.whatIsMadeAgain}</legend>
              {[
                { label: t.thisPath(way.length, time(way)), all: false },
                { label: t.allBelow(below.length, time(below)), all: true },
              ].map(({ label, all }) => (
                <label key={label}>
                  <input type="radio" name="reach" checked={whole === all} onChange={() => setWhole(all)} />
                  {label}
                </label>
              ))}
            </fieldset>
          )}
          <div className="row">
            <button
              type="submit"
              className="button"
              disabled={busy || instruction.trim() === "" || instruction === node.regions[0]?.instruction}
            >
              {t.makeAgain}
            </button>
            <button
              type="button"
              className="button"
              disabled={busy}
              onClick={() => change({ seed: newSeed() })}
            >
              <Dices size="1rem" strokeWidth={1.75} aria-hidden /> {t.newSeed}
            </button>
          </div>
          <p className="muted">
            {below.length === 1
              ? t.newBranch
              : t.madeAgain(
                  until === undefined ? below.length : way.length,
                  time(until === undefined ? below : way),
                )}
          </p>
        </form>
        <dl className="facts">
          {node.drift && (
            <>
              <dt>{t.fromBefore}</dt>
              <dd className="number">{decibel(node.drift.parent.inside.psnr)}</dd>
              <dt>{t.fromOriginal}</dt>
              <dd className="number">{decibel(node.drift.original.inside.psnr)}</dd>
            </>
          )}
          <dt>{t.seed}</dt>
          <dd className="number">{settings.seed}</dd>
          <dt>{t.steps}</dt>
          <dd className="number">{settings.steps}</dd>
          <dt>{t.sampler}</dt>
          <dd>{settings.sampler}</dd>
          {guided && (
            <>
              <dt>{t.wordsPicture}</dt>
              <dd className="number">
                {settings.textGuidance} / {settings.imageGuidance}
              </dd>
            </>
          )}
          {node.hasMask && (
            <>
              <dt>{t.controlShort}</dt>
              <dd>{settings.control}</dd>
            </>
          )}
        </dl>
      </Collapsible.Content>
    </Collapsible.Root>
  );
}
