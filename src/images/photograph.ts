/** Whether a picture is a photograph, as far as its pixels tell. */
import type { Picture } from "./picture.ts";

/** Longer sides from which it can be told: a smaller picture has too few pixels, and is no camera's. */
const MIN_SIDE = 256;
/**
 * Neighbours that are exactly equal: in drawings, screenshots and renderings 0.72 to 0.99 of them, in photographs 0.04 to 0.61 (sensors are noisy, and
 * even a clear sky is a gradient).
 */
const DRAWN_SHARE = 0.66;

export function looksLikePhotograph({ width, height, data }: Picture): boolean {
  if (Math.max(width, height) < MIN_SIDE || width < 2) return false;
  const rowStep = Math.max(1, Math.floor(height / 512));
  let equal = 0;
  let pairs = 0;
  for (let y = 0; y < height; y += rowStep) {
    for (let x = 0; x < width - 1; x++) {
      const i = 4 * (y * width + x);
      if (data[i] === data[i + 4] && data[i + 1] === data[i + 5] && data[i + 2] === data[i + 6]) equal++;
      pairs++;
    }
  }
  return equal / pairs < DRAWN_SHARE;
}
