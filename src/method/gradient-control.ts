/**
 * Gradient control (EMILIE, arXiv 2309.00613, section 4.1): where m = 0 the gradient towards the instruction is zeroed.
 *
 * Seen as an energy-based model, outside the mask the energy is the one whose minimum is the source ẑ. The score of that
 * energy is known exactly, and in terms of x̂₀ the rule is one line:  x̂₀ ← m·x̂₀ + (1 − m)·ẑ.
 */
import { timeOf } from "../samplers/edm.ts";
import type { Denoise } from "../samplers/types.ts";
import { blend, largest, scale } from "../tensor/ops.ts";
import type { Tensor } from "../tensor/tensor.ts";

/**
 * - `anchored`: the rule above (the default).
 * - `direction`: only the text direction is masked, in guidance; nothing is anchored here.
 * - `anchored+direction`: both.
 * - `threshold`: each pixel is kept while t/T > m, then let go (Differential Diffusion, arXiv 2306.00950).
 * - `literal`: the equation as the paper prints it, z ← z − m·ε + noise; where m = 0 noise stays noise. Shown, not used.
 */
export const CONTROLS = ["anchored", "direction", "anchored+direction", "threshold", "literal"] as const;
/** How a mask acts: one of {@link CONTROLS}. */
export type Control = (typeof CONTROLS)[number];

/** Whether a control masks the text direction (in guidance.ts). */
export const masksDirection = (control: Control): boolean => control.endsWith("direction");

/** Strength acts once: on x̂₀ (strengthMask), or, for the control that leaves x̂₀ alone, as a factor of the text directions. */
export const directionStrength = ({ control, strength }: { control: Control; strength: number }): number =>
  control === "direction" ? strength : 1;

/** Whether a control ends on the source, exactly, where m = 0. */
export const endsOnSource = (control: Control): boolean =>
  control.startsWith("anchored") || control === "threshold";

/**
 * The denoiser under gradient control.
 *
 * @param m [1, h, w] in [0, 1] on the latent grid: 1 may change, 0 must stay
 * @param source ẑ [channels, h, w], the parent's latent in scaled units
 * @param trainSteps T, what the schedule's timesteps count up to
 */
export function withGradientControl(
  denoise: Denoise,
  control: Control,
  m: Tensor,
  source: Tensor,
  trainSteps: number,
): Denoise {
  switch (control) {
    case "anchored":
    case "anchored+direction":
      return async (x, level, step) => blend(m, await denoise(x, level, step), source);
    case "threshold":
      return async (x, level, step) => {
        const time = timeOf(level, trainSteps) / trainSteps;
        const free = m.data.map((value) => (value > 0 && value >= time ? 1 : 0));
        return blend({ data: free, shape: m.shape }, await denoise(x, level, step), source);
      };
    case "literal":
      // ε ← m·ε is x̂₀ ← m·x̂₀ + (1 − m)·x/α. At α = 0 (zero terminal SNR) x holds no picture to fall back on: x itself.
      return async (x, level, step) =>
        blend(m, await denoise(x, level, step), level.alpha === 0 ? x : scale(x, 1 / level.alpha));
    case "direction":
      return denoise;
  }
}

/** strength·m, where no mask is 1 everywhere; the mask as it is at full strength. */
export function strengthMask(m: Tensor | undefined, strength: number, c: Tensor): Tensor | undefined {
  if (strength === 1) return m;
  const [, h, w] = c.shape as [number, number, number];
  const data = m ? m.data.map((value) => strength * value) : new Float32Array(h * w).fill(strength);
  return { data, shape: [1, h, w] };
}

/** m = max_r m_r; absent where a region is global. */
export function union(regions: readonly { readonly mask?: Tensor }[]): Tensor | undefined {
  if (regions.some((r) => !r.mask)) return undefined;
  return largest(regions.map((r) => r.mask!));
}
