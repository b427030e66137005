/**
 * The operators that the models use, each in the form that ONNX Runtime's CPU provider runs fastest. Shapes are checked
 * here; what a dimension means is written beside each function.
 */
import { sizeOf } from "../tensor/tensor.ts";
import { broadcast, expectShape, fail, MICROSOFT, type Site, sameSize, type Value } from "./graph.ts";

export function add(at: Site, a: Value, b: Value): Value {
  return at.graph.add(at, { op: "Add", inputs: [a, b], shape: broadcast(at, a, b) });
}

export function mul(at: Site, a: Value, b: Value): Value {
  return at.graph.add(at, { op: "Mul", inputs: [a, b], shape: broadcast(at, a, b) });
}

export function unary(at: Site, op: "Sin" | "Cos", x: Value): Value {
  return at.graph.add(at, { op, inputs: [x], shape: x.shape });
}

/** x·σ(x) */
export function silu(at: Site, x: Value): Value {
  return quickGelu(at, x, 1);
}

/** x·σ(alpha·x); CLIP's quick_gelu has alpha 1.702, SiLU is alpha 1. */
export function quickGelu(at: Site, x: Value, alpha = 1.702): Value {
  return at.graph.add(at, {
    op: "QuickGelu",
    domain: MICROSOFT,
    inputs: [x],
    shape: x.shape,
    attributes: { alpha: { float: alpha } },
  });
}

/** The exact GELU, by erf. */
export function gelu(at: Site, x: Value): Value {
  return at.graph.add(at, { op: "Gelu", inputs: [x], shape: x.shape });
}

export function reshape(at: Site, x: Value, shape: readonly number[]): Value {
  sameSize(at, x, shape);
  return at.graph.add(at, { op: "Reshape", inputs: [x, at.graph.ints(shape)], shape, type: x.type });
}

/** x [rows, columns] → [columns, rows] */
export function transpose(at: Site, x: Value): Value {
  const [rows = 0, columns = 0] = x.shape;
  return at.graph.add(at, {
    op: "Transpose",
    inputs: [x],
    shape: [columns, rows],
    attributes: { perm: { ints: [1, 0] } },
  });
}

export function concat(at: Site, values: readonly Value[], axis: number): Value {
  const first = values[0];
  if (!first) fail(at, "Concat needs at least one value");
  for (const v of values) {
    expectShape(
      at,
      "a value to concatenate",
      v,
      first.shape.map((n, i) => (i === axis ? (v.shape[i] ?? 0) : n)),
    );
  }
  const side = values.reduce((sum, v) => sum + (v.shape[axis] ?? 0), 0);
  return at.graph.add(at, {
    op: "Concat",
    inputs: values,
    shape: first.shape.map((n, i) => (i === axis ? side : n)),
    attributes: { axis: { int: axis } },
  });
}

/** Rows `from` to `to` (exclusive) of x [n, width]. */
export function sliceRows(at: Site, x: Value, from: number, to: number): Value {
  const g = at.graph;
  return g.add(at, {
    op: "Slice",
    inputs: [x, g.ints([from]), g.ints([to]), g.ints([0])],
    shape: [to - from, ...x.shape.slice(1)],
  });
}

/** Rows of a table: table [rows, width], indices [n] → [n, width]. */
export function gather(at: Site, table: Value, indices: Value): Value {
  const [, width = 0] = table.shape;
  return at.graph.add(at, {
    op: "Gather",
    inputs: [table, indices],
    shape: [...indices.shape, width],
    attributes: { axis: { int: 0 } },
  });
}

export interface GemmOptions {
  readonly transA?: boolean;
  readonly transB?: boolean;
  /** Added to the product, broadcast: [n], [m, 1] or [m, n]. */
  readonly bias?: Value | null;
}

/** a·b (+ bias), both two-dimensional → [m, n]. A transposed b is the layout of torch's Linear weight. */
export function gemm(at: Site, a: Value, b: Value, options: GemmOptions = {}): Value {
  const { transA = false, transB = false, bias = null } = options;
  if (a.shape.length !== 2 || b.shape.length !== 2)
    fail(at, `Gemm takes matrices, got [${a.shape}] and [${b.shape}]`);
  const [m = 0, k = 0] = transA ? [a.shape[1], a.shape[0]] : a.shape;
  const [k2 = 0, n = 0] = transB ? [b.shape[1], b.shape[0]] : b.shape;
  if (k !== k2) fail(at, `the inner sides of [${a.shape}] and [${b.shape}] are ${k} and ${k2}`);
  return at.graph.add(at, {
    op: "Gemm",
    inputs: [a, b, bias],
    shape: [m, n],
    attributes: { transA: { int: Number(transA) }, transB: { int: Number(transB) } },
    flops: 2 * m * n * k,
  });
}

export interface ConvOptions {
  readonly stride?: number;
  /** top, left, bottom, right; default 0 */
  readonly padding?: readonly [number, number, number, number];
  /** A value of the result's shape, added to it in the same pass. */
  readonly residual?: Value | null;
}

/** x [1, in, h, w] ∗ weight [out, in, k, k] + bias [out] → [1, out, h', w'] */
export function conv2d(
  at: Site,
  x: Value,
  weight: Value,
  bias: Value | null,
  options: ConvOptions = {},
): Value {
  const { stride = 1, padding = [0, 0, 0, 0], residual = null } = options;
  const [n = 0, c = 0, h = 0, w = 0] = x.shape;
  const [out = 0, cIn = 0, kh = 0, kw = 0] = weight.shape;
  if (n !== 1 || c !== cIn) fail(at, `a convolution with weight [${weight.shape}] cannot take [${x.shape}]`);
  if (bias) expectShape(at, "the convolution's bias", bias, [out]);
  const [top, left, bottom, right] = padding;
  const h2 = Math.floor((h + top + bottom - kh) / stride) + 1;
  const w2 = Math.floor((w + left + right - kw) / stride) + 1;
  const shape = [1, out, h2, w2];
  if (residual) expectShape(at, "the convolution's residual", residual, shape);
  return at.graph.add(at, {
    // FusedConv is Conv with a fourth input that is added to the result.
    ...(residual ? { op: "FusedConv", domain: MICROSOFT } : { op: "Conv" }),
    inputs: [x, weight, bias, residual],
    shape,
    attributes: {
      kernel_shape: { ints: [kh, kw] },
      strides: { ints: [stride, stride] },
      pads: { ints: padding },
    },
    flops: 2 * h2 * w2 * out * c * kh * kw,
  });
}

/** Normalises over the last axis: x [n, width], weight and bias [width]. */
export function layerNorm(at: Site, x: Value, weight: Value, bias: Value, eps: number): Value {
  const width = x.shape.at(-1) ?? 0;
  expectShape(at, "LayerNorm's weight", weight, [width]);
  expectShape(at, "LayerNorm's bias", bias, [width]);
  return at.graph.add(at, {
    op: "LayerNormalization",
    inputs: [x, weight, bias],
    shape: x.shape,
    attributes: { axis: { int: -1 }, epsilon: { float: eps } },
  });
}

/** x [1, c, h, w], weight and bias [c, 1, 1]; channels are normalised in `groups` groups. */
export function groupNorm(
  at: Site,
  x: Value,
  weight: Value,
  bias: Value,
  groups: number,
  eps: number,
): Value {
  const [, c = 0] = x.shape;
  if (c % groups !== 0) fail(at, `${c} channels cannot be normalised in ${groups} groups`);
  expectShape(at, "GroupNorm's weight", weight, [c, 1, 1]);
  expectShape(at, "GroupNorm's bias", bias, [c, 1, 1]);
  const g = at.graph;
  const grouped = reshape(at, x, [1, groups, sizeOf(x.shape) / groups]);
  const normal = g.add(at, {
    op: "InstanceNormalization",
    inputs: [
      grouped,
      g.constant(new Float32Array(groups).fill(1), [groups]),
      g.constant(new Float32Array(groups), [groups]),
    ],
    shape: grouped.shape,
    attributes: { epsilon: { float: eps } },
  });
  return add(at, mul(at, reshape(at, normal, x.shape), weight), bias);
}

export interface AttentionOptions {
  readonly heads: number;
  /** A token sees itself and what comes before it. */
  readonly causal?: boolean;
  /** int32 [1, keys]: 1 where there is something to see, 0 where there is padding. */
  readonly keyMask?: Value;
}

/** softmax(q·kᵀ/√d)·v per head: q [tokens, width], k and v [keys, width] → [tokens, width] */
export function attention(at: Site, q: Value, k: Value, v: Value, options: AttentionOptions): Value {
  const [tokens = 0, width = 0] = q.shape;
  const [keys = 0] = k.shape;
  if (width % options.heads !== 0)
    fail(at, `a width of ${width} cannot be split into ${options.heads} heads`);
  expectShape(at, "attention's keys", k, [keys, width]);
  expectShape(at, "attention's values", v, [keys, width]);
  if (options.keyMask) expectShape(at, "attention's mask of keys", options.keyMask, [1, keys]);
  const result = at.graph.add(at, {
    op: "MultiHeadAttention",
    domain: MICROSOFT,
    inputs: [
      reshape(at, q, [1, tokens, width]),
      reshape(at, k, [1, keys, width]),
      reshape(at, v, [1, keys, width]),
      null,
      options.keyMask ?? null,
    ],
    shape: [1, tokens, width],
    attributes: {
      num_heads: { int: options.heads },
      ...(options.causal ? { unidirectional: { int: 1 } } : {}),
    },
    flops: 4 * tokens * keys * width,
  });
  return reshape(at, result, [tokens, width]);
}

/** Nearest-neighbour resize of x [1, c, h, w] to [1, c, height, width], as torch's interpolate(mode="nearest"). */
export function resizeNearest(at: Site, x: Value, height: number, width: number): Value {
  const [n = 0, c = 0] = x.shape;
  const shape = [n, c, height, width];
  return at.graph.add(at, {
    op: "Resize",
    inputs: [x, null, null, at.graph.ints(shape)],
    shape,
    attributes: {
      mode: { string: "nearest" },
      coordinate_transformation_mode: { string: "asymmetric" },
      nearest_mode: { string: "floor" },
    },
  });
}

/** Bicubic resize of x [1, c, h, w] to [1, c, height, width], as torch's interpolate(mode="bicubic") without antialiasing. */
export function resizeCubic(at: Site, x: Value, height: number, width: number): Value {
  const [n = 0, c = 0] = x.shape;
  const shape = [n, c, height, width];
  return at.graph.add(at, {
    op: "Resize",
    inputs: [x, null, null, at.graph.ints(shape)],
    shape,
    attributes: {
      mode: { string: "cubic" },
      coordinate_transformation_mode: { string: "half_pixel" },
      cubic_coeff_a: { float: -0.75 },
    },
  });
}
