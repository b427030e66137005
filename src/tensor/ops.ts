/**
 * The few operations the method needs, on float32 tensors. Sums run in double precision and round once at the end.
 * All are pure: they return new tensors and change no argument.
 */
import { sizeOf, type Tensor } from "./tensor.ts";

function sameShape(a: Tensor, b: Tensor): void {
  if (a.shape.length !== b.shape.length || a.shape.some((n, i) => n !== b.shape[i])) {
    throw new RangeError(`tensors of one shape were expected, got [${a.shape}] and [${b.shape}]`);
  }
}

/** a + b, of one shape. */
export function add(a: Tensor, b: Tensor): Tensor {
  return combine([1, a], [1, b]);
}

/** a − b, of one shape. */
export function sub(a: Tensor, b: Tensor): Tensor {
  return combine([1, a], [-1, b]);
}

/** factor · a. */
export function scale(a: Tensor, factor: number): Tensor {
  return { data: a.data.map((value) => value * factor), shape: a.shape };
}

/** Σ weight · tensor, all of one shape, rounded to float32 once. Terms of weight 0 are left out, whatever they hold. */
export function combine(...terms: readonly (readonly [weight: number, tensor: Tensor])[]): Tensor {
  const first = terms[0]![1];
  const sum = new Float64Array(first.data.length);
  for (const [weight, { data, shape }] of terms) {
    sameShape(first, { data, shape });
    if (weight === 0) continue;
    for (let i = 0; i < sum.length; i++) sum[i] = sum[i]! + weight * data[i]!;
  }
  return { data: Float32Array.from(sum), shape: first.shape };
}

/** The size of a mask that covers each channel of a, checked. */
function planeOf(mask: Tensor, a: Tensor): number {
  const [channels, h, w] = mask.shape;
  if (mask.shape.length !== 3 || channels !== 1 || h !== a.shape.at(-2) || w !== a.shape.at(-1)) {
    throw new RangeError(`a mask [1, h, w] over a tensor [${a.shape}] was expected, got [${mask.shape}]`);
  }
  return sizeOf(mask.shape);
}

/** mask · a: a mask [1, h, w] over every channel of a [channels, h, w]. */
export function multiplyByMask(a: Tensor, mask: Tensor): Tensor {
  const plane = planeOf(mask, a);
  return { data: a.data.map((value, i) => value * mask.data[i % plane]!), shape: a.shape };
}

/**
 * m·a + (1 − m)·b for a mask m [1, h, w] and tensors [channels, h, w]. Where m is 1 the result is a and where it is 0
 * it is b, bit for bit, whatever the other one holds.
 */
export function blend(m: Tensor, a: Tensor, b: Tensor): Tensor {
  sameShape(a, b);
  const plane = planeOf(m, a);
  const data = new Float32Array(a.data.length);
  for (let i = 0; i < data.length; i++) {
    const weight = m.data[i % plane]!;
    const [inside, outside] = [a.data[i]!, b.data[i]!];
    data[i] = weight === 1 ? inside : weight === 0 ? outside : weight * inside + (1 - weight) * outside;
  }
  return { data, shape: a.shape };
}

/** a with every value clamped to [low, high]. */
export function clamp(a: Tensor, low: number, high: number): Tensor {
  return { data: a.data.map((value) => Math.min(Math.max(value, low), high)), shape: a.shape };
}

/** Value by value the largest of tensors of one shape; one at least. */
export function largest(tensors: readonly Tensor[]): Tensor {
  const [first, ...rest] = tensors as [Tensor, ...Tensor[]];
  const data = first.data.map((value, i) => rest.reduce((max, one) => Math.max(max, one.data[i]!), value));
  return { data, shape: first.shape };
}

/** √(mean of squares); 0 for an empty tensor. */
export function rms(a: Tensor): number {
  let sum = 0;
  for (const value of a.data) sum += value * value;
  return Math.sqrt(sum / Math.max(a.data.length, 1));
}

/** ‖a − b‖ / ‖b‖, Euclidean: how far a is from a reference b. 0 where both are zero. */
export function relativeError(a: Tensor, reference: Tensor): number {
  sameShape(a, reference);
  let difference = 0;
  let size = 0;
  for (let i = 0; i < a.data.length; i++) {
    difference += (a.data[i]! - reference.data[i]!) ** 2;
    size += reference.data[i]! ** 2;
  }
  return difference === 0 ? 0 : Math.sqrt(difference / size);
}

/** Matrices of the same number of rows → one, row by row. */
export function sideBySide(parts: readonly Tensor[]): Tensor {
  if (parts.length === 1) return parts[0]!;
  const [rows = 0] = parts[0]!.shape;
  const width = parts.reduce((sum, { shape }) => sum + shape[1]!, 0);
  const data = new Float32Array(rows * width);
  let column = 0;
  for (const { data: from, shape } of parts) {
    const own = shape[1]!;
    for (let row = 0; row < rows; row++) {
      data.set(from.subarray(row * own, (row + 1) * own), row * width + column);
    }
    column += own;
  }
  return { data, shape: [rows, width] };
}

/** Where two latents [channels, h, w] differ at all: 1 there, 0 elsewhere, [1, h, w]. */
export function differenceMask(a: Tensor, b: Tensor): Tensor {
  const [, h, w] = a.shape as [number, number, number];
  const data = new Float32Array(h * w);
  for (let i = 0; i < a.data.length; i++) if (a.data[i] !== b.data[i]) data[i % data.length] = 1;
  return { data, shape: [1, h, w] };
}
