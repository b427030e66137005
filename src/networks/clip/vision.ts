/** The vision tower of CLIPModel in transformers (models/clip/modeling_clip.py), with its projection. */
import type { PlacedWeights } from "../../checkpoint/storage.ts";
import { Graph } from "../../graph/graph.ts";
import { sliceRows } from "../../graph/ops.ts";
import { CLIP_NAMES, encoderLayer } from "../layers/encoder-layer.ts";
import { layerNorm, linear } from "../layers/layers.ts";
import { Scope, WeightReader } from "../layers/scope.ts";
import type { VisionConfig } from "../vision/configs.ts";
import { patchTokens, visionTokens, withPositions } from "../vision/vision-transformer.ts";

/** image [1, 3, side, side], normalised → embedding [1, projection], not of unit length */
export function buildClipVision(config: VisionConfig, projection: number, weights: PlacedWeights): Graph {
  const { hidden_size: width, image_size: side, layer_norm_eps: eps } = config;
  const g = new Graph("clip_vision");
  const root = new Scope(g, new WeightReader(weights));
  const s = root.at("vision_model");
  const e = s.at("embeddings");
  const patches = patchTokens(e.at("patch_embedding"), g.input("image", [1, 3, side, side]), config, false);
  const first = e.parameter("class_embedding", [width], { as: [1, width] });
  const positions = e.at("position_embedding").parameter("weight", [visionTokens(config), width]);
  let x = layerNorm(s.at("pre_layrnorm"), withPositions(e, first, patches, positions), eps);
  for (let i = 0; i < config.num_hidden_layers; i++) {
    x = encoderLayer(s.at("encoder", "layers", i), x, config, CLIP_NAMES);
  }
  const pooled = layerNorm(s.at("post_layernorm"), sliceRows(s, x, 0, 1), eps);
  g.output("embedding", linear(root.at("visual_projection"), pooled, projection, { bias: false }));
  root.reader.skip("logit_scale"); // of the training loss
  root.reader.finish();
  return g;
}
