/**
 * The configurations of networks that look at pictures: CLIPModel, BlipForImageTextRetrieval, ViTModel and Dinov2Model of
 * transformers. Every key by name, with that library's defaults, and of each key the values that are implemented.
 */
import { z } from "zod";
import { count, epsilon, few, inert, only, parseConfig } from "../../checkpoint/parse-config.ts";
import { EmilieError } from "../../errors.ts";
import { type ClipTextConfig, ownKeys, parseClipTextConfig } from "../clip/config.ts";

/** Keys of training and of the writing library, in every part of every configuration. */
const NOTES = {
  architectures: inert,
  dtype: inert,
  torch_dtype: inert,
  transformers_version: inert,
  initializer_factor: inert,
  initializer_range: inert,
};

const activation = z.literal(["quick_gelu", "gelu"]);

/** What all of them say of their vision transformer. Pictures and patches are square. */
export interface VisionConfig {
  readonly hidden_size: number;
  readonly intermediate_size: number;
  readonly num_hidden_layers: number;
  readonly num_attention_heads: number;
  /** Pixels. */
  readonly image_size: number;
  readonly patch_size: number;
  readonly hidden_act: "quick_gelu" | "gelu";
  readonly layer_norm_eps: number;
}

const towerKeys = {
  ...NOTES,
  hidden_size: count.default(768),
  num_hidden_layers: few(256).default(12),
  num_attention_heads: count.default(12),
  num_channels: only(3),
};

const clipVisionSchema = z.strictObject({
  ...towerKeys,
  model_type: only("clip_vision_model"),
  intermediate_size: count.default(3072),
  image_size: few(2 ** 12).default(224),
  patch_size: few(2 ** 10).default(32),
  hidden_act: activation.default("quick_gelu"),
  layer_norm_eps: epsilon.default(1e-5),
  projection_dim: inert, // CLIPModel's own is what counts
  attention_dropout: inert,
  dropout: inert,
});

const blipVisionSchema = z.strictObject({
  ...towerKeys,
  model_type: only("blip_vision_model"),
  intermediate_size: count.default(3072),
  image_size: few(2 ** 12).default(384),
  patch_size: few(2 ** 10).default(16),
  hidden_act: activation.default("gelu"),
  layer_norm_eps: epsilon.default(1e-5),
  projection_dim: inert,
  attention_dropout: inert,
  dropout: inert,
});

const blipTextSchema = z.strictObject({
  ...NOTES,
  model_type: only("blip_text_model"),
  vocab_size: count.default(30524),
  hidden_size: count.default(768),
  encoder_hidden_size: inert, // always the vision tower's
  intermediate_size: count.default(3072),
  num_hidden_layers: few(256).default(12),
  num_attention_heads: count.default(8),
  max_position_embeddings: few(2 ** 16).default(512),
  hidden_act: activation.default("gelu"),
  layer_norm_eps: epsilon.default(1e-12),
  projection_dim: inert,
  hidden_dropout_prob: inert,
  attention_probs_dropout_prob: inert,
  label_smoothing: inert,
  use_cache: inert,
  // The tokenizer has its own configuration.
  bos_token_id: inert,
  eos_token_id: inert,
  pad_token_id: inert,
});

const pairKeys = {
  ...NOTES,
  text_config: z.looseObject({}).nullable().default(null),
  vision_config: z.looseObject({}).nullable().default(null),
  // Old files say it twice. Where they do, these and the defaults are what transformers goes by, and the others are forgotten.
  text_config_dict: z.looseObject({}).nullable().default(null),
  vision_config_dict: z.looseObject({}).nullable().default(null),
  logit_scale_init_value: inert,
};

const clipSchema = z.strictObject({
  ...pairKeys,
  model_type: only("clip"),
  projection_dim: count.default(512),
});

const blipSchema = z.strictObject({
  ...pairKeys,
  model_type: only("blip"),
  image_text_hidden_size: count.default(256),
  projection_dim: inert,
  label_smoothing: inert,
});

const vitKeys = {
  ...towerKeys,
  image_size: few(2 ** 12).default(224),
  hidden_act: activation.default("gelu"),
  qkv_bias: z.boolean().default(true),
  hidden_dropout_prob: inert,
  attention_probs_dropout_prob: inert,
};

const vitSchema = z.strictObject({
  ...vitKeys,
  model_type: only("vit"),
  intermediate_size: count.default(3072),
  patch_size: few(2 ** 10).default(16),
  layer_norm_eps: epsilon.default(1e-12),
  // Of heads that are not used here.
  encoder_stride: inert,
  pooler_act: inert,
  pooler_output_size: inert,
});

const dinov2Schema = z.strictObject({
  ...vitKeys,
  model_type: only("dinov2"),
  mlp_ratio: z.number().positive().max(64).default(4),
  patch_size: few(2 ** 10).default(14),
  layer_norm_eps: epsilon.default(1e-6),
  use_swiglu_ffn: only(false),
  layerscale_value: inert, // what the scales were before training
  drop_path_rate: inert,
  use_mask_token: inert,
  apply_layernorm: inert, // of the backbone that DETR takes
  reshape_hidden_states: inert,
  out_features: inert,
  out_indices: inert,
  stage_names: inert,
});

export interface ClipConfig {
  readonly text: ClipTextConfig;
  readonly vision: VisionConfig;
}

/** config.json of a CLIPModel. Throws "checkpoint.unsupported" or ".malformed" naming the key. */
export function parseClipConfig(json: unknown, path = "config.json"): ClipConfig {
  const config = parseConfig(ownKeys(json), path, clipSchema);
  const text = parseClipTextConfig(partOf(config, "text"), `${path}, text_config`);
  const vision = parsePart(partOf(config, "vision"), `${path}, vision_config`, clipVisionSchema);
  return { text: { ...text, projection_dim: config.projection_dim }, vision };
}

export type BlipTextConfig = z.output<typeof blipTextSchema>;

export interface BlipConfig {
  readonly text: BlipTextConfig;
  readonly vision: VisionConfig;
  /** Width of the space in which pictures and texts are compared. */
  readonly projection: number;
}

/** config.json of a BlipForImageTextRetrieval. Throws "checkpoint.unsupported" or ".malformed" naming the key. */
export function parseBlipConfig(json: unknown, path = "config.json"): BlipConfig {
  const config = parseConfig(ownKeys(json), path, blipSchema);
  return {
    text: parsePart(partOf(config, "text"), `${path}, text_config`, blipTextSchema),
    vision: parsePart(partOf(config, "vision"), `${path}, vision_config`, blipVisionSchema),
    projection: config.image_text_hidden_size,
  };
}

export interface DinoConfig extends VisionConfig {
  readonly version: 1 | 2;
  readonly qkv_bias: boolean;
}

/** config.json of a ViTModel (DINO) or a Dinov2Model. Throws "checkpoint.unsupported" or ".malformed" naming the key. */
export function parseDinoConfig(json: unknown, path = "config.json"): DinoConfig {
  if ((json as { model_type?: unknown } | null)?.model_type !== "dinov2") {
    return { ...parsePart(json, path, vitSchema), version: 1 };
  }
  const config = parsePart(json, path, dinov2Schema);
  const intermediate_size = Math.trunc(config.hidden_size * config.mlp_ratio);
  return { ...config, intermediate_size, version: 2 };
}

function partOf(config: z.output<z.ZodObject<typeof pairKeys>>, part: "text" | "vision"): object {
  return config[`${part}_config_dict`] ?? config[`${part}_config`] ?? {};
}

/** One tower's configuration, whose heads must divide its width. */
function parsePart<T extends z.ZodType<{ hidden_size: number; num_attention_heads: number }>>(
  json: unknown,
  path: string,
  schema: T,
): z.output<T> {
  const config = parseConfig(ownKeys(json), path, schema);
  if (config.hidden_size % config.num_attention_heads !== 0) {
    throw new EmilieError(
      "checkpoint.malformed",
      `${path}: hidden_size ${config.hidden_size} cannot be split into ${config.num_attention_heads} heads.`,
    );
  }
  return config;
}
