/** A mask by its words, files included. */
import { readPicture } from "./codec.node.ts";
import type { Mask } from "./mask.ts";
import { type MaskSources, makeMask, parseMaskSpec } from "./mask-spec.ts";
import type { Size } from "./model-image.ts";
import type { Picture } from "./picture.ts";

/**
 * Reads a mask as the command line and edit scripts name it: a picture file (white = edit), box:x,y,width,height,
 * ellipse:x,y,rx,ry, poly:x1,y1,…, each with invert: or soft:PX: before it, a file also with alpha:, white:, stretch: or fit:;
 * "auto" and "border" are given back as they are. A file of another size than the picture's is scaled, which `onWarning` is told, as it is of
 * near-blacks that were taken as black. Given the picture in place of its size, a mask that is this picture is noticed.
 *
 * @throws EmilieError option.invalid, mask.invalid, mask.ambiguous (what cannot be meant as it is: a picture with a hole, a
 *   photograph, colours; the message says what to write), image.unreadable, image.too-large
 */
export async function readMask(
  words: string,
  size: Size | Picture,
  sources: Omit<MaskSources, "readFile"> = {},
): Promise<Mask | "auto" | "border"> {
  return makeMask(parseMaskSpec(words), size, { ...sources, readFile: (name) => readPicture(name) });
}
