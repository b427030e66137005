/** Transformer2DModel and BasicTransformerBlock of diffusers (models/transformers/transformer_2d.py, attention.py). */

import { attention } from "../../graph/attention.ts";
import type { Value } from "../../graph/graph.ts";
import { sizeOfPicture } from "../../graph/layout.ts";
import { add, concat, everySecondPixel, gelu, mul, sliceRows } from "../../graph/ops.ts";
import { groupNorm, imageToTokens, layerNorm, linear, linearPart, tokensToImage } from "../layers/layers.ts";
import type { Scope } from "../layers/scope.ts";

const GROUP_NORM_EPS = 1e-6;
const LAYER_NORM_EPS = 1e-5;

export interface TransformerOptions {
  readonly heads: number;
  readonly layers: number;
  readonly groups: number;
  readonly linearProjection: boolean;
  readonly onlyCrossAttention: boolean;
  /** From so many pixels on, self-attention looks at those of every second row and column alone (see UNetShape). Default: never. */
  readonly keysFrom?: number;
}

/** A picture x, text [tokens, d] → a picture of x's shape. */
export function transformer2d(s: Scope, x: Value, text: Value, options: TransformerOptions): Value {
  const { channels: c, height: h, width: w } = sizeOfPicture(s, x);
  const width = options.heads * Math.floor(c / options.heads);
  const kind = options.linearProjection ? "linear" : "conv";
  const normed = groupNorm(s.at("norm"), x, options.groups, GROUP_NORM_EPS);
  let tokens = imageToTokens(s.at("proj_in"), normed, width, kind);
  for (let i = 0; i < options.layers; i++) {
    tokens = block(s.at("transformer_blocks", i), tokens, text, options, [h, w]);
  }
  return add(s, tokensToImage(s.at("proj_out"), tokens, c, [h, w], kind), x);
}

function block(
  s: Scope,
  x: Value,
  text: Value,
  options: TransformerOptions,
  size: readonly [number, number],
): Value {
  const { heads, onlyCrossAttention, keysFrom = Number.POSITIVE_INFINITY } = options;
  const n1 = layerNorm(s.at("norm1"), x, LAYER_NORM_EPS);
  const seen = () => (size[0] * size[1] >= keysFrom ? everySecondPixel(s, n1, size) : n1);
  const context = onlyCrossAttention ? text : seen();
  const x1 = add(s, x, attend(s.at("attn1"), n1, context, heads, !onlyCrossAttention));
  const n2 = layerNorm(s.at("norm2"), x1, LAYER_NORM_EPS);
  const x2 = add(s, x1, attend(s.at("attn2"), n2, text, heads, false));
  return inPieces(s, x2, (rows) => {
    const n3 = layerNorm(s.at("norm3"), rows, LAYER_NORM_EPS);
    return add(s, rows, feedForward(s.at("ff", "net"), n3));
  });
}

/**
 * What is done to each token alone is done to so many at a time: the feed-forward's hidden values are eight times as
 * large as its input, and at 512 px they would be in memory and not in cache otherwise.
 */
const ROWS = 1024;

function inPieces(s: Scope, x: Value, work: (rows: Value) => Value): Value {
  const n = x.shape[0] ?? 0;
  const pieces = Math.floor(n / ROWS);
  if (pieces < 2) return work(x);
  const bound = (i: number) => Math.round((i * n) / pieces);
  const parts = Array.from({ length: pieces }, (_, i) => work(sliceRows(s, x, bound(i), bound(i + 1))));
  return concat(s, parts, 0);
}

/** Each of x looks at the context, which is the picture itself or a text. */
function attend(s: Scope, x: Value, context: Value, heads: number, itself: boolean): Value {
  const width = x.shape[1] ?? 0;
  const q = linear(s.at("to_q"), x, width, { bias: false });
  // A text is few tokens, and single values of it are far larger than the rest: nothing to gain there, and much to lose.
  const options = { bias: false, guarded: !itself };
  const k = linear(s.at("to_k"), context, width, options);
  const v = linear(s.at("to_v"), context, width, options);
  return linear(s.at("to_out", 0), attention(s, q, k, v, { heads }), width);
}

/** GEGLU, whose two halves are one matrix in the checkpoint: value in the upper rows, its gates in the lower. */
function feedForward(s: Scope, x: Value): Value {
  const width = x.shape[1] ?? 0;
  const inner = 4 * width;
  const p = s.at(0, "proj");
  const gates = gelu(p, linearPart(p, x, 2 * inner, [inner, 2 * inner]));
  return linear(s.at(2), mul(p, gates, linearPart(p, x, 2 * inner, [0, inner])), width);
}
