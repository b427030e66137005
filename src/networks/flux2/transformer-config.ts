/** The configuration of Flux2Transformer2DModel (diffusers, models/transformers/transformer_flux2.py), read strictly. */
import { z } from "zod";
import { count, epsilon, layers, only, parseConfig } from "../../checkpoint/parse-config.ts";
import { type CheckpointSource, readJson } from "../../checkpoint/source.ts";
import { EmilieError } from "../../errors.ts";

/** Axes of a token's place: time, row, column, place in the text. */
export const AXES = 4;

const schema = z.strictObject({
  patch_size: only(1),
  in_channels: count.default(128),
  out_channels: count.nullable().default(null),
  num_layers: layers.default(8),
  num_single_layers: layers.default(48),
  attention_head_dim: count.default(128),
  num_attention_heads: count.default(48),
  joint_attention_dim: count.default(15360),
  timestep_guidance_channels: count.default(256),
  mlp_ratio: z.number().positive().max(64).default(3),
  axes_dims_rope: z.array(count).length(AXES).default([32, 32, 32, 32]),
  rope_theta: z.number().positive().max(1e9).default(2000),
  eps: epsilon.default(1e-6),
  guidance_embeds: z.boolean().default(true),
});

export type Flux2TransformerConfig = z.output<typeof schema> & {
  /** Whether the last modulation holds (shift, scale), as the original file does, and not (scale, shift). */
  readonly shiftFirst?: boolean;
};

/** Width of a token. */
export const widthOf = (config: Flux2TransformerConfig): number =>
  config.num_attention_heads * config.attention_head_dim;

/** Width of a feed-forward part between its two products. */
export const innerOf = (config: Flux2TransformerConfig): number =>
  Math.floor(widthOf(config) * config.mlp_ratio);

/** @throws EmilieError "checkpoint.unsupported" naming the key, its value and what is implemented */
export function parseTransformerConfig(
  json: unknown,
  path = "transformer/config.json",
): Flux2TransformerConfig {
  const config = parseConfig(json, path, schema);
  const { axes_dims_rope: axes, attention_head_dim: head, in_channels, out_channels } = config;
  const refuse = (what: string) => new EmilieError("checkpoint.unsupported", `${path}: ${what}.`);
  if (axes.some((axis) => axis % 2 !== 0) || axes.reduce((sum, axis) => sum + axis, 0) !== head) {
    throw refuse(
      `"axes_dims_rope" is [${axes}]; expected ${AXES} even numbers that add up to attention_head_dim, ${head}`,
    );
  }
  if (out_channels !== null && out_channels !== in_channels) {
    throw refuse(
      `"out_channels" is ${out_channels}; expected in_channels, ${in_channels}: a result is the condition of the next edit`,
    );
  }
  return config;
}

export const readTransformerConfig = async (source: CheckpointSource): Promise<Flux2TransformerConfig> =>
  parseTransformerConfig(await readJson(source, "transformer/config.json"));
