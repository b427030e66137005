/**
 * The text of Qwen3-VL (Qwen3VLTextModel of transformers): Qwen3's layers, whose positions have three axes, and after the first of which a picture's features are added. What
 * does not depend on the number of tokens alone is an input, so one graph serves every picture.
 */
import type { Needs, PlacedWeights } from "../../checkpoint/storage.ts";
import { type Dialect, Graph } from "../../graph/graph.ts";
import { add } from "../../graph/ops.ts";
import { rmsNorm } from "../../graph/transformer-ops.ts";
import { Scope, WeightReader } from "../layers/scope.ts";
import { decoderLayer } from "../qwen3/graph.ts";
import type { Qwen3VlTextConfig } from "./config.ts";

export interface TextUse {
  readonly tokens: number;
  /** How many of the first layers get features; 0 where there is no picture. */
  readonly added: number;
}

/** Input that is added after the i-th layer. */
export const addedName = (i: number): string => `added.${i}`;

/**
 * Inputs: embeddings [tokens, hidden], the picture's features among them; cos and sin [tokens, head_dim / 2]; added.0, added.1, … [tokens, hidden], zero where there is no
 * picture. A token sees those before it. Output: hidden [tokens, hidden], after the final norm.
 */
export function buildText(
  config: Qwen3VlTextConfig,
  weights: PlacedWeights,
  use: TextUse,
  dialect?: Dialect,
): Graph {
  const root = new Scope(new Graph("qwen3_vl_text", dialect), new WeightReader(weights));
  text(root, config, use);
  root.reader.finish();
  return root.graph;
}

/** What is to be made of the weights, and which are used as they are, for a precision other than fp32. */
export function textNeeds(config: Qwen3VlTextConfig, weights: PlacedWeights): Needs {
  const { precision = "fp32" } = weights;
  const reader = new WeightReader(weights);
  text(new Scope(new Graph("qwen3_vl_text"), reader), config, { tokens: 1, added: 0 });
  return { precision, derived: reader.derivations, plain: reader.plain };
}

function text(s: Scope, config: Qwen3VlTextConfig, { tokens, added }: TextUse): void {
  const g = s.graph;
  const { hidden_size: hidden, num_hidden_layers: all, head_dim: head, rms_norm_eps: eps } = config;
  let x = g.input("embeddings", [tokens, hidden]);
  const context = {
    config,
    cos: g.input("cos", [tokens, head / 2]),
    sin: g.input("sin", [tokens, head / 2]),
  };
  for (let i = 0; i < all; i++) {
    x = decoderLayer(s.at("layers", i), x, context);
    if (i < added) x = add(s, x, g.input(addedName(i), [tokens, hidden]));
  }
  g.output("hidden", rmsNorm(s, x, s.at("norm").parameter("weight", [hidden]), eps));
}
