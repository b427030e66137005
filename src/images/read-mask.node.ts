/** A mask by its words, files included. */
import { readPicture } from "./codec.node.ts";
import type { Mask } from "./mask.ts";
import { type MaskSources, makeMask, parseMaskSpec } from "./mask-spec.ts";
import type { Size } from "./model-image.ts";

/**
 * Reads a mask as the command line and edit scripts name it: a picture file (white = edit), box:x,y,width,height,
 * ellipse:x,y,rx,ry, poly:x1,y1,…, each with alpha:, invert: or soft:PX: before it; "auto" is given back as it is. A file of
 * another size than the picture's is scaled, which `onWarning` is told.
 *
 * @throws EmilieError option.invalid, mask.invalid, image.unreadable, image.too-large
 */
export async function readMask(
  words: string,
  size: Size,
  sources: Omit<MaskSources, "readFile"> = {},
): Promise<Mask | "auto"> {
  return makeMask(parseMaskSpec(words), size, { ...sources, readFile: (name) => readPicture(name) });
}
