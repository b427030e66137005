/** Opens a session on a file as well as on a picture. */
import { readPicture } from "../images/codec.node.ts";
import type { Picture } from "../images/picture.ts";
import type { CallOptions, EditModel } from "../models/model.ts";
import { openSession as openPicture, type Session } from "./session.ts";

/**
 * Opens a session on a picture or on a picture file (PNG, JPEG, WebP, AVIF, TIFF; up to 64 megapixels).
 *
 * @throws EmilieError image.unreadable, image.too-large
 */
export async function openSession(
  model: EditModel,
  picture: Picture | string | URL | Uint8Array,
  options: CallOptions = {},
): Promise<Session> {
  const isPicture = typeof picture === "object" && "width" in picture;
  return openPicture(model, isPicture ? picture : await readPicture(picture), options);
}
