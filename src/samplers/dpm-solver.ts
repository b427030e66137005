/**
 * DPM-Solver++ multistep in λ = log(alpha/sigma), of order 1 to 3, as an ordinary or a stochastic differential equation (Lu et al.,
 * arXiv 2211.01095, algorithm 2 and appendix; diffusers' DPMSolverMultistepScheduler). The spacing of levels is a matter of the schedule.
 */
import { combine } from "../tensor/ops.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { sampler } from "./loop.ts";
import type { NoiseLevel } from "./types.ts";

/** λ of a level; +∞ where sigma is 0. */
export function halfLogSnr({ alpha, sigma }: NoiseLevel): number {
  return Math.log(alpha) - Math.log(sigma);
}

interface Point {
  readonly denoised: Tensor;
  readonly lambda: number;
}

type Term = readonly [weight: number, of: Tensor];

/** Draws noise at every step where it is stochastic, also at the last, where its weight is 0, as diffusers does. */
export const dpmSolver = sampler((options, noise, last) => {
  const { order = 2, firstOrderLast, secondOrderBefore, stochastic = false, heun } = options;
  let points: readonly Point[] = []; // the newest first
  const orderAt = (step: number) => {
    if (firstOrderLast && step === last) return 1;
    return Math.min(order, points.length, secondOrderBefore && step === last - 1 ? 2 : 3);
  };
  return (x, denoised, level, arrival, step) => {
    const lambda = halfLogSnr(level);
    points = [{ denoised, lambda }, ...points].slice(0, 3);
    const ratio = arrival.sigma / level.sigma;
    // e^−h and e^−H, where H = 2·h for the stochastic equation; finite also where h is not.
    const decay = (ratio * level.alpha) / arrival.alpha;
    const kept = stochastic ? ratio * decay : ratio;
    const weight = arrival.alpha - (stochastic ? arrival.alpha * decay * decay : ratio * level.alpha);
    const terms: Term[] = [
      [kept, x],
      [weight, denoised],
    ];
    const taken = orderAt(step);
    const h = halfLogSnr(arrival) - lambda;
    if (taken > 1 && h !== 0)
      terms.push(...slopes(points.slice(0, taken), h, arrival.alpha, { stochastic, heun, weight }));
    if (stochastic) terms.push([arrival.sigma * Math.sqrt(1 - decay * decay), noise.randn(x.shape)]);
    return combine(...terms);
  };
});

interface Equation {
  readonly stochastic: boolean;
  readonly heun?: boolean;
  readonly weight: number;
}

/** The terms of the first and second differences of x̂₀ over λ. */
function slopes(points: readonly Point[], h: number, alpha: number, equation: Equation): Term[] {
  const [now, before, earlier] = points;
  const { stochastic, heun, weight } = equation;
  const H = stochastic ? 2 * h : h;
  const phi2 = Math.expm1(-H) / H + 1;
  const r0 = (now!.lambda - before!.lambda) / h;
  if (!earlier) {
    const slope = (heun ? alpha * phi2 : weight / 2) / r0;
    return [
      [slope, now!.denoised],
      [-slope, before!.denoised],
    ];
  }
  const r1 = (before!.lambda - earlier.lambda) / h;
  // D₁ = d₀ + r₀/(r₀+r₁)·(d₀ − d₁), D₂ = (d₀ − d₁)/(r₀+r₁), with d₀ = (m₀−m₁)/r₀, d₁ = (m₁−m₂)/r₁. The stochastic half's sign is diffusers'.
  const phi3 = (Math.expm1(-H) + H) / (H * H) + (stochastic ? 1 / 2 : -1 / 2);
  const [first, second] = [alpha * phi2, -alpha * phi3];
  const difference = (first * r0 + second) / (r0 + r1);
  const [d0, d1] = [(first + difference) / r0, -difference / r1];
  return [
    [d0, now!.denoised],
    [d1 - d0, before!.denoised],
    [-d1, earlier.denoised],
  ];
}
