/** The tiny autoencoder as it is published for Stable Diffusion 1.x and 2.x (TAESD) and for SDXL (TAESDXL): one configuration, and its tensors. */
import { parseTinyConfig, type TinyConfig } from "../../src/networks/autoencoder-tiny/config.ts";
import type { Shapes } from "./published.ts";

/** config.json of madebyollin/taesd and madebyollin/taesdxl. */
export const TINY = {
  _class_name: "AutoencoderTiny",
  _diffusers_version: "0.20.0.dev0",
  act_fn: "relu",
  decoder_block_out_channels: [64, 64, 64, 64],
  encoder_block_out_channels: [64, 64, 64, 64],
  force_upcast: false,
  in_channels: 3,
  latent_channels: 4,
  latent_magnitude: 3,
  latent_shift: 0.5,
  num_decoder_blocks: [3, 3, 3, 1],
  num_encoder_blocks: [1, 3, 3, 3],
  out_channels: 3,
  scaling_factor: 1.0,
  upsample_fn: "nearest",
  upsampling_scaling_factor: 2,
};

export const tinyConfig = (): TinyConfig => parseTinyConfig(TINY, "config.json");

/** Its tensors as the published file has them, by diffusers' names; written down here, and not asked of the graphs. */
export function tinyShapes(): Shapes {
  const shapes = new Map<string, readonly number[]>();
  const convolution = (name: string, out: number, width: number, bias = true) => {
    shapes.set(`${name}.weight`, [out, width, 3, 3]);
    if (bias) shapes.set(`${name}.bias`, [out]);
  };
  const blocks = (half: string, first: number, count: number) => {
    for (let at = first; at < first + count; at++) {
      for (const i of [0, 2, 4]) convolution(`${half}.layers.${at}.conv.${i}`, 64, 64);
    }
  };
  convolution("encoder.layers.0", 64, 3);
  blocks("encoder", 1, 1);
  for (const at of [2, 6, 10]) {
    convolution(`encoder.layers.${at}`, 64, 64, false);
    blocks("encoder", at + 1, 3);
  }
  convolution("encoder.layers.14", 4, 64);
  convolution("decoder.layers.0", 64, 4);
  for (const at of [2, 7, 12]) {
    blocks("decoder", at, 3);
    convolution(`decoder.layers.${at + 4}`, 64, 64, false);
  }
  blocks("decoder", 17, 1);
  convolution("decoder.layers.18", 3, 64);
  return shapes;
}
