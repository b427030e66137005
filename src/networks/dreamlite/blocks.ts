/**
 * The blocks of DreamLiteUNetModel (diffusers, models/unets/unet_dreamlite.py and models/transformers/transformer_2d_dreamlite.py): residual blocks of separable convolutions
 * (MobileNetV2, arXiv 1801.04381), and transformer blocks whose heads share keys and values (arXiv 1911.02150).
 */

import { attention } from "../../graph/attention.ts";
import type { Value } from "../../graph/graph.ts";
import { fromChannelsFirst, sizeOfPicture, toChannelsFirst } from "../../graph/layout.ts";
import * as ops from "../../graph/ops.ts";
import { add, concat, gelu, gemm, mul, reshape, silu, sliceRows } from "../../graph/ops.ts";
import { rmsNorm } from "../../graph/transformer-ops.ts";
import { groupNorm, imageToTokens, layerNorm, tokensToImage } from "../layers/layers.ts";
import { resnetBlock } from "../layers/resnet.ts";
import { rowLinear } from "../layers/row-linear.ts";
import type { Scope } from "../layers/scope.ts";
import { plainLinear } from "../layers/tokens.ts";
import type { Attends, DreamLiteUNetConfig } from "./unet-config.ts";

/** Of attention's norms (Attention of diffusers), of transformers' GroupNorm and LayerNorm. */
const [QK_EPS, GROUP_EPS, LAYER_EPS] = [1e-5, 1e-6, 1e-5];

/** What every block needs besides its picture. */
export interface Context {
  readonly config: DreamLiteUNetConfig;
  /** silu of the embedded time, [1, width] */
  readonly time: Value;
  /** [tokens, width] */
  readonly text: Value;
  /** int32 [1, tokens], 0 for padding */
  readonly mask: Value;
}

/** Pictures as rows: [1, h, w, c] → [h·w, c] */
function rowsOf(s: Scope, x: Value): Value {
  const { channels, height, width } = sizeOfPicture(s, x);
  return reshape(s, x, [height * width, channels]);
}

/** nn.Conv2d of one pixel: a product of rows where pixels are rows. */
function pointwise(s: Scope, x: Value, out: number, bias: Value | null, residual?: Value): Value {
  const { channels, height, width } = sizeOfPicture(s, x);
  if (s.graph.layout === "nchw") {
    return ops.conv2d(s, x, s.parameter("weight", [out, channels, 1, 1]), bias, { residual });
  }
  const made = rowLinear(s, rowsOf(s, x), out, { kernel: true, bias: bias ?? undefined });
  const picture = reshape(s, made, [1, height, width, out]);
  return residual ? add(s, picture, residual) : picture;
}

/** A 3 × 3 convolution of each channel by itself. */
function depthwise(s: Scope, x: Value): Value {
  const { channels } = sizeOfPicture(s, x);
  const weight = s.parameter("weight", [channels, 1, 3, 3]);
  const y = ops.depthwise(s, toChannelsFirst(s, x), weight, [1, 1, 1, 1]);
  return fromChannelsFirst(s, y);
}

/** ResnetBlock2DDreamLite: a picture → one of `out` channels; between its two convolutions it has twice as many. */
export function residual(s: Scope, x: Value, out: number, context: Context): Value {
  const { config, time } = context;
  const { norm_num_groups: groups, norm_eps: eps } = config;
  if (!config.use_sep_conv) return resnetBlock(s, x, out, { groups, eps, time });
  const inner = 2 * out;
  const { channels } = sizeOfPicture(s, x);
  const p = s.at("time_emb_proj");
  const weight = p.parameter("weight", [inner, time.shape[1] ?? 0]);
  // The time is added per channel, so it is the bias that the convolution has not.
  const told = gemm(p, time, weight, { transB: true, bias: p.parameter("bias", [inner]) });
  const first = depthwise(s.at("conv1", "depthwise"), silu(s, groupNorm(s.at("norm1"), x, groups, eps)));
  const wide = pointwise(s.at("conv1", "pointwise"), first, inner, reshape(s, told, [inner]));
  const second = depthwise(s.at("conv2", "depthwise"), silu(s, groupNorm(s.at("norm2"), wide, groups, eps)));
  const shortcut = s.at("conv_shortcut");
  const same = channels === out ? x : pointwise(shortcut, x, out, shortcut.parameter("bias", [out]));
  return pointwise(s.at("conv2", "pointwise"), second, out, null, same);
}

/** DreamLiteTransformer2DModel: `blocks` transformer blocks over a picture's pixels → a picture of x's shape. */
export function transformer(
  s: Scope,
  x: Value,
  attends: Exclude<Attends, "no">,
  heads: number,
  blocks: number,
  context: Context,
): Value {
  const { config } = context;
  const { channels, height, width } = sizeOfPicture(s, x);
  const kind = config.use_linear_projection ? "linear" : "conv";
  const isRows = s.graph.layout === "nhwc";
  const normal = groupNorm(s.at("norm"), x, config.norm_num_groups, GROUP_EPS);
  const options = { kernel: kind === "conv", bias: true };
  let tokens = isRows
    ? rowLinear(s.at("proj_in"), rowsOf(s, normal), channels, options)
    : imageToTokens(s.at("proj_in"), normal, channels, kind);
  for (let i = 0; i < blocks; i++) {
    tokens = block(s.at("transformer_blocks", i), tokens, attends, heads, context);
  }
  const made = isRows
    ? reshape(s, rowLinear(s.at("proj_out"), tokens, channels, options), x.shape)
    : tokensToImage(s.at("proj_out"), tokens, channels, [height, width], kind);
  return add(s, made, x);
}

/** BasicTransformerBlockDreamLite. One without self-attention goes on from its first norm, not from what came in. */
function block(s: Scope, x: Value, attends: "text" | "both", heads: number, context: Context): Value {
  const { config } = context;
  const first = layerNorm(s.at("norm1"), x, LAYER_EPS);
  const seen = attends === "both" ? add(s, x, attend(s.at("attn1"), first, heads, context)) : first;
  const second = layerNorm(s.at("norm2"), seen, LAYER_EPS);
  const read = add(s, seen, attend(s.at("attn2"), second, heads, context, true));
  return inPieces(s, read, (rows) => {
    const third = layerNorm(s.at("norm3"), rows, LAYER_EPS);
    return add(s, rows, feedForward(s.at("ff", "net"), third, config.ff_mult));
  });
}

/** The feed-forward's hidden values are twelve times as large as its input: so many tokens at a time stay in cache. */
const ROWS = 1024;

function inPieces(s: Scope, x: Value, work: (rows: Value) => Value): Value {
  const [n = 0] = x.shape;
  const pieces = Math.floor(n / ROWS);
  if (pieces < 2) return work(x);
  const bound = (i: number) => Math.round((i * n) / pieces);
  return concat(
    s,
    Array.from({ length: pieces }, (_, i) => work(sliceRows(s, x, bound(i), bound(i + 1)))),
    0,
  );
}

/** Each token x [n, width] looks at all tokens, or at the text. */
function attend(s: Scope, x: Value, heads: number, context: Context, readsText = false): Value {
  const { config, text, mask } = context;
  const { num_kv_heads: kv, qk_norm } = config;
  const [n = 0, width = 0] = x.shape;
  const head = width / heads;
  const shared = kv ?? heads;
  const normed = (name: string, of: Value) => {
    if (qk_norm === null) return of;
    const [rows = 0, all = 0] = of.shape;
    const each = reshape(s, of, [(rows * all) / head, head]);
    return reshape(s, rmsNorm(s, each, s.at(name).parameter("weight", [head]), QK_EPS), of.shape);
  };
  const q = normed("norm_q", rowLinear(s.at("to_q"), x, width));
  // A text is few tokens, and single values of it are far larger than the rest: nothing to gain there, and much to lose.
  const project = (name: string) =>
    readsText ? plainLinear(s.at(name), text, shared * head) : rowLinear(s.at(name), x, shared * head);
  const [k, v] = [normed("norm_k", project("to_k")), project("to_v")];
  const attended = byGroups(s, [q, k, v], heads, shared, readsText ? mask : undefined);
  return rowLinear(s.at("to_out", 0), reshape(s, attended, [n, width]), width, { bias: true });
}

/**
 * q [n, heads · d], k and v [m, shared · d]. With one key and value for all heads every head of every token is a query of its own, and nothing is repeated.
 */
function byGroups(
  s: Scope,
  [q, k, v]: readonly [Value, Value, Value],
  heads: number,
  shared: number,
  keyMask: Value | undefined,
): Value {
  const [n = 0, width = 0] = q.shape;
  if (shared === heads) return attention(s, q, k, v, { heads, keyMask });
  if (shared === 1) {
    const queries = reshape(s, q, [n * heads, width / heads]);
    return reshape(s, attention(s, queries, k, v, { heads: 1, keyMask }), [n, width]);
  }
  const repeated = (x: Value) => {
    const [m = 0, all = 0] = x.shape;
    const shape = [m, shared, heads / shared, all / shared];
    const apart = reshape(s, x, [m, shared, 1, all / shared]);
    const expanded = s.graph.add(s, { op: "Expand", inputs: [apart, s.graph.ints(shape)], shape });
    return reshape(s, expanded, [m, width]);
  };
  return attention(s, q, repeated(k), repeated(v), { heads, keyMask });
}

/** GEGLU, whose two halves are one matrix in the checkpoint: value in the upper rows, its gates in the lower. */
function feedForward(s: Scope, x: Value, times: number): Value {
  const width = x.shape[1] ?? 0;
  const inner = times * width;
  const p = s.at(0, "proj");
  const part = (from: number) => rowLinear(p, x, 2 * inner, { bias: true, rows: [from, from + inner] });
  const gates = gelu(p, part(inner));
  return rowLinear(s.at(2), mul(p, gates, part(0)), width, { bias: true, rotated: true });
}
