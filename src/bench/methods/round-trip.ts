/**
 * Image iteration's way from one edit to the next: what is passed on is an 8-bit picture, as it would be saved and
 * opened again, and the encoder reads it anew.
 */
import { fromModelImage, workingSize } from "../../images/model-image.ts";
import type { Picture } from "../../images/picture.ts";
import type { CallOptions, EditModel } from "../../method/edit-model.ts";
import { toDecoderInput } from "../../method/latent-iteration.ts";
import { conditionOf } from "../../session/picture/condition.ts";
import type { Tensor } from "../../tensor/tensor.ts";

/** c = E(picture).mode, [channels, h, w], at the size that a session would work at. */
export async function encodePicture(
  model: EditModel,
  picture: Picture,
  options: CallOptions = {},
): Promise<Tensor> {
  const size = workingSize(picture.width, picture.height, model.nativeSize, model.factor);
  return conditionOf(model, picture, size, options);
}

/** D(c) as an 8-bit picture, with the size and the alpha of `like`. */
export async function decodePicture(
  model: EditModel,
  c: Tensor,
  like: Picture,
  options: CallOptions = {},
): Promise<Picture> {
  const image = await model.decodeLatent(toDecoderInput(model, c), options);
  return fromModelImage(image, like.width, like.height, like);
}
