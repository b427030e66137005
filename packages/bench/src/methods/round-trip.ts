import {
  type CallOptions,
  conditionOf,
  type EditModel,
  fromModelImage,
  type Picture,
  type Tensor,
  toDecoderInput,
  workingSize,
} from "../library.ts";
/**
 * Image iteration's way from one edit to the next: what is passed on is an 8-bit picture, as it would be saved and
 * opened again, and the encoder reads it anew.
 */

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
