/** ResnetBlock2D, Downsample2D and Upsample2D of diffusers (models/resnet.py, downsampling.py, upsampling.py). */
import { conv2dOfDoubled } from "../../graph/doubled.ts";
import type { Value } from "../../graph/graph.ts";
import { fromChannelsFirst, sizeOfPicture, toChannelsFirst } from "../../graph/layout.ts";
import { add, gemm, reshape, resizeNearest, silu } from "../../graph/ops.ts";
import { conv2d, type Guard, groupNorm, type Norm } from "./layers.ts";
import type { Scope } from "./scope.ts";

export interface ResnetOptions {
  readonly groups: number;
  readonly eps: number;
  /** silu(time embedding) [1, width], for the UNet's blocks. */
  readonly time?: Value;
  /** Default: groupNorm. */
  readonly norm?: Norm;
}

/** A picture → one of `out` channels. */
export function resnetBlock(s: Scope, x: Value, out: number, options: ResnetOptions): Value {
  const { groups, eps, time, norm = groupNorm } = options;
  const { channels } = sizeOfPicture(s, x);
  // The time embedding is added per channel, so it goes into the convolution's bias instead of over the picture.
  const bias = time && timeBias(s, time, out);
  let h = silu(s, norm(s.at("norm1"), x, groups, eps));
  h = conv2d(s.at("conv1"), h, out, { bias });
  h = silu(s, norm(s.at("norm2"), h, groups, eps));
  if (channels === out) return conv2d(s.at("conv2"), h, out, { residual: x });
  const residual = conv2d(s.at("conv2"), h, out);
  return conv2d(s.at("conv_shortcut"), x, out, { kernel: 1, residual, guarded: true });
}

/** conv1.bias + time_emb_proj(silu(t)) → [out] */
function timeBias(s: Scope, time: Value, out: number): Value {
  const p = s.at("time_emb_proj");
  const width = time.shape[1] ?? 0;
  const weight = p.parameter("weight", [out, width]);
  const projected = gemm(p, time, weight, { transB: true, bias: p.parameter("bias", [out]) });
  return add(s, reshape(s, projected, [out]), s.at("conv1").parameter("bias", [out]));
}

/** Halves the size. The VAE (and downsample_padding 0) pads only right and below. */
export function downsample(s: Scope, x: Value, padding: 0 | 1, guard: Guard = {}): Value {
  const { channels } = sizeOfPicture(s, x);
  return conv2d(s.at("conv"), x, channels, {
    ...guard,
    stride: 2,
    padding: padding === 1 ? [1, 1, 1, 1] : [0, 0, 1, 1],
  });
}

/** Nearest-neighbour resize to `size` (twice its own by default), then a convolution. */
export function upsample(s: Scope, x: Value, size?: readonly [number, number], guard: Guard = {}): Value {
  const { batch, channels, height, width } = sizeOfPicture(s, x);
  const [h2, w2] = size ?? [2 * height, 2 * width];
  const conv = s.at("conv");
  const { layout, dialect } = s.graph;
  const doubles = h2 === 2 * height && w2 === 2 * width;
  const isPlain = batch === 1 && (layout === "nchw" || guard.guarded);
  if (doubles && isPlain && dialect === "fused" && height * width >= MANY_PIXELS) {
    const weight = conv.parameter("weight", [channels, channels, 3, 3]);
    const bias = conv.parameter("bias", [channels]);
    return fromChannelsFirst(s, conv2dOfDoubled(conv, toChannelsFirst(s, x), weight, bias));
  }
  return conv2d(conv, resizeNearest(s, x, h2, w2), channels, guard);
}

/** From here on it pays to sum the weights of a doubled picture's convolution in every run. */
const MANY_PIXELS = 256;
