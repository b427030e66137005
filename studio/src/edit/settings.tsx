/** How the next edit is made, and what is known about the step that is shown. */
import { ChevronRight, Dices, Lock, LockOpen, RotateCcw } from "lucide-react";
import { Collapsible } from "radix-ui";
import { useState } from "react";
import { PRESETS } from "../../../src/web.ts";
import type { NodeView } from "../backend/backend.ts";
import { changesWords, levelOf, nameOf, untouchedWords } from "../history/names.ts";
import { changeSettings, changeStep, descendants } from "../state/edit.ts";
import { newSeed, useStudio } from "../state/store.ts";
import { IconButton, Slider } from "../ui/controls.tsx";

export function SettingsPanel() {
  const head = useStudio((s) => s.session?.nodes.find(({ id }) => id === s.session?.head));
  return (
    <section className="settings" aria-label="Settings">
      <NextEdit />
      {head && <ThisStep key={head.id} node={head} />}
    </section>
  );
}

function NextEdit() {
  const settings = useStudio((s) => s.settings);
  const model = useStudio((s) => s.models.find(({ id }) => id === s.model));
  const defaults = model?.presets[settings.preset];
  if (!model || !defaults) return null;
  return (
    <div className="settings-group">
      <h2>Next edit</h2>
      <Slider
        label="Strength"
        value={settings.strength}
        min={0.05}
        max={1}
        step={0.05}
        home={1}
        format={(value) => `${Math.round(100 * value)} %`}
        onChange={(strength) => changeSettings({ strength })}
      />
      <Choice
        label="Effort"
        value={settings.preset}
        options={PRESETS}
        onChange={(preset) => changeSettings({ preset })}
      />
      <Slider
        label="Variations"
        value={settings.variations}
        min={1}
        max={9}
        step={1}
        home={1}
        onChange={(variations) => changeSettings({ variations })}
      />
      <div className="field">
        <label htmlFor="seed" className="label">
          Seed
        </label>
        <input
          id="seed"
          className="number"
          inputMode="numeric"
          value={String(settings.seed)}
          onChange={(event) => {
            const digits = event.target.value.replace(/\D/g, "").slice(0, 19);
            changeSettings({ seed: BigInt(digits || 0), seedLocked: true });
          }}
        />
        <IconButton
          label={
            settings.seedLocked
              ? "The seed stays: the same words give the same result"
              : "A new seed after every edit"
          }
          icon={settings.seedLocked ? Lock : LockOpen}
          pressed={settings.seedLocked}
          onClick={() => changeSettings({ seedLocked: !settings.seedLocked })}
        />
        <IconButton
          label="Another seed"
          keys="S"
          icon={Dices}
          onClick={() => changeSettings({ seed: newSeed() })}
        />
      </div>
      <Collapsible.Root>
        <Collapsible.Trigger className="disclosure">
          <ChevronRight size={16} strokeWidth={1.75} aria-hidden />
          Advanced
        </Collapsible.Trigger>
        <Collapsible.Content className="advanced">
          <Slider
            label="Steps"
            value={settings.steps ?? defaults.steps}
            min={1}
            max={Math.max(50, 2 * defaults.steps)}
            step={1}
            home={defaults.steps}
            onChange={(steps) => changeSettings({ steps })}
          />
          <Slider
            label="Follow the words"
            value={settings.textGuidance ?? defaults.textGuidance}
            min={0}
            max={Math.max(4, 2 * defaults.textGuidance)}
            step={0.1}
            home={defaults.textGuidance}
            format={(value) => value.toFixed(1)}
            onChange={(textGuidance) => changeSettings({ textGuidance })}
          />
          <Slider
            label="Keep the picture"
            value={settings.imageGuidance ?? defaults.imageGuidance}
            min={0}
            max={Math.max(3, 2 * defaults.imageGuidance)}
            step={0.1}
            home={defaults.imageGuidance}
            format={(value) => value.toFixed(1)}
            onChange={(imageGuidance) => changeSettings({ imageGuidance })}
          />
          {model.gate > 0 && (
            <Slider
              label="Leave alone what moved less"
              value={settings.gate ?? model.gate}
              min={0}
              max={5 * model.gate}
              step={model.gate / 5}
              home={model.gate}
              format={(value) => value.toFixed(2)}
              onChange={(gate) => changeSettings({ gate })}
            />
          )}
          <Choice
            label="Sampler"
            value={settings.sampler ?? defaults.sampler}
            options={model.samplers}
            onChange={(sampler) => changeSettings({ sampler })}
          />
          <Choice
            label="A mask acts by"
            value={settings.control ?? "anchored"}
            options={model.controls}
            onChange={(control) => changeSettings({ control })}
          />
          <button
            type="button"
            className="text-button"
            onClick={() =>
              changeSettings({
                steps: undefined,
                textGuidance: undefined,
                imageGuidance: undefined,
                sampler: undefined,
                control: undefined,
                gate: undefined,
              })
            }
          >
            <RotateCcw size={16} strokeWidth={1.75} aria-hidden />
            The values of this effort
          </button>
        </Collapsible.Content>
      </Collapsible.Root>
    </div>
  );
}

interface ChoiceProps<T extends string> {
  label: string;
  value: T;
  options: readonly T[];
  onChange: (value: T) => void;
}

function Choice<T extends string>({ label, value, options, onChange }: ChoiceProps<T>) {
  return (
    <label className="field">
      <span className="label">{label}</span>
      <select value={value} onChange={(event) => onChange(event.target.value as T)}>
        {options.map((one) => (
          <option key={one}>{one}</option>
        ))}
      </select>
    </label>
  );
}

function ThisStep({ node }: { node: NodeView }) {
  const [level, untouched] = [levelOf(node), untouchedWords(node)];
  return (
    <div className="settings-group">
      <h2>This step</h2>
      <p className="step-name">{nameOf(node)}</p>
      {node.parent === null && (
        <p className="muted">Your own picture. Every edit starts from it, and it is never changed.</p>
      )}
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
      {node.settings && <ChangeStep node={node} />}
    </div>
  );
}

const decibel = (psnr: number) => (Number.isFinite(psnr) ? `${psnr.toFixed(1)} dB` : "identical");

/** A step changed, and everything after it made again, on a branch of its own. */
function ChangeStep({ node }: { node: NodeView }) {
  const [instruction, setInstruction] = useState(node.regions[0]?.instruction ?? "");
  const session = useStudio((s) => s.session)!;
  const busy = useStudio((s) => s.job !== null);
  const following = descendants(session, node.id).length - 1;
  const { settings } = node;
  if (!settings) return null;
  const change = (changes: Parameters<typeof changeStep>[1]) => void changeStep(node.id, changes);
  return (
    <Collapsible.Root>
      <Collapsible.Trigger className="disclosure">
        <ChevronRight size={16} strokeWidth={1.75} aria-hidden />
        Change this step
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
            aria-label="Instruction of this step"
            value={instruction}
            onChange={(event) => setInstruction(event.target.value)}
          />
          <div className="row">
            <button
              type="submit"
              className="button"
              disabled={busy || instruction.trim() === "" || instruction === node.regions[0]?.instruction}
            >
              Make again
            </button>
            <button
              type="button"
              className="button"
              disabled={busy}
              onClick={() => change({ seed: newSeed() })}
            >
              <Dices size={16} strokeWidth={1.75} aria-hidden /> New seed
            </button>
          </div>
          <p className="muted">
            {following === 0
              ? "The result is a new branch; this one stays."
              : `The ${following === 1 ? "step" : `${following} steps`} after it will be made again on a new branch; this one stays.`}
          </p>
        </form>
        <dl className="facts">
          {node.drift && (
            <>
              <dt>From the step before</dt>
              <dd className="number">{decibel(node.drift.parent.inside.psnr)}</dd>
              <dt>From the original</dt>
              <dd className="number">{decibel(node.drift.original.inside.psnr)}</dd>
            </>
          )}
          <dt>Seed</dt>
          <dd className="number">{settings.seed}</dd>
          <dt>Steps</dt>
          <dd className="number">{settings.steps}</dd>
          <dt>Sampler</dt>
          <dd>{settings.sampler}</dd>
          <dt>Words / picture</dt>
          <dd className="number">
            {settings.textGuidance} / {settings.imageGuidance}
          </dd>
          {node.hasMask && (
            <>
              <dt>Control</dt>
              <dd>{settings.control}</dd>
            </>
          )}
        </dl>
      </Collapsible.Content>
    </Collapsible.Root>
  );
}
