/** The settings that an edit with a model may have; for the others capabilities.ts refuses it, or there is no schedule. */
import { type SamplerName, usableSamplers } from "../samplers/index.ts";
import { leastGuidance } from "./capabilities.ts";
import type { EditModel } from "./edit-model.ts";
import { CONTROLS, type Control, masksDirection } from "./gradient-control.ts";
import { type DefaultsOf, type PresetName, type PresetSettings, presetOf, presetsOf } from "./presets.ts";

/** What an edit with a model may be told. */
export interface AvailableSettings {
  /** The least text guidance that may be set; null if it is 1 in every edit. */
  readonly leastTextGuidance: number | null;
  /** The least image guidance that may be set; null if it is 1 in every edit. */
  readonly leastImageGuidance: number | null;
  /** Samplers that support its scheduler's configuration. */
  readonly samplers: readonly SamplerName[];
  /** How a mask may act. */
  readonly controls: readonly Control[];
  /** What each preset that it has stands for. */
  readonly presets: Readonly<Partial<Record<PresetName, PresetSettings>>>;
}

/**
 * The settings that are available for a model, or for a checkpoint that has not been loaded.
 *
 * @throws EmilieError "checkpoint.unsupported" if no sampler supports its scheduler's configuration
 */
export function availableSettings(model: DefaultsOf & Pick<EditModel, "guidedBy">): AvailableSettings {
  const { guidedBy, schedulerConfig } = model;
  const least = leastGuidance(model);
  return {
    leastTextGuidance: least.text,
    leastImageGuidance: least.picture,
    samplers: usableSamplers(schedulerConfig),
    controls: CONTROLS.filter((control) => guidedBy !== "nothing" || !masksDirection(control)),
    presets: Object.fromEntries(presetsOf(model).map((name) => [name, presetOf(model, name)])),
  };
}
