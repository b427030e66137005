/**
 * Between a network's answer and x̂₀. Works at any noise level, variance-preserving or not: x = alpha·x₀ + sigma·ε is
 * read as norm·(a·x₀ + s·ε) with a² + s² = 1 (Salimans and Ho, arXiv 2202.00512, for v).
 */
import { EmilieError } from "../errors.ts";
import { combine, scale } from "../tensor/ops.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { NoiseLevel, PredictionType } from "./types.ts";

/** alpha and sigma in float32 leave this much of alpha² + sigma² = 1 open. */
const ROUNDING = 1e-6;

function normOf({ alpha, sigma }: NoiseLevel): number {
  const norm = Math.hypot(alpha, sigma);
  return Math.abs(norm - 1) < ROUNDING ? 1 : norm;
}

/** x in the variance-preserving units that the denoiser was trained on; x itself where it is in them already, and for a rectified flow. */
export function modelInput(x: Tensor, level: NoiseLevel): Tensor {
  if (level.flow) return x;
  const norm = normOf(level);
  return norm === 1 ? x : scale(x, 1 / norm);
}

/**
 * The network's answer at x → x̂₀, or what takes its place in a consistency model (NoiseLevel.boundary).
 *
 * @param prediction what the network answered to modelInput(x, level).
 * @throws EmilieError "option.invalid" for ε at alpha = 0 (zero terminal SNR), where it does not determine x₀.
 */
export function toDenoised(prediction: Tensor, x: Tensor, level: NoiseLevel, type: PredictionType): Tensor {
  const denoised = toClean(prediction, x, level, type);
  const { boundary } = level;
  return boundary ? combine([boundary.skip, x], [boundary.out, denoised]) : denoised;
}

function toClean(prediction: Tensor, x: Tensor, level: NoiseLevel, type: PredictionType): Tensor {
  const { alpha, sigma } = level;
  if (type === "sample") return prediction;
  // v = ε − x₀ and x = (1 − σ)·x₀ + σ·ε (Liu et al., arXiv 2209.03003).
  if (type === "flow_prediction") return combine([1, x], [-sigma, prediction]);
  if (type === "v_prediction") {
    const norm = normOf(level);
    return combine([alpha / norm ** 2, x], [-sigma / norm, prediction]);
  }
  if (alpha === 0) {
    throw new EmilieError(
      "option.invalid",
      "x₀ cannot be found from a noise prediction at a level without signal (alpha = 0): " +
        "rescale_betas_zero_snr needs a checkpoint that predicts v or x₀.",
    );
  }
  return combine([1 / alpha, x], [-sigma / alpha, prediction]);
}
