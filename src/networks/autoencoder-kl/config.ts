/** The configuration of AutoencoderKL (diffusers), read as strictly as a UNet's. */
import { z } from "zod";
import {
  AVERAGING,
  silu as activation,
  blocks,
  count,
  inert,
  layers,
  MOST_BLOCKS,
  on,
  only,
  parseConfig,
  spread,
} from "../../checkpoint/parse-config.ts";
import { type CheckpointSource, readJson } from "../../checkpoint/source.ts";

/** What the configurations of AutoencoderKL and of its descendants have in common. */
export const KL_KEYS = {
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
  force_upcast: on, // everything is computed in fp32
  use_quant_conv: on,
  use_post_quant_conv: on,
  mid_block_add_attention: on,
};

const vaeSchema = z.strictObject({
  ...KL_KEYS,
  scaling_factor: z.number().min(1e-6).max(1e6).default(0.18215),
  shift_factor: only(null, 0),
  latents_mean: only(null),
  latents_std: only(null),
});

/** What the graphs ask of a configuration; how latents are scaled is their user's business. */
export type KlConfig = Omit<
  z.output<typeof vaeSchema>,
  "scaling_factor" | "shift_factor" | "latents_mean" | "latents_std"
>;

export type VaeConfig = z.output<typeof vaeSchema>;

export function parseVaeConfig(json: unknown, path = "vae/config.json"): VaeConfig {
  const config = parseConfig(json, path, vaeSchema);
  const n = config.block_out_channels.length;
  spread(config.down_block_types, n, "down_block_types", path);
  spread(config.up_block_types, n, "up_block_types", path);
  return config;
}

export const readVaeConfig = async (source: CheckpointSource): Promise<VaeConfig> =>
  parseVaeConfig(await readJson(source, "vae/config.json"));
