/**
 * The colours of a part of a picture in a few groups: k-means over a histogram (Lloyd, 1982), begun from the colours that are
 * farthest from all before them, each counted as often as it occurs. Nothing is random.
 */
import type { Grid } from "./colour-transform.ts";
import type { Box, Picture } from "./picture.ts";
import { eachPixel } from "./resize-rows.ts";

/** The cells of a channel; a cell is 4 levels wide. */
const SIDE = 64;
const MOST = 40;
const ROUNDS = 5;
/** Colours that are nearer than this to a group, squared and 0 to 1, need no group of their own. */
const NEAR = 4e-4;
/** Between two groups a colour belongs to both, over about this share of their distance. */
const SOFT = 0.25;

/** Less than this share of a second group is none. */
const LEAST = 1e-3;

/** For every cell of the colours the two nearest groups, and the share of the second. */
export interface ColourGroups {
  /** How many there are. */
  readonly size: number;
  /** Their colours, [size, 3]. */
  readonly centres: Float64Array;
  readonly first: Uint8Array;
  readonly second: Uint8Array;
  /** 0 to 0.5 */
  readonly share: Float32Array;
  /** The cell of a colour of values 0 to 1 that begins at `at`, or of bytes. */
  cellOf(colours: Float32Array, at: number): number;
  cellOfBytes(data: Uint8ClampedArray, at: number): number;
}

/** @param box in pixels of `small`, the model's size */
export function groupColours(picture: Picture, small: Grid, box: Box): ColourGroups {
  const { counts, colours } = histogram(picture, small, box);
  const centres = groups(counts, colours);
  const size = centres.length / 3;
  const n = SIDE ** 3;
  const [first, second, share] = [new Uint8Array(n), new Uint8Array(n), new Float32Array(n)];
  const spread = nearest(centres);
  for (let cell = 0; cell < n; cell++) {
    const r = cell >> 12;
    const g = (cell >> 6) & 63;
    const b = cell & 63;
    let one = 0;
    let other = 0;
    let da = Number.POSITIVE_INFINITY;
    let db = Number.POSITIVE_INFINITY;
    for (let k = 0; k < size; k++) {
      const away =
        ((r + 0.5) / SIDE - centres[3 * k]!) ** 2 +
        ((g + 0.5) / SIDE - centres[3 * k + 1]!) ** 2 +
        ((b + 0.5) / SIDE - centres[3 * k + 2]!) ** 2;
      if (away < da) {
        other = one;
        db = da;
        one = k;
        da = away;
      } else if (away < db) {
        other = k;
        db = away;
      }
    }
    first[cell] = one;
    second[cell] = other;
    if (size < 2) continue;
    const mixed = 1 / (1 + Math.exp(Math.min(50, (db - da) / (2 * SOFT ** 2 * spread[other]!))));
    share[cell] = mixed < LEAST ? 0 : mixed;
  }
  return { size, centres, first, second, share, cellOf, cellOfBytes };
}

/** Of 256 levels as floats. */
const index = (value: number): number => ((255 * value + 0.5) | 0) >> 2;
const cellOf = (colours: Float32Array, at: number): number =>
  (index(colours[at]!) << 12) | (index(colours[at + 1]!) << 6) | index(colours[at + 2]!);
const cellOfBytes = (data: Uint8ClampedArray, at: number): number =>
  ((data[at]! >> 2) << 12) | ((data[at + 1]! >> 2) << 6) | (data[at + 2]! >> 2);

/** How many pixels of the box each cell holds that is not empty, and their mean colour. */
function histogram(picture: Picture, small: Grid, box: Box) {
  const sums = new Float64Array(4 * SIDE ** 3);
  eachPixel(picture, small, box, (at) => {
    const cell = 4 * cellOfBytes(picture.data, at);
    for (let c = 0; c < 3; c++) sums[cell + c] = sums[cell + c]! + picture.data[at + c]! / 255;
    sums[cell + 3] = sums[cell + 3]! + 1;
  });
  const counts: number[] = [];
  const colours: number[] = [];
  for (let cell = 0; cell < sums.length; cell += 4) {
    const n = sums[cell + 3]!;
    if (n === 0) continue;
    counts.push(n);
    for (let c = 0; c < 3; c++) colours.push(sums[cell + c]! / n);
  }
  return { counts, colours };
}

/** The groups' means, [groups, 3]. */
function groups(counts: readonly number[], colours: readonly number[]): Float64Array {
  const away = new Float64Array(counts.length).fill(Number.POSITIVE_INFINITY);
  let centres = new Float64Array(0);
  while (centres.length < 3 * MOST && counts.length > 0) {
    // The first is the colour that occurs most often.
    const gain = (i: number) => counts[i]! * (centres.length === 0 ? 1 : away[i]!);
    const next = counts.reduce((best, _, i) => (gain(i) > gain(best) ? i : best), 0);
    if (away[next]! < NEAR) break;
    centres = Float64Array.of(...centres, ...colours.slice(3 * next, 3 * next + 3));
    for (let i = 0; i < counts.length; i++)
      away[i] = Math.min(away[i]!, distance(centres, centres.length - 3, colours, 3 * i));
  }
  for (let round = 0; round < ROUNDS; round++) centres = means(counts, colours, centres);
  return centres;
}

/** A round of k-means. */
function means(
  counts: readonly number[],
  colours: readonly number[],
  centres: Float64Array,
): Float64Array<ArrayBuffer> {
  const sums = new Float64Array((4 * centres.length) / 3);
  counts.forEach((count, i) => {
    let best = 0;
    let least = Number.POSITIVE_INFINITY;
    for (let k = 0; k < centres.length / 3; k++) {
      const far = distance(centres, 3 * k, colours, 3 * i);
      if (far >= least) continue;
      best = k;
      least = far;
    }
    for (let c = 0; c < 3; c++) sums[4 * best + c] = sums[4 * best + c]! + count * colours[3 * i + c]!;
    sums[4 * best + 3] = sums[4 * best + 3]! + count;
  });
  return Float64Array.from(centres, (value, i) => {
    const k = 4 * Math.floor(i / 3);
    return sums[k + 3] === 0 ? value : sums[k + (i % 3)]! / sums[k + 3]!;
  });
}

/** Of every group the squared distance to the nearest other one. */
function nearest(centres: Float64Array): number[] {
  return Array.from({ length: centres.length / 3 }, (_, k) => {
    let least = 9;
    for (let j = 0; j < centres.length; j += 3) {
      if (j !== 3 * k) least = Math.min(least, distance(centres, j, centres, 3 * k));
    }
    return Math.max(least, 1e-4);
  });
}

/** Squared. */
function distance(a: ArrayLike<number>, i: number, b: ArrayLike<number>, j: number): number {
  return (a[i]! - b[j]!) ** 2 + (a[i + 1]! - b[j + 1]!) ** 2 + (a[i + 2]! - b[j + 2]!) ** 2;
}
