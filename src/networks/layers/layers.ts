/** torch's layers with the parameters they have in a checkpoint: Linear, Conv2d, GroupNorm, LayerNorm. */

import type { Value } from "../../graph/graph.ts";
import { fromChannelsFirst, sizeOfPicture, toChannelsFirst, unfold } from "../../graph/layout.ts";
import * as ops from "../../graph/ops.ts";
import { reshape } from "../../graph/ops.ts";
import { quantise, quantisedMatmul } from "../../graph/quantised.ts";
import { winograd } from "../../graph/winograd.ts";
import { sizeOf } from "../../tensor/tensor.ts";
import type { Scope } from "./scope.ts";

/** What int8 leaves in fp32, and no precision transforms: layers whose rounding would be seen, and those that are too small to matter. */
export interface Guard {
  readonly guarded?: boolean;
}

const rounds = (s: Scope, { guarded = false }: Guard) => s.precision === "int8" && !guarded;

/** nn.Linear: x [n, in] → [n, out] */
export function linear(s: Scope, x: Value, out: number, options: Guard & { bias?: boolean } = {}): Value {
  const bias = options.bias === false ? null : s.parameter("bias", [out]);
  return product(s, x, [out, x.shape[1] ?? 0], bias, options);
}

/** Outputs `rows`, from and to (exclusive), of an nn.Linear that has `all` of them: x [n, in] → [n, to − from] */
export function linearPart(s: Scope, x: Value, all: number, rows: readonly [number, number]): Value {
  const [from, to] = rows;
  const bias = s.parameter("bias", [all], { as: [to - from], skip: from });
  return product(s, x, [all, x.shape[1] ?? 0], bias, { rows });
}

interface ProductOptions extends Guard {
  /** Outputs that are meant, from and to (exclusive). Default: all. */
  readonly rows?: readonly [number, number];
}

/** x [n, in] · the weight of `shape`, [out, in] or [out, in, 1, 1], transposed → [n, out] */
function product(
  s: Scope,
  x: Value,
  shape: readonly number[],
  bias: Value | null,
  options: ProductOptions = {},
): Value {
  const [out = 0, width = 0] = shape;
  const { rows = [0, out] } = options;
  if (rounds(s, options)) {
    const [weight, scales] = s.derived("int8", "weight", shape, options.rows);
    return quantisedMatmul(s, quantise(s, x), weight!, scales!, bias);
  }
  const weight = s.parameter("weight", shape, { as: [rows[1] - rows[0], width], skip: rows[0] * width });
  return ops.gemm(s, x, weight, { transB: true, bias });
}

export interface Conv2dOptions extends ops.ConvOptions, Guard {
  readonly kernel?: number;
  /** In the place of the layer's own. */
  readonly bias?: Value;
}

/** nn.Conv2d with a square kernel, 3 by default, padded to keep the size. */
export function conv2d(s: Scope, x: Value, out: number, options: Conv2dOptions = {}): Value {
  const { kernel = 3, guarded, bias: given, ...rest } = options;
  const p = (kernel - 1) / 2;
  const padded = { padding: [p, p, p, p] as const, ...rest };
  if (s.graph.layout === "nhwc") return convRows(s, x, out, { ...padded, kernel, guarded, bias: given });
  const { channels: c, height: h, width: w } = sizeOfPicture(s, x);
  const shape = [out, c, kernel, kernel];
  const pixels = (h * w) / (rest.stride ?? 1) ** 2;
  if (given || !halves(s, out, pixels, c * kernel * kernel)) {
    return ops.conv2d(s, x, s.parameter("weight", shape), given ?? s.parameter("bias", [out]), padded);
  }
  // What is added is as large as the whole result, so no half may have it.
  const { residual, ...each } = padded;
  const middle = Math.ceil(out / 2);
  const parts = [
    [0, middle],
    [middle, out],
  ] as const;
  const filtered = parts.map(([from, to]) => {
    const as = [to - from, ...shape.slice(1)];
    const weight = s.parameter("weight", shape, { as, skip: from * sizeOf(shape.slice(1)) });
    return ops.conv2d(s, x, weight, s.parameter("bias", [out], { as: [to - from], skip: from }), each);
  });
  const whole = ops.concat(s, filtered, 1);
  return residual ? ops.add(s, whole, residual) : whole;
}

type PaddedConv = Conv2dOptions & { readonly kernel: number; readonly padding: ops.Padding };

/** The same where a picture's pixels are rows. */
function convRows(s: Scope, x: Value, out: number, options: PaddedConv): Value {
  const { kernel, stride = 1, padding, residual } = options;
  const { batch, channels, height, width } = sizeOfPicture(s, x);
  const shape = [out, channels, kernel, kernel];
  const bias = options.bias ?? s.parameter("bias", [out]);
  const summed = (y: Value) => (residual ? ops.add(s, y, residual) : y);
  const side = (n: number, before: number, after: number) =>
    Math.floor((n + before + after - kernel) / stride) + 1;
  const [top, left, bottom, right] = padding;
  const result = [batch, side(height, top, bottom), side(width, left, right), out];
  if (kernel === 1 && stride === 1) {
    return summed(reshape(s, product(s, rowsOf(s, x), shape, bias, options), result));
  }
  if (rounds(s, options)) {
    // Rounded before it is unfolded: a ninth of the work on a quarter of the bytes.
    const rounded = quantise(s, x);
    const seen = unfold(s, rounded.values, { kernel, stride, padding, outside: rounded.zero });
    const [weight, scales] = s.derived("int8", "weight", shape);
    return summed(
      reshape(s, quantisedMatmul(s, { ...rounded, values: seen }, weight!, scales!, bias), result),
    );
  }
  if (s.precision === "fp32-fast" && !options.guarded && kernel === 3 && stride === 1 && isEven(padding)) {
    const kind = s.made("weight", ["winograd4", "winograd2"]) ?? preferred(height, width);
    const weights = s.derived(kind, "weight", shape);
    return summed(winograd(s, x, weights, bias, kind === "winograd4" ? 4 : 2));
  }
  const first = toChannelsFirst(s, x);
  const y = ops.conv2d(s, first, s.parameter("weight", shape), bias, { stride, padding });
  return summed(fromChannelsFirst(s, y));
}

const isEven = (padding: ops.Padding) => padding.every((n) => n === 1);

/**
 * F(4×4) has the fewest products, F(2×2) less than half of its weights: in a small picture, reading those is what takes time. It is
 * settled for the size that a checkpoint was trained at, when its weights are made.
 */
function preferred(height: number, width: number): "winograd4" | "winograd2" {
  return height * width >= 32 * 32 ? "winograd4" : "winograd2";
}

/** Pictures [b, h, w, c] as [b·h·w, c] */
function rowsOf(s: Scope, x: Value): Value {
  const { batch, channels, height, width } = sizeOfPicture(s, x);
  return reshape(s, x, [batch * height * width, channels]);
}

/** Larger unrolled pictures are worth avoiding. */
const UNROLLED_BYTES = 32 << 20;

/**
 * Whether ONNX Runtime unrolls the whole picture into a matrix of [depth, pixels] for this convolution. It does so where
 * there are more filters than pixels; otherwise it goes through the picture in pieces that fit the cache.
 */
function unrolls(filters: number, pixels: number, depth: number): boolean {
  return filters > pixels && 4 * depth * pixels > UNROLLED_BYTES;
}

/** Whether a convolution in two halves of its filters is spared the unrolling; on a graphics card there is none. */
function halves(s: Scope, filters: number, pixels: number, depth: number): boolean {
  return (
    s.graph.dialect === "fused" &&
    unrolls(filters, pixels, depth) &&
    !unrolls(Math.ceil(filters / 2), pixels, depth)
  );
}

/** How a GroupNorm is computed: over what is there (groupNorm), or with the statistics of more than that (norms.ts). */
export type Norm = (s: Scope, x: Value, groups: number, eps: number) => Value;

/** nn.GroupNorm over a picture. */
export function groupNorm(s: Scope, x: Value, groups: number, eps: number): Value {
  const { batch, channels: c, height, width } = sizeOfPicture(s, x);
  const perChannel = (name: string, as: readonly number[]) => s.parameter(name, [c], { as });
  if (s.graph.layout === "nhwc") {
    const [weight, bias] = [perChannel("weight", [c]), perChannel("bias", [c])];
    const pixels = reshape(s, x, [batch, height * width, c]);
    return reshape(s, ops.groupNormOfRows(s, pixels, weight, bias, groups, eps), x.shape);
  }
  return ops.groupNorm(s, x, perChannel("weight", [c, 1, 1]), perChannel("bias", [c, 1, 1]), groups, eps);
}

/** nn.LayerNorm over x [n, width] */
export function layerNorm(s: Scope, x: Value, eps: number): Value {
  const width = x.shape[1] ?? 0;
  return ops.layerNorm(s, x, s.parameter("weight", [width]), s.parameter("bias", [width]), eps);
}

/**
 * A projection from pictures to tokens: x [1, c, h, w] → [h·w, out]. In a checkpoint it is a Linear or a 1×1 convolution;
 * either is one matrix product that reads x transposed, so that no transposition is ever computed.
 */
export function imageToTokens(s: Scope, x: Value, out: number, kind: "linear" | "conv"): Value {
  const { channels: c, height: h, width: w } = sizeOfPicture(s, x);
  const shape = kind === "conv" ? [out, c, 1, 1] : [out, c];
  const bias = s.parameter("bias", [out]);
  if (s.graph.layout === "nhwc") return product(s, rowsOf(s, x), shape, bias);
  const weight = s.parameter("weight", shape, { as: [out, c] });
  return ops.gemm(s, reshape(s, x, [c, h * w]), weight, { transA: true, transB: true, bias });
}

/** The way back: x [h·w, c] → a picture of `out` channels. */
export function tokensToImage(
  s: Scope,
  x: Value,
  out: number,
  size: readonly [number, number],
  kind: "linear" | "conv",
): Value {
  const c = x.shape[1] ?? 0;
  const shape = kind === "conv" ? [out, c, 1, 1] : [out, c];
  if (s.graph.layout === "nhwc") {
    const rows = product(s, x, shape, s.parameter("bias", [out]));
    return reshape(s, rows, [(x.shape[0] ?? 0) / (size[0] * size[1]), ...size, out]);
  }
  const weight = s.parameter("weight", shape, { as: [out, c] });
  const bias = s.parameter("bias", [out], { as: [out, 1] });
  return reshape(s, ops.gemm(s, weight, x, { transB: true, bias }), [1, out, ...size]);
}
