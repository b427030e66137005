/** A full-size VAE of SD 1.x with random weights (83.7 M parameters, 335 MB of fp32), written once into a temporary folder. */
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseVaeConfig, type VaeConfig } from "../src/checkpoint/configs.ts";
import { Graph } from "../src/graph/graph.ts";
import { down, imageIn, imageOut, latentIn, latentOut, up } from "../src/models/autoencoder-kl.ts";
import { Scope, WeightReader } from "../src/models/scope.ts";
import { writeRandomWeights } from "./random-unet.ts";

/** vae/config.json of timbrooks/instruct-pix2pix, where it is not diffusers' default. */
const CONFIG = {
  block_out_channels: [128, 256, 512, 512],
  down_block_types: Array(4).fill("DownEncoderBlock2D"),
  up_block_types: Array(4).fill("UpDecoderBlock2D"),
  layers_per_block: 2,
};

export const folder = join(tmpdir(), "emilie-bench-vae-1");
export const config: VaeConfig = parseVaeConfig(CONFIG);

export const makeRandomVae = () => writeRandomWeights(join(folder, "vae"), [...tensors(config)]);

export const removeRandomVae = () => rm(folder, { recursive: true, force: true });

/** Names and shapes of a VAE's tensors, as its graphs ask for them. */
function tensors(config: VaeConfig): ReadonlyMap<string, readonly number[]> {
  const none = { folder: "vae", tensors: new Map(), files: [], release: async () => {} };
  const reader = new WeightReader(none);
  const levels = config.block_out_channels.length;
  const root = new Scope(new Graph("vae"), reader);
  const image = root.graph.input("image", [1, config.in_channels, 8, 8]);
  const latent = latentOut(root, down(root, imageIn(root, image, config), config, 0, levels), config);
  imageOut(root, up(root, latentIn(root, latent, config), config, 0, levels), config);
  return reader.needed;
}
