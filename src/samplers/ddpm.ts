/** Ancestral sampling of the posterior q(x_{t−1} | x_t, x̂₀) (Ho et al., arXiv 2006.11239, equation 7; diffusers' DDPMScheduler). */
import { clamp, combine } from "../tensor/ops.ts";
import { walk } from "./loop.ts";
import type { Sampler } from "./types.ts";

/**
 * Draws noise at every step whose timestep is above 0, as diffusers does, also at a last step that ends on x̂₀ (where
 * diffusers adds it with a standard deviation of 1e-10, and here it is not added).
 */
export const ddpm: Sampler = (denoise, x, schedule, noise, onStep) => {
  const { clip, variance } = schedule.options;
  return walk(
    denoise,
    x,
    schedule,
    (x, denoised, level, arrival) => {
      const alphaRatio = (level.alpha / arrival.alpha) ** 2; // 1 − β of this step
      const beta = 1 - alphaRatio;
      const weight = (arrival.alpha * beta) / level.sigma ** 2;
      const kept = (Math.sqrt(alphaRatio) * arrival.sigma ** 2) / level.sigma ** 2;
      const posterior = (arrival.sigma / level.sigma) ** 2 * beta;
      const std = Math.sqrt(variance === "fixed_large" ? beta : posterior);
      const mean = clip === undefined ? denoised : clamp(denoised, -clip, clip);
      if (level.t <= 0) return combine([weight, mean], [kept, x]);
      return combine([weight, mean], [kept, x], [std, noise.randn(x.shape)]);
    },
    onStep,
  );
};
