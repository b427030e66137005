/** DINO's vision transformers: ViTModel and Dinov2Model of transformers (models/vit, models/dinov2). */
import type { PlacedWeights } from "../../checkpoint/storage.ts";
import { Graph, type Value } from "../../graph/graph.ts";
import { concat, reshape, resizeCubic, sliceRows, transpose } from "../../graph/ops.ts";
import { encoderLayer, type LayerNames } from "../layers/encoder-layer.ts";
import { layerNorm } from "../layers/layers.ts";
import { Scope, WeightReader } from "../layers/scope.ts";
import type { DinoConfig } from "../vision/configs.ts";
import { patchTokens, visionTokens, withPositions } from "../vision/vision-transformer.ts";

const ATTENTION = {
  qkv: ["attention.attention.query", "attention.attention.key", "attention.attention.value"],
  out: "attention.output.dense",
} as const;

const NAMES: Readonly<Record<DinoConfig["version"], LayerNames>> = {
  1: {
    ...ATTENTION,
    norm1: "layernorm_before",
    norm2: "layernorm_after",
    fc1: "intermediate.dense",
    fc2: "output.dense",
  },
  2: {
    ...ATTENTION,
    norm1: "norm1",
    norm2: "norm2",
    fc1: "mlp.fc1",
    fc2: "mlp.fc2",
    scales: ["layer_scale1", "layer_scale2"],
  },
};

/** image [1, 3, height, width], normalised → embedding [1, hidden_size], the class token after the last norm */
export function buildDino(config: DinoConfig, weights: PlacedWeights, height: number, width: number): Graph {
  const g = new Graph("dino");
  const s = new Scope(g, new WeightReader(weights));
  const e = s.at("embeddings");
  const image = g.input("image", [1, 3, height, width]);
  const patches = patchTokens(e.at("patch_embeddings", "projection"), image, config, true);
  const first = e.parameter("cls_token", [1, 1, config.hidden_size], { as: [1, config.hidden_size] });
  let x = withPositions(e, first, patches, positions(e, config, height, width));
  for (let i = 0; i < config.num_hidden_layers; i++) {
    x = encoderLayer(s.at("encoder", "layer", i), x, config, NAMES[config.version], {
      qkvBias: config.qkv_bias,
    });
  }
  g.output("embedding", layerNorm(s.at("layernorm"), sliceRows(s, x, 0, 1), config.layer_norm_eps));
  s.reader.skip("pooler.", "embeddings.mask_token"); // of other uses
  s.reader.finish();
  return g;
}

/** Those of the size that was trained; DINOv2 is shown smaller pictures than that, and its positions shrink with them. */
function positions(e: Scope, config: DinoConfig, height: number, width: number): Value {
  const { hidden_size: channels, image_size: side, patch_size: patch } = config;
  const tokens = visionTokens(config);
  const shape = [1, tokens, channels];
  if (height === side && width === side)
    return e.parameter("position_embeddings", shape, { as: [tokens, channels] });
  const grid = Math.floor(side / patch);
  const first = e.parameter("position_embeddings", shape, { as: [1, channels] });
  const rest = e.parameter("position_embeddings", shape, { as: [tokens - 1, channels], skip: channels });
  const [h, w] = [Math.floor(height / patch), Math.floor(width / patch)];
  const resized = resizeCubic(e, reshape(e, transpose(e, rest), [1, channels, grid, grid]), h, w);
  return concat(e, [first, transpose(e, reshape(e, resized, [channels, h * w]))], 0);
}
