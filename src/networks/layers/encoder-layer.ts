/**
 * The pre-norm layer that CLIP's towers and the vision transformers of BLIP and DINO share: attention, then a
 * feed-forward, each added to what came in. Checkpoints differ in the names of its parts.
 */

import { attention } from "../../graph/attention.ts";
import type { Value } from "../../graph/graph.ts";
import { add, gelu, gemm, mul, quickGelu } from "../../graph/ops.ts";
import { layerNorm, linear } from "./layers.ts";
import type { Scope } from "./scope.ts";

/** The keys of transformers' configurations, so that any of them is one. */
export interface EncoderConfig {
  readonly hidden_size: number;
  readonly intermediate_size: number;
  readonly num_attention_heads: number;
  readonly hidden_act: "quick_gelu" | "gelu";
  readonly layer_norm_eps: number;
}

/** Module paths within a layer. */
export interface LayerNames {
  readonly norm1: string;
  /** Query, key and value: three matrices, or all in the rows of one. */
  readonly qkv: readonly [string, string, string] | string;
  readonly out: string;
  readonly norm2: string;
  readonly fc1: string;
  readonly fc2: string;
  /** What attention and feed-forward are multiplied with, channel by channel, before they are added (DINOv2). */
  readonly scales?: readonly [string, string];
}

export const CLIP_NAMES: LayerNames = {
  norm1: "layer_norm1",
  qkv: ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"],
  out: "self_attn.out_proj",
  norm2: "layer_norm2",
  fc1: "mlp.fc1",
  fc2: "mlp.fc2",
};

export interface LayerOptions {
  readonly causal?: boolean;
  /** Whether query, key and value have biases. Default true. */
  readonly qkvBias?: boolean;
}

/** x [tokens, width] → [tokens, width] */
export function encoderLayer(
  s: Scope,
  x: Value,
  config: EncoderConfig,
  names: LayerNames,
  options: LayerOptions = {},
): Value {
  const { hidden_size: width, layer_norm_eps: eps, num_attention_heads: heads } = config;
  const scaled = (value: Value, i: 0 | 1) =>
    names.scales ? mul(s, value, s.at(names.scales[i]).parameter("lambda1", [width])) : value;
  const [q, k, v] = project(s, layerNorm(s.at(names.norm1), x, eps), names.qkv, options.qkvBias ?? true);
  const attended = attention(s.at(names.out), q, k, v, { heads, causal: options.causal });
  const x1 = add(s, x, scaled(linear(s.at(names.out), attended, width), 0));
  const normed = layerNorm(s.at(names.norm2), x1, eps);
  const hidden = activate(s, linear(s.at(names.fc1), normed, config.intermediate_size), config.hidden_act);
  return add(s, x1, scaled(linear(s.at(names.fc2), hidden, width), 1));
}

export function activate(s: Scope, x: Value, act: EncoderConfig["hidden_act"]): Value {
  return act === "gelu" ? gelu(s, x) : quickGelu(s, x);
}

function project(s: Scope, x: Value, names: LayerNames["qkv"], bias: boolean): [Value, Value, Value] {
  const width = x.shape[1] ?? 0;
  const one = (i: 0 | 1 | 2): Value => {
    if (typeof names !== "string") return linear(s.at(names[i]), x, width, { bias });
    const all = s.at(names);
    const weight = all.parameter("weight", [3 * width, width], {
      as: [width, width],
      skip: i * width * width,
    });
    const part = bias ? all.parameter("bias", [3 * width], { as: [width], skip: i * width }) : null;
    return gemm(all, x, weight, { transB: true, bias: part });
  };
  return [one(0), one(1), one(2)];
}
