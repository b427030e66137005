/**
 * The configuration of UNet2DConditionModel (diffusers): every key by name, with that library's defaults, and of each key the values
 * that are implemented. Every number has a maximum, so that nothing is enumerated that no network has; what a number says is then
 * held against the tensors' header.
 */
import { z } from "zod";
import {
  AVERAGING,
  silu as activation,
  blocks,
  count,
  epsilon,
  few,
  inert,
  layers,
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

/** Pixels of a latent, one number or height and width. */
const side = few(2 ** 14);
const size = z.union([side, z.tuple([side, side])]);

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

export const readUNetConfig = async (source: CheckpointSource): Promise<UNetConfig> =>
  parseUNetConfig(await readJson(source, "unet/config.json"));
