/** What changed between two pictures, inside a mask and outside of it. */
import { EmilieError } from "../errors.ts";
import { type Mask, resizeMask } from "./mask.ts";
import type { Picture } from "./picture.ts";

/** How far two pictures are from each other in some of their pixels. */
export interface Difference {
  /** Mean absolute difference of the colour channels, in 8-bit levels (0 to 255). */
  readonly mae: number;
  /** Peak signal-to-noise ratio of the colour channels in dB; Infinity where nothing differs. */
  readonly psnr: number;
  /** Pixels of which any channel, alpha included, differs. */
  readonly changedPixels: number;
  /** Of how many pixels. */
  readonly pixels: number;
}

/**
 * Compares two pictures of one size where the mask is above 0 (inside) and where it is 0 (outside). Without a mask
 * everything is inside. Throws option.invalid when the sizes differ.
 */
export function compareInsideOutside(
  a: Picture,
  b: Picture,
  mask?: Mask,
): { inside: Difference; outside: Difference } {
  if (a.width !== b.width || a.height !== b.height) {
    throw new EmilieError(
      "option.invalid",
      `Only pictures of one size can be compared, got ${a.width}×${a.height} and ${b.width}×${b.height}.`,
    );
  }
  const where = mask && resizeMask(mask, a.width, a.height).data;
  return {
    inside: difference(a, b, (i) => !where || where[i]! > 0),
    outside: difference(a, b, (i) => where !== undefined && where[i] === 0),
  };
}

function difference(a: Picture, b: Picture, counts: (pixel: number) => boolean): Difference {
  let pixels = 0;
  let changedPixels = 0;
  let absolute = 0;
  let squared = 0;
  for (let i = 0; i < a.width * a.height; i++) {
    if (!counts(i)) continue;
    pixels++;
    let changed = a.data[4 * i + 3] !== b.data[4 * i + 3];
    for (let at = 4 * i; at < 4 * i + 3; at++) {
      const delta = a.data[at]! - b.data[at]!;
      if (delta !== 0) changed = true;
      absolute += Math.abs(delta);
      squared += delta * delta;
    }
    if (changed) changedPixels++;
  }
  const values = Math.max(1, 3 * pixels);
  const psnr = squared === 0 ? Number.POSITIVE_INFINITY : 10 * Math.log10((255 * 255 * values) / squared);
  return { mae: absolute / values, psnr, changedPixels, pixels };
}
