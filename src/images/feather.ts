/**
 * A soft seam on the inside of a mask: 0 on its border, rising to 1 within a few pixels. What is thinner than the seam
 * gets a narrower one, so a lamp post in the mask is edited as fully as a house: the width of the seam at a pixel is at
 * most the local thickness there, the radius of the largest disc inside the mask that holds the pixel
 * (Hildebrand and Rüegsegger, 1997).
 */
import { distanceTo } from "./distance.ts";
import type { Mask } from "./mask.ts";

/**
 * Multiplies the mask by its seam. Pixels of value 0 stay 0; pixels at least `featherPx` deep, and the middle line of
 * thin parts, keep their value. The edge of the picture is no seam. `featherPx` is in pixels of the mask; up to 1 does nothing.
 */
export function feather(mask: Mask, featherPx: number): Mask {
  const box = boundingBox(mask);
  if (!(featherPx > 1) || !box) return mask;
  const { left, top, width, height } = box;
  const outside = new Uint8Array(width * height);
  for (let i = 0; i < outside.length; i++) {
    const at = (top + Math.floor(i / width)) * mask.width + left + (i % width);
    outside[i] = mask.data[at] === 0 ? 1 : 0;
  }
  const depth = distanceTo(outside, width, height);
  const seam = seamWidth(depth, width, height, featherPx);
  const data = mask.data.slice();
  for (let i = 0; i < outside.length; i++) {
    if (outside[i]) continue;
    const at = (top + Math.floor(i / width)) * mask.width + left + (i % width);
    data[at] = data[at]! * smoothStep(Math.min(1, depth[i]! / seam[i]!));
  }
  return { width: mask.width, height: mask.height, data };
}

/** At each pixel: the radius, at most `limit`, of the largest disc inside the mask that holds the pixel. */
function seamWidth(depth: Float32Array, width: number, height: number, limit: number): Float32Array {
  // Discs of the full radius need no drawing: they are all pixels nearer than `limit` to a centre that is deep enough.
  const deep = new Uint8Array(depth.length);
  for (let i = 0; i < deep.length; i++) deep[i] = depth[i]! >= limit ? 1 : 0;
  const toDeep = distanceTo(deep, width, height);
  const seam = depth.map((d, i) => (toDeep[i]! < limit ? limit : d));
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const radius = Math.min(limit, depth[y * width + x]!);
      // A disc that lies wholly among pixels already at the limit has nothing to say.
      if (radius === 0 || toDeep[y * width + x]! + radius <= limit) continue;
      drawDisc(seam, width, height, x, y, radius);
    }
  }
  return seam;
}

/** Raises every pixel nearer than `radius` to (x, y) to at least `radius`. */
function drawDisc(
  seam: Float32Array,
  width: number,
  height: number,
  x: number,
  y: number,
  radius: number,
): void {
  const reach = Math.ceil(radius) - 1;
  for (let v = Math.max(0, y - reach); v <= Math.min(height - 1, y + reach); v++) {
    const half = Math.ceil(Math.sqrt(radius * radius - (v - y) ** 2)) - 1;
    for (let u = Math.max(0, x - half); u <= Math.min(width - 1, x + half); u++) {
      if (seam[v * width + u]! < radius) seam[v * width + u] = radius;
    }
  }
}

/** The smallest box around the values above 0, one pixel wider on each side where the mask has it. */
function boundingBox(mask: Mask): { left: number; top: number; width: number; height: number } | undefined {
  let [left, top, right, bottom] = [mask.width, mask.height, -1, -1];
  for (let y = 0; y < mask.height; y++) {
    for (let x = 0; x < mask.width; x++) {
      if (mask.data[y * mask.width + x] === 0) continue;
      left = Math.min(left, x);
      right = Math.max(right, x);
      top = Math.min(top, y);
      bottom = y;
    }
  }
  if (right < 0) return undefined;
  left = Math.max(0, left - 1);
  top = Math.max(0, top - 1);
  right = Math.min(mask.width - 1, right + 1);
  bottom = Math.min(mask.height - 1, bottom + 1);
  return { left, top, width: right - left + 1, height: bottom - top + 1 };
}

function smoothStep(x: number): number {
  return x * x * (3 - 2 * x);
}
