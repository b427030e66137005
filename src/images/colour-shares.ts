/**
 * How much of each group of a picture's colours is in each pixel of the model's size, as the autoencoder shows it: counted at the
 * picture's own size, and blurred by the Gaussian that makes the picture's means most like its reconstruction.
 */
import type { ColourGroups } from "./colour-groups.ts";
import type { Grid } from "./colour-transform.ts";
import type { Box, Picture } from "./picture.ts";
import { eachPixel } from "./resize-rows.ts";

/** Deviations of a Gaussian, in pixels of the model's size, of which the autoencoder's blur is the nearest. */
const BLURS = [0, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.2];

/**
 * @param before the picture's reconstruction, [h, w, 3]
 * @param box in pixels of its size
 * @returns [h, w, groups]; 0 outside of the box
 */
export function sharesOf(
  picture: Picture,
  groups: ColourGroups,
  before: Float32Array,
  small: Grid,
  box: Box,
): Float32Array {
  const { size } = groups;
  const n = small.width * small.height;
  const { data } = picture;
  const [shares, means, counts] = [new Float32Array(size * n), new Float32Array(3 * n), new Float32Array(n)];
  eachPixel(picture, small, box, (at, p) => {
    const cell = groups.cellOfBytes(data, at);
    const share = groups.share[cell]!;
    const first = p * size + groups.first[cell]!;
    shares[first] = shares[first]! + 1 - share;
    if (share > 0) {
      const second = p * size + groups.second[cell]!;
      shares[second] = shares[second]! + share;
    }
    means[3 * p] = means[3 * p]! + data[at]!;
    means[3 * p + 1] = means[3 * p + 1]! + data[at + 1]!;
    means[3 * p + 2] = means[3 * p + 2]! + data[at + 2]!;
    counts[p] = counts[p]! + 1;
  });
  for (let p = 0; p < n; p++) {
    const count = counts[p]!;
    for (let i = 3 * p; i < 3 * p + 3; i++) means[i] = count === 0 ? before[i]! : means[i]! / (255 * count);
    if (count === 0) continue;
    for (let i = size * p; i < size * (p + 1); i++) shares[i] = shares[i]! / count;
  }
  return blurred(shares, size, small, blurOf(means, before, small));
}

/** Which of the blurs makes the picture's means most like its reconstruction; outside of the box they are the same. */
function blurOf(means: Float32Array, before: Float32Array, small: Grid): number {
  let [best, least] = [0, Number.POSITIVE_INFINITY];
  for (const sigma of BLURS) {
    const error = blurred(means, 3, small, sigma).reduce(
      (sum, value, i) => sum + (value - before[i]!) ** 2,
      0,
    );
    if (error < least) [best, least] = [sigma, error];
  }
  return best;
}

/** By a Gaussian of a deviation of up to 1.2 pixels. */
function blurred(values: Float32Array, channels: number, grid: Grid, sigma: number): Float32Array {
  if (sigma === 0) return values;
  const taps = [-3, -2, -1, 0, 1, 2, 3].map((k) => Math.exp(-(k * k) / (2 * sigma * sigma)));
  const sum = taps.reduce((a, b) => a + b);
  const weights = Float64Array.from(taps, (tap) => tap / sum);
  /** Along a line of `length` places that are `step` values apart; what is beyond an end is as the end. */
  const pass = (from: Float32Array, length: number, step: number) => {
    const out = new Float32Array(from.length);
    for (let line = 0; line < from.length; line += length * step) {
      for (let place = 0; place < length; place++) {
        const to = line + place * step;
        for (let k = -3; k <= 3; k++) {
          const weight = weights[k + 3]!;
          const at = line + step * Math.min(length - 1, Math.max(0, place + k));
          for (let i = 0; i < step; i++) out[to + i] = out[to + i]! + weight * from[at + i]!;
        }
      }
    }
    return out;
  };
  return pass(pass(values, grid.width, channels), grid.height, grid.width * channels);
}
