/**
 * Weights that are computed from a checkpoint's own, for the faster precisions: rounded to eight bits, or transformed as
 * Winograd's convolution wants them. What a tensor becomes is told by its name in the side file, so a file tells what is in it.
 */
import { hadamardBlock, hadamardInPlace } from "../tensor/hadamard.ts";
import { sizeOf } from "../tensor/tensor.ts";
import { kronecker, WINOGRAD } from "../tensor/winograd.ts";

/**
 * How a network computes. "fp32": as the checkpoint was written. "fp32-fast": the same numbers by Winograd's convolution,
 * equal to about five digits. "int8": products of eight-bit numbers, inputs rounded anew in every step. "int4": weights of four
 * bits, for machines with little memory. "fp16": weights and values in half precision, on graphics cards. Not every architecture has all of them.
 */
export type Precision = "fp32" | "fp32-fast" | "int8" | "int4" | "fp16";

export const PRECISIONS: readonly Precision[] = ["fp32", "fp32-fast", "int8", "int4", "fp16"];

/** Weights [out, in] or [out, in, 3, 3] as another thing. */
export interface Derivation {
  readonly kind: "int8" | "int8-rotated" | "int4" | "winograd2" | "winograd4";
  /** The checkpoint's name of the tensor. */
  readonly from: string;
  readonly shape: readonly number[];
  /** The outputs that are meant, from and to (exclusive). Default: all. */
  readonly rows?: readonly [number, number];
}

export interface DerivedSpec {
  readonly name: string;
  readonly type: "I8" | "U8" | "F32" | "F16";
  readonly shape: readonly number[];
}

/**
 * Names, types and shapes of what a derivation makes. "int8" makes two tensors: weights, ordered as a matrix [in, out], and their
 * scales; "int8-rotated" the same of weights whose inputs were rotated (tensor/hadamard.ts). "int4" makes blocks of INT4_BLOCK inputs, two weights a
 * byte, [out, blocks, INT4_BLOCK / 2], and a scale for each, [out · blocks]; "winograd…" a matrix [in, out] for each of the 16 or 36 products.
 */
export function specsOf({ kind, from, shape, rows }: Derivation): readonly DerivedSpec[] {
  const [all = 0, width = 0, ...kernel] = shape;
  const out = rows ? rows[1] - rows[0] : all;
  const name = `${from}${rows ? `[${rows[0]}:${rows[1]}]` : ""}.${kind}`;
  if (kind === "int4") {
    const blocks = Math.ceil((width * sizeOf(kernel)) / INT4_BLOCK);
    return [
      { name, type: "U8", shape: [out, blocks, INT4_BLOCK / 2] },
      { name: `${name}.scale`, type: "F32", shape: [out * blocks] },
    ];
  }
  if (kind === "int8" || kind === "int8-rotated") {
    return [
      { name, type: "I8", shape: [width * sizeOf(kernel), out] },
      { name: `${name}.scale`, type: "F32", shape: [out] },
    ];
  }
  return Array.from({ length: FILTERS[kind].length ** 2 }, (_, i) => ({
    name: `${name}.${i}`,
    type: "F32",
    shape: [width, out],
  }));
}

/** The values of specsOf(derivation), from the tensor's. */
export function derive(derivation: Derivation, weight: Float32Array): DerivedValues {
  const steps = deriveInSteps(derivation, weight);
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}

export type DerivedValues = readonly (Int8Array | Uint8Array | Float32Array)[];

/** derive(), giving way after a few outputs at a time with how many of all are done, from 0 to 1. */
export function deriveInSteps(
  derivation: Derivation,
  weight: Float32Array,
): Generator<number, DerivedValues, undefined> {
  const [all = 0] = derivation.shape;
  const [from, to] = derivation.rows ?? [0, all];
  const depth = weight.length / all;
  const part = weight.subarray(from * depth, to * depth);
  const [, width = 0] = derivation.shape;
  if (derivation.kind === "int8") return quantised(part, to - from, width);
  if (derivation.kind === "int8-rotated") return quantised(part, to - from, width, hadamardBlock(width));
  if (derivation.kind === "int4") return inBlocks(part, to - from);
  return winograd(part, to - from, width, FILTERS[derivation.kind]);
}

/** Nanoseconds a weight on a common processor, for saying how long it will take before anything has been done. */
export const NANOSECONDS_PER_WEIGHT = {
  int8: 30,
  "int8-rotated": 45,
  int4: 40,
  winograd2: 40,
  winograd4: 80,
} as const;

/** Weights that share a scale in four bits: fewer are more exact, more are faster. */
export const INT4_BLOCK = 64;

/**
 * Weights from −8 to 7 times their block's scale, stored with 8 added, the first of two in the lower half of a byte. The weight of
 * largest size becomes −8, so that all sixteen numbers are used.
 */
function* inBlocks(
  weight: Float32Array,
  out: number,
): Generator<number, [Uint8Array, Float32Array], undefined> {
  const depth = weight.length / out;
  const blocks = Math.ceil(depth / INT4_BLOCK);
  const values = new Uint8Array((out * blocks * INT4_BLOCK) / 2).fill(0x88);
  const scales = new Float32Array(out * blocks);
  for (let o = 0; o < out; o++) {
    for (let b = 0; b < blocks; b++) {
      const [from, to] = [o * depth + b * INT4_BLOCK, o * depth + Math.min(depth, (b + 1) * INT4_BLOCK)];
      let largest = 0;
      for (let i = from; i < to; i++) if (Math.abs(weight[i]!) > Math.abs(largest)) largest = weight[i]!;
      const scale = Math.fround(largest / -8);
      scales[o * blocks + b] = scale;
      if (scale === 0) continue;
      const first = ((o * blocks + b) * INT4_BLOCK) / 2;
      for (let i = from; i < to; i++) {
        const q = Math.min(15, Math.max(0, Math.round(weight[i]! / scale) + 8));
        const at = first + ((i - from) >> 1);
        values[at] = (i - from) % 2 === 0 ? (values[at]! & 0xf0) | q : (values[at]! & 0x0f) | (q << 4);
      }
    }
    if (o % BLOCK === BLOCK - 1) yield (o + 1) / out;
  }
  return [values, scales];
}

const BLOCK = 32;

/**
 * Each output has its own scale, by which its largest weight becomes ±127. Rows are ordered as (ky, kx, in).
 *
 * @param rotation inputs of a matrix that are rotated together
 */
function* quantised(
  weight: Float32Array,
  out: number,
  width: number,
  rotation = 1,
): Generator<number, [Int8Array, Float32Array], undefined> {
  const depth = weight.length / out;
  const kernel = depth / width;
  const values = new Int8Array(weight.length);
  const scales = new Float32Array(out);
  const inverse = new Float64Array(out);
  // A few outputs at a time: reads and writes both stay in order.
  for (let first = 0; first < out; first += BLOCK) {
    const last = Math.min(out, first + BLOCK);
    const part = weight.subarray(first * depth, last * depth);
    const rows = rotation === 1 ? part : part.slice();
    hadamardInPlace(rows, rotation);
    for (let o = first; o < last; o++) {
      let largest = 0;
      const start = (o - first) * depth;
      for (let i = start; i < start + depth; i++) largest = Math.max(largest, Math.abs(rows[i]!));
      scales[o] = largest / 127 || 1; // an output of zeros alone has no scale; any will do
      inverse[o] = 1 / scales[o]!;
    }
    for (let k = 0; k < kernel; k++) {
      for (let c = 0; c < width; c++) {
        const row = (k * width + c) * out;
        const column = c * kernel + k;
        for (let o = first; o < last; o++) {
          values[row + o] = Math.round(rows[(o - first) * depth + column]! * inverse[o]!);
        }
      }
    }
    yield last / out;
  }
  return [values, scales];
}

/** What winograd2 and winograd4 transform a kernel with. */
const FILTERS = { winograd2: WINOGRAD[2].g, winograd4: WINOGRAD[4].g } as const;

/** Inputs after which it gives way: 36 products of 32 outputs each take a while. */
const PACE = 64;

/** G·g·Gᵀ of every 3×3 kernel → side² matrices [in, out], summed in double precision. */
function* winograd(
  weight: Float32Array,
  out: number,
  width: number,
  g: readonly (readonly number[])[],
): Generator<number, Float32Array[], undefined> {
  const side = g.length;
  const matrix = Float64Array.from(kronecker(g));
  const result = Array.from({ length: side * side }, () => new Float32Array(width * out));
  const kernel = new Float64Array(9);
  for (let first = 0; first < out; first += BLOCK) {
    const last = Math.min(out, first + BLOCK);
    for (let c = 0; c < width; c++) {
      for (let o = first; o < last; o++) {
        const start = (o * width + c) * 9;
        for (let k = 0; k < 9; k++) kernel[k] = weight[start + k]!;
        for (let p = 0; p < side * side; p++) {
          let sum = 0;
          for (let k = 0; k < 9; k++) sum += matrix[p * 9 + k]! * kernel[k]!;
          result[p]![c * out + o] = sum;
        }
      }
      if (c % PACE === PACE - 1) yield (first + ((last - first) * (c + 1)) / width) / out;
    }
  }
  return result;
}
