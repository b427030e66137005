/**
 * Noise levels as sigma / alpha of the variance-exploding view, σ_t = √((1 − ᾱ_t) / ᾱ_t), and the Karras spacing of them
 * (Karras et al., arXiv 2206.00364, equation 5).
 */
import { betaQuantile } from "./beta-quantile.ts";

const { fround } = Math;
const RHO = 7;
/** Both parameters of the beta distribution (Lee et al., arXiv 2407.12173). */
const BETA = 0.6;

/** How noise levels may be spaced, between two bounds. */
export type SigmaSpacing = "karras" | "exponential" | "beta";

export function spacedSigmas(
  spacing: SigmaSpacing,
  smallest: number,
  largest: number,
  steps: number,
): number[] {
  if (spacing === "karras") return karrasSigmas(smallest, largest, steps);
  return Array.from({ length: steps }, (_, i) => {
    const done = steps > 1 ? i / (steps - 1) : 0;
    if (spacing === "beta") return smallest + betaQuantile(1 - done, BETA, BETA) * (largest - smallest);
    return Math.exp(Math.log(largest) + done * (Math.log(smallest) - Math.log(largest)));
  });
}

/** σ_t for every training timestep, float32, rising. */
export function sigmasOf(cumulativeAlphas: Float32Array): Float32Array {
  return cumulativeAlphas.map((bar) => Math.sqrt(fround(fround(1 - bar) / bar)));
}

/** σ at a fractional timestep, by linear interpolation. */
export function sigmaAt(sigmas: Float32Array, t: number): number {
  const clamped = Math.min(Math.max(t, 0), sigmas.length - 1);
  const low = Math.floor(clamped);
  const below = sigmas[low]!;
  return low === clamped ? below : below + (clamped - low) * (sigmas[low + 1]! - below);
}

/** `steps` sigmas from `largest` down to `smallest`, evenly spaced in σ^(1/rho). */
export function karrasSigmas(smallest: number, largest: number, steps: number, rho = RHO): number[] {
  const [low, high] = [smallest ** (1 / rho), largest ** (1 / rho)];
  const stride = steps > 1 ? 1 / (steps - 1) : 0;
  return Array.from({ length: steps }, (_, i) => {
    const ramp = i > 0 && i === steps - 1 ? 1 : i * stride;
    return (high + ramp * (low - high)) ** rho;
  });
}

/** The fractional timestep of a sigma, by linear interpolation of log σ. */
export function timestepOf(sigmas: Float32Array, sigma: number): number {
  const logs = sigmas.map(Math.log);
  const target = Math.log(Math.max(sigma, 1e-10));
  let low = 0;
  while (low < logs.length - 2 && logs[low + 1]! <= target) low++;
  const weight = (logs[low]! - target) / (logs[low]! - logs[low + 1]!);
  return low + Math.min(Math.max(weight, 0), 1);
}
