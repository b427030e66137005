/** Which model edits, what it can do, and what it cannot. */
import { Check, ChevronDown } from "lucide-react";
import { Popover } from "radix-ui";
import type { ModelInfo } from "../backend/backend.ts";
import { watchModels } from "../state/pull.ts";
import { continueWith } from "../state/session.ts";
import { set, useStudio } from "../state/store.ts";
import { t } from "../words/index.ts";
import { FetchAnother, FetchModel, RemoveModel, size } from "./pull.tsx";

export function ModelButton() {
  const models = useStudio((s) => s.models);
  const model = useStudio((s) => s.model);
  const open = useStudio((s) => s.panel === "model");
  const canPull = useStudio((s) => s.backend.pull !== undefined);
  const current = models.find(({ id }) => id === model);
  return (
    <Popover.Root
      open={open}
      onOpenChange={(next) => {
        set({ panel: next ? "model" : null });
        // Others may have fetched or removed some since.
        if (next) void watchModels();
      }}
    >
      {/* Opened from elsewhere where the button has no room, it still stands below its place. */}
      <Popover.Anchor className="model-place">
        <Popover.Trigger asChild>
          <button
            type="button"
            className="text-button model-button"
            aria-label={t.modelIs(current?.title ?? model)}
          >
            <span>{current?.title ?? model}</span>
            <ChevronDown size="0.75rem" aria-hidden />
          </button>
        </Popover.Trigger>
      </Popover.Anchor>
      <Popover.Portal>
        <Popover.Content
          // Where nothing in it can be pressed, keys scroll it all the same.
          tabIndex={0}
          className="popover models"
          align="end"
          sideOffset={8}
          collisionPadding={8}
          aria-label={t.models}
        >
          {models.map((one) => (
            <ModelCard key={one.id} model={one} chosen={one.id === model} />
          ))}
          {canPull && <FetchAnother />}
        </Popover.Content>
      </Popover.Portal>
    </Popover.Root>
  );
}

function ModelCard({ model, chosen }: { model: ModelInfo; chosen: boolean }) {
  const busy = useStudio((s) => s.job !== null);
  const device = useStudio((s) => s.session?.device);
  return (
    <article className="model-card" data-unavailable={model.unavailable ? true : undefined}>
      <header>
        <h2>{model.title}</h2>
        <span className="muted number">
          {model.nativeSize} px{model.bytes && !model.unavailable ? ` · ${size(model.bytes)}` : ""}
        </span>
        {chosen ? (
          <span className="chosen">
            <Check size="1rem" strokeWidth={2} aria-hidden /> {t.inUse}
          </span>
        ) : (
          !model.unavailable && (
            <button
              type="button"
              className="button"
              disabled={busy}
              title={t.tipForUse}
              onClick={() => void continueWith(model.id)}
            >
              {t.use}
            </button>
          )
        )}
      </header>
      <p>{model.summary}</p>
      {model.can.length > 0 && (
        <dl className="can">
          {model.can.map(({ title, instructions }) => (
            <div key={title}>
              <dt className="muted">{title}</dt>
              <dd>{instructions.slice(0, 2).join(", ")}</dd>
            </div>
          ))}
        </dl>
      )}
      {model.cannot && <p className="muted">{model.cannot}</p>}
      <Costs model={model} />
      {chosen && device && (
        <p className="muted">
          {device.gpu ? t.onGpu : t.onCpu} {device.reason}
        </p>
      )}
      {model.unavailable && !model.pull && <p className="unavailable">{model.unavailable}</p>}
      {(model.fetchable || model.pull) && <FetchModel model={model} />}
      {model.removable && !chosen && !model.pull && <RemoveModel model={model} />}
    </article>
  );
}

/** What it takes to have it: known before anything of it is fetched. */
function Costs({ model: { unavailable, bytes, license, plan } }: { model: ModelInfo }) {
  const download = unavailable && bytes ? size(bytes) : null;
  const rows = [
    // What is said below is not said twice.
    [t.downloadOf, download && !unavailable?.includes(download) ? download : null],
    [t.needs, unavailable && plan ? needsWords(plan) : null],
    [t.license, license ? `${license.name}. ${t.licenseSays(license.name, license.says)}` : null],
  ].filter(([, words]) => words);
  if (rows.length === 0) return null;
  return (
    <dl className="can">
      {rows.map(([name, words]) => (
        <div key={name}>
          <dt className="muted">{name}</dt>
          <dd className="number">{words}</dd>
        </div>
      ))}
    </dl>
  );
}

function needsWords({ precision, memoryBytes, diskBytes, slowly }: NonNullable<ModelInfo["plan"]>): string {
  const disk = diskBytes > 0 ? size(diskBytes) : null;
  if (precision === null) return t.tooLargeHere(size(memoryBytes), disk);
  return t.runsHere(precision, size(memoryBytes), disk, slowly);
}
