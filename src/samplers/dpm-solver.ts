/**
 * DPM-Solver++ 2M: second-order multistep in λ = log(alpha/sigma), midpoint form (Lu et al., arXiv 2211.01095,
 * algorithm 2; diffusers' DPMSolverMultistepScheduler). Karras spacing is a matter of the schedule.
 */
import { combine } from "../tensor/ops.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { walk } from "./loop.ts";
import type { NoiseLevel, Sampler } from "./types.ts";

/** λ of a level; +∞ where sigma is 0. */
export function halfLogSnr({ alpha, sigma }: NoiseLevel): number {
  return Math.log(alpha) - Math.log(sigma);
}

/** Draws no noise. */
export const dpmSolver: Sampler = (denoise, x, schedule, _noise, onStep) => {
  const { order, firstOrderLast } = schedule.options;
  const last = schedule.levels.length - 1;
  let previous: { denoised: Tensor; lambda: number } | undefined;
  return walk(
    denoise,
    x,
    schedule,
    (x, denoised, level, arrival, step) => {
      const lambda = halfLogSnr(level);
      const kept = arrival.sigma / level.sigma;
      const weight = arrival.alpha - kept * level.alpha; // alpha·(1 − e^−h), finite also where h is not
      const before = previous;
      previous = { denoised, lambda };
      if (order === 1 || before === undefined || (firstOrderLast && step === last)) {
        return combine([kept, x], [weight, denoised]);
      }
      const ratio = (lambda - before.lambda) / (halfLogSnr(arrival) - lambda);
      const slope = weight / (2 * ratio); // of half the difference of the last two x̂₀
      return combine([kept, x], [weight + slope, denoised], [-slope, before.denoised]);
    },
    onStep,
  );
};
