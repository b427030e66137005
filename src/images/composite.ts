/**
 * Lays an edited picture over its parent. The decoder changes a little everywhere (GroupNorm and attention see the whole
 * image), so outside the mask the parent's own bytes are shown (method, invariant 4).
 */
import { EmilieError } from "../errors.ts";
import { feather } from "./feather.ts";
import { type Box, boxOfMask, cropMask, type Mask, resizeMask } from "./mask.ts";
import { cropPicture, type Picture, pastePicture } from "./picture.ts";

export interface CompositeOptions {
  /** Width of the soft seam inside the mask, in pixels of the picture. Default: {@link defaultFeather}. */
  readonly featherPx?: number;
}

/** One per cent of the shorter side, at most 16 pixels: enough to hide the seam, too narrow to see. */
export function defaultFeather(width: number, height: number): number {
  return Math.min(16, Math.min(width, height) / 100);
}

/**
 * The edit where the mask is 1, the parent bit for bit where it is 0, a blend where it is soft or feathered. A mask of
 * another size is resized. Throws option.invalid when the two pictures differ in size.
 */
export function composite(
  parent: Picture,
  edited: Picture,
  mask: Mask,
  options: CompositeOptions = {},
): Picture {
  const { width, height } = parent;
  if (edited.width !== width || edited.height !== height) {
    throw new EmilieError(
      "option.invalid",
      `An edit must have its parent's size, ${width}×${height}, to be composited over it, got ${edited.width}×${edited.height}.`,
    );
  }
  const weights = feather(
    resizeMask(mask, width, height),
    options.featherPx ?? defaultFeather(width, height),
  );
  const data = new Uint8ClampedArray(parent.data);
  for (let i = 0; i < width * height; i++) {
    const weight = weights.data[i]!;
    if (weight === 0) continue;
    for (let at = 4 * i; at < 4 * i + 4; at++) {
      data[at] =
        weight === 1 ? edited.data[at]! : parent.data[at]! + weight * (edited.data[at]! - parent.data[at]!);
    }
  }
  return { width, height, data };
}

/**
 * The same, pixel for pixel, where the edit is only known around what the mask leaves open: `editedOf` gives a box of it. The
 * mask has the parent's size.
 */
export function compositePart(parent: Picture, mask: Mask, editedOf: (box: Box) => Picture): Picture {
  const { width, height } = parent;
  const open = boxOfMask(mask);
  if (!open) return parent;
  // One pixel more on each side, where there is one: a seam begins at the mask's border, not at the picture's.
  const [x, y] = [Math.max(0, open.x - 1), Math.max(0, open.y - 1)];
  const box = {
    x,
    y,
    width: Math.min(width, open.x + open.width + 1) - x,
    height: Math.min(height, open.y + open.height + 1) - y,
  };
  const part = composite(cropPicture(parent, box), editedOf(box), cropMask(mask, box), {
    featherPx: defaultFeather(width, height),
  });
  return pastePicture(parent, part, box);
}
