/** Of arrays at the model's size: how far two are from each other, and the extremes around a pixel; and how far a measure counts. */
import { boxMean, type Grid } from "./colour-transform.ts";

/** 1 up to `all`, 0 from `none` on, linear between. */
export const down = (value: number, { all, none }: { readonly all: number; readonly none: number }): number =>
  Math.min(1, Math.max(0, (none - value) / (none - all)));

/** Squared distances of colours, over 3×3 pixels. */
export const distances = (a: Float32Array, b: Float32Array, small: Grid): Float32Array =>
  boxMean(squares(a, b), small, 1, 1);

/** Squared distances of colours, [h, w]. */
export function squares(a: Float32Array, b: Float32Array): Float32Array {
  const out = new Float32Array(a.length / 3);
  for (let i = 0; i < a.length; i++) {
    const p = Math.floor(i / 3);
    out[p] = out[p]! + (a[i]! - b[i]!) ** 2;
  }
  return out;
}

/** The largest or smallest value among a pixel and its eight neighbours. */
export function around(
  values: Float32Array,
  { width, height }: Grid,
  pick: (a: number, b: number) => number,
) {
  const rows = values.map((value, i) => {
    const x = i % width;
    return pick(value, pick(values[x > 0 ? i - 1 : i]!, values[x < width - 1 ? i + 1 : i]!));
  });
  return rows.map((value, i) =>
    pick(value, pick(rows[i >= width ? i - width : i]!, rows[i < width * (height - 1) ? i + width : i]!)),
  );
}
