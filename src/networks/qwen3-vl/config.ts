/** The configuration of Qwen3VLForConditionalGeneration and Qwen3VLModel (transformers, models/qwen3_vl), read as strictly as a UNet's. */
import { z } from "zod";
import { count, epsilon, few, inert, layers, only, parseConfig } from "../../checkpoint/parse-config.ts";
import { EmilieError } from "../../errors.ts";
import { ownKeys } from "../clip/config.ts";
import type { Qwen3Config } from "../qwen3/config.ts";

/** Keys of training and of the writing library, in every part. */
const NOTES = {
  architectures: inert,
  dtype: inert,
  torch_dtype: inert,
  transformers_version: inert,
  initializer_range: inert,
  tie_word_embeddings: inert, // the words' scores are not computed
};

const theta = z.number().positive().max(1e12);
const heads = few(2 ** 10);
/** Pairs of a head that are turned by time, row and column. */
const sections = z.tuple([z.int().nonnegative(), z.int().nonnegative(), z.int().nonnegative()]);

const textRope = z.strictObject({
  rope_type: only("default"),
  type: only("default"), // its name before transformers 4.43
  rope_theta: theta.optional(),
  mrope_section: sections.default([24, 20, 20]),
  mrope_interleaved: only(true),
});

const textSchema = z.strictObject({
  ...NOTES,
  model_type: only("qwen3_vl_text"),
  vocab_size: count.default(151936),
  hidden_size: count.default(4096),
  intermediate_size: count.default(22016),
  num_hidden_layers: layers.default(32),
  num_attention_heads: heads.default(32),
  num_key_value_heads: heads.nullable().default(32), // null: as many as heads
  head_dim: few(2 ** 12).default(128),
  hidden_act: only("silu"),
  rms_norm_eps: epsilon.default(1e-6),
  attention_bias: z.boolean().default(false),
  rope_theta: theta.default(500_000),
  rope_scaling: textRope.optional(),
  rope_parameters: textRope.optional(),
  max_position_embeddings: inert, // of what it was trained on
  attention_dropout: inert,
  use_cache: inert,
  // Token ids are the tokenizer's business.
  bos_token_id: inert,
  eos_token_id: inert,
  pad_token_id: inert,
});

const visionRope = z.strictObject({ rope_type: only("axial"), rope_theta: theta.default(10_000) });

const visionSchema = z.strictObject({
  ...NOTES,
  model_type: only("qwen3_vl_vision", "qwen3_vl"), // the second of them in files of transformers 4
  depth: layers.default(27),
  hidden_size: count.default(1152),
  hidden_act: z.literal(["gelu_pytorch_tanh", "gelu"]).default("gelu_pytorch_tanh"),
  intermediate_size: count.default(4304),
  num_heads: heads.default(16),
  in_channels: only(3),
  patch_size: few(2 ** 8).default(16),
  spatial_merge_size: few(2 ** 4).default(2),
  temporal_patch_size: few(2 ** 4).default(2),
  out_hidden_size: count.default(3584),
  num_position_embeddings: count.default(2304),
  deepstack_visual_indexes: z.array(z.int().nonnegative()).max(32).default([8, 16, 24]),
  rope_parameters: visionRope.optional(),
});

const schema = z.strictObject({
  ...NOTES,
  model_type: only("qwen3_vl"),
  text_config: z.looseObject({}).default({}),
  vision_config: z.looseObject({}).default({}),
  image_token_id: count.default(151655),
  video_token_id: inert,
  vision_start_token_id: inert,
  vision_end_token_id: inert,
  // Of the language model.
  bos_token_id: inert,
  eos_token_id: inert,
  pad_token_id: inert,
  use_cache: inert,
});

export interface Qwen3VlTextConfig extends Qwen3Config {
  /** Pairs of a head that are turned by a token's time, row and column; they take turns (Interleaved-MRoPE). */
  readonly mrope_section: readonly [number, number, number];
}

export interface Qwen3VlVisionConfig {
  readonly depth: number;
  readonly hidden_size: number;
  readonly hidden_act: "gelu_pytorch_tanh" | "gelu";
  readonly intermediate_size: number;
  readonly num_heads: number;
  /** Pixels of a patch's side. */
  readonly patch_size: number;
  /** Patches of a feature's side. */
  readonly spatial_merge_size: number;
  /** Frames of a patch; a picture is repeated. */
  readonly temporal_patch_size: number;
  readonly out_hidden_size: number;
  /** Places of the square grid of learned positions. */
  readonly num_position_embeddings: number;
  /** Blocks after which features are taken for the first layers of the text. */
  readonly deepstack_visual_indexes: readonly number[];
  readonly rope_theta: number;
}

export interface Qwen3VlConfig {
  readonly text: Qwen3VlTextConfig;
  readonly vision: Qwen3VlVisionConfig;
  readonly image_token_id: number;
}

/** @throws EmilieError "checkpoint.unsupported" naming keys and values, "checkpoint.malformed" where they contradict each other */
export function parseQwen3VlConfig(json: unknown, path: string): Qwen3VlConfig {
  const parsed = parseConfig(ownKeys(json), path, schema);
  const text = parseText(parsed.text_config, `${path}, text_config`);
  const vision = parseVision(parsed.vision_config, `${path}, vision_config`);
  if (vision.out_hidden_size !== text.hidden_size) {
    throw malformed(
      path,
      `the vision tower's features have ${vision.out_hidden_size} values ("out_hidden_size"), and the text's tokens ${text.hidden_size} ("hidden_size")`,
    );
  }
  const taken = vision.deepstack_visual_indexes.length;
  if (taken > text.num_hidden_layers) {
    throw malformed(
      path,
      `features of ${taken} blocks ("deepstack_visual_indexes") cannot be added after ${text.num_hidden_layers} layers`,
    );
  }
  return { text, vision, image_token_id: parsed.image_token_id };
}

function parseText(json: unknown, path: string): Qwen3VlTextConfig {
  const parsed = parseConfig(ownKeys(json), path, textSchema);
  const { num_attention_heads, head_dim } = parsed;
  const num_key_value_heads = parsed.num_key_value_heads ?? num_attention_heads;
  if (num_attention_heads % num_key_value_heads !== 0) {
    throw malformed(
      path,
      `${num_attention_heads} attention heads ("num_attention_heads") cannot share ${num_key_value_heads} of keys and values ("num_key_value_heads")`,
    );
  }
  if (head_dim % 2 !== 0) throw malformed(path, `"head_dim" is ${head_dim}; positions turn pairs of values`);
  const rope = parsed.rope_parameters ?? parsed.rope_scaling;
  return {
    ...parsed,
    num_key_value_heads,
    rope_theta: rope?.rope_theta ?? parsed.rope_theta,
    mrope_section: rope?.mrope_section ?? [24, 20, 20],
  };
}

function parseVision(json: unknown, path: string): Qwen3VlVisionConfig {
  const parsed = parseConfig(ownKeys(json), path, visionSchema);
  const { hidden_size, num_heads, depth, deepstack_visual_indexes: taken } = parsed;
  if (hidden_size % (4 * num_heads) !== 0) {
    throw malformed(
      path,
      `a width of ${hidden_size} ("hidden_size") cannot be split into ${num_heads} heads ("num_heads") of which rows and columns turn pairs of values`,
    );
  }
  if (new Set(taken).size < taken.length || taken.some((index) => index >= depth)) {
    throw malformed(
      path,
      `"deepstack_visual_indexes" is [${taken}]; expected different numbers of blocks, from 0 to ${depth - 1}`,
    );
  }
  return { ...parsed, rope_theta: parsed.rope_parameters?.rope_theta ?? 10_000 };
}

const malformed = (path: string, problem: string) =>
  new EmilieError("checkpoint.malformed", `${path}: ${problem}.`);
