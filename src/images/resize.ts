/**
 * A separable resampler on float planes, so that Node and the browser compute the same numbers. Pixel centres lie at
 * half integers; when shrinking, the kernel is widened by the scale (antialiasing), as Pillow's resize does.
 */
import { type Tensor, tensor } from "../tensor/tensor.ts";
import type { Box } from "./picture.ts";

/**
 * `lanczos` (three lobes) keeps most detail when shrinking; `cubic` (Catmull-Rom) enlarges with little ringing;
 * `linear` enlarges without any; `area` averages exactly what each new pixel covers.
 */
export type Filter = "lanczos" | "cubic" | "linear" | "area";

const KERNELS: Readonly<
  Record<Exclude<Filter, "area">, { readonly radius: number; readonly at: (x: number) => number }>
> = {
  lanczos: { radius: 3, at: (x) => sinc(x) * sinc(x / 3) },
  cubic: {
    radius: 2,
    at: (x) => (x < 1 ? (1.5 * x - 2.5) * x * x + 1 : ((-0.5 * x + 2.5) * x - 4) * x + 2),
  },
  linear: { radius: 1, at: (x) => 1 - x },
};

/**
 * Resizes planes [channels, H, W] to [channels, height, width]. Values may have any range; lanczos and cubic may
 * overshoot it. Without `filter`, each axis shrinks with lanczos and grows with cubic. An unchanged size returns the
 * planes themselves.
 */
export function resizePlanes(planes: Tensor, height: number, width: number, filter?: Filter): Tensor {
  const [channels, oldHeight, oldWidth] = planes.shape as [number, number, number];
  const columns = width === oldWidth ? undefined : taps(oldWidth, width, filter);
  const lines = height === oldHeight ? undefined : taps(oldHeight, height, filter);
  const rows = columns ? alongWidth(planes.data, channels * oldHeight, oldWidth, columns) : planes.data;
  if (!lines) return tensor(rows, [channels, height, width]);
  return tensor(alongHeight(rows, channels, oldHeight, width, lines), [channels, height, width]);
}

/** Sizes of planes before and after, [height, width], and the part of the result that is wanted. */
export interface ResizePart {
  readonly from: readonly [height: number, width: number];
  readonly to: readonly [height: number, width: number];
  readonly box: Box;
}

/**
 * What of resizePlanes(…, …to) lies in a box, bit for bit, at the cost of the box. `read` gives the planes [channels, h, w] of
 * a box of the old size: all that is needed of it.
 */
export function resizePart({ from, to, box }: ResizePart, read: (box: Box) => Tensor): Tensor {
  const along = (old: number, now: number, start: number, length: number) => {
    if (old === now) return { first: start, count: length, taps: undefined };
    const wanted = taps(old, now, undefined).slice(start, start + length);
    const first = Math.min(...wanted.map((tap) => tap.first));
    const end = Math.max(...wanted.map((tap) => tap.first + tap.weights.length));
    return { first, count: end - first, taps: wanted.map((tap) => ({ ...tap, first: tap.first - first })) };
  };
  const down = along(from[0], to[0], box.y, box.height);
  const across = along(from[1], to[1], box.x, box.width);
  const { data, shape } = read({ x: across.first, y: down.first, width: across.count, height: down.count });
  const channels = shape[0]!;
  const rows = across.taps ? alongWidth(data, channels * down.count, across.count, across.taps) : data;
  if (!down.taps) return tensor(rows, [channels, box.height, box.width]);
  const planes = alongHeight(rows, channels, down.count, box.width, down.taps);
  return tensor(planes, [channels, box.height, box.width]);
}

/** For each new pixel: the first old pixel it reads, and the weights from there on (they sum to 1). */
export interface Taps {
  readonly first: number;
  readonly weights: Float64Array;
}

export function taps(from: number, to: number, filter: Filter | undefined): Taps[] {
  const kind = filter ?? (to < from ? "lanczos" : "cubic");
  if (kind === "area") return Array.from({ length: to }, (_, i) => areaTaps(i, from, to));
  const kernel = KERNELS[kind];
  const scale = Math.max(1, from / to);
  return Array.from({ length: to }, (_, i) => {
    const centre = ((i + 0.5) * from) / to;
    const first = Math.max(0, Math.floor(centre - kernel.radius * scale + 0.5));
    const end = Math.min(from, Math.floor(centre + kernel.radius * scale + 0.5));
    const weights = new Float64Array(Math.max(1, end - first));
    for (let k = 0; k < weights.length; k++) {
      const x = Math.abs(first + k + 0.5 - centre) / scale;
      weights[k] = x < kernel.radius ? kernel.at(x) : 0;
    }
    return { first, weights: normalised(weights) };
  });
}

/** Exact overlap of the new pixel with each old one, when shrinking and when growing. */
function areaTaps(i: number, from: number, to: number): Taps {
  const start = (i * from) / to;
  const stop = ((i + 1) * from) / to;
  const first = Math.floor(start);
  const weights = new Float64Array(Math.max(1, Math.min(from, Math.ceil(stop)) - first));
  for (let k = 0; k < weights.length; k++) {
    weights[k] = Math.max(0, Math.min(stop, first + k + 1) - Math.max(start, first + k));
  }
  return { first, weights: normalised(weights) };
}

function normalised(weights: Float64Array): Float64Array {
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.map((weight) => weight / sum);
}

function alongWidth(data: Float32Array, rows: number, from: number, columns: readonly Taps[]): Float32Array {
  const to = columns.length;
  const out = new Float32Array(rows * to);
  for (let row = 0; row < rows; row++) {
    for (let x = 0; x < to; x++) {
      const { first, weights } = columns[x]!;
      const at = row * from + first;
      let sum = 0;
      for (let k = 0; k < weights.length; k++) sum += weights[k]! * data[at + k]!;
      out[row * to + x] = sum;
    }
  }
  return out;
}

function alongHeight(
  data: Float32Array,
  channels: number,
  from: number,
  width: number,
  lines: readonly Taps[],
): Float32Array {
  const to = lines.length;
  const out = new Float32Array(channels * to * width);
  const sums = new Float64Array(width);
  for (let row = 0; row < channels * to; row++) {
    const channel = Math.floor(row / to);
    const { first, weights } = lines[row % to]!;
    sums.fill(0);
    for (let k = 0; k < weights.length; k++) {
      const weight = weights[k]!;
      const at = (channel * from + first + k) * width;
      for (let x = 0; x < width; x++) sums[x] = sums[x]! + weight * data[at + x]!;
    }
    out.set(sums, row * width);
  }
  return out;
}

function sinc(x: number): number {
  return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
}
