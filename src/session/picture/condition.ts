/** From a picture to what an edit of it starts from. */
import { type Size, toModelImage } from "../../images/model-image.ts";
import type { Picture } from "../../images/picture.ts";
import type { CallOptions, EditModel } from "../../method/edit-model.ts";
import { firstCondition } from "../../method/latent-iteration.ts";
import type { Tensor } from "../../tensor/tensor.ts";

/** c = E(picture).mode at the size that the model works at, [channels, h, w]. */
export async function conditionOf(
  model: EditModel,
  picture: Picture,
  { width, height }: Size,
  options?: CallOptions,
): Promise<Tensor> {
  return firstCondition(model, await model.encodeImage(toModelImage(picture, width, height), options));
}
