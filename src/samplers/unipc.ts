/**
 * UniPC, B(h) = e^h − 1, order 2, in data prediction (Zhao et al., arXiv 2302.04867, algorithms 5 and 6; diffusers'
 * UniPCMultistepScheduler with solver_type "bh2"). Each call of the denoiser first corrects the x it was made at, then
 * predicts the next one, so the corrector costs no call.
 */
import { combine } from "../tensor/ops.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { halfLogSnr } from "./dpm-solver.ts";
import { sampler } from "./loop.ts";
import type { NoiseLevel } from "./types.ts";

interface Point {
  readonly denoised: Tensor;
  readonly lambda: number;
}

/** The step that the corrector goes over again. */
interface Step {
  readonly x: Tensor; // before it
  readonly level: NoiseLevel;
  readonly arrival: NoiseLevel;
  readonly order: 1 | 2;
  readonly points: readonly Point[]; // x̂₀ at its start and, for order 2, one step before
}

/** Draws no noise. */
export const unipc = sampler(({ order: highest = 2, firstOrderLast, uncorrected = [] }, _, end) => {
  let last: Step | undefined;
  return (predicted, denoised, level, arrival, step) => {
    const x = last && !uncorrected.includes(step - 1) ? correct(last, denoised) : predicted;
    const points = [{ denoised, lambda: halfLogSnr(level) }, ...(last?.points.slice(0, 1) ?? [])];
    const order = highest === 1 || points.length < 2 || (firstOrderLast && step === end) ? 1 : 2;
    last = { x, level, arrival, order, points };
    return predict(last);
  };
});

/** The first-order terms, which predictor and corrector share, and the weight of the differences. */
function base({ x, level, arrival, points }: Step) {
  const kept = arrival.sigma / level.sigma;
  const weight = arrival.alpha - kept * level.alpha; // −alpha·B(h) = alpha·(1 − e^−h)
  return { kept, weight, terms: [[kept, x] as const, [weight, points[0]!.denoised] as const] };
}

/** (λ of the earlier point − λ at the start) / h: negative. */
function ratio({ level, arrival, points }: Step): number {
  const start = halfLogSnr(level);
  return (points[1]!.lambda - start) / (halfLogSnr(arrival) - start);
}

function predict(step: Step): Tensor {
  const { weight, terms } = base(step);
  if (step.order === 1) return combine(...terms);
  const slope = weight / (2 * ratio(step));
  const [now, before] = step.points;
  return combine(terms[0]!, [weight - slope, now!.denoised], [slope, before!.denoised]);
}

/** The end of the last step again, now that x̂₀ there is known. */
function correct(step: Step, denoised: Tensor): Tensor {
  const { weight, terms } = base(step);
  const [now, before] = step.points;
  if (step.order === 1) {
    return combine(terms[0]!, [weight / 2, now!.denoised], [weight / 2, denoised]);
  }
  // ρ solves ρ₀ + ρ₁ = b₁, r·ρ₀ + ρ₁ = b₂ with b_k = k!·φ_{k+1}(−h)·(−h) / B.
  const h = halfLogSnr(step.arrival) - halfLogSnr(step.level);
  const b = Math.expm1(-h);
  const phi2 = b / -h - 1;
  const phi3 = phi2 / -h - 1 / 2;
  const r = ratio(step);
  const [b1, b2] = [phi2 / b, (2 * phi3) / b];
  const rho0 = (b1 - b2) / (1 - r);
  const rho1 = b1 - rho0;
  const slope = (weight * rho0) / r;
  return combine(
    terms[0]!,
    [weight * (1 - rho1) - slope, now!.denoised],
    [slope, before!.denoised],
    [weight * rho1, denoised],
  );
}
