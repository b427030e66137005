/**
 * The border of a thing where a picture is looked at pixel by pixel: a pixel along it in which the thing is mixed with what is beside
 * it belongs to the thing by its share, or an edit would leave a fringe of the old colour.
 */

import { type Colours, distance } from "./colour-distance.ts";
import type { Mask } from "./mask.ts";

/** From this share on a pixel belongs to the thing. */
const SHARE = 0.06;
/** In differences that can just be seen: below it, inside and outside cannot be told from each other. */
const FAINT = 2;

export function withMixedPixels(inside: Uint8Array, { width, height, data }: Colours): Mask {
  const soft = Float32Array.from(inside);
  for (let at = 0; at < inside.length; at++) {
    if (inside[at]) continue;
    const [x, y] = [at % width, Math.floor(at / width)];
    for (const [dx, dy] of STEPS) {
      const [u, v] = [x + dx, y + dy];
      if (u < 0 || v < 0 || u >= width || v >= height || !inside[v * width + u]) continue;
      // The thing's own colour lies a pixel further in, what is beside it a pixel further out.
      const within =
        inPicture(u + dx, v + dy) && inside[(v + dy) * width + u + dx]
          ? (v + dy) * width + u + dx
          : v * width + u;
      const beside = inPicture(x - dx, y - dy) ? (y - dy) * width + x - dx : at;
      if (inside[beside]) continue;
      const share = shareOf(data, at, within, beside);
      if (share > SHARE) soft[at] = Math.max(soft[at]!, 0.5 + 0.5 * share);
    }
  }
  return { width, height, data: soft };

  function inPicture(u: number, v: number): boolean {
    return u >= 0 && v >= 0 && u < width && v < height;
  }
}

const STEPS = [
  [1, 0],
  [-1, 0],
  [0, 1],
  [0, -1],
  [1, 1],
  [-1, 1],
  [1, -1],
  [-1, -1],
] as const;

/** How far a colour lies on the way from that beside to that within, 0 to 1. */
function shareOf(data: Float32Array, at: number, within: number, beside: number): number {
  const whole = distance(data, 3 * within, data, 3 * beside);
  if (whole < FAINT) return 0;
  let along = 0;
  for (let c = 0; c < 3; c++)
    along += (data[3 * at + c]! - data[3 * beside + c]!) * (data[3 * within + c]! - data[3 * beside + c]!);
  return Math.max(0, Math.min(1, along / whole ** 2));
}
