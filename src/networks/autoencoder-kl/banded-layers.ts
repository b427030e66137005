/**
 * The layers of a VAE whose pixels are rows (layout "nhwc"): GroupNorm, SiLU and a convolution as one, in bands of the picture.
 * Weights are the checkpoint's own; what Winograd's convolution makes of them is made as the graph runs.
 */
import { type Activation, convolutionInBands, rowsOf } from "../../graph/convolution-in-bands.ts";
import type { Value } from "../../graph/graph.ts";
import { unfold } from "../../graph/layout.ts";
import { add, concat, gemm, mul, reshape, transpose } from "../../graph/ops.ts";
import type { Scope } from "../layers/scope.ts";

interface NormOptions {
  readonly groups: number;
  readonly eps: number;
}

/** silu(nn.GroupNorm(x)) for x [1, h, w, c], as a scale and a shift for each channel. */
export function normActivation(s: Scope, x: Value, { groups, eps }: NormOptions): Activation {
  const c = x.shape[3] ?? 0;
  const mean = ofGroups(s, meanOfPixels(s, x), groups);
  const centre = perChannel(s, mean, c);
  // Of what is centred: mean(x²) − mean(x)² loses digits where the mean is large.
  const squares = inBands(s, x, (part) => {
    const rest = binary(s, "Sub", part, centre);
    return meanOfRows(s, mul(s, rest, rest));
  });
  const variance = add(s, ofGroups(s, average(s, squares), groups), s.graph.constant([eps], [1]));
  const deviation = s.graph.add(s, { op: "Sqrt", inputs: [variance], shape: variance.shape });
  const scale = binary(s, "Div", s.parameter("weight", [c]), perChannel(s, deviation, c));
  return { scale, shift: binary(s, "Sub", s.parameter("bias", [c]), mul(s, centre, scale)) };
}

interface ConvOptions {
  readonly before?: Activation;
  readonly residual?: Value;
  readonly doubled?: boolean;
  /** Outputs that the layer has, of which only the first are computed. */
  readonly all?: number;
}

/** nn.Conv2d 3×3, padded to keep the size: x [1, h, w, c] → [1, h, w, out] */
export function convolution(s: Scope, x: Value, out: number, options: ConvOptions = {}): Value {
  const { all = out, ...rest } = options;
  const c = x.shape[3] ?? 0;
  const weight = s.parameter("weight", [all, c, 3, 3], { as: [out, c, 3, 3] });
  const bias = s.parameter("bias", [all], { as: [out] });
  return convolutionInBands(s, x, weight, bias, rest);
}

/**
 * nn.Conv2d 3×3 with stride 2, of even sides: x [1, h, w, c] → [1, h/2, w/2, c]
 *
 * @param padded "after": right and below; "around": on all sides, of which the right and lower ones are never seen
 */
export function halvingConvolution(
  s: Scope,
  x: Value,
  padded: "after" | "around" = "after",
  bias: Value | null = s.parameter("bias", [x.shape[3] ?? 0]),
): Value {
  const [, h = 0, w = 0, c = 0] = x.shape;
  const before = padded === "around" ? 1 : 0;
  const weight = reshape(s, s.parameter("weight", [c, c, 3, 3]), [c, c, 9]);
  const byPlace = reshape(s, transpose(s, weight, [0, 2, 1]), [c, 9 * c]);
  const [rows, columns] = [Math.floor(h / 2), Math.floor(w / 2)];
  const height = Math.max(1, Math.floor(BAND_BYTES / (36 * columns * c)));
  const picture = reshape(s, x, [h, w, c]);
  const bands: Value[] = [];
  for (let from = 0; from < rows; from += height) {
    const to = Math.min(rows, from + height);
    const [first, last] = [Math.max(0, 2 * from - before), Math.min(h, 2 * to + 1 - before)];
    const part = rowsOf(s, picture, first, last);
    const seen = unfold(s, reshape(s, part, [1, ...part.shape]), {
      kernel: 3,
      stride: 2,
      padding: [first - (2 * from - before), before, 2 * to + 1 - before - last, 1 - before],
    });
    bands.push(reshape(s, gemm(s, seen, byPlace, { transB: true, bias }), [1, to - from, columns, c]));
  }
  return joined(s, bands, 1);
}

/** Rows of a picture that stay in the cache while a few operations go over them. */
const BAND_BYTES = 8e6;

/** What `make` gives for each band [rows, w, c] of x [1, h, w, c], [rows, …], one after the other. */
function inBands(s: Scope, x: Value, make: (part: Value) => Value): Value {
  const [, h = 0, w = 0, c = 0] = x.shape;
  const height = Math.max(1, Math.floor(BAND_BYTES / (4 * w * c)));
  const picture = reshape(s, x, [h, w, c]);
  const bands: Value[] = [];
  for (let from = 0; from < h; from += height) {
    bands.push(make(rowsOf(s, picture, from, Math.min(h, from + height))));
  }
  return joined(s, bands, 0);
}

const joined = (s: Scope, bands: readonly Value[], axis: number) =>
  bands.length === 1 ? bands[0]! : concat(s, bands, axis);

/** x [1, h, w, c] → [1, 1, c] */
function meanOfPixels(s: Scope, x: Value): Value {
  return average(s, meanOfRows(s, reshape(s, x, x.shape.slice(1))));
}

/** x [h, w, c] → the mean of each row, [h, 1, c]. A product with a row of 1/w, at a multiple of a reduction's speed. */
function meanOfRows(s: Scope, x: Value): Value {
  const [h = 0, w = 0, c = 0] = x.shape;
  const row = s.graph.constant(new Float32Array(w).fill(1 / w), [1, 1, w]);
  return s.graph.add(s, { op: "MatMul", inputs: [row, x], shape: [h, 1, c] });
}

/** x [h, 1, c] → [1, 1, c] */
function average(s: Scope, x: Value): Value {
  const inputs = [x, s.graph.ints([0])];
  return s.graph.add(s, { op: "ReduceMean", inputs, shape: [1, 1, x.shape[2]!] });
}

/** Means of channels, [1, 1, c] → of groups, [groups, 1] */
function ofGroups(s: Scope, x: Value, groups: number): Value {
  const grouped = reshape(s, x, [groups, x.shape[2]! / groups]);
  return s.graph.add(s, { op: "ReduceMean", inputs: [grouped, s.graph.ints([1])], shape: [groups, 1] });
}

/** A value for each group, [groups, 1] → for each channel, [c] */
function perChannel(s: Scope, x: Value, c: number): Value {
  const shape = [x.shape[0]!, c / x.shape[0]!];
  return reshape(s, s.graph.add(s, { op: "Expand", inputs: [x, s.graph.ints(shape)], shape }), [c]);
}

function binary(s: Scope, op: "Sub" | "Div", a: Value, b: Value): Value {
  return s.graph.add(s, { op, inputs: [a, b], shape: a.shape });
}
