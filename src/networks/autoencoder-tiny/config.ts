/** The configuration of diffusers' AutoencoderTiny (TAESD, TAESDXL), from its file or, for the original program's files, from the tensors. */
import { z } from "zod";
import { count, few, inert, MOST_BLOCKS, only, parseConfig } from "../../checkpoint/parse-config.ts";
import { EmilieError } from "../../errors.ts";

/** One half, from where it begins. */
export interface TinyHalf {
  readonly channels: number;
  /** Residual blocks of each level; each level but one halves the size, or doubles it. */
  readonly blocks: readonly number[];
}

export interface TinyConfig {
  readonly latentChannels: number;
  readonly encoder: TinyHalf;
  readonly decoder: TinyHalf;
  /** What comes out of the encoder times this is z in the units that the UNet works in: 1 as published. */
  readonly scalingFactor: number;
}

const widths = z.array(count).nonempty().max(MOST_BLOCKS).default([64, 64, 64, 64]);
const blocks = (otherwise: number[]) =>
  z.array(z.int().min(0).max(64)).nonempty().max(MOST_BLOCKS).default(otherwise);

const schema = z.strictObject({
  in_channels: only(3),
  out_channels: only(3),
  encoder_block_out_channels: widths,
  decoder_block_out_channels: widths,
  num_encoder_blocks: blocks([1, 3, 3, 3]),
  num_decoder_blocks: blocks([3, 3, 3, 1]),
  act_fn: only("relu"),
  upsample_fn: only("nearest"),
  upsampling_scaling_factor: only(2),
  latent_channels: few(64).default(4),
  scaling_factor: z.number().min(1e-6).max(1e6).default(1),
  shift_factor: only(0),
  // How latents are stored as pictures of 8 bits, which is done nowhere here.
  latent_magnitude: inert,
  latent_shift: inert,
  force_upcast: inert, // everything is computed in fp32
  block_out_channels: inert, // the decoder's again
});

/** @throws EmilieError "checkpoint.unsupported" naming keys and values */
export function parseTinyConfig(json: unknown, path: string): TinyConfig {
  const config = parseConfig(json, path, schema);
  const half = (name: "encoder" | "decoder"): TinyHalf => {
    const [all, counts] = [config[`${name}_block_out_channels`], config[`num_${name}_blocks`]];
    const [channels = 0] = all;
    if (all.some((other) => other !== channels) || counts.length !== all.length) {
      throw new EmilieError(
        "checkpoint.unsupported",
        `${path}: "${name}_block_out_channels" is ${JSON.stringify(all)} and "num_${name}_blocks" ${JSON.stringify(counts)}; expected one width for all levels, and ` +
          "a number of blocks for each.",
      );
    }
    return { channels, blocks: counts };
  };
  const [encoder, decoder] = [half("encoder"), half("decoder")];
  if (encoder.blocks.length !== decoder.blocks.length) {
    throw new EmilieError(
      "checkpoint.unsupported",
      `${path}: the encoder has ${encoder.blocks.length} levels and the decoder ${decoder.blocks.length}; a picture must come out as large as it went in.`,
    );
  }
  return { encoder, decoder, latentChannels: config.latent_channels, scalingFactor: config.scaling_factor };
}

/** Picture pixels per latent pixel. */
export const tinyFactor = ({ encoder }: TinyConfig): number => 2 ** (encoder.blocks.length - 1);

/** The configuration that tensors have, by diffusers' names: files that come without one. */
export function inferTinyConfig(shapes: ReadonlyMap<string, readonly number[]>, path: string): TinyConfig {
  const half = (name: "encoder" | "decoder"): TinyHalf => {
    const kinds = new Map<number, "convolution" | "block">();
    for (const key of shapes.keys()) {
      const [, at, rest] = new RegExp(`^${name}\\.layers\\.(\\d{1,4})\\.(weight$|conv\\.)`).exec(key) ?? [];
      if (at !== undefined) kinds.set(Number(at), rest === "weight" ? "convolution" : "block");
    }
    const layers = [...kinds].sort(([a], [b]) => a - b).map(([, kind]) => kind);
    const counts: number[] = [];
    for (const kind of layers) {
      if (kind === "convolution") counts.push(0);
      else if (counts.length > 0) counts[counts.length - 1]!++;
    }
    // The last convolution is the end of the last level.
    if (counts.length < 2 || layers.at(-1) !== "convolution") throw notTiny(path, name);
    return { channels: shapes.get(`${name}.layers.0.weight`)?.[0] ?? 0, blocks: counts.slice(0, -1) };
  };
  const [encoder, decoder] = [half("encoder"), half("decoder")];
  const latentChannels = shapes.get("decoder.layers.0.weight")?.[1] ?? 0;
  return { encoder, decoder, latentChannels, scalingFactor: 1 };
}

function notTiny(path: string, half: string): EmilieError {
  return new EmilieError(
    "checkpoint.unsupported",
    `${path} is no tiny autoencoder: it has no ${half} of convolutions and blocks, as TAESD's files have ("${half}.layers.0.weight", or "0.weight" in a file of its own).`,
  );
}
