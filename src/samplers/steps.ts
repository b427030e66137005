/**
 * The samplers of one page, each as its step: x and x̂₀ at a level → x at the arrival. A level is (alpha, sigma) with x = alpha·x₀ + sigma·ε. `make` is called
 * once a run: what a solver remembers between steps lives in its closure, and a step may call `denoise` again (Heun).
 */
import { clamp, combine } from "../tensor/ops.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { sampler } from "./loop.ts";
import type { NoiseLevel, NoiseSource } from "./types.ts";

/**
 * DDIM without added noise, eta = 0 (Song et al., arXiv 2010.02502, equation 12; diffusers' DDIMScheduler): keeps the ε that x and x̂₀ imply and moves to the
 * arrival's alpha and sigma. Draws no noise.
 */
export const ddim = sampler(({ clip }) => (x, denoised, level, arrival) => {
  const kept = arrival.sigma / level.sigma;
  if (clip === undefined) return combine([kept, x], [arrival.alpha - kept * level.alpha, denoised]);
  // ε belongs to x̂₀ as it was before clipping.
  return combine([kept, x], [-kept * level.alpha, denoised], [arrival.alpha, clamp(denoised, -clip, clip)]);
});

/**
 * Ancestral sampling of the posterior q(x_{t−1} | x_t, x̂₀) (Ho et al., arXiv 2006.11239, equation 7; diffusers' DDPMScheduler). Draws noise at every step whose
 * timestep is above 0, as diffusers does, also at a last step that ends on x̂₀ (where diffusers adds it with a standard deviation of 1e-10, and here it is not added).
 */
export const ddpm = sampler(({ clip, variance }, noise) => (x, denoised, level, arrival) => {
  const alphaRatio = (level.alpha / arrival.alpha) ** 2; // 1 − β of this step
  const beta = 1 - alphaRatio;
  const weight = (arrival.alpha * beta) / level.sigma ** 2;
  const kept = (Math.sqrt(alphaRatio) * arrival.sigma ** 2) / level.sigma ** 2;
  const posterior = (arrival.sigma / level.sigma) ** 2 * beta;
  const std = Math.sqrt(variance === "fixed_large" ? beta : posterior);
  const mean = clip === undefined ? denoised : clamp(denoised, -clip, clip);
  if (level.t <= 0) return combine([weight, mean], [kept, x]);
  return combine([weight, mean], [kept, x], [std, noise.randn(x.shape)]);
});

/** Along (x − x̂₀) / sigma from one sigma to another, with alpha = 1. */
function eulerStep(x: Tensor, denoised: Tensor, from: number, to: number): Tensor {
  const kept = to / from;
  return combine([kept, x], [1 - kept, denoised]);
}

/**
 * Euler's method on the probability-flow ODE (Karras et al., arXiv 2206.00364, algorithm 1 without churn; diffusers' EulerDiscreteScheduler). Works with alpha = 1.
 * Draws no noise.
 */
export const euler = sampler(() => (x, denoised, level, arrival) => {
  return eulerStep(x, denoised, level.sigma, arrival.sigma);
});

/**
 * Heun's method on the same ODE (Karras et al., arXiv 2206.00364, algorithm 1 without churn; diffusers' HeunDiscreteScheduler): the mean of the slopes at both
 * ends of a step, so two calls of the denoiser, but for the last step, which ends at sigma = 0. Works with alpha = 1. Draws no noise.
 */
export const heun = sampler(({ clip }, _noise, _last, denoise) => async (x, answer, level, arrival, step) => {
  const clipped = (clean: Tensor) => (clip === undefined ? clean : clamp(clean, -clip, clip));
  const denoised = clipped(answer);
  const predicted = eulerStep(x, denoised, level.sigma, arrival.sigma);
  if (arrival.sigma === 0) return predicted;
  const after = clipped(await denoise(predicted, arrival, step));
  // x + (σ' − σ)/2 · [(x − x̂₀)/σ + (x' − x̂₀')/σ']
  const half = (arrival.sigma - level.sigma) / 2;
  const [a, b] = [half / level.sigma, half / arrival.sigma];
  return combine([1 + a, x], [-a, denoised], [b, predicted], [-b, after]);
});

/**
 * Euler steps to a lower sigma, then noise back up (k-diffusion's sample_euler_ancestral; diffusers' EulerAncestralDiscreteScheduler). Works with alpha = 1. Draws
 * noise at every step, also at the last, where its weight is 0, as diffusers does.
 */
export const eulerAncestral = sampler((_, noise) => (x, denoised, { sigma: from }, { sigma: to }) => {
  const up = Math.sqrt((to ** 2 * (from ** 2 - to ** 2)) / from ** 2);
  const down = Math.sqrt(to ** 2 - up ** 2);
  const kept = down / from;
  return combine([kept, x], [1 - kept, denoised], [up, noise.randn(x.shape)]);
});

/** x at an arrival from x̂₀ and fresh noise; x̂₀ itself, and no noise drawn, where sigma is 0. */
function renoised(denoised: Tensor, { alpha, sigma }: NoiseLevel, noise: NoiseSource): Tensor {
  return sigma === 0 ? denoised : combine([alpha, denoised], [sigma, noise.randn(denoised.shape)]);
}

/**
 * Multistep consistency sampling (Luo et al., arXiv 2310.04378, algorithm 3; diffusers' LCMScheduler): all the way to f, then noise back up to the next level.
 * The levels carry the boundary condition that makes f of x̂₀. Draws noise at every step but the last.
 */
export const lcm = sampler((_, noise) => (_x, consistent, _level, arrival) => {
  return renoised(consistent, arrival, noise);
});

/**
 * Trajectory consistency sampling (Zheng et al., arXiv 2402.19159, algorithm 4; diffusers' TCDScheduler): a DDIM step to the level `via`, of the timestep
 * ⌊(1 − γ)·t'⌋, then noise up to the arrival. Draws noise at every step but the last, which needs none.
 */
export const tcd = sampler((_, noise) => (x, denoised, level, arrival) => {
  const { alpha, sigma } = arrival.via ?? arrival;
  const kept = sigma / level.sigma;
  const up = arrival.alpha / alpha;
  const terms = [[up * kept, x] as const, [up * (alpha - kept * level.alpha), denoised] as const];
  const added = Math.sqrt(1 - up * up);
  return added > 0 ? combine(...terms, [added, noise.randn(x.shape)]) : combine(...terms);
});

/**
 * Euler's method on a rectified flow, x' = x + (σ' − σ)·v with v = ε − x₀ = (x − x̂₀)/σ (Liu et al., arXiv 2209.03003; diffusers' FlowMatchEulerDiscreteScheduler).
 * Stochastic, it goes to x̂₀ and noises that instead. Draws noise only then.
 */
export const flowEuler = sampler(({ stochastic }, noise) => (x, denoised, { sigma: from }, arrival) => {
  return stochastic ? renoised(denoised, arrival, noise) : eulerStep(x, denoised, from, arrival.sigma);
});
