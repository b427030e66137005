/**
 * The presets: how much is computed for an edit, in one word. The values are in the table of settings (settings.ts); docs/results/speed-presets.md has the
 * measurements, docs/decisions/0053-presets.md the reasons.
 */
import { EmilieError } from "../errors.ts";
import {
  defaultSampler,
  distilledSteps,
  type SamplerName,
  samplerName,
  usableSamplers,
} from "../samplers/index.ts";
import type { EditModel } from "./edit-model.ts";
import { PRESETS, type PresetName } from "./setting.ts";
import type { PresetSettings } from "./settings.ts";
import { presetValues } from "./settings-derived.ts";

export { PRESETS, type PresetName } from "./setting.ts";
export type { PresetSettings } from "./settings.ts";

/**
 * A checkpoint that states its number of steps was tuned for it, with its sampler and guidance: a preset only multiplies the number by
 * these factors. picturebook states 8, so these are 2, 8 and 20.
 */
const OF_ITS_OWN_STEPS = { draft: 0.25, balanced: 1, best: 2.5 } as const;

/**
 * A checkpoint that states nothing is run as InstructPix2Pix is, s_T = 7.5 and s_I = 1.5. "best" is diffusers' default:
 * 100 steps of the configuration's own sampler, guided throughout. The others take a second-order sampler.
 */
const SECOND_ORDER: SamplerName = "dpm++2m";
/** Samplers that are already of second order, for checkpoints configured with one of them. */
const AS_GOOD: readonly SamplerName[] = ["dpm++2m", "dpm++2m-karras", "unipc"];

/** What the defaults of an edit depend on: a model, or a checkpoint that has not been loaded. */
export type DefaultsOf = Pick<EditModel, "defaults" | "schedulerConfig" | "fewSteps" | "embedsGuidance">;

/**
 * The settings of a preset for a checkpoint. All defaults of its edits come from here.
 *
 * @throws EmilieError "checkpoint.unsupported" if no sampler supports its scheduler's configuration; "option.invalid" for "turbo" if the checkpoint was not
 *   distilled for few steps
 */
export function presetOf(model: DefaultsOf, preset: PresetName): PresetSettings {
  if (preset === "turbo") return turboOf(model);
  const { steps, sampler, ...own } = model.defaults;
  // Distilled networks need their own sampler and no guidance: the values that they were made for are treated as stated defaults.
  if (isForFewSteps(model) && steps === undefined) {
    const turbo = turboOf(model);
    const scaled = Math.max(1, Math.round(OF_ITS_OWN_STEPS[preset] * turbo.steps));
    return { ...turbo, steps: Math.min(scaled, mostSteps(model, turbo.sampler)) };
  }
  const stated = sampler === undefined ? undefined : samplerName(sampler);
  if (steps !== undefined) {
    const scaled = Math.max(1, Math.round(OF_ITS_OWN_STEPS[preset] * steps));
    const name = stated ?? defaultSampler(model.schedulerConfig);
    const most = preset === "balanced" ? steps : mostSteps(model, name);
    return whole({ ...presetValues(preset, "stated"), ...own, sampler: name, steps: Math.min(scaled, most) });
  }
  const name = stated ?? samplerOf(model, preset);
  const general = whole({ ...presetValues(preset), ...own, sampler: name });
  return { ...general, steps: Math.min(general.steps, mostSteps(model, name)) };
}

/** The presets that are available for a checkpoint. */
export function presetsOf(model: DefaultsOf): PresetName[] {
  return PRESETS.filter((preset) => preset !== "turbo" || isForFewSteps(model));
}

/** Whether it was distilled for few steps, with a sampler that supports its scheduler's configuration. */
function isForFewSteps({ fewSteps, schedulerConfig }: DefaultsOf): boolean {
  return fewSteps !== undefined && usableSamplers(schedulerConfig).includes(fewSteps.sampler);
}

/** No guidance by additional UNet calls; a UNet that takes the guidance scale as an input gets the checkpoint's default, else InstructPix2Pix's. */
function turboOf({ fewSteps, embedsGuidance, defaults }: DefaultsOf): PresetSettings {
  if (!fewSteps) {
    throw new EmilieError(
      "option.invalid",
      "the preset turbo is for checkpoints that were made for few steps, and this one does not say so: neither its scheduler (LCM, TCD), nor its UNet " +
        "(time_cond_proj_dim), nor the name of a LoRA in it (lcm, tcd, hyper-sd); take draft, or add such a LoRA",
    );
  }
  const { textGuidance } = { ...presetValues("balanced"), ...defaults };
  return whole({ ...fewSteps, ...presetValues("turbo"), ...(embedsGuidance ? { textGuidance } : {}) });
}

/** The rows of the table that a preset decides have a value for each preset, but for the sampler, which is chosen here. */
const whole = (settings: Partial<PresetSettings>): PresetSettings => settings as PresetSettings;

/** The maximum number of steps: a model that was trained on few timesteps has no more; half of them are available with any spacing. A distilled model has few by design. */
function mostSteps({ schedulerConfig }: DefaultsOf, name: SamplerName): number {
  if (name === "lcm" || name === "tcd") return distilledSteps(schedulerConfig);
  const trained = Number(schedulerConfig.num_train_timesteps ?? 1000);
  return Math.max(1, Math.min(1000, trained > 200 ? trained - 1 : Math.floor(trained / 2)));
}

function samplerOf({ schedulerConfig }: DefaultsOf, preset: PresetName): SamplerName {
  const stated = defaultSampler(schedulerConfig);
  if (preset === "best" || AS_GOOD.includes(stated)) return stated;
  return usableSamplers(schedulerConfig).includes(SECOND_ORDER) ? SECOND_ORDER : stated;
}
