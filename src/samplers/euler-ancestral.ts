/** Euler steps to a lower sigma, then noise back up (k-diffusion's sample_euler_ancestral; diffusers' EulerAncestralDiscreteScheduler). */
import { combine } from "../tensor/ops.ts";
import { walk } from "./loop.ts";
import type { Sampler } from "./types.ts";

/** Works with alpha = 1. Draws noise at every step, also at the last, where its weight is 0, as diffusers does. */
export const eulerAncestral: Sampler = (denoise, x, schedule, noise, onStep) =>
  walk(
    denoise,
    x,
    schedule,
    (x, denoised, level, arrival) => {
      const [from, to] = [level.sigma, arrival.sigma];
      const up = Math.sqrt((to ** 2 * (from ** 2 - to ** 2)) / from ** 2);
      const down = Math.sqrt(to ** 2 - up ** 2);
      const kept = down / from;
      return combine([kept, x], [1 - kept, denoised], [up, noise.randn(x.shape)]);
    },
    onStep,
  );
