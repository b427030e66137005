/**
 * What a change of colours did to each colour of a picture, read from an edit at the model's size.
 *
 * A pixel of the model's size mixes colours that are apart at the picture's own, along every border, and one affine transform fits
 * no more than four of them exactly. So the picture's colours are grouped, the share of each group in a pixel of the model's size is
 * counted at the picture's own size, and what a smooth transform leaves of the edit is regressed on these shares:
 *
 *   e − A·i₀ − b  ≈  Σₖ αₖ(p)·dₖ(p)         αₖ: the share of group k, blurred as the autoencoder blurs; dₖ: its change, the same over a window
 *
 * Pixels of nearly one group count most: along borders a model is wrong most often. Applied to the picture, each pixel moves by the
 * change of its own group: borders stay as sharp as they are, and the model's errors are averaged over all of a surface. It is linear
 * unmixing (Keshava and Mustard, "Spectral unmixing", 2002) with known shares.
 */

import { type ColourGroups, groupColours } from "./colour-groups.ts";
import { sharesOf } from "./colour-shares.ts";
import { applyTransform, boxMean, type Grid, type TransformMap } from "./colour-transform.ts";
import { down, squares } from "./neighbours.ts";
import type { Box, Picture } from "./picture.ts";

/** Pixels of the model's size in a tile along each side: so many at least, and so large a part of the longer side of the picture. */
const TILE = { least: 4, part: 1 / 64 };
/** Tiles around one whose pixels take part in its regression. */
const REACH = 2;
/** A group with less than about this mean of squared shares in a window moves as it does in the whole picture. */
const PRIOR = 0.01;
const WHOLE_PRIOR = 1e-3;
/** In an edit of some surfaces a group that moves by less than about this share of what such an edit moves has not moved. */
const UNMOVED = { all: 0.2, none: 0.4 };

/** The change of every group in every tile. */
export interface Unmixed {
  readonly groups: ColourGroups;
  /** [tiles down, tiles across, groups, 3] */
  readonly changes: Float32Array;
  readonly tiles: Grid;
  /** Pixels of the model's size along the side of a tile. */
  readonly tile: number;
  /** The edit as the transform and the changes explain it, [h, w, 3] */
  readonly explained: Float32Array;
  /** What the changes add to the picture's means over pixels of the model's size, [h, w, 3] */
  readonly added: Float32Array;
  readonly small: Grid;
}

/**
 * @param before [h, w, 3], the picture's reconstruction, and `after`, its edit; colours 0 to 1
 * @param base the smooth transform, [h, w, 12]
 * @param box what changed, in pixels of the model's size
 * @param local how far the edit is one of some surfaces, 0 to 1: there the others keep their colours, where a model gives them a tint
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
  local: number,
): Unmixed | undefined {
  const groups = groupColours(picture, small, box);
  if (groups.size === 0) return undefined;
  const fitted = applyTransform(base, before);
  const left = after.map((value, i) => value - fitted[i]!);
  const n = groups.size;
  const shares = sharesOf(picture, groups, before, small, box);
  const tile = Math.max(TILE.least, Math.round(TILE.part * Math.max(small.width, small.height)));
  const tiles = { width: Math.ceil(small.width / tile), height: Math.ceil(small.height / tile) };
  const size = momentsOf(n) + 1;
  const sums = new Float32Array(size * tiles.width * tiles.height);
  eachOf(box, small, tile, tiles, (p, t) => addMoments(shares, p * n, left, 3 * p, n, sums, size * t));
  const whole = new Float64Array(size);
  for (let i = 0; i < sums.length; i++) whole[i % size] = whole[i % size]! + sums[i]!;
  const prior = solve(whole, 0, n, WHOLE_PRIOR, new Float64Array(3 * n));
  const windows = boxMean(sums, tiles, size, REACH);
  const changes = new Float32Array(3 * n * tiles.width * tiles.height);
  for (let t = 0; t < tiles.width * tiles.height; t++)
    changes.set(solve(windows, size * t, n, PRIOR, prior), 3 * n * t);
  const unmixed = { groups, changes, tiles, tile, small };
  if (local > 0) keepUnmoved(unmixed, base, local, typicalChange(before, after, small, box));
  const added = new Float32Array(fitted.length);
  eachOf(box, small, tile, tiles, (p, t) => {
    for (let k = 0; k < n; k++) {
      const share = shares[p * n + k]!;
      if (share === 0) continue;
      for (let c = 0; c < 3; c++)
        added[3 * p + c] = added[3 * p + c]! + share * changes[3 * (t * n + k) + c]!;
    }
  });
  return { ...unmixed, explained: fitted.map((value, i) => value + added[i]!), added };
}

/** Visits the pixels of a box, each with its tile. */
function eachOf(
  box: Box,
  small: Grid,
  tile: number,
  tiles: Grid,
  visit: (p: number, t: number) => void,
): void {
  for (let y = box.y; y < box.y + box.height; y++) {
    for (let x = box.x; x < box.x + box.width; x++)
      visit(y * small.width + x, Math.floor(y / tile) * tiles.width + Math.floor(x / tile));
  }
}

/** How far an edit moves what it moves: the mean of the squared distances, each weighted by itself, as a distance. */
function typicalChange(before: Float32Array, after: Float32Array, small: Grid, box: Box): number {
  let [sum, weighted] = [1e-9, 0];
  const far = squares(after, before);
  for (let y = box.y; y < box.y + box.height; y++) {
    for (let p = y * small.width + box.x; p < y * small.width + box.x + box.width; p++) {
      sum += far[p]!;
      weighted += far[p]! ** 2;
    }
  }
  return Math.sqrt(weighted / sum);
}

/** Takes the tint of a model's error from the groups that an edit of some surfaces leaves alone: all of a group's move, where it is small. */
function keepUnmoved(
  { groups, changes, tiles, tile, small }: Pick<Unmixed, "groups" | "changes" | "tiles" | "tile" | "small">,
  base: TransformMap,
  local: number,
  typical: number,
): void {
  const colours = Float32Array.from(groups.centres);
  const middle = (of: number, length: number) => Math.min(length - 1, tile * of + (tile >> 1));
  for (let t = 0, at = 0; t < tiles.width * tiles.height; t++) {
    const p =
      middle(Math.floor(t / tiles.width), small.height) * small.width + middle(t % tiles.width, small.width);
    const one = base.subarray(12 * p, 12 * p + 12);
    for (let k = 0; k < groups.size; k++, at += 3) {
      const colour = colours.subarray(3 * k, 3 * k + 3);
      const move = applyTransform(one, colour).map((value, c) => value + changes[at + c]! - colour[c]!);
      const far = Math.hypot(...move) / Math.max(1e-6, typical);
      const kept = local * down(far, UNMOVED);
      for (let c = 0; c < 3; c++) changes[at + c] = changes[at + c]! - kept * move[c]!;
    }
  }
}

/** Of n groups: the upper triangle of α·αᵀ, α·rᵀ with the three channels of what is left; one more is the number of pixels. */
const momentsOf = (n: number) => (n * (n + 1)) / 2 + 3 * n;

/** Of a pixel, weighted by how nearly it is of one group: what a model gets wrong it gets wrong along borders, and there pixels are mixed. */
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
  let pure = 0;
  for (let j = s; j < s + n; j++) pure += shares[j]! ** 2;
  for (let j = 0, row = at; j < n; row += n - j, j++) {
    const share = pure * pure * shares[s + j]!;
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
