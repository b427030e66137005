/** What of a mask is not 0, as levels in a box: a quarter of the memory and less, for masks that are made on every click. */
import type { Box, Mask } from "./mask.ts";
import type { Size } from "./model-image.ts";

/** Levels from 0 to 255 in a box; everything around it is 0. */
export interface MaskPatch {
  /** In pixels of the picture. It may be empty. */
  readonly box: Box;
  /** Row-major, [box.height, box.width]. */
  readonly levels: Uint8Array;
}

const SHARES = Float32Array.from({ length: 256 }, (_, level) => level / 255);

/** The mask of the whole picture. */
export function maskOfPatch({ box, levels }: MaskPatch, { width, height }: Size): Mask {
  const data = new Float32Array(width * height);
  for (let y = 0, from = 0; y < box.height; y++) {
    let to = (box.y + y) * width + box.x;
    for (const end = from + box.width; from < end; from++, to++) {
      const level = levels[from]!;
      if (level > 0) data[to] = SHARES[level]!;
    }
  }
  return { width, height, data };
}

/** A mask in levels. */
export function patchOfMask({ width, height, data }: Mask): MaskPatch {
  const levels = new Uint8Array(data.length);
  for (let i = 0; i < levels.length; i++) levels[i] = Math.round(255 * data[i]!);
  return { box: { x: 0, y: 0, width, height }, levels };
}
