/**
 * Masks as people paint them on a bad day: a mask made worse in one way, until its overlap with what it was (intersection
 * over union) is a given number.
 */

import { uniform } from "./aggregate.ts";
import { distanceTo, type Mask } from "./library.ts";

/** Too large, too small, beside, with an unsteady border, with gaps. */
export const DAMAGES = ["dilate", "erode", "shift", "jitter", "holes"] as const;
export type Damage = (typeof DAMAGES)[number];

/** A damaged mask of zeros and ones. `seed` chooses direction and noise; an iou of 1 gives the mask itself, cut at 0.5. */
export function damageMask(mask: Mask, damage: Damage, iou: number, seed: number): Mask {
  const { width, height } = mask;
  const inside = Uint8Array.from(mask.data, (m) => (m > 0.5 ? 1 : 0));
  const size = inside.reduce((sum, v) => sum + v, 0);
  const make = (chosen: Uint8Array): Mask => ({ width, height, data: Float32Array.from(chosen) });
  if (iou >= 1 || size === 0) return make(inside);
  const depth = signedDistance(inside, width, height);
  switch (damage) {
    case "dilate":
      return make(deepest(depth, Math.round(size / iou)));
    case "erode":
      return make(deepest(depth, Math.round(size * iou)));
    case "holes": {
      const noise = blobs(width, height, Math.max(2, Math.sqrt(size) / 4), seed);
      const order = noise.map((v, i) => (inside[i] ? v : Number.NEGATIVE_INFINITY));
      return make(deepest(order, Math.round(size * iou)));
    }
    case "jitter": {
      const noise = blobs(width, height, Math.max(2, Math.sqrt(size) / 6), seed);
      const wobbled = (by: number) =>
        Uint8Array.from(depth, (d, i) => (d + by * (noise[i]! - 0.5) > 0 ? 1 : 0));
      return make(worsened(wobbled, inside, iou, 4 * Math.max(width, height)));
    }
    case "shift": {
      const angle = 2 * Math.PI * uniform(seed)();
      const shifted = (by: number) => move(inside, width, height, by * Math.cos(angle), by * Math.sin(angle));
      return make(worsened(shifted, inside, iou, Math.max(width, height)));
    }
  }
}

/** Intersection over union, cut at 0.5. */
export function overlap(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let [both, any] = [0, 0];
  for (let i = 0; i < a.length; i++) {
    const [x, y] = [a[i]! > 0.5, b[i]! > 0.5];
    if (x && y) both++;
    if (x || y) any++;
  }
  return any === 0 ? 1 : both / any;
}

/** Pixels from the border: positive inside, negative outside. */
function signedDistance(inside: Uint8Array, width: number, height: number): Float32Array {
  const toInside = distanceTo(inside, width, height);
  const toOutside = distanceTo(
    inside.map((v) => 1 - v),
    width,
    height,
  );
  // A mask of everything has no outside to be far from.
  return toInside.map((d, i) => (inside[i] ? Math.min(toOutside[i]!, width + height) : -d));
}

/** The `count` pixels with the largest values; of equal ones the first. */
function deepest(values: Float32Array, count: number): Uint8Array {
  const chosen = new Uint8Array(values.length);
  const lowest = values.slice().sort()[Math.max(0, values.length - count)]!;
  let left = count;
  const choose = (i: number) => {
    chosen[i] = 1;
    left--;
  };
  for (let i = 0; i < values.length; i++) if (values[i]! > lowest) choose(i);
  for (let i = 0; i < values.length && left > 0; i++) if (values[i] === lowest) choose(i);
  return chosen;
}

/** The result of `change` at the strength, up to `most`, whose overlap with the mask is nearest to what is asked. */
function worsened(
  change: (by: number) => Uint8Array,
  inside: Uint8Array,
  iou: number,
  most: number,
): Uint8Array {
  let [low, high] = [0, most];
  let best = inside;
  const gap = (mask: Uint8Array) => Math.abs(overlap(mask, inside) - iou);
  for (let i = 0; i < 14; i++) {
    const middle = (low + high) / 2;
    const candidate = change(middle);
    if (gap(candidate) < gap(best)) best = candidate;
    if (overlap(candidate, inside) > iou) low = middle;
    else high = middle;
  }
  return best;
}

function move(inside: Uint8Array, width: number, height: number, dx: number, dy: number): Uint8Array {
  const [right, down] = [Math.round(dx), Math.round(dy)];
  return inside.map((_, i) => {
    const [x, y] = [(i % width) - right, Math.floor(i / width) - down];
    return x >= 0 && x < width && y >= 0 && y < height ? inside[y * width + x]! : 0;
  });
}

/** Smooth noise in [0, 1]: random values on a grid of `cell` pixels, between them linearly. */
function blobs(width: number, height: number, cell: number, seed: number): Float32Array {
  const random = uniform(seed);
  const columns = Math.ceil(width / cell) + 2;
  const grid = Float32Array.from({ length: columns * (Math.ceil(height / cell) + 2) }, () => random());
  return Float32Array.from({ length: width * height }, (_, i) => {
    const [x, y] = [(i % width) / cell, Math.floor(i / width) / cell];
    const [column, row] = [Math.floor(x), Math.floor(y)];
    const [u, v] = [x - column, y - row];
    const at = (r: number, c: number) => grid[r * columns + c]!;
    const top = at(row, column) * (1 - u) + at(row, column + 1) * u;
    const bottom = at(row + 1, column) * (1 - u) + at(row + 1, column + 1) * u;
    return top * (1 - v) + bottom * v;
  });
}
