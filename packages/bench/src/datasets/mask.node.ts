/** A turn's mask is named as on the command line: a file, white = may change, with alpha: or invert: before it where it is not so. */
import { type Mask, parseMaskSpec, readMask, type Size } from "../library.ts";
import { wrong } from "./draft.ts";

/** The file alone, as for its hash. */
export const maskFile = (words: string): string => parseMaskSpec(words).name;

/** The mask of a turn at the size of the picture. Throws dataset.invalid and what reading the file throws. */
export async function readTurnMask(words: string, size: Size): Promise<Mask> {
  const mask = await readMask(words, size);
  if (typeof mask === "string") throw wrong("a mask", `a dataset names a file; ${mask} is not one.`);
  return mask;
}
