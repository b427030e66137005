/** What an edit looks like while it is computed. */
import { composite } from "../images/composite.ts";
import type { Mask } from "../images/mask.ts";
import { fromModelImage } from "../images/model-image.ts";
import type { Picture } from "../images/picture.ts";
import type { CallOptions } from "../models/model.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Node, Session } from "./session.ts";

/**
 * The picture of a step's x̂₀, as the finished edit would show it: decoded, and laid over the parent's picture, so that
 * nothing outside the mask moves while the rest sharpens.
 *
 * @param denoised x̂₀ of the step [channels, h, w], scaled, as StepEvent has it
 * @param mask where the edit may change the picture; absent: everywhere
 */
export async function preview(
  session: Session,
  from: Node,
  denoised: Tensor,
  mask?: Mask,
  options?: CallOptions,
): Promise<Picture> {
  const { model, original } = session;
  const latent = { data: denoised.data.map((z) => z / model.scalingFactor), shape: denoised.shape };
  const image = await model.decodeLatent(latent, options);
  const picture = fromModelImage(image, original.width, original.height, original);
  return mask ? composite(await from.render(options), picture, mask) : picture;
}
