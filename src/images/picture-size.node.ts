/** A picture file's size from its header; no pixel is decoded. */
import { EmilieError } from "../errors.ts";
import type { Size } from "./model-image.ts";
import { sharp } from "./sharp.node.ts";
import { checkSignature } from "./signature.ts";

/**
 * Width and height as `readPicture` will give them, upright as its EXIF says. `name` is for the message.
 * @throws EmilieError image.unreadable for anything that is not PNG, JPEG or WebP
 */
export async function readPictureSize(bytes: Uint8Array, name: string): Promise<Size> {
  checkSignature(bytes, name);
  const facts = await sharp(bytes, { limitInputPixels: false })
    .metadata()
    .catch(() => null);
  if (facts === null || !["png", "jpeg", "webp"].includes(facts.format)) {
    throw new EmilieError(
      "image.unreadable",
      `${name} is not a PNG, JPEG or WebP picture${facts ? `, but ${facts.format}` : ""}. Is the file complete?`,
    );
  }
  const { width, height } = facts.autoOrient;
  return { width, height };
}
