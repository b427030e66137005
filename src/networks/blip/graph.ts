/**
 * BlipForImageTextRetrieval of transformers (models/blip): a vision transformer, and a BERT that reads a text alone, or
 * with its eyes on the picture.
 */
import type { PlacedWeights } from "../../checkpoint/storage.ts";
import { Graph } from "../../graph/graph.ts";
import { sliceRows } from "../../graph/ops.ts";
import { bertAttention, bertEmbeddings, bertFeedForward } from "../bert/graph.ts";
import { CLIP_NAMES, encoderLayer, type LayerNames } from "../layers/encoder-layer.ts";
import { layerNorm, linear } from "../layers/layers.ts";
import { Scope, WeightReader } from "../layers/scope.ts";
import type { BlipConfig, VisionConfig } from "../vision/configs.ts";
import { patchTokens, visionTokens, withPositions } from "../vision/vision-transformer.ts";

const NAMES: LayerNames = { ...CLIP_NAMES, qkv: "self_attn.qkv", out: "self_attn.projection" };

/**
 * image [1, 3, side, side], normalised → tokens [1 + patches, width], which a text is matched with, and embedding
 * [1, projection], which a text's is compared with
 */
export function buildBlipVision({ vision: config, projection }: BlipConfig, weights: PlacedWeights): Graph {
  const { hidden_size: width, image_size: side } = config;
  const g = new Graph("blip_vision");
  const root = new Scope(g, new WeightReader(weights));
  const s = root.at("vision_model");
  const e = s.at("embeddings");
  const patches = patchTokens(e.at("patch_embedding"), g.input("image", [1, 3, side, side]), config, true);
  const first = e.parameter("class_embedding", [1, 1, width], { as: [1, width] });
  const count = visionTokens(config);
  const positions = e.parameter("position_embedding", [1, count, width], { as: [count, width] });
  let x = withPositions(e, first, patches, positions);
  for (let i = 0; i < config.num_hidden_layers; i++) {
    x = encoderLayer(s.at("encoder", "layers", i), x, config, NAMES);
  }
  const tokens = layerNorm(s.at("post_layernorm"), x, config.layer_norm_eps);
  g.output("tokens", tokens);
  g.output("embedding", linear(root.at("vision_proj"), sliceRows(s, tokens, 0, 1), projection));
  root.reader.finish();
  return g;
}

/**
 * ids int32 [tokens] and mask int32 [1, tokens], 0 where a text is padded → embedding [1, projection]; with "picture" also
 * picture [1 + patches, width] → logits [1, 2]: no match, match
 */
export function buildBlipText(
  config: BlipConfig,
  weights: PlacedWeights,
  tokens: number,
  reads: "alone" | "picture",
): Graph {
  const { text } = config;
  const g = new Graph(`blip_text_${reads}`);
  const root = new Scope(g, new WeightReader(weights));
  const s = root.at("text_encoder");
  const ids = g.input("ids", [tokens], "int32");
  const mask = g.input("mask", [1, tokens], "int32");
  const picture = reads === "picture" ? g.input("picture", pictureShape(config.vision)) : null;
  let x = bertEmbeddings(s.at("embeddings"), ids, text);
  for (let i = 0; i < text.num_hidden_layers; i++) {
    const l = s.at("encoder", "layer", i);
    x = bertAttention(l.at("attention"), x, x, text, mask);
    if (picture) x = bertAttention(l.at("crossattention"), x, picture, text);
    else root.reader.skip(`${l.path}.crossattention.`);
    x = bertFeedForward(l, x, text);
  }
  const first = sliceRows(s, x, 0, 1);
  if (picture) g.output("logits", linear(root.at("itm_head"), first, 2));
  else g.output("embedding", linear(root.at("text_proj"), first, config.projection));
  root.reader.skip(picture ? "text_proj." : "itm_head.");
  root.reader.finish();
  return g;
}

const pictureShape = (vision: VisionConfig) => [visionTokens(vision), vision.hidden_size];
