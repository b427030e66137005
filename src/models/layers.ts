/** torch's layers with the parameters they have in a checkpoint: Linear, Conv2d, GroupNorm, LayerNorm. */

import type { Value } from "../graph/graph.ts";
import * as ops from "../graph/ops.ts";
import { reshape } from "../graph/ops.ts";
import { sizeOf } from "../tensor/tensor.ts";
import type { Scope } from "./scope.ts";

/** nn.Linear: x [n, in] → [n, out] */
export function linear(s: Scope, x: Value, out: number, options: { bias?: boolean } = {}): Value {
  const width = x.shape[1] ?? 0;
  const bias = options.bias === false ? null : s.parameter("bias", [out]);
  return ops.gemm(s, x, s.parameter("weight", [out, width]), { transB: true, bias });
}

export interface Conv2dOptions extends ops.ConvOptions {
  readonly kernel?: number;
}

/** nn.Conv2d with a square kernel, 3 by default, padded to keep the size. */
export function conv2d(s: Scope, x: Value, out: number, options: Conv2dOptions = {}): Value {
  const { kernel = 3, ...rest } = options;
  const p = (kernel - 1) / 2;
  const [, c = 0, h = 0, w = 0] = x.shape;
  const shape = [out, c, kernel, kernel];
  const padded = { padding: [p, p, p, p] as const, ...rest };
  const pixels = (h * w) / (rest.stride ?? 1) ** 2;
  if (!unrolls(out, pixels, c * kernel * kernel) || unrolls(out / 2, pixels, c * kernel * kernel)) {
    return ops.conv2d(s, x, s.parameter("weight", shape), s.parameter("bias", [out]), padded);
  }
  const half = out / 2;
  const halves = [0, 1].map((i) => {
    const weight = s.parameter("weight", shape, {
      as: [half, ...shape.slice(1)],
      skip: (i * sizeOf(shape)) / 2,
    });
    return ops.conv2d(s, x, weight, s.parameter("bias", [out], { as: [half], skip: i * half }), padded);
  });
  return ops.concat(s, halves, 1);
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

/** How a GroupNorm is computed: over what is there (groupNorm), or with the statistics of more than that (norms.ts). */
export type Norm = (s: Scope, x: Value, groups: number, eps: number) => Value;

/** nn.GroupNorm over x [1, c, h, w] */
export function groupNorm(s: Scope, x: Value, groups: number, eps: number): Value {
  const c = x.shape[1] ?? 0;
  const perChannel = (name: string) => s.parameter(name, [c], { as: [c, 1, 1] });
  return ops.groupNorm(s, x, perChannel("weight"), perChannel("bias"), groups, eps);
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
  const [, c = 0, h = 0, w = 0] = x.shape;
  const weight = s.parameter("weight", kind === "conv" ? [out, c, 1, 1] : [out, c], { as: [out, c] });
  const bias = s.parameter("bias", [out]);
  return ops.gemm(s, reshape(s, x, [c, h * w]), weight, { transA: true, transB: true, bias });
}

/** The way back: x [h·w, c] → [1, out, h, w] */
export function tokensToImage(
  s: Scope,
  x: Value,
  out: number,
  size: readonly [number, number],
  kind: "linear" | "conv",
): Value {
  const c = x.shape[1] ?? 0;
  const weight = s.parameter("weight", kind === "conv" ? [out, c, 1, 1] : [out, c], { as: [out, c] });
  const bias = s.parameter("bias", [out], { as: [out, 1] });
  return reshape(s, ops.gemm(s, weight, x, { transB: true, bias }), [1, out, ...size]);
}
