/**
 * Lays an edited picture over its parent. The decoder changes a little everywhere (GroupNorm and attention see the whole
 * image), so outside the mask the parent's own bytes are shown (method, invariant 4).
 */
import { EmilieError } from "../errors.ts";
import { feather } from "./feather.ts";
import { type Mask, resizeMask } from "./mask.ts";
import type { Picture } from "./picture.ts";

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
      `An edit must have its parent's size, ${width}×${height}, to be laid over it, got ${edited.width}×${edited.height}.`,
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
