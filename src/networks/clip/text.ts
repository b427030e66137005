/** CLIPTextModel and CLIPTextModelWithProjection of transformers (models/clip/modeling_clip.py). */

import type { PlacedWeights } from "../../checkpoint/storage.ts";
import { type Dialect, Graph, type Value } from "../../graph/graph.ts";
import { add, gather, gemm } from "../../graph/ops.ts";
import { CLIP_NAMES, encoderLayer } from "../layers/encoder-layer.ts";
import { layerNorm, linear } from "../layers/layers.ts";
import { Scope, WeightReader } from "../layers/scope.ts";
import type { ClipTextConfig } from "./config.ts";

/** What a UNet wants of a text encoder. */
export interface TextUse {
  /** Behind the last layer and the final norm, or before the last layer and not normalised. */
  readonly hidden: "last" | "penultimate";
  /** The end token's projection too. */
  readonly pooled: boolean;
}

const LAST: TextUse = { hidden: "last", pooled: false };

/**
 * ids int32 [tokens] → hidden [tokens, width]; with `pooled` also end int32 [1], the place of the end token →
 * pooled [1, projection_dim]
 *
 * @param beside what tensors begin with that are none of the text encoder's
 */
export function buildClipText(
  config: ClipTextConfig,
  weights: PlacedWeights,
  tokens: number,
  use: TextUse = LAST,
  dialect?: Dialect,
  beside?: string,
): Graph {
  const root = new Scope(new Graph("clip_text", dialect), new WeightReader(weights));
  clipText(root, config, tokens, use);
  if (!use.pooled) root.reader.skip("text_projection");
  if (beside) root.reader.skip(beside);
  root.reader.finish();
  return root.graph;
}

/** Adds the text encoder to a graph, with its inputs and outputs. */
export function clipText(root: Scope, config: ClipTextConfig, tokens: number, use: TextUse): void {
  const g = root.graph;
  // Files written by transformers before version 5 have all but the projection under "text_model.".
  const s = root.has("text_model.final_layer_norm.weight") ? root.at("text_model") : root;
  const { hidden_size: width, num_hidden_layers: layers } = config;
  const e = s.at("embeddings");
  const table = e.at("token_embedding").parameter("weight", [config.vocab_size, width]);
  const positions = e
    .at("position_embedding")
    .parameter("weight", [config.max_position_embeddings, width], { as: [tokens, width] });
  const layer = (at: Scope, from: Value) => encoderLayer(at, from, config, CLIP_NAMES, { causal: true });
  let x = add(e, gather(e, table, g.input("ids", [tokens], "int32")), positions);
  for (let i = 0; i < layers - 1; i++) x = layer(s.at("encoder", "layers", i), x);
  const last = s.at("encoder", "layers", layers - 1);
  const final = s.at("final_layer_norm");
  if (use.hidden === "penultimate") g.output("hidden", x);
  if (use.hidden === "last" || use.pooled) {
    const end = layerNorm(final, layer(last, x), config.layer_norm_eps);
    if (use.hidden === "last") g.output("hidden", end);
    if (use.pooled)
      g.output("pooled", project(root, gather(root, end, g.input("end", [1], "int32")), config));
  } else {
    root.reader.skip(`${last.path}.`, `${final.path}.`);
  }
}

/** x [1, width] → [1, projection_dim]; OpenCLIP keeps the projection the other way round than transformers. */
function project(root: Scope, x: Value, config: ClipTextConfig): Value {
  const width = config.hidden_size;
  const out = config.projection_dim ?? width;
  if (root.has("text_projection")) return gemm(root, x, root.parameter("text_projection", [width, out]));
  return linear(root.at("text_projection"), x, out, { bias: false });
}
