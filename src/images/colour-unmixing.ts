/**
 * What a change of colours did to each colour of a picture, read from an edit at the model's size.
 *
 * A pixel of the model's size mixes colours that are apart at the picture's own, along every border, and one affine transform fits
 * no more than four of them exactly. So the picture's colours are grouped, the share of each group in a pixel of the model's size is
 * counted at the picture's own size, and what a smooth transform leaves of the edit is regressed on these shares:
 *
 *   e − A·i₀ − b  ≈  Σₖ αₖ(p)·dₖ(p)         αₖ: the share of group k, blurred as the autoencoder blurs; dₖ: its change, the same over a window
 *
 * Applied to the picture, each pixel moves by the change of its own group: borders stay as sharp as they are, and the model's errors
 * are averaged over all of a surface. It is linear unmixing (Keshava and Mustard, "Spectral unmixing", 2002) with known shares.
 */

import { type ColourGroups, groupColours } from "./colour-groups.ts";
import { applyTransform, boxMean, type Grid, type TransformMap } from "./colour-transform.ts";
import type { Box, Picture } from "./picture.ts";
import { eachPixel, RowEnlarger } from "./resize-rows.ts";

/** Pixels of the model's size in a tile, along each side, and tiles around one whose pixels take part in its regression. */
const TILE = 4;
const REACH = 2;
/** A group with less than about this mean of squared shares in a window moves as it does in the whole picture. */
const PRIOR = 0.1;
const WHOLE_PRIOR = 1e-3;
/** Deviations of a Gaussian, in pixels of the model's size, of which the autoencoder's blur is the nearest. */
const BLURS = [0, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.2];

/** The change of every group in every tile. */
export interface Unmixed {
  readonly groups: ColourGroups;
  /** [tiles down, tiles across, groups, 3] */
  readonly changes: Float32Array;
  readonly tiles: Grid;
  /** The edit as the transform and the changes explain it, [h, w, 3] */
  readonly explained: Float32Array;
  readonly small: Grid;
}

/**
 * @param before [h, w, 3], the picture's reconstruction, and `after`, its edit; colours 0 to 1
 * @param base the smooth transform, [h, w, 12]
 * @param box what changed, in pixels of the model's size
 * @returns undefined where nothing of the picture in the box is opaque
 */
export function unmix(
  picture: Picture,
  {
    before,
    after,
    small,
  }: { readonly before: Float32Array; readonly after: Float32Array; readonly small: Grid },
  base: TransformMap,
  box: Box,
): Unmixed | undefined {
  const groups = groupColours(picture, small, box);
  if (groups.size === 0) return undefined;
  const fitted = applyTransform(base, before);
  const left = after.map((value, i) => value - fitted[i]!);
  const shares = blurred(
    sharesOf(picture, groups, small, box),
    groups.size,
    small,
    blurOf(picture, before, small, box),
  );
  const tiles = { width: Math.ceil(small.width / TILE), height: Math.ceil(small.height / TILE) };
  const size = momentsOf(groups.size);
  const sums = new Float32Array((size + 1) * tiles.width * tiles.height);
  const whole = new Float64Array(size + 1);
  for (let y = box.y; y < box.y + box.height; y++) {
    for (let x = box.x; x < box.x + box.width; x++) {
      const p = y * small.width + x;
      const tile = (size + 1) * (Math.floor(y / TILE) * tiles.width + Math.floor(x / TILE));
      addMoments(shares, p * groups.size, left, 3 * p, groups.size, sums, tile);
    }
  }
  for (let i = 0; i < sums.length; i++) whole[i % (size + 1)] = whole[i % (size + 1)]! + sums[i]!;
  const prior = solve(whole, 0, groups.size, WHOLE_PRIOR, new Float64Array(3 * groups.size));
  const windows = boxMean(sums, tiles, size + 1, REACH);
  const changes = new Float32Array(3 * groups.size * tiles.width * tiles.height);
  for (let tile = 0; tile < tiles.width * tiles.height; tile++) {
    const own = solve(windows, (size + 1) * tile, groups.size, PRIOR, prior);
    changes.set(own, 3 * groups.size * tile);
  }
  const explained = fitted;
  for (let y = box.y; y < box.y + box.height; y++) {
    for (let x = box.x; x < box.x + box.width; x++) {
      const p = y * small.width + x;
      const tile = Math.floor(y / TILE) * tiles.width + Math.floor(x / TILE);
      for (let k = 0; k < groups.size; k++) {
        const share = shares[p * groups.size + k]!;
        const at = 3 * (tile * groups.size + k);
        for (let c = 0; c < 3; c++) explained[3 * p + c] = explained[3 * p + c]! + share * changes[at + c]!;
      }
    }
  }
  return { groups, changes, tiles, explained, small };
}

/** Adds the change of each pixel's colour to a row, in any order of rows. */
export class UnmixedRows {
  readonly #of: Unmixed;
  readonly #width: number;
  readonly #height: number;
  readonly #counts: RowEnlarger;
  /** Of every column the tile to its left, times the values of a tile, and how far it is from its middle. */
  readonly #first: Int32Array;
  readonly #along: Float32Array;

  /** @param counts how far the changes count, [h, w], 0 to 1 */
  constructor(of: Unmixed, counts: Float32Array, { width, height }: Grid) {
    this.#of = of;
    this.#width = width;
    this.#height = height;
    this.#counts = new RowEnlarger(counts, of.small, { width, height }, 1, "linear");
    this.#first = new Int32Array(width);
    this.#along = new Float32Array(width);
    for (let x = 0; x < width; x++) {
      const [tile, share] = between(((x + 0.5) * of.small.width) / width, of.tiles.width);
      this.#first[x] = tile * 3 * of.groups.size;
      this.#along[x] = share;
    }
  }

  /**
   * @param source row y of the picture, [width, step]: of a pixel's values the first three are its colour, 0 to 1
   * @param moved what is added to, [width, step], from the value `first` of a pixel on
   */
  add(y: number, source: Float32Array, moved: Float32Array, step: number, first: number): void {
    const { groups, changes, tiles, small } = this.#of;
    const counts = this.#counts.row(y);
    const values = 3 * groups.size;
    const [line, down] = between(((y + 0.5) * small.height) / this.#height, tiles.height);
    const top = line * tiles.width * values;
    const below = line + 1 < tiles.height ? tiles.width * values : 0;
    for (let x = 0; x < this.#width; x++) {
      const weight = counts[x]!;
      if (weight === 0) continue;
      const cell = groups.cellOf(source, x * step);
      const one = 3 * groups.first[cell]!;
      const other = 3 * groups.second[cell]!;
      const share = groups.share[cell]!;
      const a = top + this.#first[x]!;
      const right = this.#first[x]! + values < tiles.width * values ? values : 0;
      const u = this.#along[x]!;
      // The four tiles around the pixel.
      const nw = weight * (1 - down) * (1 - u);
      const ne = weight * (1 - down) * u;
      const sw = weight * down * (1 - u);
      const se = weight * down * u;
      for (let c = 0; c < 3; c++) {
        const i = a + one + c;
        let change =
          nw * changes[i]! +
          ne * changes[i + right]! +
          sw * changes[i + below]! +
          se * changes[i + below + right]!;
        if (share > 0) {
          const j = a + other + c;
          const its =
            nw * changes[j]! +
            ne * changes[j + right]! +
            sw * changes[j + below]! +
            se * changes[j + below + right]!;
          change += share * (its - change);
        }
        moved[x * step + first + c] = moved[x * step + first + c]! + change;
      }
    }
  }
}

/** The tile whose middle comes before a place in pixels of the model's size, and how far that is on the way to the next one's. */
function between(place: number, tiles: number): readonly [tile: number, share: number] {
  const at = Math.min(Math.max(place / TILE - 0.5, 0), tiles - 1);
  const tile = Math.min(Math.floor(at), Math.max(0, tiles - 2));
  return [tile, at - tile];
}

/** The share of each group in each pixel of the model's size, [h, w, groups]; 0 outside of the box. */
function sharesOf(picture: Picture, groups: ColourGroups, small: Grid, box: Box): Float32Array {
  const shares = new Float32Array(groups.size * small.width * small.height);
  const counts = new Float32Array(small.width * small.height);
  eachPixel(picture, small, box, (at, p) => {
    const cell = groups.cellOfBytes(picture.data, at);
    const [first, second] = [groups.first[cell]!, groups.second[cell]!];
    const share = groups.share[cell]!;
    shares[p * groups.size + first] = shares[p * groups.size + first]! + 1 - share;
    shares[p * groups.size + second] = shares[p * groups.size + second]! + share;
    counts[p] = counts[p]! + 1;
  });
  return shares.map((value, i) => (value === 0 ? 0 : value / counts[Math.floor(i / groups.size)]!));
}

/** Which of the blurs makes the picture's means over pixels of the model's size most like its reconstruction, in the box. */
function blurOf(picture: Picture, before: Float32Array, small: Grid, box: Box): number {
  const means = new Float32Array(before.length);
  const counts = new Float32Array(small.width * small.height);
  eachPixel(picture, small, box, (at, p) => {
    for (let c = 0; c < 3; c++) means[3 * p + c] = means[3 * p + c]! + picture.data[at + c]! / 255;
    counts[p] = counts[p]! + 1;
  });
  for (let i = 0; i < means.length; i++) {
    const count = counts[Math.floor(i / 3)]!;
    means[i] = count === 0 ? before[i]! : means[i]! / count;
  }
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
  const pass = (from: Float32Array, length: number, step: number) => {
    const out = new Float32Array(from.length);
    for (let i = 0; i < from.length; i++) {
      const place = Math.floor(i / step) % length;
      let value = 0;
      for (let k = 0; k < taps.length; k++) {
        const at = place + k - 3;
        value += taps[k]! * from[i + step * ((at < 0 ? 0 : at < length ? at : length - 1) - place)]!;
      }
      out[i] = value / sum;
    }
    return out;
  };
  return pass(pass(values, grid.width, channels), grid.height, grid.width * channels);
}

/** Of n groups: the upper triangle of α·αᵀ, α·rᵀ with the three channels of what is left; one more is the number of pixels. */
const momentsOf = (n: number) => (n * (n + 1)) / 2 + 3 * n;

function addMoments(
  shares: Float32Array,
  s: number,
  left: Float32Array,
  l: number,
  n: number,
  out: Float32Array,
  at: number,
): void {
  const products = at + (n * (n + 1)) / 2;
  for (let j = 0, row = at; j < n; row += n - j, j++) {
    const share = shares[s + j]!;
    if (share === 0) continue;
    for (let k = j; k < n; k++) out[row + k - j] = out[row + k - j]! + share * shares[s + k]!;
    for (let c = 0; c < 3; c++) out[products + 3 * j + c] = out[products + 3 * j + c]! + share * left[l + c]!;
  }
  const count = products + 3 * n;
  out[count] = out[count]! + 1;
}

/** The changes, [n, 3], drawn towards `prior` where there is little of a group; Gaussian elimination on a matrix that the prior keeps regular. */
function solve(
  sums: Float32Array | Float64Array,
  at: number,
  n: number,
  weight: number,
  prior: Float64Array,
): Float64Array {
  const products = at + (n * (n + 1)) / 2;
  const pixels = sums[products + 3 * n]!;
  if (pixels === 0) return prior;
  const width = n + 3;
  const rows = new Float64Array(n * width);
  for (let j = 0, from = at; j < n; from += n - j, j++) {
    for (let k = j; k < n; k++) {
      const value = sums[from + k - j]! / pixels;
      rows[j * width + k] = value;
      rows[k * width + j] = value;
    }
    rows[j * width + j] = rows[j * width + j]! + weight;
    for (let c = 0; c < 3; c++) {
      rows[j * width + n + c] = sums[products + 3 * j + c]! / pixels + weight * prior[3 * j + c]!;
    }
  }
  for (let k = 0; k < n; k++) {
    for (let j = k + 1; j < n; j++) {
      const factor = rows[j * width + k]! / rows[k * width + k]!;
      if (factor === 0) continue;
      for (let i = k; i < width; i++)
        rows[j * width + i] = rows[j * width + i]! - factor * rows[k * width + i]!;
    }
  }
  const out = new Float64Array(3 * n);
  for (let j = n - 1; j >= 0; j--) {
    for (let c = 0; c < 3; c++) {
      let value = rows[j * width + n + c]!;
      for (let k = j + 1; k < n; k++) value -= rows[j * width + k]! * out[3 * k + c]!;
      out[3 * j + c] = value / rows[j * width + j]!;
    }
  }
  return out;
}
