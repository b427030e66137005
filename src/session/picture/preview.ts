/** What an edit looks like while it is computed. */
import { composite } from "../../images/composite.ts";
import type { Mask } from "../../images/mask.ts";
import { fromModelImage } from "../../images/model-image.ts";
import type { Picture } from "../../images/picture.ts";
import type { CallOptions } from "../../method/edit-model.ts";
import type { StepEvent } from "../../samplers/types.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { Node, Session } from "../session.ts";

export interface PreviewOptions extends CallOptions {
  /** What the preview is laid over: the parent's picture, scaled as the preview is wanted. Default: as it is. */
  readonly over?: Picture;
  /** Where x̂₀ lies, as StepEvent has it. Default: it is all of the latent. */
  readonly window?: StepEvent["window"];
}

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
  { over, window, ...options }: PreviewOptions = {},
): Promise<Picture> {
  const { model } = session;
  const { large } = session.canvasOf(from);
  const { width, height } = over ?? from.size;
  const look = { ...options, preview: true };
  const latent = { data: denoised.data.map((z) => z / model.scalingFactor), shape: denoised.shape };
  if (large && window) {
    return large.render(latent, window, over ?? (await from.render(options)), mask, look);
  }
  const image = await model.decodeLatent(latent, look);
  const picture = fromModelImage(image, width, height, over ?? (await from.render(options)));
  return mask ? composite(over ?? (await from.render(options)), picture, mask) : picture;
}
