/**
 * Products of eight-bit numbers where every row of the input has a scale of its own, and of four-bit weights in blocks. Transformers of
 * billions of parameters have rows ("massive activations", arXiv 2402.17762) that are a thousand times as large as the others: with one scale for
 * all rows (quantised.ts), those others are rounded to nothing.
 *
 * A single large value in a row does the same to the rest of its row. Against that, `hadamard` rotates the input by an orthogonal matrix that
 * spreads every value over a block of them (QuaRot, arXiv 2404.00456); weights were rotated by the same when they were rounded
 * (checkpoint/derived.ts), so the product is unchanged.
 */
import { hadamardMatrix } from "../tensor/hadamard.ts";
import { expectShape, fail, MICROSOFT, type Site, type Value } from "./graph.ts";
import { add, mul, reshape } from "./ops.ts";

/** A matrix in eight bits: x[i] ≈ scale[i] · (values[i] − 128). */
export interface QuantisedRows {
  /** uint8 [m, k] */
  readonly values: Value;
  /** float32 [m, 1] */
  readonly scale: Value;
}

/** What a row of zeros is divided by. */
const SMALLEST = 1e-30;
const ZERO = 128;

/** What was rounded already: queries, keys and values are products of the same tokens. */
const known = new WeakMap<Value, QuantisedRows>();

/** x float32 [m, k] in eight bits, each row by its largest absolute value. */
export function quantiseRows(at: Site, x: Value): QuantisedRows {
  const before = known.get(x);
  if (before) return before;
  const [m = 0] = x.shape;
  const g = at.graph;
  if (x.shape.length !== 2) fail(at, `rows of a matrix are quantised, and [${x.shape}] is none`);
  const size = g.add(at, { op: "Abs", inputs: [x], shape: x.shape });
  const largest = g.add(at, { op: "ReduceMax", inputs: [size, g.ints([1])], shape: [m, 1] });
  const some = g.add(at, { op: "Max", inputs: [largest, g.constant([SMALLEST], [1])], shape: [m, 1] });
  const scale = mul(at, some, g.constant([1 / 127], [1]));
  const zeros = g.bytes(Array<number>(m).fill(ZERO), "uint8", [m]);
  const values = g.add(at, {
    op: "QuantizeLinear",
    inputs: [x, reshape(at, scale, [m]), zeros],
    attributes: { axis: { int: 0 } },
    shape: x.shape,
    type: "uint8",
  });
  const result = { values, scale };
  known.set(x, result);
  return result;
}

/**
 * a [m, k] · weight → float32 [m, n].
 *
 * @param weight int8 [k, n], as specsOf in checkpoint/derived.ts has it
 * @param scales float32 [n], of the weight's columns
 * @param bias float32 [n]
 */
export function rowQuantisedMatmul(
  at: Site,
  a: QuantisedRows,
  weight: Value,
  scales: Value,
  bias: Value | null = null,
): Value {
  const [m = 0, k = 0] = a.values.shape;
  const [k2 = 0, n = 0] = weight.shape;
  if (k !== k2) fail(at, `the inner sides of [${a.values.shape}] and [${weight.shape}] are ${k} and ${k2}`);
  expectShape(at, "the scales of the weights", scales, [n]);
  if (bias) expectShape(at, "the bias", bias, [n]);
  const g = at.graph;
  const product = g.add(at, {
    op: "MatMulIntegerToFloat",
    domain: MICROSOFT,
    inputs: [a.values, weight, g.constant([1], []), scales, g.bytes([ZERO], "uint8", [])],
    shape: [m, n],
    flops: 2 * m * n * k,
  });
  const scaled = mul(at, product, a.scale);
  return bias ? add(at, scaled, bias) : scaled;
}

/**
 * x float32 [m, k] · weight → float32 [m, n], the weight multiplied out before: for graphics cards, whose provider has no products of eight-bit
 * numbers. Nothing of x is rounded.
 *
 * @param weight int8 [k, n], @param scales float32 [n], as of rowQuantisedMatmul
 */
export function multipliedOutMatmul(
  at: Site,
  x: Value,
  weight: Value,
  scales: Value,
  bias: Value | null = null,
): Value {
  const [m = 0, k = 0] = x.shape;
  const [k2 = 0, n = 0] = weight.shape;
  if (k !== k2) fail(at, `the inner sides of [${x.shape}] and [${weight.shape}] are ${k} and ${k2}`);
  expectShape(at, "the scales of the weights", scales, [n]);
  const g = at.graph;
  const full = g.add(at, {
    op: "DequantizeLinear",
    inputs: [weight, scales],
    attributes: { axis: { int: 1 } },
    shape: [k, n],
    type: "float32",
  });
  const product = g.add(at, { op: "MatMul", inputs: [x, full], shape: [m, n], flops: 2 * m * n * k });
  return bias ? add(at, product, bias) : product;
}

/** What was rotated already. */
const rotated = new WeakMap<Value, Value>();

/** x [m, k] with every `block` neighbours of a row multiplied by the orthogonal Hadamard matrix of that size; a block of 1 is x itself. */
export function hadamard(at: Site, x: Value, block: number): Value {
  if (block === 1) return x;
  const before = rotated.get(x);
  if (before) return before;
  const [m = 0, k = 0] = x.shape;
  if (k % block !== 0) fail(at, `rows of ${k} values cannot be rotated in blocks of ${block}`);
  const g = at.graph;
  const matrix = g.constant(hadamardMatrix(block), [block, block], x.type);
  const blocks = reshape(at, x, [(m * k) / block, block]);
  const product = g.add(at, {
    op: "MatMul",
    inputs: [blocks, matrix],
    shape: blocks.shape,
    flops: 2 * m * k * block,
  });
  const result = reshape(at, product, x.shape);
  rotated.set(x, result);
  return result;
}

/** Computes in eight bits, with a scale for each block of the input's row: a quarter faster than in fp32, and about as exact as four bits are. */
const IN_EIGHT_BITS = 4;

/**
 * x float32 [m, k] · weight → float32 [m, n], for weights of four bits.
 *
 * @param weight uint8 [n, blocks, block / 2], as specsOf in checkpoint/derived.ts has it
 * @param scales float32 [n · blocks]
 */
export function int4Matmul(
  at: Site,
  x: Value,
  weight: Value,
  scales: Value,
  bias: Value | null = null,
): Value {
  const [m = 0, k = 0] = x.shape;
  const [n = 0, blocks = 0, half = 0] = weight.shape;
  const block = 2 * half;
  if (blocks !== Math.ceil(k / block)) {
    fail(at, `[${x.shape}] cannot be multiplied by [${weight.shape}], blocks of ${block} weights`);
  }
  expectShape(at, "the scales of the weights", scales, [n * blocks]);
  const product = at.graph.add(at, {
    op: "MatMulNBits",
    domain: MICROSOFT,
    inputs: [x, weight, scales],
    shape: [m, n],
    attributes: {
      K: { int: k },
      N: { int: n },
      bits: { int: 4 },
      block_size: { int: block },
      accuracy_level: { int: IN_EIGHT_BITS },
    },
    flops: 2 * m * n * k,
  });
  return bias ? add(at, product, bias) : product;
}
