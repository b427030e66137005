/** The mean over a square around each place. */
import type { Tensor } from "./tensor.ts";

/**
 * Each place's mean over the square of 2·radius + 1 around it; beyond an edge the values at the edge are repeated.
 *
 * @param planes [channels, h, w]
 * @returns the same shape
 */
export function boxMean(planes: Tensor, radius: number): Tensor {
  const [channels, h, w] = planes.shape as [number, number, number];
  const across = new Float32Array(planes.data.length);
  const data = new Float32Array(planes.data.length);
  const side = 2 * radius + 1;
  const clamp = (i: number, n: number) => Math.min(n - 1, Math.max(0, i));
  for (let row = 0; row < channels * h; row++) {
    for (let x = 0; x < w; x++) {
      let sum = 0;
      for (let d = -radius; d <= radius; d++) sum += planes.data[row * w + clamp(x + d, w)]!;
      across[row * w + x] = sum / side;
    }
  }
  for (let channel = 0; channel < channels; channel++) {
    for (let y = 0; y < h; y++) {
      for (let x = 0; x < w; x++) {
        let sum = 0;
        for (let d = -radius; d <= radius; d++) sum += across[(channel * h + clamp(y + d, h)) * w + x]!;
        data[(channel * h + y) * w + x] = sum / side;
      }
    }
  }
  return { data, shape: planes.shape };
}
