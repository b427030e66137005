/**
 * Pseudo linear multistep on ε (Liu et al., arXiv 2202.09778, equations 9 and 12; diffusers' PNDMScheduler with skip_prk_steps, which is the original Stable
 * Diffusion's PLMS): each step is DDIM's, with an ε extrapolated from up to four. The first step takes the mean of the ε at its two ends, and calls the
 * denoiser twice.
 */
import { combine } from "../tensor/ops.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { sampler } from "./loop.ts";
import type { NoiseLevel } from "./types.ts";

/** Adams and Bashforth's weights, the newest ε first, by how many there are. */
const WEIGHTS: readonly (readonly number[])[] = [
  [1],
  [3 / 2, -1 / 2],
  [23 / 12, -16 / 12, 5 / 12],
  [55 / 24, -59 / 24, 37 / 24, -9 / 24],
];

/** The ε that x and x̂₀ imply. */
function noiseOf(x: Tensor, denoised: Tensor, { alpha, sigma }: NoiseLevel): Tensor {
  return combine([1 / sigma, x], [-alpha / sigma, denoised]);
}

/** DDIM's step with a given ε. */
function transfer(x: Tensor, epsilon: Tensor, level: NoiseLevel, arrival: NoiseLevel): Tensor {
  const ratio = arrival.alpha / level.alpha;
  return combine([ratio, x], [arrival.sigma - ratio * level.sigma, epsilon]);
}

/** Draws no noise. */
export const pndm = sampler((_options, _noise, last, denoise) => {
  let known: readonly Tensor[] = []; // the newest first
  return async (x, denoised, level, arrival, step) => {
    const epsilon = noiseOf(x, denoised, level);
    known = [epsilon, ...known].slice(0, 4);
    // Where sigma is 0 there is no ε to ask for.
    if (step === 0 && last > 0 && arrival.sigma > 0) {
      const predicted = transfer(x, epsilon, level, arrival);
      const after = noiseOf(predicted, await denoise(predicted, arrival, step), arrival);
      return transfer(x, combine([1 / 2, epsilon], [1 / 2, after]), level, arrival);
    }
    const weights = WEIGHTS[known.length - 1]!;
    const mixed = known.length === 1 ? epsilon : combine(...known.map((e, i) => [weights[i]!, e] as const));
    return transfer(x, mixed, level, arrival);
  };
});
