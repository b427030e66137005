/** Operators of transformers over tokens, each as ONNX Runtime's fused one: several times faster than by its parts. */
import { expectShape, fail, MICROSOFT, type Site, type Value } from "./graph.ts";
import { add, reshape } from "./ops.ts";

/** x / √(mean(x²) + eps) · weight over each head: x [tokens, heads · d], weight [d] (Zhang and Sennrich, arXiv 1910.07467) */
export function rmsNormOfHeads(at: Site, x: Value, weight: Value, eps: number): Value {
  const [tokens = 0, width = 0] = x.shape;
  const [d = 0] = weight.shape;
  if (width % d !== 0) fail(at, `a width of ${width} has no heads of ${d}`);
  const shape = [(tokens * width) / d, d];
  const normal = at.graph.add(at, {
    op: "SimplifiedLayerNormalization",
    inputs: [reshape(at, x, shape), weight],
    shape,
    attributes: { axis: { int: -1 }, epsilon: { float: eps } },
  });
  return reshape(at, normal, x.shape);
}

/** Turns each pair of neighbouring values of each head: x [tokens, heads · d], cos and sin [tokens, d / 2] (arXiv 2104.09864) */
export function rotatePairs(at: Site, x: Value, cos: Value, sin: Value): Value {
  const [tokens = 0, width = 0] = x.shape;
  const [, pairs = 0] = cos.shape;
  expectShape(at, "the cosines of the positions", cos, [tokens, pairs]);
  expectShape(at, "the sines of the positions", sin, [tokens, pairs]);
  const shape = [1, tokens, width];
  const turned = at.graph.add(at, {
    op: "RotaryEmbedding",
    domain: MICROSOFT,
    // Positions follow one another from the first.
    inputs: [reshape(at, x, shape), at.graph.ints([0]), cos, sin],
    shape,
    attributes: { interleaved: { int: 1 } },
  });
  return reshape(at, turned, [tokens, width]);
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
