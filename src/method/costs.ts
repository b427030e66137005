/** What an edit will cost, said before it is made, from the very functions that make it. */
import { callsOf, createSchedule } from "../samplers/index.ts";
import { plannedCalls } from "./guidance.ts";
import { type DefaultsOf, type PresetName, type PresetSettings, presetOf } from "./presets.ts";
import { presetFallbacks } from "./settings-derived.ts";

/** The settings of a preset with a checkpoint, whole, and the denoiser's calls of a plain edit with them. */
export interface PresetCosts extends Required<PresetSettings> {
  readonly preset: PresetName;
  readonly calls: number;
}

/**
 * One instruction, no mask, no other option: what `edit` does with a preset.
 *
 * @throws EmilieError "checkpoint.unsupported" or "option.invalid" where the checkpoint's configuration cannot be sampled
 */
export function costsOf(model: DefaultsOf, preset: PresetName): PresetCosts {
  const settings = { ...presetFallbacks(), ...presetOf(model, preset) } as Required<PresetSettings>;
  const calls = callsOf(createSchedule(model.schedulerConfig, settings));
  return {
    preset,
    ...settings,
    calls: plannedCalls({ ...settings, embedsGuidance: model.embedsGuidance }, calls),
  };
}
