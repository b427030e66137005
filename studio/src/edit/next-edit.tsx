/** How the next edit is made: what its model can be told. */
import { ChevronRight, Dices, Lock, LockOpen, RotateCcw } from "lucide-react";
import { Collapsible } from "radix-ui";
import { PRESETS } from "../../../src/web.ts";
import { changeSettings } from "../state/edit.ts";
import { OF_THE_PRESET } from "../state/settings.ts";
import { modelOf, newSeed, useStudio } from "../state/store.ts";
import { IconButton, Slider, Tip } from "../ui/controls.tsx";
import { t } from "../words/index.ts";

export function NextEdit() {
  const settings = useStudio((s) => s.settings);
  const model = useStudio(modelOf);
  const larger = useStudio((s) => {
    const { width = 0, height = 0 } = s.session ?? {};
    return Math.max(width, height) > (modelOf(s)?.nativeSize ?? 0);
  });
  const defaults = model?.presets[settings.preset];
  if (!model || !defaults) return null;
  const { leastTextGuidance: text, leastImageGuidance: picture } = model;
  return (
    <div className="settings-group">
      <h2>{t.nextEdit}</h2>
      <Slider
        label={t.strength}
        value={settings.strength}
        min={0.05}
        max={1}
        step={0.05}
        home={1}
        format={t.format.percent}
        onChange={(strength) => changeSettings({ strength })}
      />
      <Choice
        label={t.effort}
        value={settings.preset}
        options={PRESETS.filter((one) => model.presets[one])}
        nameOf={(one) => t.presets[one]}
        onChange={(preset) => changeSettings({ preset })}
      />
      <Slider
        label={t.variations}
        value={settings.variations}
        min={1}
        max={9}
        step={1}
        home={1}
        onChange={(variations) => changeSettings({ variations })}
      />
      {larger && (
        <Tip label={t.detailTip}>
          <label className="switch">
            <span className="label">{t.detail}</span>
            <input
              type="checkbox"
              role="switch"
              aria-checked={settings.detail !== "off"}
              checked={settings.detail !== "off"}
              onChange={(event) => changeSettings({ detail: event.target.checked ? undefined : "off" })}
            />
          </label>
        </Tip>
      )}
      <div className="field">
        <label htmlFor="seed" className="label">
          {t.seed}
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
          label={settings.seedLocked ? t.seedStays : t.seedNew}
          icon={settings.seedLocked ? Lock : LockOpen}
          pressed={settings.seedLocked}
          onClick={() => changeSettings({ seedLocked: !settings.seedLocked })}
        />
        <IconButton
          label={t.anotherSeed}
          keys="S"
          icon={Dices}
          onClick={() => changeSettings({ seed: newSeed() })}
        />
      </div>
      <Collapsible.Root>
        <Collapsible.Trigger className="disclosure">
          <ChevronRight size="1rem" strokeWidth={1.75} aria-hidden />
          {t.advanced}
        </Collapsible.Trigger>
        <Collapsible.Content className="advanced">
          <Slider
            label={t.steps}
            value={settings.steps ?? defaults.steps}
            min={1}
            max={Math.max(50, 2 * defaults.steps)}
            step={1}
            home={defaults.steps}
            onChange={(steps) => changeSettings({ steps })}
          />
          {text !== null && (
            <Slider
              label={t.followWords}
              value={settings.textGuidance ?? defaults.textGuidance}
              min={Math.max(0, text)}
              max={Math.max(4, 2 * defaults.textGuidance)}
              step={0.1}
              home={defaults.textGuidance}
              format={(value) => t.format.number(value, 1)}
              onChange={(textGuidance) => changeSettings({ textGuidance })}
            />
          )}
          {picture !== null && (
            <Slider
              label={t.keepPicture}
              value={settings.imageGuidance ?? defaults.imageGuidance}
              min={picture}
              max={Math.max(3, 2 * defaults.imageGuidance)}
              step={0.1}
              home={defaults.imageGuidance}
              format={(value) => t.format.number(value, 1)}
              onChange={(imageGuidance) => changeSettings({ imageGuidance })}
            />
          )}
          {model.gate > 0 && (
            <Slider
              label={t.gate}
              value={settings.gate ?? model.gate}
              min={0}
              max={5 * model.gate}
              step={model.gate / 5}
              home={model.gate}
              format={(value) => t.format.number(value, 2)}
              onChange={(gate) => changeSettings({ gate })}
            />
          )}
          {model.samplers.length > 1 && (
            <Choice
              label={t.sampler}
              value={settings.sampler ?? defaults.sampler}
              options={model.samplers}
              onChange={(sampler) => changeSettings({ sampler })}
            />
          )}
          <Choice
            label={t.control}
            value={settings.control ?? "anchored"}
            options={model.controls}
            onChange={(control) => changeSettings({ control })}
          />
          <button type="button" className="text-button" onClick={() => changeSettings(OF_THE_PRESET)}>
            <RotateCcw size="1rem" strokeWidth={1.75} aria-hidden />
            {t.effortValues}
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
  nameOf?: (value: T) => string;
  onChange: (value: T) => void;
}

function Choice<T extends string>({
  label,
  value,
  options,
  nameOf = (one) => one,
  onChange,
}: ChoiceProps<T>) {
  return (
    <label className="field">
      <span className="label">{label}</span>
      <select value={value} onChange={(event) => onChange(event.target.value as T)}>
        {options.map((one) => (
          <option key={one} value={one}>
            {nameOf(one)}
          </option>
        ))}
      </select>
    </label>
  );
}
