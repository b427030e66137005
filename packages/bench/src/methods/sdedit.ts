/**
 * SDEdit (Meng et al., arXiv 2108.01073): noise the picture to a level t₀, then sample from there down. A small t₀ keeps
 * the picture, a large one follows the instruction. It knows no mask.
 *
 * The paper's own sampler visits every training timestep below t₀·T (VP-SDE, 500 of 1000 at its t₀ = 0.5), one pass;
 * useful t₀ are 0.3 to 0.6. With "same-steps" the schedule is made so dense that the given number of steps lies below t₀.
 */

import {
  createNoise,
  createSchedule,
  type EditModel,
  noised,
  type SamplerName,
  samplers,
  scheduleFrom,
  toCondition,
  toScaled,
} from "../library.ts";
import type { BenchMethod } from "../types.ts";
import { type GuidanceSettings, instructed, ownGuidance } from "./instructed.ts";
import { iterated, type SingleEdit } from "./iterated.ts";
import { decodePicture } from "./round-trip.ts";

export type SdeditSettings = GuidanceSettings & {
  /** t₀ as a share of the training timesteps. */
  readonly strength: number;
  readonly sampler: SamplerName;
  /** Of the whole schedule, of which … */
  readonly scheduleSteps: number;
  /** … so many are taken, the last ones. */
  readonly steps: number;
};

const DEFAULT_STRENGTH = 0.5;

/** SDEdit from a level t₀ in [0, 1]. At 0 nothing is noised and nothing sampled: the picture itself. */
export function sdedit(strength: number, name = `sdedit-${strength}`): BenchMethod {
  return iterated<SdeditSettings>({
    name,
    title: `SDEdit, t₀ = ${strength}`,
    reference: "Meng et al., SDEdit, arXiv 2108.01073",
    revision: 1,
    settings(model, mode) {
      const guidance = ownGuidance(model);
      if (mode.mode === "same-steps") {
        const { steps, sampler } = mode;
        const scheduleSteps = strength > 0 ? Math.round(steps / strength) : steps;
        return { strength, sampler, scheduleSteps, steps: strength > 0 ? steps : 0, ...guidance };
      }
      const scheduleSteps = trainSteps(model);
      const steps = Math.round(strength * scheduleSteps);
      return { strength, sampler: "ddpm", scheduleSteps, steps, ...guidance };
    },
    edit,
  });
}

/** t₀ = 0.5 under the method's plain name, and the sweep. */
export const SDEDIT: readonly BenchMethod[] = [
  sdedit(DEFAULT_STRENGTH, "sdedit"),
  ...[0.3, 0.4, 0.5, 0.6].map((strength) => sdedit(strength)),
];

async function edit({ model, picture, c, instruction, seed, signal }: SingleEdit, settings: SdeditSettings) {
  const { sampler, scheduleSteps, steps } = settings;
  if (steps === 0) return picture;
  const whole = createSchedule(scheduleConfig(model, scheduleSteps), { sampler, steps: scheduleSteps });
  const schedule = scheduleFrom(whole, scheduleSteps - steps);
  const noise = createNoise(seed);
  const start = noised(toScaled(model, c), schedule.levels[0]!, noise.randn(c.shape));
  const denoise = await instructed(model, c, instruction, settings, signal);
  const z0 = await samplers[sampler](denoise, start, schedule, noise);
  return decodePicture(model, toCondition(model, z0), picture, { signal });
}

const trainSteps = ({ schedulerConfig }: EditModel): number =>
  typeof schedulerConfig.num_train_timesteps === "number" ? schedulerConfig.num_train_timesteps : 1000;

/** Where every timestep is visited there is none to move to: an offset would lead out of the range. */
function scheduleConfig(model: EditModel, steps: number) {
  const config = model.schedulerConfig;
  return steps === trainSteps(model) && config.steps_offset ? { ...config, steps_offset: 0 } : config;
}
