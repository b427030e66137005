/** The configuration of AutoencoderKLFlux2 (diffusers), read as strictly as a UNet's. */
import { z } from "zod";
import {
  blocks,
  count,
  inert,
  layers,
  MOST_BLOCKS,
  parseConfig,
  spread,
} from "../../checkpoint/parse-config.ts";
import { EmilieError } from "../../errors.ts";
import { KL_KEYS, type KlConfig } from "../autoencoder-kl/config.ts";

const kinds = <const T extends string>(kind: T) =>
  z.array(z.literal(kind)).nonempty().max(MOST_BLOCKS).default([kind, kind, kind, kind]);

const schema = z.strictObject({
  ...KL_KEYS,
  down_block_types: kinds("DownEncoderBlock2D"),
  up_block_types: kinds("UpDecoderBlock2D"),
  block_out_channels: blocks.default([128, 256, 512, 512]),
  /** Of a decoder that is narrower than the encoder. */
  decoder_block_out_channels: blocks.optional(),
  layers_per_block: layers.default(2),
  latent_channels: count.default(32),
  batch_norm_eps: z.number().positive().max(1).default(1e-4),
  batch_norm_momentum: inert, // of training
  // The pipeline lays patches of 2×2, whatever this says.
  patch_size: z.tuple([z.literal(2), z.literal(2)]).default([2, 2]),
});

export interface Flux2VaeConfig {
  readonly encoder: KlConfig;
  /** The encoder's, but for the channels of its levels. */
  readonly decoder: KlConfig;
  /** Added to the variances that latents are normalised by. */
  readonly normEps: number;
}

/** @throws EmilieError "checkpoint.unsupported" naming keys and values, "checkpoint.malformed" where it is no object */
export function parseFlux2VaeConfig(json: unknown, path = "vae/config.json"): Flux2VaeConfig {
  const parsed = parseConfig(json, path, schema);
  const { decoder_block_out_channels: narrow, batch_norm_eps: normEps, patch_size: _, ...encoder } = parsed;
  const levels = encoder.block_out_channels.length;
  spread(encoder.down_block_types, levels, "down_block_types", path);
  spread(encoder.up_block_types, levels, "up_block_types", path);
  if (narrow && narrow.length !== levels) {
    throw new EmilieError(
      "checkpoint.unsupported",
      `${path}: "decoder_block_out_channels" has ${narrow.length} entries for ${levels} blocks.`,
    );
  }
  return {
    encoder,
    decoder: { ...encoder, block_out_channels: narrow ?? encoder.block_out_channels },
    normEps,
  };
}

/** Picture pixels per pixel of a latent as the denoiser has it, which is a patch of 2×2 of the autoencoder's. */
export function flux2Factor({ encoder }: Flux2VaeConfig): number {
  return 2 ** encoder.block_out_channels.length;
}

/** Channels of a latent as the denoiser has it. */
export function flux2Channels({ encoder }: Flux2VaeConfig): number {
  return PATCH * encoder.latent_channels;
}

/** Values of a patch of 2×2. */
const PATCH = 4;
