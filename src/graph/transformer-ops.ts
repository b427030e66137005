/** What the transformers of language models and of the editors after 2023 have besides the operators of ops.ts. */
import { expectShape, fail, MICROSOFT, type Site, type Value } from "./graph.ts";
import { add, concat, mul, reshape, unary } from "./ops.ts";

/** RMSNorm over the last axis, weight · x / √(mean(x²) + eps): x [n, width], weight [width] */
export function rmsNorm(at: Site, x: Value, weight: Value, eps: number): Value {
  const g = at.graph;
  expectShape(at, "RMSNorm's weight", weight, [x.shape.at(-1) ?? 0]);
  if (g.dialect === "fused") {
    return g.add(at, {
      // ONNX Runtime's, in the standard's own domain; ONNX's RMSNormalization came with a later operator set.
      op: "SimplifiedLayerNormalization",
      inputs: [x, weight],
      shape: x.shape,
      attributes: { axis: { int: -1 }, epsilon: { float: eps } },
    });
  }
  const shape = [...x.shape.slice(0, -1), 1];
  const squares = g.add(at, {
    op: "ReduceMean",
    inputs: [mul(at, x, x), g.ints([x.shape.length - 1])],
    shape,
  });
  const root = g.add(at, { op: "Sqrt", inputs: [add(at, squares, g.constant([eps], [1], x.type))], shape });
  const normal = g.add(at, { op: "Div", inputs: [x, root], shape: x.shape });
  return mul(at, normal, weight);
}

export interface RotaryOptions {
  /** Width of a head; cos and sin have half of it. */
  readonly width: number;
  /** Whether a pair that is turned is two neighbours, as in FLUX; else it is one value of a head's first half and one of its second, as in Qwen. */
  readonly interleaved: boolean;
}

/**
 * Rotary position embedding (arXiv 2104.09864): every pair of a head's values is turned by its token's angle.
 * x [n, heads · width]; cos and sin [n, width / 2] → [n, heads · width]
 */
export function rotary(at: Site, x: Value, cos: Value, sin: Value, options: RotaryOptions): Value {
  const { width, interleaved } = options;
  const [n = 0, all = 0] = x.shape;
  const g = at.graph;
  if (all % width !== 0 || width % 2 !== 0)
    fail(at, `[${x.shape}] cannot be turned in heads of ${width} values`);
  expectShape(at, "the cosines", cos, [n, width / 2]);
  expectShape(at, "the sines", sin, [n, width / 2]);
  if (g.dialect === "fused") {
    const turned = g.add(at, {
      op: "RotaryEmbedding",
      domain: MICROSOFT,
      // Tables have a row for each token, in their order: the first is at 0.
      inputs: [reshape(at, x, [1, n, all]), g.ints([0]), cos, sin],
      shape: [1, n, all],
      attributes: { interleaved: { int: Number(interleaved) } },
    });
    return reshape(at, turned, x.shape);
  }
  const heads = all / width;
  const half = width / 2;
  // The pair's two values, along an axis of their own.
  const [split, axis] = interleaved ? [[n, heads, half, 2], 3] : [[n, heads, 2, half], 2];
  const pairs = reshape(at, x, split);
  const member = (i: number) =>
    g.add(at, {
      op: "Slice",
      inputs: [pairs, g.ints([i]), g.ints([i + 1]), g.ints([axis])],
      shape: split.map((side, j) => (j === axis ? 1 : side)),
    });
  const [first, second] = [member(0), member(1)];
  const table = (of: Value) => reshape(at, of, interleaved ? [n, 1, half, 1] : [n, 1, 1, half]);
  const [c, s] = [table(cos), table(sin)];
  const minus = g.add(at, {
    op: "Sub",
    inputs: [mul(at, first, c), mul(at, second, s)],
    shape: first.shape,
  });
  const plus = add(at, mul(at, second, c), mul(at, first, s));
  return reshape(at, concat(at, [minus, plus], axis), x.shape);
}

/** LayerNorm without parameters of its own, then (1 + scale) · x + shift: x [tokens, width], scale and shift [width] */
export function modulatedLayerNorm(at: Site, x: Value, scale: Value, shift: Value, eps: number): Value {
  const width = x.shape.at(-1) ?? 0;
  expectShape(at, "the modulation's scale", scale, [width]);
  expectShape(at, "the modulation's shift", shift, [width]);
  return at.graph.add(at, {
    op: "LayerNormalization",
    inputs: [x, add(at, scale, at.graph.constant([1], [1], scale.type)), shift],
    shape: x.shape,
    attributes: { axis: { int: -1 }, epsilon: { float: eps } },
  });
}

/** GELU by a hyperbolic tangent (gelu_pytorch_tanh): x/2 · (1 + tanh(√(2/π) · (x + 0.044715 · x³))) */
export function geluTanh(at: Site, x: Value): Value {
  const g = at.graph;
  if (g.dialect === "fused") {
    const attributes = { approximate: { string: "tanh" } };
    return g.add(at, { op: "Gelu", inputs: [x], shape: x.shape, attributes });
  }
  const constant = (value: number) => g.constant([value], [1], x.type);
  const cube = mul(at, mul(at, x, x), x);
  const inner = mul(at, add(at, x, mul(at, cube, constant(0.044715))), constant(Math.sqrt(2 / Math.PI)));
  return mul(at, mul(at, x, constant(0.5)), add(at, unary(at, "Tanh", inner), constant(1)));
}
