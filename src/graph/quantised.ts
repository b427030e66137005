/**
 * Products of eight-bit numbers. What comes in is rounded when the graph runs, by the least and the largest of its values,
 * so that no data are needed beforehand; weights were rounded before, with a scale for each output.
 */
import { expectShape, fail, MICROSOFT, type Site, type Value } from "./graph.ts";

/** A value in eight bits: x ≈ scale · (values − zero). */
export interface Quantised {
  readonly values: Value;
  /** float32, a single number. */
  readonly scale: Value;
  /** uint8, a single number. */
  readonly zero: Value;
}

/** What was rounded already: queries, keys and values are products of the same tokens. */
const known = new WeakMap<Value, Quantised>();

export function quantise(at: Site, x: Value): Quantised {
  const before = known.get(x);
  if (before) return before;
  const [values, scale, zero] = at.graph.addAll(at, {
    op: "DynamicQuantizeLinear",
    inputs: [x],
    results: [{ shape: x.shape, type: "uint8" }, { shape: [] }, { shape: [], type: "uint8" }],
  });
  const result = { values: values!, scale: scale!, zero: zero! };
  known.set(x, result);
  return result;
}

/** a [m, k] · weight [k, n], int8 with scales [n], + bias [n] → float32 [m, n] */
export function quantisedMatmul(
  at: Site,
  a: Quantised,
  weight: Value,
  scales: Value,
  bias: Value | null,
): Value {
  const [m = 0, k = 0] = a.values.shape;
  const [k2 = 0, n = 0] = weight.shape;
  if (k !== k2) fail(at, `the inner sides of [${a.values.shape}] and [${weight.shape}] are ${k} and ${k2}`);
  expectShape(at, "the scales of the weights", scales, [n]);
  if (bias) expectShape(at, "the bias", bias, [n]);
  return at.graph.add(at, {
    op: "MatMulIntegerToFloat",
    domain: MICROSOFT,
    inputs: [a.values, weight, a.scale, scales, a.zero, null, bias],
    shape: [m, n],
    flops: 2 * m * n * k,
  });
}
