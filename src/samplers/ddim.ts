/** DDIM without added noise, eta = 0 (Song et al., arXiv 2010.02502, equation 12; diffusers' DDIMScheduler). */
import { clamp, combine } from "../tensor/ops.ts";
import { walk } from "./loop.ts";
import type { Sampler } from "./types.ts";

/** Keeps the ε that x and x̂₀ imply and moves to the arrival's alpha and sigma. Draws no noise. */
export const ddim: Sampler = (denoise, x, schedule, _noise, onStep) => {
  const { clip } = schedule.options;
  return walk(
    denoise,
    x,
    schedule,
    (x, denoised, level, arrival) => {
      const kept = arrival.sigma / level.sigma;
      if (clip === undefined) return combine([kept, x], [arrival.alpha - kept * level.alpha, denoised]);
      // ε belongs to x̂₀ as it was before clipping.
      return combine(
        [kept, x],
        [-kept * level.alpha, denoised],
        [arrival.alpha, clamp(denoised, -clip, clip)],
      );
    },
    onStep,
  );
};
