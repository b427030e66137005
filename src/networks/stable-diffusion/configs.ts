/**
 * The configurations of UNet2DConditionModel, AutoencoderKL (diffusers) and CLIPTextModel (transformers): every key by
 * name, with those libraries' defaults, and of each key the values that are implemented. Every number has a maximum, so
 * that nothing is enumerated that no network has; what a number says is then held against the tensors' header.
 */
import { z } from "zod";
import {
  asObject,
  count,
  epsilon,
  few,
  inert,
  MOST_BLOCKS,
  on,
  only,
  ownNull,
  parseConfig,
  perBlock,
  spread,
} from "../../checkpoint/parse-config.ts";
import { type CheckpointSource, readJson } from "../../checkpoint/source.ts";
import { EmilieError } from "../../errors.ts";

const activation = only("silu", "swish");
/** Pixels of a latent, one number or height and width. */
const side = few(2 ** 14);
const size = z.union([side, z.tuple([side, side])]);
const blocks = z.array(count).nonempty().max(MOST_BLOCKS);
/** Residual blocks of a level, transformer blocks of an attention, layers of a text encoder. */
const layers = few(256);

/** What EMAModel.save_pretrained of diffusers leaves in the configuration of averaged weights: how they were averaged. */
const AVERAGING = {
  decay: inert,
  inv_gamma: inert,
  min_decay: inert,
  optimization_step: inert,
  power: inert,
  update_after_step: inert,
  use_ema_warmup: inert,
};

const unetSchema = z.strictObject({
  ...AVERAGING,
  sample_size: size.nullable().default(null),
  in_channels: count.default(4),
  out_channels: count.default(4),
  center_input_sample: z.boolean().default(false),
  flip_sin_to_cos: on,
  freq_shift: z.number().default(0),
  down_block_types: z
    .array(z.literal(["CrossAttnDownBlock2D", "DownBlock2D"]))
    .nonempty()
    .max(MOST_BLOCKS)
    .default(["CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"]),
  mid_block_type: z
    .literal(["UNetMidBlock2DCrossAttn", "UNetMidBlock2D"])
    .nullable()
    .default("UNetMidBlock2DCrossAttn"),
  up_block_types: z
    .array(z.literal(["CrossAttnUpBlock2D", "UpBlock2D"]))
    .nonempty()
    .max(MOST_BLOCKS)
    .default(["UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"]),
  only_cross_attention: perBlock(z.boolean()).default(false),
  block_out_channels: blocks.default([320, 640, 1280, 1280]),
  layers_per_block: perBlock(layers).default(2),
  downsample_padding: z.literal([0, 1]).default(1),
  mid_block_scale_factor: only(1),
  dropout: inert,
  act_fn: activation,
  norm_num_groups: ownNull(count.default(32)), // diffusers' null leaves the last normalisation out
  norm_eps: epsilon.default(1e-5),
  cross_attention_dim: perBlock(count).default(1280),
  transformer_layers_per_block: perBlock(layers).default(1),
  reverse_transformer_layers_per_block: only(null),
  encoder_hid_dim: only(null),
  encoder_hid_dim_type: only(null),
  // In diffusers this key holds the number of heads wherever num_attention_heads is null, as it always is.
  attention_head_dim: perBlock(count).default(8),
  num_attention_heads: only(null),
  dual_cross_attention: only(false),
  use_linear_projection: z.boolean().default(false),
  class_embed_type: only(null),
  addition_embed_type: z.literal("text_time").nullable().default(null),
  addition_time_embed_dim: count.nullable().default(null),
  num_class_embeds: only(null),
  upcast_attention: z.boolean().default(false), // everything is computed in fp32
  resnet_time_scale_shift: only("default"),
  resnet_skip_time_act: only(false),
  resnet_out_scale_factor: only(1),
  time_embedding_type: only("positional"),
  time_embedding_dim: count.nullable().default(null),
  time_embedding_act_fn: only(null),
  timestep_post_act: only(null),
  time_cond_proj_dim: count.nullable().default(null),
  conv_in_kernel: z.literal([1, 3, 5, 7]).default(3),
  conv_out_kernel: z.literal([1, 3, 5, 7]).default(3),
  projection_class_embeddings_input_dim: count.nullable().default(null),
  attention_type: only("default"),
  class_embeddings_concat: only(false),
  mid_block_only_cross_attention: z.boolean().nullable().default(null), // means nothing to the mid blocks above
  cross_attention_norm: only(null),
  addition_embed_type_num_heads: inert, // means nothing without addition_embed_type
});

/** One resolution level of the UNet, from the largest to the smallest. */
export interface UNetLevel {
  readonly channels: number;
  /** Residual blocks on the way down; the way up has one more. */
  readonly layers: number;
  readonly heads: number;
  readonly crossAttentionDim: number;
  readonly transformerLayers: number;
  readonly onlyCrossAttention: boolean;
  /** Whether this level attends, on the way down and on the way up. */
  readonly attendsDown: boolean;
  readonly attendsUp: boolean;
}

export type UNetConfig = z.output<typeof unetSchema> & { readonly levels: readonly UNetLevel[] };

export function parseUNetConfig(json: unknown, path = "unet/config.json"): UNetConfig {
  const config = parseConfig(json, path, unetSchema);
  checkAdded(config, path);
  const n = config.block_out_channels.length;
  const per = <T>(key: keyof typeof config) => spread<T>(config[key] as T | T[], n, key, path);
  const layers = per<number>("layers_per_block");
  const heads = per<number>("attention_head_dim");
  const widths = per<number>("cross_attention_dim");
  const depths = per<number>("transformer_layers_per_block");
  const onlyCross = per<boolean>("only_cross_attention");
  const down = spread(config.down_block_types, n, "down_block_types", path);
  const up = spread(config.up_block_types, n, "up_block_types", path).reverse();
  const levels = config.block_out_channels.map((channels, i) => ({
    channels,
    layers: layers[i]!,
    heads: heads[i]!,
    crossAttentionDim: widths[i]!,
    transformerLayers: depths[i]!,
    onlyCrossAttention: onlyCross[i]!,
    attendsDown: down[i] === "CrossAttnDownBlock2D",
    attendsUp: up[i] === "CrossAttnUpBlock2D",
  }));
  for (const { channels, heads } of levels) {
    if (heads > channels) {
      throw new EmilieError(
        "checkpoint.malformed",
        `${path}: a level of ${channels} channels cannot have ${heads} attention heads ("attention_head_dim" holds their number).`,
      );
    }
  }
  const waves = Math.floor(levels[0]!.channels / 2);
  if (config.freq_shift >= waves) {
    throw new EmilieError(
      "checkpoint.malformed",
      `${path}: "freq_shift" is ${config.freq_shift}; a timestep has only ${waves} frequencies.`,
    );
  }
  return { ...config, levels };
}

/** SDXL's added conditioning: a pooled text and six numbers of so many sinusoids each. */
function checkAdded(config: z.output<typeof unetSchema>, path: string): void {
  if (config.addition_embed_type === null) return;
  const { addition_time_embed_dim: waves, projection_class_embeddings_input_dim: width } = config;
  if (waves !== null && width !== null && width > TIME_IDS * waves) return;
  throw new EmilieError(
    "checkpoint.unsupported",
    `${path}: "addition_embed_type" is "text_time", which needs "addition_time_embed_dim" (${waves}) and a ` +
      `"projection_class_embeddings_input_dim" (${width}) of more than ${TIME_IDS} times as much.`,
  );
}

/** Original size, corner of the crop, target size: height and width each. */
export const TIME_IDS = 6;

const vaeSchema = z.strictObject({
  ...AVERAGING,
  in_channels: only(3),
  out_channels: only(3),
  down_block_types: z
    .array(z.literal("DownEncoderBlock2D"))
    .nonempty()
    .max(MOST_BLOCKS)
    .default(["DownEncoderBlock2D"]),
  up_block_types: z
    .array(z.literal("UpDecoderBlock2D"))
    .nonempty()
    .max(MOST_BLOCKS)
    .default(["UpDecoderBlock2D"]),
  block_out_channels: blocks.default([64]),
  layers_per_block: layers.default(1),
  act_fn: activation,
  latent_channels: count.default(4),
  norm_num_groups: count.default(32),
  sample_size: inert, // only tiled decoding looks at it
  scaling_factor: z.number().min(1e-6).max(1e6).default(0.18215),
  shift_factor: only(null, 0),
  latents_mean: only(null),
  latents_std: only(null),
  force_upcast: on, // everything is computed in fp32
  use_quant_conv: on,
  use_post_quant_conv: on,
  mid_block_add_attention: on,
});

export type VaeConfig = z.output<typeof vaeSchema>;

export function parseVaeConfig(json: unknown, path = "vae/config.json"): VaeConfig {
  const config = parseConfig(json, path, vaeSchema);
  const n = config.block_out_channels.length;
  spread(config.down_block_types, n, "down_block_types", path);
  spread(config.up_block_types, n, "up_block_types", path);
  return config;
}

const textSchema = z.strictObject({
  model_type: only("clip_text_model"),
  vocab_size: count.default(49408),
  hidden_size: count.default(512),
  intermediate_size: count.default(2048),
  num_hidden_layers: layers.default(12),
  num_attention_heads: count.default(8),
  max_position_embeddings: few(2 ** 16).default(77),
  hidden_act: z.literal(["quick_gelu", "gelu"]).default("quick_gelu"),
  layer_norm_eps: epsilon.default(1e-5),
  use_attention_mask: only(false), // diffusers would mask padding; SD 1.x and 2.x do not
  // Token ids matter to the pooled output and to the tokenizer, which has its own configuration.
  bos_token_id: inert,
  eos_token_id: inert,
  pad_token_id: inert,
  projection_dim: count.nullable().default(512), // of the pooled output, where there is one
  architectures: inert,
  gradient_checkpointing: inert,
  use_cache: inert,
  dropout: inert,
  attention_dropout: inert,
  initializer_factor: inert,
  initializer_range: inert,
  torch_dtype: inert,
  dtype: inert,
  transformers_version: inert,
});

/**
 * What transformers' PretrainedConfig writes into older files besides the model's own keys: generation and
 * training settings, which a text encoder has no use for.
 */
const PRETRAINED_KEYS = new Set(
  (
    "add_cross_attention bad_words_ids begin_suppress_tokens chunk_size_feed_forward cross_attention_hidden_size " +
    "decoder_start_token_id diversity_penalty do_sample early_stopping encoder_no_repeat_ngram_size " +
    "exponential_decay_length_penalty finetuning_task forced_bos_token_id forced_eos_token_id id2label is_decoder " +
    "is_encoder_decoder label2id length_penalty max_length min_length no_repeat_ngram_size num_beam_groups num_beams " +
    "num_return_sequences output_attentions output_hidden_states output_scores prefix problem_type " +
    "remove_invalid_values repetition_penalty return_dict return_dict_in_generate sep_token_id suppress_tokens " +
    "task_specific_params temperature tf_legacy_loss tie_encoder_decoder tie_word_embeddings tokenizer_class top_k " +
    "top_p torchscript typical_p use_bfloat16 pruned_heads"
  ).split(" "),
);

export type ClipTextConfig = z.output<typeof textSchema>;

/** A configuration of transformers without what every one of its models may carry. */
export function ownKeys(json: unknown): unknown {
  if (typeof json !== "object" || json === null || Array.isArray(json)) return json;
  return Object.fromEntries(Object.entries(json).filter(([key]) => !PRETRAINED_KEYS.has(key)));
}

export function parseClipTextConfig(json: unknown, path = "text_encoder/config.json"): ClipTextConfig {
  const config = parseConfig(ownKeys(textPart(json, path)), path, textSchema);
  if (config.hidden_size % config.num_attention_heads !== 0) {
    throw new EmilieError(
      "checkpoint.malformed",
      `${path}: hidden_size ${config.hidden_size} cannot be split into ${config.num_attention_heads} heads.`,
    );
  }
  return config;
}

/** The configuration of a whole CLIPModel is read for its text encoder, as transformers does. */
function textPart(json: unknown, path: string): unknown {
  const { model_type, text_config } = asObject(json, path);
  return model_type === "clip" && text_config ? text_config : json;
}

export const readUNetConfig = async (source: CheckpointSource): Promise<UNetConfig> =>
  parseUNetConfig(await readJson(source, "unet/config.json"));
export const readVaeConfig = async (source: CheckpointSource): Promise<VaeConfig> =>
  parseVaeConfig(await readJson(source, "vae/config.json"));
export const readClipTextConfig = async (
  source: CheckpointSource,
  folder = "text_encoder",
): Promise<ClipTextConfig> =>
  parseClipTextConfig(await readJson(source, `${folder}/config.json`), `${folder}/config.json`);
