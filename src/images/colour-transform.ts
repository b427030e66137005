/**
 * A colour transform that varies over a picture: e ≈ A(p)·i + b(p), fitted in boxes from coarse to fine (guided filtering with
 * a 3×3 matrix), where what is coarser is the prior of what is finer. All arrays are interleaved, [height, width, channels].
 */

/** Width and height in pixels of the arrays that go together. */
export interface Grid {
  readonly width: number;
  readonly height: number;
}

/** A (9 values, row-major) and b (3) of every pixel, [h, w, 12]. */
export type TransformMap = Float32Array;

/** Where a fit sees less variance than eps (colours in 0 to 1), the prior decides. */
const LEVELS = [
  { radius: 16, eps: 3e-3 },
  { radius: 4, eps: 2e-3 },
  { radius: 1, eps: 1e-3 },
] as const;
const GLOBAL_EPS = 1e-3;
const SIZE = 12;

/** The fit at the finest scale, those at radius 4 and 16, and the one transform of the whole picture at every pixel. */
export interface FittedTransform {
  readonly fine: TransformMap;
  readonly wide: TransformMap;
  /** Smoothed over its own radius. */
  readonly coarse: TransformMap;
  readonly whole: TransformMap;
}

/**
 * Fits the transform from `from` to `to`, [h, w, 3] each, colours about 0 to 1.
 *
 * @param weights where the one transform of the whole picture is fitted, [h, w]; everywhere without
 */
export function fitColourTransform(
  from: Float32Array,
  to: Float32Array,
  grid: Grid,
  weights?: Float32Array,
): FittedTransform {
  const whole = fitOneTransform(from, to, grid, weights);
  const level = ({ radius, eps }: (typeof LEVELS)[number], prior: TransformMap) => {
    const fitted = fitInBoxes(from, to, grid, radius, eps, prior);
    return { fitted, next: boxMean(fitted, grid, SIZE, radius) };
  };
  const coarse = level(LEVELS[0], whole).next;
  const wide = level(LEVELS[1], coarse);
  return { fine: level(LEVELS[2], wide.next).fitted, wide: wide.fitted, coarse, whole };
}

/** The one transform of the whole picture, at every pixel; as {@link fitColourTransform} has it. */
export function fitOneTransform(
  from: Float32Array,
  to: Float32Array,
  { width, height }: Grid,
  weights?: Float32Array,
): TransformMap {
  const whole: TransformMap = new Float32Array(width * height * SIZE);
  const one = globalTransform(from, to, weights);
  for (let at = 0; at < whole.length; at += SIZE) whole.set(one, at);
  return whole;
}

/** A(p)·colour(p) + b(p), [h, w, 3]. */
export function applyTransform(map: TransformMap, colours: Float32Array): Float32Array {
  const out = new Float32Array(colours.length);
  for (let p = 0, c = 0; c < colours.length; p += SIZE, c += 3) {
    const [r, g, b] = [colours[c]!, colours[c + 1]!, colours[c + 2]!];
    for (let i = 0; i < 3; i++) {
      out[c + i] = map[p + 3 * i]! * r + map[p + 3 * i + 1]! * g + map[p + 3 * i + 2]! * b + map[p + 9 + i]!;
    }
  }
  return out;
}

/** The mean over (2r + 1)² pixels; beyond the border its pixels go on. */
export function boxMean(values: Float32Array, { width, height }: Grid, channels: number, radius: number) {
  const rows = new Float32Array(values.length);
  const out = new Float32Array(values.length);
  const count = 2 * radius + 1;
  const stride = width * channels;
  for (let line = 0; line < height * stride; line += stride) {
    for (let c = 0; c < channels; c++) {
      const [first, end] = [line + c, line + stride + c];
      const [left, right] = [values[first]!, values[end - channels]!];
      let sum = 0;
      for (let x = -radius; x <= radius; x++)
        sum += x < 0 ? left : x < width ? values[first + x * channels]! : right;
      for (
        let at = first, enter = first + (radius + 1) * channels, leave = first - radius * channels;
        at < end;
      ) {
        rows[at] = sum / count;
        sum += (enter < end ? values[enter]! : right) - (leave < first ? left : values[leave]!);
        at += channels;
        enter += channels;
        leave += channels;
      }
    }
  }
  const sums = new Float64Array(stride);
  const rowAt = (y: number) => Math.min(Math.max(y, 0), height - 1) * stride;
  for (let y = -radius; y <= radius; y++) {
    const line = rowAt(y);
    for (let k = 0; k < stride; k++) sums[k] = sums[k]! + rows[line + k]!;
  }
  for (let y = 0, at = 0; y < height; y++) {
    const [enter, leave] = [rowAt(y + radius + 1), rowAt(y - radius)];
    for (let k = 0; k < stride; k++, at++) {
      out[at] = sums[k]! / count;
      sums[k] = sums[k]! + rows[enter + k]! - rows[leave + k]!;
    }
  }
  return out;
}

/** One transform for all pixels, drawn towards the identity: [12]. */
function globalTransform(from: Float32Array, to: Float32Array, weights?: Float32Array): Float64Array {
  // Means of the 3 + 3 colours, of from·fromᵀ (6) and of to·fromᵀ (9), as fitInBoxes has them.
  const sums = new Float64Array(MOMENTS);
  const row = new Float32Array(MOMENTS);
  let total = 0;
  for (let p = 0, c = 0; c < from.length; p++, c += 3) {
    const weight = weights ? weights[p]! : 1;
    if (weight === 0) continue;
    moments(from, to, c, row, 0);
    for (let k = 0; k < MOMENTS; k++) sums[k] = sums[k]! + weight * row[k]!;
    total += weight;
  }
  const out = new Float64Array(SIZE);
  if (total === 0) out.set(IDENTITY);
  else {
    const means = sums.map((sum) => sum / total);
    solve(means, 0, IDENTITY, 0, GLOBAL_EPS, out, 0);
  }
  return out;
}

const IDENTITY = [1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0];
const MOMENTS = 21;

/** The transform in boxes of one radius, drawn towards `prior` where they see less variance than eps. */
export function fitInBoxes(
  from: Float32Array,
  to: Float32Array,
  grid: Grid,
  radius: number,
  eps: number,
  prior: TransformMap,
): TransformMap {
  const n = grid.width * grid.height;
  const each = new Float32Array(n * MOMENTS);
  for (let p = 0; p < n; p++) moments(from, to, 3 * p, each, p * MOMENTS);
  const means = boxMean(each, grid, MOMENTS, radius);
  const out = new Float32Array(n * SIZE);
  for (let p = 0; p < n; p++) solve(means, p * MOMENTS, prior, p * SIZE, eps, out, p * SIZE);
  return out;
}

/** i (3), e (3), the upper triangle of i·iᵀ (6), e·iᵀ (9). */
function moments(from: Float32Array, to: Float32Array, c: number, out: Float32Array, at: number): void {
  const [r, g, b] = [from[c]!, from[c + 1]!, from[c + 2]!];
  out[at] = r;
  out[at + 1] = g;
  out[at + 2] = b;
  out[at + 6] = r * r;
  out[at + 7] = r * g;
  out[at + 8] = r * b;
  out[at + 9] = g * g;
  out[at + 10] = g * b;
  out[at + 11] = b * b;
  for (let i = 0; i < 3; i++) {
    const value = to[c + i]!;
    out[at + 3 + i] = value;
    out[at + 12 + 3 * i] = value * r;
    out[at + 13 + 3 * i] = value * g;
    out[at + 14 + 3 * i] = value * b;
  }
}

type Numbers = Float32Array | Float64Array | readonly number[];

/** A = (C + eps·A₀)(S + eps·1)⁻¹ and b = ē − A·μ, from means of moments. */
function solve(
  means: Numbers,
  m: number,
  prior: Numbers,
  p: number,
  eps: number,
  out: Float32Array | Float64Array,
  o: number,
): void {
  const [r, g, b] = [means[m]!, means[m + 1]!, means[m + 2]!];
  const rr = means[m + 6]! - r * r + eps;
  const rg = means[m + 7]! - r * g;
  const rb = means[m + 8]! - r * b;
  const gg = means[m + 9]! - g * g + eps;
  const gb = means[m + 10]! - g * b;
  const bb = means[m + 11]! - b * b + eps;
  // The inverse of a symmetric matrix by its cofactors; eps keeps the determinant away from 0.
  const c00 = gg * bb - gb * gb;
  const c01 = rb * gb - rg * bb;
  const c02 = rg * gb - rb * gg;
  const c11 = rr * bb - rb * rb;
  const c12 = rg * rb - rr * gb;
  const c22 = rr * gg - rg * rg;
  const scale = 1 / (rr * c00 + rg * c01 + rb * c02);
  for (let i = 0; i < 3; i++) {
    const mean = means[m + 3 + i]!;
    const x = means[m + 12 + 3 * i]! - mean * r + eps * prior[p + 3 * i]!;
    const y = means[m + 13 + 3 * i]! - mean * g + eps * prior[p + 3 * i + 1]!;
    const z = means[m + 14 + 3 * i]! - mean * b + eps * prior[p + 3 * i + 2]!;
    const ar = (x * c00 + y * c01 + z * c02) * scale;
    const ag = (x * c01 + y * c11 + z * c12) * scale;
    const ab = (x * c02 + y * c12 + z * c22) * scale;
    out[o + 3 * i] = ar;
    out[o + 3 * i + 1] = ag;
    out[o + 3 * i + 2] = ab;
    out[o + 9 + i] = mean - ar * r - ag * g - ab * b;
  }
}
