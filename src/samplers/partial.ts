/** Sampling that starts in the middle of a schedule, and sampling with a hand on x between the steps. */
import type { NoiseSource } from "../tensor/noise.ts";
import { combine } from "../tensor/ops.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Denoise, NoiseLevel, Sampler, Schedule } from "./types.ts";

/** The steps of a schedule from `first` on, counted from 0. Its start is no longer pure noise: see {@link noised}. */
export function scheduleFrom(schedule: Schedule, first: number): Schedule {
  return part(schedule, first, schedule.levels.length);
}

function part(schedule: Schedule, first: number, end: number): Schedule {
  const { levels, arrivals, options } = schedule;
  const { uncorrected } = options;
  return {
    ...schedule,
    levels: levels.slice(first, end),
    arrivals: arrivals.slice(first, end),
    options: uncorrected ? { ...options, uncorrected: uncorrected.map((step) => step - first) } : options,
  };
}

/** What x is at a level whose picture is z₀ [channels, h, w], in scaled units: alpha·z₀ + sigma·ε. */
export function noised(z0: Tensor, { alpha, sigma }: NoiseLevel, epsilon: Tensor): Tensor {
  return combine([alpha, z0], [sigma, epsilon]);
}

/**
 * Runs a sampler one step at a time; `between` is given x where each step arrived and returns the x to go on with, the
 * last one's being the result. A multistep solver (DPM-Solver++, UniPC) remembers nothing from one step to the next here
 * and so takes steps of first order, which are DDIM's.
 */
export async function stepwise(
  sampler: Sampler,
  denoise: Denoise,
  start: Tensor,
  schedule: Schedule,
  noise: NoiseSource,
  between: (x: Tensor, arrival: NoiseLevel, step: number) => Tensor,
): Promise<Tensor> {
  let x = start;
  for (const [step, arrival] of schedule.arrivals.entries()) {
    const here: Denoise = (x, level) => denoise(x, level, step);
    x = between(await sampler(here, x, part(schedule, step, step + 1), noise), arrival, step);
  }
  return x;
}
