/** Opens a session on a file as well as on a picture. */
import { type ReadOptions, readPicture } from "../images/codec.node.ts";
import type { Picture } from "../images/picture.ts";
import type { EditModel } from "../models/model.ts";
import { encodeOriginal, type OpenOptions } from "./session.ts";
import { StoredSession } from "./store.node.ts";

/**
 * Opens a session on a picture or on a picture file (PNG, JPEG, WebP, AVIF, TIFF; up to 64 megapixels).
 *
 * @throws EmilieError image.unreadable, image.too-large, option.invalid
 */
export async function openSession(
  model: EditModel,
  picture: Picture | string | URL | Uint8Array,
  options: OpenOptions & ReadOptions = {},
): Promise<StoredSession> {
  const isPicture = typeof picture === "object" && "width" in picture;
  const original = isPicture ? picture : await readPicture(picture, options);
  return new StoredSession(model, original, ...(await encodeOriginal(model, original, options)));
}
