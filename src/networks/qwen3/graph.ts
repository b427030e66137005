/**
 * Qwen3Model of transformers (models/qwen3/modeling_qwen3.py) as a text encoder: RMSNorm, attention in which several heads share keys and
 * values, queries and keys that are normalised and turned by their positions, and SwiGLU. Only the layers are built whose results are wanted.
 * In fp16 products and attention are fp16; what goes from layer to layer, norms and the feed-forward's gate are fp32, since some of their values are beyond half precision.
 */
import type { Needs, PlacedWeights } from "../../checkpoint/storage.ts";
import { attention } from "../../graph/attention.ts";
import { type Dialect, Graph, type Value } from "../../graph/graph.ts";
import { add, cast, concat, mul, reshape, silu } from "../../graph/ops.ts";
import { rmsNorm, rotary } from "../../graph/transformer-ops.ts";
import { rowLinear, shrunkLinear } from "../layers/row-linear.ts";
import { Scope, WeightReader } from "../layers/scope.ts";
import type { Qwen3Config } from "./config.ts";

export interface Qwen3Use {
  /** Tokens of a text, padding among them. */
  readonly tokens: number;
  /**
   * Whose results are wanted, in their order: 0 is what goes into the first layer, i what comes out of the i-th, and the number of all layers
   * what comes out of the final norm (as `output_hidden_states` of transformers numbers them).
   */
  readonly layers: readonly number[];
  /** Which of its layers are built, from and to (exclusive). Default: all that are needed. A part that does not begin with the first, and one that does not end with the last, hands over "x". */
  readonly part?: readonly [from: number, to: number];
}

/**
 * Inputs: embeddings [tokens, hidden]; mask int32 [1, tokens], 1 for a token of the text and 0 for padding, which comes after it.
 * Output: embeds [tokens, layers · hidden], the wanted results side by side. A part reads and writes x [tokens, hidden] between its layers and the others', and has of the wanted
 * results those of its own layers.
 */
export function buildQwen3(
  config: Qwen3Config,
  weights: PlacedWeights,
  use: Qwen3Use,
  dialect?: Dialect,
): Graph {
  const root = new Scope(new Graph("qwen3", dialect), new WeightReader(weights));
  qwen3(root, config, use);
  // That all of the tensors fit was found out when the checkpoint was read.
  if (use.part) root.reader.skip("");
  root.reader.finish();
  return root.graph;
}

/** What is to be made of the weights, and which are used as they are, for a precision other than fp32. */
export function qwen3Needs(config: Qwen3Config, weights: PlacedWeights, layers: Qwen3Use["layers"]): Needs {
  const { precision = "fp32" } = weights;
  const reader = new WeightReader(weights);
  qwen3(new Scope(new Graph("qwen3"), reader), config, { tokens: 1, layers });
  return { precision, derived: reader.derivations, plain: reader.plain };
}

/** How many layers have to run for the results of `layers`. */
export const layersNeeded = (layers: Qwen3Use["layers"]): number => Math.max(...layers);

function qwen3(s: Scope, config: Qwen3Config, use: Qwen3Use): void {
  const { tokens, layers, part: [from, to] = [0, layersNeeded(layers)] } = use;
  const g = s.graph;
  const { hidden_size: hidden, num_hidden_layers: all, rms_norm_eps: eps } = config;
  let x = g.input(from === 0 ? "embeddings" : "x", [tokens, hidden]);
  const context = { config, mask: g.input("mask", [1, tokens], "int32"), ...positions(s, config, tokens) };
  const results = new Map<number, Value>(from === 0 ? [[0, x]] : []);
  for (let i = from; i < to; i++) {
    x = decoderLayer(s.at("layers", i), x, context);
    results.set(i + 1, x);
  }
  if (to === all && layers.includes(all)) {
    results.set(all, rmsNorm(s, x, normWeight(s.at("norm"), hidden), eps));
  }
  const wanted = layers.filter((layer) => results.has(layer)).map((layer) => results.get(layer)!);
  if (wanted.length > 0) g.output("embeds", concat(s, wanted, 1));
  if (to < layersNeeded(layers)) g.output("x", x);
}

const normWeight = (s: Scope, width: number): Value => cast(s, s.parameter("weight", [width]), "float32");

export interface LayerContext {
  readonly config: Qwen3Config;
  /** int32 [1, tokens], 0 for padding; undefined where there is none, or all of it comes after what is read. */
  readonly mask?: Value;
  /** Of every token's angles, [tokens, head_dim / 2] each. */
  readonly cos: Value;
  readonly sin: Value;
}

/** By how much each pair of `width` values is turned from one place to the next, rounded as torch rounds it. */
export function rotaryFrequencies(theta: number, width: number): number[] {
  const frequency = (i: number) => Math.fround(1 / Math.fround(theta ** Math.fround((2 * i) / width)));
  return Array.from({ length: width / 2 }, (_, i) => frequency(i));
}

/** Cosines and sines of every token's angles, [tokens, head_dim / 2] each, rounded as torch rounds them. */
function positions({ graph }: Scope, { rope_theta: theta, head_dim: width }: Qwen3Config, tokens: number) {
  const half = width / 2;
  const frequencies = rotaryFrequencies(theta, width);
  const table = (of: (angle: number) => number) =>
    graph.constant(
      Float32Array.from({ length: tokens * half }, (_, i) =>
        of(Math.fround(Math.floor(i / half) * frequencies[i % half]!)),
      ),
      [tokens, half],
    );
  return { cos: table(Math.cos), sin: table(Math.sin) };
}

/** A decoder layer: x [tokens, hidden] → [tokens, hidden] */
export function decoderLayer(s: Scope, x: Value, context: LayerContext): Value {
  const { hidden_size: hidden, rms_norm_eps: eps } = context.config;
  const norm = (name: string, of: Value) =>
    cast(s, rmsNorm(s, of, normWeight(s.at(name), hidden), eps), s.float);
  const attended = add(s, x, attend(s.at("self_attn"), norm("input_layernorm", x), context));
  return add(s, attended, feedForward(s.at("mlp"), norm("post_attention_layernorm", attended), context));
}

/** Single channels of what is normalised are hundreds of times as large as the others. */
const ROTATED = { rotated: true };

function attend(s: Scope, x: Value, { config, mask, cos, sin }: LayerContext): Value {
  const { num_attention_heads: heads, num_key_value_heads: keyHeads, head_dim: width } = config;
  const [tokens = 0, hidden = 0] = x.shape;
  const options = { ...ROTATED, bias: config.attention_bias };
  const project = (name: string, count: number) => rowLinear(s.at(name), x, count * width, options);
  const turned = (name: string, of: Value, count: number) => {
    const heads = cast(s, reshape(s, of, [tokens * count, width]), "float32");
    const normal = rmsNorm(s, heads, normWeight(s.at(name), width), config.rms_norm_eps);
    const rows = reshape(s, normal, [tokens, count * width]);
    return cast(s, rotary(s, rows, cos, sin, { width, interleaved: false }), s.float);
  };
  const q = turned("q_norm", project("q_proj", heads), heads);
  const k = turned("k_norm", project("k_proj", keyHeads), keyHeads);
  const v = project("v_proj", keyHeads);
  const shared = (of: Value) => repeated(s, of, keyHeads, heads / keyHeads);
  const tokensOut = attention(s, q, shared(k), shared(v), { heads, causal: true, keyMask: mask });
  return cast(s, rowLinear(s.at("o_proj"), tokensOut, hidden, options), "float32");
}

/** x [n, heads · width], each head `times` times after the other → [n, heads · times · width] */
function repeated(s: Scope, x: Value, heads: number, times: number): Value {
  if (times === 1) return x;
  const g = s.graph;
  const [n = 0, all = 0] = x.shape;
  const shape = [n, heads, times, all / heads];
  const apart = reshape(s, x, [n, heads, 1, all / heads]);
  const expanded = g.add(s, { op: "Expand", inputs: [apart, g.ints(shape)], shape });
  return reshape(s, expanded, [n, times * all]);
}

function feedForward(s: Scope, x: Value, { config }: LayerContext): Value {
  const project = (name: string) =>
    cast(s, rowLinear(s.at(name), x, config.intermediate_size, ROTATED), "float32");
  const gate = silu(s, project("gate_proj"));
  const up = project("up_proj");
  return shrunkLinear(s.at("down_proj"), mul(s, gate, up), config.hidden_size, ROTATED);
}
