/**
 * GroupNorm in a part of a picture, as if it had seen all of it. Mean and variance of a layer's groups, [groups, 1] each,
 * come out of one graph, which measures them on a sample of the picture, and go into another, which normalises a tile by
 * them and tells what the tile's own were. The variance includes the layer's eps everywhere.
 */
import type { Value } from "../../graph/graph.ts";
import { add, mul, reshape, resizeNearest } from "../../graph/ops.ts";
import type { Norm } from "../layers/layers.ts";
import type { Scope } from "../layers/scope.ts";

/**
 * GroupNorm over x [1, c, h, w] by its own mean + offset and its own variance · factor. Inputs "PATH.offset" and
 * "PATH.factor"; outputs "PATH.mean" and "PATH.variance", what it normalised by.
 */
export const sampledNorm: Norm = (s, x, groups, eps) => {
  const { graph: g, path } = s;
  const grouped = inGroups(s, x, groups);
  const mean = reduceMean(s, grouped);
  const rest = binary(s, "Sub", grouped, mean);
  const variance = add(s, reduceMean(s, mul(s, rest, rest)), g.constant([eps], [1]));
  const used = {
    mean: add(s, mean, g.input(`${path}.offset`, [groups, 1])),
    variance: mul(s, variance, g.input(`${path}.factor`, [groups, 1])),
  };
  g.output(`${path}.mean`, used.mean);
  g.output(`${path}.variance`, used.variance);
  return normalise(s, centre(s, x, used.mean), used.variance);
};

/**
 * GroupNorm over x [1, c, h, w] by the inputs "PATH.mean" and "PATH.variance". Outputs "PATH.first" and "PATH.second":
 * mean and mean square of x − mean over the tile, where pixels that are not kept count as 0.
 *
 * @param kept [1, 1, h / n, w / n]: 1 where a tile's results are kept, else 0
 */
export function givenNorm(kept: Value): Norm {
  const sizes = [kept];
  return (s, x, groups) => {
    const { graph: g, path } = s;
    const centred = centre(s, x, g.input(`${path}.mean`, [groups, 1]));
    const [, , height = 0, width = 0] = x.shape;
    let mask = sizes.find((value) => value.shape[2] === height);
    if (!mask) {
      mask = resizeNearest(s, kept, height, width);
      sizes.push(mask);
    }
    const inner = inGroups(s, mul(s, centred, mask), groups);
    g.output(`${path}.first`, reduceMean(s, inner));
    g.output(`${path}.second`, reduceMean(s, mul(s, inner, inner)));
    return normalise(s, centred, g.input(`${path}.variance`, [groups, 1]));
  };
}

function centre(s: Scope, x: Value, mean: Value): Value {
  return binary(s, "Sub", x, perChannel(s, mean, x));
}

/** weight · (x − mean) / √variance + bias */
function normalise(s: Scope, centred: Value, variance: Value): Value {
  const c = centred.shape[1]!;
  const parameter = (name: string) => s.parameter(name, [c], { as: [c, 1, 1] });
  const deviation = s.graph.add(s, { op: "Sqrt", inputs: [variance], shape: variance.shape });
  const scale = binary(s, "Div", parameter("weight"), perChannel(s, deviation, centred));
  return add(s, mul(s, centred, scale), parameter("bias"));
}

/** A value per group, [groups, 1] → the same per channel of x, [c, 1, 1] */
function perChannel(s: Scope, value: Value, x: Value): Value {
  const [groups = 0] = value.shape;
  const c = x.shape[1]!;
  const ones = s.graph.constant(new Float32Array(c).fill(1), [groups, c / groups]);
  return reshape(s, mul(s, value, ones), [c, 1, 1]);
}

function inGroups(s: Scope, x: Value, groups: number): Value {
  const [, c = 0, h = 0, w = 0] = x.shape;
  return reshape(s, x, [groups, (c / groups) * h * w]);
}

/** x [n, width] → [n, 1] */
function reduceMean(s: Scope, x: Value): Value {
  const inputs = [x, s.graph.ints([1])];
  return s.graph.add(s, { op: "ReduceMean", inputs, shape: [x.shape[0]!, 1] });
}

function binary(s: Scope, op: "Sub" | "Div", a: Value, b: Value): Value {
  return s.graph.add(s, { op, inputs: [a, b], shape: a.shape });
}
