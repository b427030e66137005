/**
 * The operators that the models use, each in the form that ONNX Runtime's CPU provider runs fastest, or, in the plain
 * dialect, in one that its WebGPU provider gets right. Shapes are checked here; what a dimension means is written beside
 * each function.
 */
import { sizeOf } from "../tensor/tensor.ts";
import { broadcast, expectShape, fail, MICROSOFT, type Site, sameSize, type Value } from "./graph.ts";
import { DATA_TYPE, type FloatType } from "./onnx.ts";

export { resizeCubic, resizeNearest } from "./resize.ts";

export function add(at: Site, a: Value, b: Value): Value {
  return at.graph.add(at, { op: "Add", inputs: [a, b], shape: broadcast(at, a, b) });
}

export function mul(at: Site, a: Value, b: Value): Value {
  return at.graph.add(at, { op: "Mul", inputs: [a, b], shape: broadcast(at, a, b) });
}

/** x as another type of float; x itself where it is of that type. */
export function cast(at: Site, x: Value, type: FloatType): Value {
  if (x.type === type) return x;
  const attributes = { to: { int: DATA_TYPE[type] } };
  return at.graph.add(at, { op: "Cast", inputs: [x], shape: x.shape, type, attributes });
}

export function unary(at: Site, op: "Sin" | "Cos" | "Tanh" | "Relu", x: Value): Value {
  // A shader's sine is good within a turn, and a timestep of 999 is 159 turns.
  const isOfAngles = op === "Sin" || op === "Cos";
  const input = isOfAngles && at.graph.dialect === "plain" ? withinTurn(at, x) : x;
  return at.graph.add(at, { op, inputs: [input], shape: x.shape });
}

/** A whole turn, 2π, as a value of 8 bits, whose multiples are exact, and what is left. */
const TURN = [6.28125, 2 * Math.PI - 6.28125] as const;

/** x less its whole turns, the nearest number of them: from -π to π. */
function withinTurn(at: Site, x: Value): Value {
  const { graph } = at;
  const times = (v: Value, factor: number) => mul(at, v, graph.constant([factor], [1]));
  const nearest = add(at, times(x, 1 / (2 * Math.PI)), graph.constant([0.5], [1]));
  const turns = graph.add(at, { op: "Floor", inputs: [nearest], shape: x.shape });
  return TURN.reduce((rest, part) => add(at, rest, times(turns, -part)), x);
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

/** x with its axes put in another order; a matrix is turned over where none is given. */
export function transpose(at: Site, x: Value, order: readonly number[] = [1, 0]): Value {
  if (order.length !== x.shape.length)
    fail(at, `${order.length} axes of ${x.shape.length} cannot be put in order`);
  const shape = order.map((axis) => x.shape[axis]!);
  return at.graph.add(at, { op: "Transpose", inputs: [x], shape, attributes: { perm: { ints: order } } });
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

/** Pixels of every second row and column of a picture, from the first: its rows x [h·w, c] → [⌈h/2⌉·⌈w/2⌉, c] */
export function everySecondPixel(at: Site, x: Value, [h, w]: readonly [number, number]): Value {
  const g = at.graph;
  const [, c = 0] = x.shape;
  const [rows, columns] = [Math.ceil(h / 2), Math.ceil(w / 2)];
  const kept = g.add(at, {
    op: "Slice",
    inputs: [reshape(at, x, [h, w, c]), g.ints([0, 0]), g.ints([h, w]), g.ints([0, 1]), g.ints([2, 2])],
    shape: [rows, columns, c],
  });
  return reshape(at, kept, [rows * columns, c]);
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

/** top, left, bottom, right */
export type Padding = readonly [number, number, number, number];

export interface ConvOptions {
  readonly stride?: number;
  /** Default 0. */
  readonly padding?: Padding;
  /** A value of the result's shape, added to it in the same pass. */
  readonly residual?: Value | null;
  readonly relu?: boolean; // after the residual
}

/** x [b, in, h, w] ∗ weight [out, in, k, k] + bias [out] → [b, out, h', w'] */
export function conv2d(
  at: Site,
  x: Value,
  weight: Value,
  bias: Value | null,
  options: ConvOptions = {},
): Value {
  const { stride = 1, padding = [0, 0, 0, 0], residual = null, relu = false } = options;
  const [n = 0, c = 0, h = 0, w = 0] = x.shape;
  const [out = 0, cIn = 0, kh = 0, kw = 0] = weight.shape;
  if (c !== cIn) fail(at, `a convolution with weight [${weight.shape}] cannot take [${x.shape}]`);
  if (bias) expectShape(at, "the convolution's bias", bias, [out]);
  const [top, left, bottom, right] = padding;
  const h2 = Math.floor((h + top + bottom - kh) / stride) + 1;
  const w2 = Math.floor((w + left + right - kw) / stride) + 1;
  const shape = [n, out, h2, w2];
  if (residual) expectShape(at, "the convolution's residual", residual, shape);
  if (residual && at.graph.dialect === "plain") {
    const sum = add(at, conv2d(at, x, weight, bias, { stride, padding }), residual);
    return relu ? unary(at, "Relu", sum) : sum;
  }
  const y = at.graph.add(at, {
    // Conv with a fourth input that is added to the result, and an activation. The runtime itself joins Conv and Relu.
    ...(residual ? { op: "FusedConv", domain: MICROSOFT } : { op: "Conv" }),
    inputs: [x, weight, bias, residual],
    shape,
    attributes: {
      kernel_shape: { ints: [kh, kw] },
      strides: { ints: [stride, stride] },
      pads: { ints: padding },
      ...(residual && relu ? { activation: { string: "Relu" } } : {}),
    },
    flops: 2 * n * h2 * w2 * out * c * kh * kw,
  });
  return relu && !residual ? unary(at, "Relu", y) : y;
}

/** Every channel by itself: x [b, c, h, w] ∗ weight [c, 1, k, k] → [b, c, h', w'] */
export function depthwise(at: Site, x: Value, weight: Value, padding: Padding): Value {
  const [n = 0, c = 0, h = 0, w = 0] = x.shape;
  const [out = 0, one = 0, kh = 0, kw = 0] = weight.shape;
  if (out !== c || one !== 1)
    fail(at, `a depthwise convolution with weight [${weight.shape}] cannot take [${x.shape}]`);
  const [top, left, bottom, right] = padding;
  const shape = [n, c, h + top + bottom - kh + 1, w + left + right - kw + 1];
  return at.graph.add(at, {
    op: "Conv",
    inputs: [x, weight],
    shape,
    attributes: { kernel_shape: { ints: [kh, kw] }, pads: { ints: padding }, group: { int: c } },
    flops: 2 * n * c * shape[2]! * shape[3]! * kh * kw,
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
      g.constant(new Float32Array(groups).fill(1), [groups], x.type),
      g.constant(new Float32Array(groups), [groups], x.type),
    ],
    shape: grouped.shape,
    attributes: { epsilon: { float: eps } },
  });
  return add(at, mul(at, reshape(at, normal, x.shape), weight), bias);
}

/** The same where pixels are rows: x [b, pixels, c], weight and bias [c]. */
export function groupNormOfRows(
  at: Site,
  x: Value,
  weight: Value,
  bias: Value,
  groups: number,
  eps: number,
): Value {
  const [n = 0, pixels = 0, c = 0] = x.shape;
  if (c % groups !== 0) fail(at, `${c} channels cannot be normalised in ${groups} groups`);
  expectShape(at, "GroupNorm's weight", weight, [c]);
  expectShape(at, "GroupNorm's bias", bias, [c]);
  const g = at.graph;
  const grouped = [n, groups, c / groups];
  // A product with a row of 1/pixels is a mean over them, at a multiple of a reduction's speed.
  const average = g.constant(new Float32Array(pixels).fill(1 / pixels), [1, pixels]);
  const op = (name: string, a: Value, b: Value) =>
    g.add(at, { op: name, inputs: [a, b], shape: broadcast(at, a, b) });
  /** The mean over pixels and a group's channels → [b, groups, 1] */
  const mean = (of: Value) => {
    const ofChannel = g.add(at, { op: "MatMul", inputs: [average, of], shape: [n, 1, c] });
    return g.add(at, {
      op: "ReduceMean",
      inputs: [reshape(at, ofChannel, grouped), g.ints([2])],
      shape: [n, groups, 1],
    });
  };
  const perChannel = (ofGroup: Value) =>
    reshape(at, g.add(at, { op: "Expand", inputs: [ofGroup, g.ints(grouped)], shape: grouped }), [n, 1, c]);
  const centred = op("Sub", x, perChannel(mean(x)));
  // Of what is centred: mean(x²) − mean(x)² loses digits where the mean is large.
  const shifted = add(at, mean(mul(at, centred, centred)), g.constant([eps], [1]));
  const deviation = g.add(at, { op: "Sqrt", inputs: [shifted], shape: shifted.shape });
  return add(at, mul(at, centred, op("Div", reshape(at, weight, [1, 1, c]), perChannel(deviation))), bias);
}
