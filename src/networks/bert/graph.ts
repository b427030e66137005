/** BertModel of transformers (models/bert/modeling_bert.py), whose layers BLIP's text encoder has too. */
import type { PlacedWeights } from "../../checkpoint/storage.ts";
import { attention } from "../../graph/attention.ts";
import { type Dialect, Graph, type Value } from "../../graph/graph.ts";
import { add, gather } from "../../graph/ops.ts";
import { activate, type EncoderConfig } from "../layers/encoder-layer.ts";
import { layerNorm, linear } from "../layers/layers.ts";
import { Scope, WeightReader } from "../layers/scope.ts";

/** The keys of transformers' configurations. */
export interface BertShape extends EncoderConfig {
  readonly vocab_size: number;
  readonly max_position_embeddings: number;
  readonly num_hidden_layers: number;
  /** Kinds of segments, of which a text alone is the first; absent where there are none. */
  readonly type_vocab_size?: number;
}

/** Without its pooler, and what begins with `beside`. ids int32 [tokens] and mask int32 [1, tokens], 0 where a text is padded → hidden [tokens, width] */
export function buildBert(
  config: BertShape,
  weights: PlacedWeights,
  tokens: number,
  dialect?: Dialect,
  beside?: string,
): Graph {
  const g = new Graph("bert", dialect);
  const s = new Scope(g, new WeightReader(weights));
  const ids = g.input("ids", [tokens], "int32");
  const mask = g.input("mask", [1, tokens], "int32");
  let x = bertEmbeddings(s.at("embeddings"), ids, config);
  for (let i = 0; i < config.num_hidden_layers; i++) {
    const l = s.at("encoder", "layer", i);
    x = bertFeedForward(l, bertAttention(l.at("attention"), x, x, config, mask), config);
  }
  g.output("hidden", x);
  s.reader.skip("pooler.", ...(beside ? [beside] : []));
  s.reader.finish();
  return g;
}

/** ids int32 [tokens] → [tokens, width] */
export function bertEmbeddings(e: Scope, ids: Value, config: BertShape): Value {
  const { hidden_size: width, max_position_embeddings: limit, type_vocab_size: types } = config;
  const [tokens = 0] = ids.shape;
  const table = e.at("word_embeddings").parameter("weight", [config.vocab_size, width]);
  const positions = e.at("position_embeddings").parameter("weight", [limit, width], { as: [tokens, width] });
  let x = add(e, gather(e, table, ids), positions);
  if (types) {
    x = add(e, x, e.at("token_type_embeddings").parameter("weight", [types, width], { as: [1, width] }));
  }
  return layerNorm(e.at("LayerNorm"), x, config.layer_norm_eps);
}

/** BERT normalises behind each sum, not before each part. x [tokens, width] looks at `to` [keys, n] → [tokens, width] */
export function bertAttention(s: Scope, x: Value, to: Value, config: BertShape, keyMask?: Value): Value {
  const { hidden_size: width, num_attention_heads: heads } = config;
  const a = s.at("self");
  const q = linear(a.at("query"), x, width);
  const [k, v] = [linear(a.at("key"), to, width), linear(a.at("value"), to, width)];
  return addAndNorm(s.at("output"), attention(a, q, k, v, { heads, keyMask }), x, config);
}

/** x [tokens, width] → [tokens, width] */
export function bertFeedForward(l: Scope, x: Value, config: BertShape): Value {
  const inner = linear(l.at("intermediate", "dense"), x, config.intermediate_size);
  return addAndNorm(l.at("output"), activate(l, inner, config.hidden_act), x, config);
}

function addAndNorm(s: Scope, value: Value, x: Value, config: BertShape): Value {
  const summed = add(s, linear(s.at("dense"), value, config.hidden_size), x);
  return layerNorm(s.at("LayerNorm"), summed, config.layer_norm_eps);
}
