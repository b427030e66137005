/**
 * What a VAE is made of, in either layout: [1, c, h, w] in fp32, where a layer is an operator or two; [1, h, w, c] in the
 * faster precisions, where it goes through the picture in bands (banded-layers.ts).
 */

import type { Precision } from "../../checkpoint/derived.ts";
import type { Layout, Value } from "../../graph/graph.ts";
import { sizeOfPicture } from "../../graph/layout.ts";
import { conv2d as convOf, gemm, reshape, silu } from "../../graph/ops.ts";
import { conv2d, groupNorm, type Norm } from "../layers/layers.ts";
import * as plain from "../layers/resnet.ts";
import type { Scope } from "../layers/scope.ts";
import { convolution, halvingConvolution, normActivation } from "./banded-layers.ts";
import type { KlConfig } from "./config.ts";

/**
 * How a VAE computes in a model of that precision. int8's and int4's is fp32-fast's: what rounding a picture's values does is seen, and it is
 * hardly faster than Winograd's convolution (docs/decisions/0050-precision.md). fp16's is fp32's: Stable Diffusion's VAEs overflow.
 */
export function vaePrecision(precision: Precision): Precision {
  return precision === "int8" || precision === "int4" || precision === "fp32-fast" ? "fp32-fast" : "fp32";
}

/** Channels from which Winograd's convolution is faster: with fewer, its transforms take longer than what they save. */
const MIN_CHANNELS = 64;

/** Whether pixels are rows. */
export function vaeLayout({ block_out_channels: channels }: KlConfig, precision: Precision = "fp32"): Layout {
  return precision !== "fp32" && Math.min(...channels) >= MIN_CHANNELS ? "nhwc" : "nchw";
}

export interface BlockOptions {
  readonly groups: number;
  readonly eps: number;
  /** Of tiles, in [1, c, h, w] only. Default: groupNorm. */
  readonly norm?: Norm;
}

const inBands = (s: Scope) => s.graph.layout === "nhwc";

/** nn.Conv2d 3×3 */
export function conv(s: Scope, x: Value, out: number): Value {
  return inBands(s) ? convolution(s, x, out) : conv2d(s, x, out);
}

/** nn.Conv2d 1×1: the first `out` outputs of `all` */
export function conv1x1(s: Scope, x: Value, out: number, all = out): Value {
  const { channels: c, height, width } = sizeOfPicture(s, x);
  const bias = s.parameter("bias", [all], { as: [out] });
  const weight = (as: readonly number[]) => s.parameter("weight", [all, c, 1, 1], { as });
  if (!inBands(s)) return convOf(s, x, weight([out, c, 1, 1]), bias);
  const pixels = reshape(s, x, [height * width, c]);
  return reshape(s, gemm(s, pixels, weight([out, c]), { transB: true, bias }), [1, height, width, out]);
}

/** conv(silu(norm(x))): the first `out` outputs of `all` */
export function activatedConv(
  norm: Scope,
  s: Scope,
  x: Value,
  out: number,
  options: BlockOptions & { readonly all?: number },
): Value {
  const { norm: normed = groupNorm, groups, eps, all = out } = options;
  if (inBands(s)) return convolution(s, x, out, { before: normActivation(norm, x, options), all });
  const active = silu(s, normed(norm, x, groups, eps));
  if (all === out) return conv2d(s, active, out);
  const c = sizeOfPicture(s, x).channels;
  const weight = s.parameter("weight", [all, c, 3, 3], { as: [out, c, 3, 3] });
  return convOf(s, active, weight, s.parameter("bias", [all], { as: [out] }), { padding: [1, 1, 1, 1] });
}

export function resnetBlock(s: Scope, x: Value, out: number, options: BlockOptions): Value {
  if (!inBands(s)) return plain.resnetBlock(s, x, out, options);
  const h = activatedConv(s.at("norm1"), s.at("conv1"), x, out, options);
  // Before the second convolution, so that x is no longer needed when that has its bands and their concatenation in memory.
  const residual = sizeOfPicture(s, x).channels === out ? x : conv1x1(s.at("conv_shortcut"), x, out);
  const before = normActivation(s.at("norm2"), h, options);
  return convolution(s.at("conv2"), h, out, { before, residual });
}

export function downsample(s: Scope, x: Value): Value {
  return inBands(s) ? halvingConvolution(s.at("conv"), x) : plain.downsample(s, x, 0);
}

export function upsample(s: Scope, x: Value): Value {
  if (!inBands(s)) return plain.upsample(s, x);
  return convolution(s.at("conv"), x, sizeOfPicture(s, x).channels, { doubled: true });
}
