/**
 * Detail transfer: an edit that was computed at the model's size, brought to the picture's own size with the picture's own detail.
 *
 * A colour transform that varies over the picture is fitted, at the model's size, from the source as the autoencoder gives it back
 * to the edit (both then carry the same blur), and applied to the source at its own size. Where the transform does not explain
 * the edit, as in new and removed objects, the model's own pixels come, enlarged.
 *
 *   M    = A(p)·I + b(p)                                   the source in the edit's colours
 *   e'   = e + g·A·(D(I) − i₀)                             the edit, with what the autoencoder had lost
 *   out  = w·M + (1 − w)·(U(e') + g·(M − U(D(M))))         w: how far the transform explains e'; g: how far its finest octave
 *
 * I: the source at its own size; D, U: to the model's size and back; i₀: its reconstruction; e: the edit. Where e and i₀ agree,
 * the source's bytes stay. docs/results/detail.md has the measurements.
 */
import { EmilieError } from "../errors.ts";
import type { Tensor } from "../tensor/tensor.ts";
import {
  applyTransform,
  boxMean,
  fitColourTransform,
  type Grid,
  type TransformMap,
} from "./colour-transform.ts";
import { type Mask, resizeMask } from "./mask.ts";
import { withoutWhite } from "./model-image.ts";
import type { Picture } from "./picture.ts";
import { RowEnlarger, RowReducer } from "./resize-rows.ts";

/** Colours are 0 to 1 here. At this distance from the edit a transform no longer explains it. */
const TAU = 0.1;
/** At this distance of the wide fit the edit shows content that the source does not have. */
const NOVEL = 0.25;
/** Variance of the finest octave below which its regression says nothing. */
const NOISE = 2e-4;
/** What moves by less has not changed; two and a half levels of 8 bits. */
const SAME = 2.5 / 255;

/** What {@link transferDetail} takes beside the picture. */
export interface ModelEdit {
  /** The picture as the model's decoder gives it back, [3, h, w], about −1 to 1. */
  readonly reconstruction: Tensor;
  /** The edited picture from the same decoder, of the same shape. */
  readonly edited: Tensor;
  /** Where the picture may change, at any size; where it is 0 the picture's bytes stay. Default: everywhere. */
  readonly mask?: Mask;
}

/**
 * The picture, edited, at its own size. Memory beside picture and result is some 40 floats for every pixel of the model's size.
 *
 * @throws EmilieError option.invalid where the two model images differ in shape; runtime.failed for values that are not numbers
 */
export function transferDetail(picture: Picture, { reconstruction, edited, mask }: ModelEdit): Picture {
  const [channels, height, width] = edited.shape as [number, number, number];
  if (channels !== 3 || edited.shape.join() !== reconstruction.shape.join()) {
    throw new EmilieError(
      "option.invalid",
      `Detail transfer needs an edit and a reconstruction of one shape [3, h, w], got [${edited.shape}] and [${reconstruction.shape}].`,
    );
  }
  for (const { data } of [edited, reconstruction]) {
    if (!data.some(Number.isNaN)) continue;
    throw new EmilieError(
      "runtime.failed",
      "The model's decoder returned values that are not numbers. The checkpoint may be damaged, or its weights overflow.",
    );
  }
  const small = { width, height };
  const open = mask && resizeMask(mask, picture.width, picture.height);
  const before = interleaved(reconstruction);
  const after = interleaved(edited);
  const { fine, wide } = fitColourTransform(
    before,
    after,
    small,
    mask && resizeMask(mask, width, height).data,
  );
  const map = boxMean(fine, small, 12, 1);
  const { source, moved } = atModelSize(picture, map, small);
  const maps = blendMaps({ before, after, source, moved, map, wide, small });
  return assemble(picture, maps, small, open);
}

/** [3, h, w] in −1 to 1 → [h, w, 3] in 0 to 1. */
function interleaved({ data }: Tensor): Float32Array {
  const n = data.length / 3;
  const out = new Float32Array(data.length);
  for (let p = 0; p < n; p++) {
    for (let c = 0; c < 3; c++) out[3 * p + c] = data[c * n + p]! / 2 + 0.5;
  }
  return out;
}

/** A row of the picture as it looks on white, in the first three channels of a pixel's `step`. */
function readRow({ width, data }: Picture, y: number, out: Float32Array, step: number): void {
  for (let at = 4 * y * width, to = 0; at < 4 * (y + 1) * width; at += 4, to += step) {
    const alpha = data[at + 3]! / 255;
    for (let c = 0; c < 3; c++) {
      const value = data[at + c]! / 255;
      out[to + c] = alpha === 1 ? value : value * alpha + 1 - alpha;
    }
  }
}

/** D(I) and D(M), [h, w, 3] each, in one pass over the picture. */
function atModelSize(picture: Picture, map: TransformMap, small: Grid) {
  const reducer = new RowReducer(picture, small, 6);
  const transforms = new RowEnlarger(map, small, picture, 12, "linear");
  const row = new Float32Array(6 * picture.width);
  for (let y = 0; y < picture.height; y++) {
    readRow(picture, y, row, 6);
    const m = transforms.row(y);
    for (let at = 0, k = 0; at < row.length; at += 6, k += 12) {
      const r = row[at]!;
      const g = row[at + 1]!;
      const b = row[at + 2]!;
      row[at + 3] = m[k]! * r + m[k + 1]! * g + m[k + 2]! * b + m[k + 9]!;
      row[at + 4] = m[k + 3]! * r + m[k + 4]! * g + m[k + 5]! * b + m[k + 10]!;
      row[at + 5] = m[k + 6]! * r + m[k + 7]! * g + m[k + 8]! * b + m[k + 11]!;
    }
    reducer.push(row);
  }
  const both = reducer.result;
  const n = small.width * small.height;
  const [source, moved] = [new Float32Array(3 * n), new Float32Array(3 * n)];
  for (let p = 0; p < n; p++) {
    source.set(both.subarray(6 * p, 6 * p + 3), 3 * p);
    moved.set(both.subarray(6 * p + 3, 6 * p + 6), 3 * p);
  }
  return { source, moved };
}

/** All at the model's size. */
interface Small {
  /** i₀, e, D(I), D(M): [h, w, 3]. */
  readonly before: Float32Array;
  readonly after: Float32Array;
  readonly source: Float32Array;
  readonly moved: Float32Array;
  /** A and b, and those of the wide fit. */
  readonly map: TransformMap;
  readonly wide: TransformMap;
  readonly small: Grid;
}

/** What is enlarged linearly: A (9), b (3), w, and where anything changes; and what is enlarged with cubic: e' (3), D(M) (3), g. */
interface BlendMaps {
  readonly linear: Float32Array;
  readonly cubic: Float32Array;
}
const LINEAR = 14;
const CUBIC = 7;

function blendMaps({ before, after, source, moved, map, wide, small }: Small): BlendMaps {
  const n = small.width * small.height;
  const explained = applyTransform(map, before);
  const trusted = trustInDetail(after, explained, small);
  // What a fit over 9×9 pixels cannot say is content that the source does not have.
  const novel = distances(after, applyTransform(wide, before), small);
  const full = Float32Array.from(after);
  for (let p = 0; p < n; p++) {
    const g = trusted[p]! * Math.exp(-novel[p]! / NOVEL ** 2);
    const d = [0, 1, 2].map((c) => source[3 * p + c]! - before[3 * p + c]!) as [number, number, number];
    for (let c = 0; c < 3; c++) {
      const at = 12 * p + 3 * c;
      full[3 * p + c] = after[3 * p + c]! + g * (map[at]! * d[0] + map[at + 1]! * d[1] + map[at + 2]! * d[2]);
    }
  }
  const residual = distances(full, moved, small);
  const explains = residual.map((value, p) => Math.exp(-value / TAU ** 2 - novel[p]! / NOVEL ** 2));
  // Smaller by a pixel, so that nothing of the source stays along the border of what is new.
  const weight = boxMean(around(explains, small, Math.min), small, 1, 1);
  const changed = new Float32Array(n);
  for (let i = 0; i < after.length; i++) {
    if (Math.abs(after[i]! - before[i]!) > SAME) changed[Math.floor(i / 3)] = 1;
  }
  const active = around(changed, small, Math.max);
  const linear = new Float32Array(LINEAR * n);
  const cubic = new Float32Array(CUBIC * n);
  for (let p = 0; p < n; p++) {
    linear.set(map.subarray(12 * p, 12 * p + 12), LINEAR * p);
    linear[LINEAR * p + 12] = weight[p]!;
    linear[LINEAR * p + 13] = active[p]!;
    cubic.set(full.subarray(3 * p, 3 * p + 3), CUBIC * p);
    cubic.set(moved.subarray(3 * p, 3 * p + 3), CUBIC * p + 3);
    cubic[CUBIC * p + 6] = trusted[p]! * weight[p]!;
  }
  return { linear, cubic };
}

/** Squared distances of colours, over 3×3 pixels. */
function distances(a: Float32Array, b: Float32Array, small: Grid): Float32Array {
  const out = new Float32Array(a.length / 3);
  for (let i = 0; i < a.length; i++) {
    const p = Math.floor(i / 3);
    out[p] = out[p]! + (a[i]! - b[i]!) ** 2;
  }
  return boxMean(out, small, 1, 1);
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

/** The largest or smallest value among a pixel and its eight neighbours. */
function around(values: Float32Array, { width, height }: Grid, pick: (a: number, b: number) => number) {
  const rows = values.map((value, i) => {
    const x = i % width;
    return pick(value, pick(values[x > 0 ? i - 1 : i]!, values[x < width - 1 ? i + 1 : i]!));
  });
  return rows.map((value, i) =>
    pick(value, pick(rows[i >= width ? i - width : i]!, rows[i < width * (height - 1) ? i + width : i]!)),
  );
}

/** The result, a row at a time. */
function assemble(picture: Picture, maps: BlendMaps, small: Grid, open: Mask | undefined): Picture {
  const { width, height } = picture;
  const data = new Uint8ClampedArray(picture.data);
  const linear = new RowEnlarger(maps.linear, small, picture, LINEAR, "linear");
  const cubic = new RowEnlarger(maps.cubic, small, picture, CUBIC);
  const source = new Float32Array(3 * width);
  for (let y = 0; y < height; y++) {
    if (open && !open.data.subarray(y * width, (y + 1) * width).some((m) => m > 0)) continue;
    readRow(picture, y, source, 3);
    const l = linear.row(y);
    const u = cubic.row(y);
    for (let x = 0; x < width; x++) {
      const k = LINEAR * x;
      const active = l[k + 13]!;
      if (active === 0 || (open && open.data[y * width + x] === 0)) continue;
      const [r, g, b] = [source[3 * x]!, source[3 * x + 1]!, source[3 * x + 2]!];
      const weight = l[k + 12]!;
      const trusted = Math.min(1, Math.max(0, u[CUBIC * x + 6]!));
      const at = 4 * (y * width + x);
      const alpha = data[at + 3]!;
      for (let c = 0; c < 3; c++) {
        const moved = l[k + 3 * c]! * r + l[k + 3 * c + 1]! * g + l[k + 3 * c + 2]! * b + l[k + 9 + c]!;
        const edited = u[CUBIC * x + c]! + trusted * (moved - u[CUBIC * x + 3 + c]!);
        const result = weight * moved + (1 - weight) * edited;
        const was = source[3 * x + c]!;
        const value = 255 * (was + active * (result - was));
        data[at + c] = alpha === 255 ? value : withoutWhite(value, alpha, data[at + c]!);
      }
    }
  }
  return { width, height, data };
}
