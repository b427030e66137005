/**
 * The blocks of Flux2Transformer2DModel (diffusers, transformer_flux2.py). Double: text and pictures have weights of their own and attend together. Single: one sequence,
 * attention and feed-forward side by side from one product into one (ViT-22B, arXiv 2302.05442). Tokens are rows.
 *
 * Tokens between the blocks, modulations and norms are fp32 in every precision: their largest values are beyond what half precision holds. In fp16 products and attention are fp16.
 */

import { attention } from "../../graph/attention.ts";
import type { Value } from "../../graph/graph.ts";
import { add, cast, concat, mul, reshape, silu, sliceRows } from "../../graph/ops.ts";
import { modulatedLayerNorm, rmsNorm, rotary } from "../../graph/transformer-ops.ts";
import { rowLinear, shrunkLinear } from "../layers/row-linear.ts";
import type { Scope } from "../layers/scope.ts";
import { type Flux2TransformerConfig, innerOf, widthOf } from "./transformer-config.ts";

/** What moves a part of a block: x + gate · part((1 + scale) · LayerNorm(x) + shift). Each [width]. */
export interface Modulation {
  readonly shift: Value;
  readonly scale: Value;
  readonly gate: Value;
}

/** What every block needs besides its tokens. */
export interface Context {
  readonly config: Flux2TransformerConfig;
  /** Cosines and sines of all tokens' places, text first, [tokens, head / 2]. */
  readonly cos: Value;
  readonly sin: Value;
}

/** Text [texts, width] and pictures [pixels, width]. */
export interface Streams {
  readonly text: Value;
  readonly picture: Value;
}

/** Queries, keys and values of some tokens, queries and keys normed, [tokens, width] each. */
interface Projected {
  readonly q: Value;
  readonly k: Value;
  readonly v: Value;
}

/** What comes out of SwiGLU has a few channels that are far larger than the others. */
const ROTATED = { rotated: true };

const modulated = (s: Scope, x: Value, { scale, shift }: Modulation, { config }: Context): Value =>
  cast(s, modulatedLayerNorm(s, x, scale, shift, config.eps), s.float);

const gated = (s: Scope, x: Value, part: Value, { gate }: Modulation): Value => add(s, x, mul(s, part, gate));

/** RMSNorm over each head: x [tokens, width] */
function normed(s: Scope, x: Value, name: string, { config }: Context): Value {
  const [tokens = 0, width = 0] = x.shape;
  const { attention_head_dim: head, eps } = config;
  const heads = cast(s, reshape(s, x, [(tokens * width) / head, head]), "float32");
  const weight = cast(s, s.parameter(`${name}.weight`, [head]), "float32");
  return cast(s, reshape(s, rmsNorm(s, heads, weight, eps), x.shape), s.float);
}

/** Turned to their places, all tokens attend to all → [tokens, width] */
function attend(s: Scope, { q, k, v }: Projected, { config, cos, sin }: Context): Value {
  const turned = (x: Value) =>
    rotary(s, x, cos, sin, { width: config.attention_head_dim, interleaved: true });
  const [queries, keys] = [turned(q), turned(k)];
  return attention(s, queries, keys, v, { heads: config.num_attention_heads });
}

/** SwiGLU: σ-gated by the first half of what comes in: x [tokens, width] → fp32 [tokens, inner] */
function swiglu(s: Scope, x: Value, inner: number, from: number, all: number): Value {
  const half = (at: number) => cast(s, rowLinear(s, x, all, { rows: [at, at + inner] }), "float32");
  return mul(s, silu(s, half(from)), half(from + inner));
}

function feedForward(s: Scope, x: Value, { config }: Context): Value {
  const inner = innerOf(config);
  const hidden = swiglu(s.at("linear_in"), x, inner, 0, 2 * inner);
  return shrunkLinear(s.at("linear_out"), hidden, widthOf(config), ROTATED);
}

function projected(s: Scope, x: Value, names: readonly string[], norms: readonly string[], context: Context) {
  const [q, k, v] = names.map((name) => rowLinear(s.at(name), x, widthOf(context.config)));
  return { q: normed(s, q!, norms[0]!, context), k: normed(s, k!, norms[1]!, context), v: v! };
}

/** Modulations of a double block's attention and feed-forward, for each stream. */
export interface DoubleModulation {
  readonly text: readonly [Modulation, Modulation];
  readonly picture: readonly [Modulation, Modulation];
}

export function doubleBlock(s: Scope, x: Streams, by: DoubleModulation, context: Context): Streams {
  const a = s.at("attn");
  const [texts = 0] = x.text.shape;
  const text = modulated(s, x.text, by.text[0], context);
  const picture = modulated(s, x.picture, by.picture[0], context);
  const ofText = projected(
    a,
    text,
    ["add_q_proj", "add_k_proj", "add_v_proj"],
    ["norm_added_q", "norm_added_k"],
    context,
  );
  const ofPicture = projected(a, picture, ["to_q", "to_k", "to_v"], ["norm_q", "norm_k"], context);
  const both = (part: keyof Projected) => concat(a, [ofText[part], ofPicture[part]], 0);
  const attended = attend(a, { q: both("q"), k: both("k"), v: both("v") }, context);
  const [tokens = 0, width = 0] = attended.shape;
  const out = (name: string, from: number, to: number) =>
    cast(a, rowLinear(a.at(name), sliceRows(a, attended, from, to), width), "float32");
  const fed = (x: Value, part: Value, [first, second]: DoubleModulation["text"], name: string) => {
    const y = gated(s, x, part, first);
    return gated(s, y, feedForward(s.at(name), modulated(s, y, second, context), context), second);
  };
  return {
    text: fed(x.text, out("to_add_out", 0, texts), by.text, "ff_context"),
    picture: fed(x.picture, out("to_out.0", texts, tokens), by.picture, "ff"),
  };
}

/** x [tokens, width], text and pictures in one sequence */
export function singleBlock(s: Scope, x: Value, by: Modulation, context: Context): Value {
  const { config } = context;
  const a = s.at("attn");
  const [width, inner] = [widthOf(config), innerOf(config)];
  const all = 3 * width + 2 * inner;
  const normal = modulated(s, x, by, context);
  const into = a.at("to_qkv_mlp_proj");
  const [q, k, v] = [0, 1, 2].map((i) =>
    rowLinear(into, normal, all, { rows: [i * width, (i + 1) * width] }),
  );
  const heads = { q: normed(a, q!, "norm_q", context), k: normed(a, k!, "norm_k", context), v: v! };
  const attended = attend(a, heads, context);
  const fed = swiglu(into, normal, inner, 3 * width, all);
  const both = concat(a, [cast(a, attended, "float32"), fed], 1);
  return gated(s, x, shrunkLinear(a.at("to_out"), both, width, ROTATED), by);
}
