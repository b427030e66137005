/** Euler's method on the probability-flow ODE (Karras et al., arXiv 2206.00364, algorithm 1 without churn; diffusers' EulerDiscreteScheduler). */
import { combine } from "../tensor/ops.ts";
import { walk } from "./loop.ts";
import type { Sampler } from "./types.ts";

/** Goes along (x − x̂₀) / sigma. Works with alpha = 1. Draws no noise. */
export const euler: Sampler = (denoise, x, schedule, _noise, onStep) =>
  walk(
    denoise,
    x,
    schedule,
    (x, denoised, level, arrival) => {
      const kept = arrival.sigma / level.sigma;
      return combine([kept, x], [1 - kept, denoised]);
    },
    onStep,
  );
