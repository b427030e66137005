/**
 * What detail transfer decides at the model's size once the transform is chosen: how far that explains the edit, and how much of the
 * change carries the picture's own detail. Measurements: docs/results/detail.md.
 */
import { applyTransform, boxMean, type Grid } from "./colour-transform.ts";
import type { ChosenTransform } from "./detail-choice.ts";
import type { SmallEdit } from "./detail-kind.ts";
import { around, distances } from "./neighbours.ts";

/** Colours are 0 to 1 here. At this distance from the edit the finest transform no longer explains it. */
const TAU = 0.1;
/** Variance of the finest octave below which its regression says nothing. */
const NOISE = 2e-4;
/** Rows of the model's size around one that changed: what is computed there reads rows that far away. */
const NEAR_ROWS = 10;
/** What moves by less has not changed; two and a half levels of 8 bits. */
const SAME = 2.5 / 255;

/** What is enlarged linearly: A (9), b (3), w, and where anything changes; and what is enlarged with cubic: e' (3), D(M) (3), g. */
export interface BlendMaps {
  readonly linear: Float32Array;
  readonly cubic: Float32Array;
  /** The mean of w over what changed, 0 to 1; 1 where nothing did. */
  readonly carried: number;
}
export const LINEAR = 14;
export const CUBIC = 7;

/**
 * @param source D(I), [h, w, 3]
 * @param moved D(M), [h, w, 3]
 */
export function blendMaps(
  { before, after, allowed, small }: SmallEdit,
  { map, wide, known }: ChosenTransform,
  source: Float32Array,
  moved: Float32Array,
): BlendMaps {
  const n = small.width * small.height;
  const trusted = trustInDetail(after, applyTransform(map, before), small);
  const full = Float32Array.from(after);
  for (let p = 0; p < n; p++) {
    const g = trusted[p]! * known[p]!;
    const d = [0, 1, 2].map((c) => source[3 * p + c]! - before[3 * p + c]!) as [number, number, number];
    for (let c = 0; c < 3; c++) {
      const at = 12 * p + 3 * c;
      full[3 * p + c] = after[3 * p + c]! + g * (map[at]! * d[0] + map[at + 1]! * d[1] + map[at + 2]! * d[2]);
    }
  }
  const residual = distances(full, moved, small);
  const explains = residual.map((value, p) => Math.exp(-value / TAU ** 2) * known[p]!);
  // Smaller by a pixel, so that nothing of the source stays along the border of what is new.
  const weight = boxMean(around(explains, small, Math.min), small, 1, 1);
  for (let p = 0; p < n; p++) weight[p] = wide[p]! + (1 - wide[p]!) * weight[p]!;
  const changed = changedPixels(before, after);
  const active = around(changed, small, Math.max);
  const linear = new Float32Array(LINEAR * n);
  const cubic = new Float32Array(CUBIC * n);
  let [sum, size] = [0, 0];
  for (let p = 0; p < n; p++) {
    linear.set(map.subarray(12 * p, 12 * p + 12), LINEAR * p);
    linear[LINEAR * p + 12] = weight[p]!;
    linear[LINEAR * p + 13] = active[p]!;
    cubic.set(full.subarray(3 * p, 3 * p + 3), CUBIC * p);
    cubic.set(moved.subarray(3 * p, 3 * p + 3), CUBIC * p + 3);
    cubic[CUBIC * p + 6] = trusted[p]! * weight[p]!;
    if (changed[p] === 0 || allowed?.[p] === 0) continue;
    sum += weight[p]!;
    size++;
  }
  return { linear, cubic, carried: size === 0 ? 1 : sum / size };
}

/** 1 for what is not the same, [h, w]. */
function changedPixels(before: Float32Array, after: Float32Array): Float32Array {
  const changed = new Float32Array(after.length / 3);
  for (let i = 0; i < after.length; i++) {
    if (Math.abs(after[i]! - before[i]!) > SAME) changed[Math.floor(i / 3)] = 1;
  }
  return changed;
}

/** For every row of the picture whether anything of it may change, or is near enough to count in the means of what does. */
export function activeRows({ before, after, small }: SmallEdit, height: number): Uint8Array {
  const rows = new Uint8Array(small.height);
  changedPixels(before, after).forEach((one, p) => {
    if (one > 0) rows[Math.floor(p / small.width)] = 1;
  });
  return Uint8Array.from({ length: height }, (_, y) => {
    const row = Math.floor(((y + 0.5) * small.height) / height);
    return Number(rows.subarray(Math.max(0, row - NEAR_ROWS), row + NEAR_ROWS + 1).includes(1));
  });
}

/** How much of the transform's finest octave the edit really has: one regressed on the other over 5×5 pixels; 1 where there is none. */
function trustInDetail(after: Float32Array, explained: Float32Array, small: Grid): Float32Array {
  const [e, m] = [highPass(after, small), highPass(explained, small)];
  const products = new Float32Array((2 * e.length) / 3);
  for (let i = 0; i < e.length; i++) {
    const p = 2 * Math.floor(i / 3);
    products[p] = products[p]! + e[i]! * m[i]!;
    products[p + 1] = products[p + 1]! + m[i]! * m[i]!;
  }
  const means = boxMean(products, small, 2, 2);
  return Float32Array.from({ length: means.length / 2 }, (_, p) =>
    Math.min(1, Math.max(0, (means[2 * p]! + NOISE) / (means[2 * p + 1]! + NOISE))),
  );
}

/** Of a Gaussian with a deviation of one pixel. */
const GAUSS = [0.004433, 0.054006, 0.242036, 0.39905, 0.242036, 0.054006, 0.004433];

function highPass(colours: Float32Array, { width, height }: Grid): Float32Array {
  const clamp = (value: number, length: number) => Math.min(Math.max(value, 0), length - 1);
  const blur = (from: Float32Array, at: (x: number, y: number, k: number) => number) => {
    const out = new Float32Array(from.length);
    for (let y = 0, i = 0; y < height; y++) {
      for (let x = 0; x < width; x++, i += 3) {
        for (let k = 0; k < GAUSS.length; k++) {
          const j = 3 * at(x, y, k - 3);
          for (let c = 0; c < 3; c++) out[i + c] = out[i + c]! + GAUSS[k]! * from[j + c]!;
        }
      }
    }
    return out;
  };
  const rows = blur(colours, (x, y, k) => y * width + clamp(x + k, width));
  const low = blur(rows, (x, y, k) => clamp(y + k, height) * width + x);
  return colours.map((value, i) => value - low[i]!);
}
