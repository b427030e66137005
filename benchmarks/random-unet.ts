/**
 * A full-size InstructPix2Pix UNet with random weights (859.5 M parameters, 3.4 GB of fp32), written once into a
 * temporary folder. What a forward costs depends on shapes only.
 */
import { existsSync } from "node:fs";
import { mkdir, open, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseUNetConfig, type UNetConfig } from "../src/checkpoint/configs.ts";
import { safetensorsHeader } from "../src/checkpoint/safetensors.ts";
import { Graph } from "../src/graph/graph.ts";
import { Scope, WeightReader } from "../src/models/scope.ts";
import { unet } from "../src/models/unet.ts";
import { sizeOf } from "../src/tensor/tensor.ts";

/** unet/config.json of timbrooks/instruct-pix2pix, where it is not diffusers' default. */
const CONFIG = {
  sample_size: 64,
  in_channels: 8,
  block_out_channels: [320, 640, 1280, 1280],
  layers_per_block: 2,
  cross_attention_dim: 768,
  attention_head_dim: 8,
};

export const folder = join(tmpdir(), "emilie-bench-unet-2");
export const config: UNetConfig = parseUNetConfig(CONFIG);

/**
 * Random values, repeated through the file: 4 MB of noise tell a matrix product as much as 3.4 GB. Every tensor begins at another
 * place in them: ONNX Runtime keeps one copy of equal weights, and real ones are never equal.
 */
const NOISE = 1 << 20;
const STRIDE = 7919;

export async function makeRandomUNet(): Promise<number> {
  return writeRandomWeights(join(folder, "unet"), [...tensors(config)]);
}

/** Writes a component's weights, where they are not there yet, and returns how many numbers they are. */
export async function writeRandomWeights(
  component: string,
  needed: readonly (readonly [name: string, shape: readonly number[]])[],
): Promise<number> {
  const parameters = needed.reduce((sum, [, shape]) => sum + sizeOf(shape), 0);
  const file = join(component, "diffusion_pytorch_model.safetensors");
  if (existsSync(file)) return parameters;
  await mkdir(component, { recursive: true });
  const handle = await open(`${file}.partial`, "w");
  await handle.write(safetensorsHeader(needed.map(([name, shape]) => [name, { type: "F32", shape }])));
  const noise = Float32Array.from({ length: NOISE }, () => 2 * Math.random() - 1);
  for (const [index, [name, shape]] of needed.entries()) {
    // Variance 1 / fan-in keeps activations near 1, far from denormals and infinities; norms are left near 1.
    const scale = name.includes("norm") ? 0.1 : Math.sqrt(3 / Math.max(1, sizeOf(shape.slice(1))));
    const shift = name.includes("norm") && name.endsWith("weight") ? 1 : 0;
    const start = (index * STRIDE) % NOISE;
    const values = noise.map((_, i) => noise[(start + i) % NOISE]! * scale + shift);
    for (let left = sizeOf(shape); left > 0; left -= NOISE) {
      const part = values.subarray(0, Math.min(left, NOISE));
      await handle.write(new Uint8Array(part.buffer, part.byteOffset, part.byteLength));
    }
  }
  await handle.close();
  await rename(`${file}.partial`, file);
  return parameters;
}

export const removeRandomUNet = () => rm(folder, { recursive: true, force: true });

/** Names and shapes of a UNet's tensors, as its graph asks for them. */
function tensors(config: UNetConfig): ReadonlyMap<string, readonly number[]> {
  const none = { folder: "unet", tensors: new Map(), files: [], release: async () => {} };
  const reader = new WeightReader(none);
  unet(new Scope(new Graph("unet"), reader), config, { height: 8, width: 8, tokens: 77 });
  return reader.needed;
}
