/** The settings of the next edit, and whose they are. */
import { set } from "./store.ts";
import type { Settings } from "./types.ts";

/** What is set under "Advanced", left to the preset again. */
export const OF_THE_PRESET = {
  steps: undefined,
  sampler: undefined,
  textGuidance: undefined,
  imageGuidance: undefined,
  control: undefined,
  gate: undefined,
} satisfies Partial<Settings>;

/** From here on this model edits. What was set under "Advanced" was another model's, which may have more or other settings. */
export function takeModel(model: string): void {
  set(({ model: before, models, settings }) => {
    if (model === before) return {};
    const presets = models.find(({ id }) => id === model)?.presets ?? {};
    const preset = presets[settings.preset] ? settings.preset : "balanced";
    return { model, settings: { ...settings, ...OF_THE_PRESET, preset } };
  });
}
