/** CLIPTextModel of transformers (models/clip/modeling_clip.py) up to its last hidden state. */
import type { ClipTextConfig } from "../checkpoint/configs.ts";
import type { PlacedWeights } from "../checkpoint/storage.ts";
import { Graph, type Value } from "../graph/graph.ts";
import { add, attention, gather, gelu, quickGelu } from "../graph/ops.ts";
import { layerNorm, linear } from "./layers.ts";
import { Scope, WeightReader } from "./scope.ts";

/** ids int32 [tokens] → hidden [tokens, width] */
export function buildClipText(config: ClipTextConfig, weights: PlacedWeights, tokens: number): Graph {
  const g = new Graph("clip_text");
  // Files written by transformers before version 5 have the whole model under "text_model.".
  const prefixed = weights.tensors.has("text_model.final_layer_norm.weight");
  const s = new Scope(g, new WeightReader(weights, prefixed ? "text_model." : ""));
  const { hidden_size: width, layer_norm_eps: eps } = config;
  const e = s.at("embeddings");
  const table = e.at("token_embedding").parameter("weight", [config.vocab_size, width]);
  const positions = e
    .at("position_embedding")
    .parameter("weight", [config.max_position_embeddings, width], { as: [tokens, width] });
  let x = add(e, gather(e, table, g.input("ids", [tokens], "int32")), positions);
  for (let i = 0; i < config.num_hidden_layers; i++) x = layer(s.at("encoder", "layers", i), x, config);
  g.output("hidden", layerNorm(s.at("final_layer_norm"), x, eps));
  s.reader.finish();
  return g;
}

function layer(s: Scope, x: Value, config: ClipTextConfig): Value {
  const {
    hidden_size: width,
    intermediate_size: inner,
    num_attention_heads: heads,
    layer_norm_eps: eps,
  } = config;
  const a = s.at("self_attn");
  const normed = layerNorm(s.at("layer_norm1"), x, eps);
  const [q, k, v] = ["q_proj", "k_proj", "v_proj"].map((name) => linear(a.at(name), normed, width));
  const attended = attention(a, q!, k!, v!, { heads, causal: true });
  const x1 = add(s, x, linear(a.at("out_proj"), attended, width));
  const hidden = linear(s.at("mlp", "fc1"), layerNorm(s.at("layer_norm2"), x1, eps), inner);
  const active = config.hidden_act === "gelu" ? gelu(s, hidden) : quickGelu(s, hidden);
  return add(s, x1, linear(s.at("mlp", "fc2"), active, width));
}
