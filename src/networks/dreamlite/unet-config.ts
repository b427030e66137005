/**
 * The configuration of DreamLiteUNetModel (diffusers, models/unets/unet_dreamlite.py): every key by name, with that library's defaults, and of each key the values that are
 * implemented. Blocks have a name of this class, or the older one of the program that DreamLite was trained with.
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

/** How a block attends: to the text alone, to the picture and the text, or not at all. */
export type Attends = "text" | "both" | "no";

const DOWN: Readonly<Record<string, Attends>> = {
  DreamLiteCrossAttnNoSelfAttnDownBlock2D: "text",
  CrossAttnDownRemoveSelfAttnBlock2D: "text",
  DreamLiteCrossAttnDownBlock2D: "both",
  CrossAttnDownBlock2D: "both",
  DreamLiteDownBlock2D: "no",
  DownBlock2D: "no",
};
const UP: Readonly<Record<string, Attends>> = {
  DreamLiteCrossAttnNoSelfAttnUpBlock2D: "text",
  CrossAttnUpRemoveSelfAttnBlock2D: "text",
  CrossAttnUpRemoveSelfAttnBlock2DV1: "text",
  DreamLiteCrossAttnUpBlock2D: "both",
  CrossAttnUpBlock2D: "both",
  DreamLiteUpBlock2D: "no",
  UpBlock2D: "no",
};
const names = (of: Readonly<Record<string, Attends>>, otherwise: string[]) =>
  z
    .array(z.literal(Object.keys(of) as [string, ...string[]]))
    .nonempty()
    .max(MOST_BLOCKS)
    .default(otherwise as [string, ...string[]]);

/** Pixels of a latent, one number or height and width. */
const side = few(2 ** 14);
/** Transformer blocks of each layer of a level. */
const depths = z.array(layers).nonempty().max(MOST_BLOCKS);

const schema = z.strictObject({
  ...AVERAGING,
  sample_size: z
    .union([side, z.tuple([side, side])])
    .nullable()
    .default(null),
  in_channels: count.default(4),
  out_channels: count.default(4),
  center_input_sample: z.boolean().default(false),
  flip_sin_to_cos: on,
  freq_shift: z.number().default(0),
  down_block_types: names(DOWN, [
    "DreamLiteCrossAttnNoSelfAttnDownBlock2D",
    "DreamLiteCrossAttnNoSelfAttnDownBlock2D",
    "DreamLiteCrossAttnDownBlock2D",
  ]),
  mid_block_type: z
    .literal(["DreamLiteUNetMidBlock2DCrossAttn", "UNetMidBlock2DCrossAttn"])
    .nullable()
    .default("DreamLiteUNetMidBlock2DCrossAttn"),
  up_block_types: names(UP, [
    "DreamLiteCrossAttnUpBlock2D",
    "DreamLiteCrossAttnNoSelfAttnUpBlock2D",
    "DreamLiteUpBlock2D",
  ]),
  // The picture alone would be replaced by a text that has no mask there.
  only_cross_attention: z.union([z.literal(false), z.array(z.literal(false))]).default(false),
  block_out_channels: blocks.default([320, 640, 1280]),
  layers_per_block: perBlock(layers).default(2),
  downsample_padding: z.literal([0, 1]).default(1),
  mid_block_scale_factor: only(1),
  dropout: inert,
  act_fn: activation,
  norm_num_groups: ownNull(count.default(32)), // diffusers' null leaves the last normalisation out
  norm_eps: epsilon.default(1e-5),
  cross_attention_dim: perBlock(count).default(2048),
  transformer_layers_per_block: perBlock(z.union([layers, depths])).default(1),
  reverse_transformer_layers_per_block: z
    .array(z.union([layers, depths]))
    .nullable()
    .default(null),
  encoder_hid_dim: count.nullable().default(null),
  encoder_hid_dim_type: z.literal(["text_proj", "text_proj_rms"]).nullable().default(null),
  // In diffusers this key holds the number of heads wherever num_attention_heads is null, as it always is.
  attention_head_dim: perBlock(count).default(64),
  num_attention_heads: only(null),
  dual_cross_attention: only(false),
  use_linear_projection: z.boolean().default(false),
  class_embed_type: only(null),
  addition_embed_type: z.literal("time").nullable().default(null),
  addition_time_embed_dim: count.nullable().default(null),
  num_class_embeds: only(null),
  upcast_attention: inert, // everything is computed in fp32
  resnet_time_scale_shift: only("default"),
  resnet_skip_time_act: inert, // read by none of its blocks
  resnet_out_scale_factor: inert, // nor this
  time_embedding_type: only("positional"),
  time_embedding_dim: count.nullable().default(null),
  time_embedding_act_fn: only(null),
  timestep_post_act: only(null),
  time_cond_proj_dim: only(null),
  conv_in_kernel: z.literal([1, 3, 5, 7]).default(3),
  conv_out_kernel: z.literal([1, 3, 5, 7]).default(3),
  projection_class_embeddings_input_dim: count.nullable().default(null),
  attention_type: only("default"),
  class_embeddings_concat: only(false),
  mid_block_only_cross_attention: inert,
  cross_attention_norm: inert,
  addition_embed_type_num_heads: inert,
  qk_norm: z.literal("rms_norm").nullable().default("rms_norm"),
  use_sep_conv: on,
  ff_mult: few(64).default(6),
  num_kv_heads: count.nullable().default(1),
  num_mid_layers: layers.default(1),
});

/** One resolution level, from the largest to the smallest. */
export interface DreamLiteLevel {
  readonly channels: number;
  readonly heads: number;
  /** Width of the text that it reads. */
  readonly crossAttentionDim: number;
  /** Transformer blocks after each residual block, on the way down, and on the way up, which has one more. */
  readonly down: readonly number[];
  readonly up: readonly number[];
  readonly attendsDown: Attends;
  readonly attendsUp: Attends;
}

export type DreamLiteUNetConfig = z.output<typeof schema> & {
  readonly levels: readonly DreamLiteLevel[];
  /** Transformer blocks between the residual blocks of the middle; null: there is no middle. */
  readonly middle: readonly number[] | null;
  /** Width of a text as the text encoder gives it. */
  readonly textWidth: number;
};

/** @throws EmilieError "checkpoint.unsupported" naming keys and values */
export function parseDreamLiteUNet(json: unknown, path = "unet/config.json"): DreamLiteUNetConfig {
  const config = parseConfig(json, path, schema);
  const refuse = (what: string) => new EmilieError("checkpoint.unsupported", `${path}: ${what}.`);
  const { block_out_channels: channels, num_kv_heads: kv, transformer_layers_per_block } = config;
  const n = channels.length;
  const per = <T>(key: keyof typeof config) => spread<T>(config[key] as T | T[], n, key, path);
  const layersOf = per<number>("layers_per_block");
  const heads = per<number>("attention_head_dim");
  const widths = per<number>("cross_attention_dim");
  const depthsOf = spread<number | number[]>(
    transformer_layers_per_block as number | (number | number[])[],
    n,
    "transformer_layers_per_block",
    path,
  );
  const reverse = config.reverse_transformer_layers_per_block;
  const upDepths = reverse
    ? spread(reverse, n, "reverse_transformer_layers_per_block", path).reverse()
    : depthsOf;
  const down = spread(config.down_block_types, n, "down_block_types", path);
  const up = spread(config.up_block_types, n, "up_block_types", path).reverse();
  const each = (value: number | number[] | undefined, length: number): number[] => {
    if (!Array.isArray(value)) return Array(length).fill(value);
    if (value.length < length)
      throw refuse(`a level of ${length} layers has only ${value.length} of "transformer_layers_per_block"`);
    return value.slice(0, length);
  };
  const levels = channels.map((width, i): DreamLiteLevel => {
    const [count = 1, attention = 1] = [layersOf[i], heads[i]];
    if (width % attention !== 0 || attention % (kv ?? attention) !== 0) {
      throw refuse(
        `a level of ${width} channels cannot have ${attention} attention heads of ${kv ?? attention} keys and values ("attention_head_dim" holds the number of heads)`,
      );
    }
    return {
      channels: width,
      heads: attention,
      crossAttentionDim: widths[i]!,
      down: each(depthsOf[i], count),
      up: each(upDepths[i], count + 1),
      attendsDown: DOWN[down[i]!]!,
      attendsUp: UP[up[i]!]!,
    };
  });
  checkEmbeddings(config, levels, refuse);
  return {
    ...config,
    levels,
    middle: config.mid_block_type === null ? null : each(depthsOf.at(-1), config.num_mid_layers),
    textWidth: config.encoder_hid_dim_type === null ? widths[0]! : config.encoder_hid_dim!,
  };
}

function checkEmbeddings(
  config: z.output<typeof schema>,
  levels: readonly DreamLiteLevel[],
  refuse: (what: string) => EmilieError,
): void {
  const { in_channels, out_channels, freq_shift: shift } = config;
  const { addition_time_embed_dim: waves, projection_class_embeddings_input_dim: added } = config;
  if (out_channels !== in_channels) {
    throw refuse(
      `"out_channels" is ${out_channels}; expected in_channels, ${in_channels}: a result is the condition of the next edit`,
    );
  }
  if (config.addition_embed_type !== null && (waves === null || added !== SIDES * waves)) {
    throw refuse(
      `"addition_embed_type" is "time", for which "projection_class_embeddings_input_dim" (${added}) must be ${SIDES} times "addition_time_embed_dim" (${waves})`,
    );
  }
  if (config.encoder_hid_dim_type !== null) {
    const other = levels.find(({ crossAttentionDim }) => crossAttentionDim !== levels[0]!.crossAttentionDim);
    if (config.encoder_hid_dim === null || other) {
      throw refuse(
        `"encoder_hid_dim_type" is "${config.encoder_hid_dim_type}", which needs "encoder_hid_dim" and one "cross_attention_dim" for all levels`,
      );
    }
  }
  const half = Math.floor(Math.min(levels[0]!.channels, waves ?? Number.POSITIVE_INFINITY) / 2);
  if (shift >= half) throw refuse(`"freq_shift" is ${shift}; a timestep has only ${half} frequencies`);
}

/** It is told a picture's width and height. */
export const SIDES = 2;

export const readDreamLiteUNet = async (source: CheckpointSource): Promise<DreamLiteUNetConfig> =>
  parseDreamLiteUNet(await readJson(source, "unet/config.json"));
