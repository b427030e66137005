/**
 * Latent iteration (EMILIE, arXiv 2309.00613, section 4.2): the next edit's condition is this edit's latent, so the encoder
 * runs once for a session and no picture is rounded to 8 bits on the way.
 *
 * The scale trap: z₀ is in scaled units; an InstructPix2Pix condition is the unscaled mode of the VAE's posterior. What
 * goes back is z₀ / s. Families whose condition is scaled (CosXL-Edit) say so, and this file is the one place that cares.
 */

import { blend, scale } from "../tensor/ops.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { EditModel } from "./edit-model.ts";

type Units = Pick<EditModel, "scalingFactor" | "conditionIsScaled">;

/** E(I).mode, as the encoder gives it → c₁, the condition of the first edit. */
export function firstCondition(model: Units, mode: Tensor): Tensor {
  return model.conditionIsScaled ? scale(mode, model.scalingFactor) : mode;
}

/** c → ẑ = s·c, the source in the units of z. */
export function toScaled(model: Units, c: Tensor): Tensor {
  return model.conditionIsScaled ? c : scale(c, model.scalingFactor);
}

/** z₀ → c = z₀/s, the condition of the next edit. */
export function toCondition(model: Units, z0: Tensor): Tensor {
  return model.conditionIsScaled
    ? z0
    : { data: z0.data.map((v) => v / model.scalingFactor), shape: z0.shape };
}

/** c → what the VAE decodes, unscaled. */
export function toDecoderInput(model: Units, c: Tensor): Tensor {
  return model.conditionIsScaled ? { data: c.data.map((v) => v / model.scalingFactor), shape: c.shape } : c;
}

/**
 * The next condition. Where a mask is 0 the parent's c is carried over itself: s·c/s is not c in floating point, and few
 * samplers end on x̂₀ to the last bit.
 */
export function nextCondition(model: Units, z0: Tensor, parent: Tensor, mask?: Tensor): Tensor {
  const next = toCondition(model, z0);
  if (!mask) return next;
  const moved = { data: mask.data.map((m) => (m > 0 ? 1 : 0)), shape: mask.shape };
  return blend(moved, next, parent);
}
