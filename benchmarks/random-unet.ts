/**
 * A full-size InstructPix2Pix UNet with random weights (859.5 M parameters, 3.4 GB of fp32), written once into a
 * temporary folder.
 */
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseUNetConfig, type UNetConfig } from "../src/checkpoint/configs.ts";
import { Graph } from "../src/graph/graph.ts";
import { Scope, WeightReader } from "../src/models/scope.ts";
import { unet } from "../src/models/unet.ts";
import { type Shapes, writeRandomWeights } from "./random-weights.ts";

/** unet/config.json of timbrooks/instruct-pix2pix, where it is not diffusers' default. */
export const CONFIG = {
  sample_size: 64,
  in_channels: 8,
  block_out_channels: [320, 640, 1280, 1280],
  layers_per_block: 2,
  cross_attention_dim: 768,
  attention_head_dim: 8,
};

export const folder = join(tmpdir(), "emilie-bench-unet-2");
export const config: UNetConfig = parseUNetConfig(CONFIG);

export const makeRandomUNet = (): Promise<number> =>
  writeRandomWeights(join(folder, "unet", "diffusion_pytorch_model.safetensors"), tensors(config));

/** The same in half precision, as most are published: 1.7 GB. */
export const halfFolder = join(tmpdir(), "emilie-bench-unet-2-f16");

export const makeHalfUNet = (): Promise<number> =>
  writeRandomWeights(join(halfFolder, "unet", "diffusion_pytorch_model.safetensors"), tensors(config), "F16");

export const removeRandomUNet = () => rm(folder, { recursive: true, force: true });

/** Names and shapes of a UNet's tensors, as its graph asks for them. */
function tensors(config: UNetConfig): Shapes {
  const none = { folder: "unet", tensors: new Map(), files: [], release: async () => {} };
  const reader = new WeightReader(none);
  unet(new Scope(new Graph("unet"), reader), config, { height: 8, width: 8, tokens: 77 });
  return reader.needed;
}
