/** Opens a session on a file as well as on a picture. */
import { type ReadOptions, readPictureFile } from "../images/codec.node.ts";
import type { Picture } from "../images/picture.ts";
import type { EditModel } from "../method/edit-model.ts";
import { StoredSession } from "./file/store.node.ts";
import { checkOpenOptions } from "./picture/original.ts";
import { encodeOriginal, type OpenOptions } from "./session.ts";

/**
 * Opens a session on a picture or on a picture file (PNG, JPEG, WebP, AVIF, TIFF; up to 64 megapixels). What of the file is not
 * edited is in `session.notes`, and told to `onWarning`.
 *
 * @throws EmilieError image.unreadable, image.too-large, option.invalid
 */
export async function openSession(
  model: EditModel,
  picture: Picture | string | URL | Uint8Array,
  options: OpenOptions & ReadOptions = {},
): Promise<StoredSession> {
  checkOpenOptions(options, { onWarning: true });
  const isPicture = typeof picture === "object" && "width" in picture;
  const { picture: original, notes } = isPicture ? { picture, notes: [] } : await readPictureFile(picture);
  for (const note of notes) options.onWarning?.(note);
  const session = new StoredSession(model, original, ...(await encodeOriginal(model, original, options)));
  session.notes = notes;
  return session;
}
