/** A mask by its words, where a program has no script: `session.edit("…", { mask: await readMask("roof.png", session.original) })`. */
import { type ReadOptions, readPicture } from "./codec.node.ts";
import type { Mask } from "./mask.ts";
import { makeMask, parseMaskSpec } from "./mask-spec.ts";
import type { Size } from "./model-image.ts";

/**
 * Reads a mask as the command line and edit scripts name it: a picture file (white = edit), box:x,y,width,height,
 * ellipse:x,y,rx,ry, poly:x1,y1,…, each with alpha:, invert: or soft:PX: before it; "auto" is given back as it is. A file of
 * another size than the picture's is scaled, which `onWarning` is told.
 *
 * @throws EmilieError option.invalid, mask.invalid, image.unreadable, image.too-large
 */
export function readMask(words: string, size: Size, { onWarning }: ReadOptions = {}): Promise<Mask | "auto"> {
  return makeMask(parseMaskSpec(words), size, { readFile: (name) => readPicture(name), onWarning });
}
