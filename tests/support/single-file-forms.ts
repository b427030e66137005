/**
 * Headers of single files as programs write them, at the widths of the published checkpoints: names and shapes of every
 * tensor, and no data.
 */

import { type CheckpointSource, missingFile } from "../../src/checkpoint/source.ts";
import { Graph } from "../../src/graph/graph.ts";
import { parseVaeConfig } from "../../src/networks/autoencoder-kl/config.ts";
import { down, imageIn, imageOut, latentIn, latentOut, up } from "../../src/networks/autoencoder-kl/graph.ts";
import { Scope, WeightReader } from "../../src/networks/layers/scope.ts";
import { originalUNetModules } from "../../src/networks/stable-diffusion/single-file/names.ts";
import { unet } from "../../src/networks/stable-diffusion/unet.ts";
import { parseUNetConfig } from "../../src/networks/stable-diffusion/unet-config.ts";
import { sizeOf } from "../../src/tensor/tensor.ts";

export type Shapes = ReadonlyMap<string, readonly number[]>;
type Json = Readonly<Record<string, unknown>>;

const FOUR_LEVELS = {
  block_out_channels: [320, 640, 1280, 1280],
  down_block_types: ["CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"],
  up_block_types: ["UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"],
};
const XL = {
  block_out_channels: [320, 640, 1280],
  down_block_types: ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
  up_block_types: ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"],
  transformer_layers_per_block: [1, 2, 10],
  cross_attention_dim: 2048,
  attention_head_dim: [5, 10, 20],
  use_linear_projection: true,
  addition_embed_type: "text_time",
  addition_time_embed_dim: 256,
  projection_class_embeddings_input_dim: 2816,
};
/** The UNets of the three families, as editors. */
export const UNETS = {
  sd1: { in_channels: 8, ...FOUR_LEVELS, cross_attention_dim: 768 },
  sd2: {
    in_channels: 8,
    ...FOUR_LEVELS,
    cross_attention_dim: 1024,
    attention_head_dim: [5, 10, 20, 20],
    use_linear_projection: true,
  },
  sdxl: { in_channels: 8, ...XL },
} as const satisfies Record<string, Json>;

const empty = () => new WeightReader({ folder: "", tensors: new Map(), files: [], release: async () => {} });

function renamed(shapes: Shapes, name: (from: string) => string): Shapes {
  return new Map([...shapes].map(([from, shape]) => [name(from), shape]));
}

/** A UNet under "model.diffusion_model.", or in diffusers' own naming under `diffusers`. */
export function unetShapes(json: Json, diffusers?: string): Shapes {
  const config = parseUNetConfig(json);
  const reader = empty();
  unet(new Scope(new Graph("unet"), reader), config, { height: 8, width: 8, tokens: 77 });
  if (diffusers !== undefined) return renamed(reader.needed, (name) => diffusers + name);
  const original = originalUNetModules(config.levels);
  const upwards = [...config.levels].reverse();
  return renamed(reader.needed, (name) => {
    const cut = name.lastIndexOf(".");
    // An upsampler has two names; which of them, its level's attention says.
    const names = original(name.slice(0, cut));
    const level = /^up_blocks\.(\d+)\.upsamplers\./.exec(name)?.[1];
    const module = level === undefined || upwards[Number(level)]!.attendsUp ? names[0] : names[1];
    return `model.diffusion_model.${module}${name.slice(cut)}`;
  });
}

export function vaeShapes(prefix = "first_stage_model."): Shapes {
  const config = parseVaeConfig({
    block_out_channels: [128, 256, 512, 512],
    down_block_types: Array(4).fill("DownEncoderBlock2D"),
    up_block_types: Array(4).fill("UpDecoderBlock2D"),
    layers_per_block: 2,
  });
  const reader = empty();
  const g = new Graph("vae");
  const root = new Scope(g, reader);
  latentOut(root, down(root, imageIn(root, g.input("image", [1, 3, 8, 8]), config), config, 0, 4), config);
  imageOut(root, up(root, latentIn(root, g.input("z", [1, 4, 1, 1]), config), config, 0, 4), config);
  return renamed(reader.needed, (name) => prefix + name);
}

interface Text {
  readonly width: number;
  readonly layers: number;
  /** Width of the projection, where the file has one. */
  readonly projection?: number;
}

/** Far fewer than CLIP has: what is read does not depend on it, and a test is faster. */
const VOCABULARY = 512;

/** A text encoder as transformers names it. */
export function clipShapes(prefix: string, { width, layers, projection }: Text): Shapes {
  const shapes = new Map<string, readonly number[]>([
    ["embeddings.token_embedding.weight", [VOCABULARY, width]],
    ["embeddings.position_embedding.weight", [77, width]],
    ["final_layer_norm.weight", [width]],
    ["final_layer_norm.bias", [width]],
  ]);
  for (let i = 0; i < layers; i++) {
    const layer = `encoder.layers.${i}`;
    const linear = (name: string, out: number, wide: number) => {
      shapes.set(`${layer}.${name}.weight`, [out, wide]);
      shapes.set(`${layer}.${name}.bias`, [out]);
    };
    for (const part of ["q_proj", "k_proj", "v_proj", "out_proj"]) linear(`self_attn.${part}`, width, width);
    linear("mlp.fc1", 4 * width, width);
    linear("mlp.fc2", width, 4 * width);
    for (const norm of ["layer_norm1", "layer_norm2"]) {
      shapes.set(`${layer}.${norm}.weight`, [width]);
      shapes.set(`${layer}.${norm}.bias`, [width]);
    }
  }
  const all = renamed(shapes, (name) => `${prefix}text_model.${name}`);
  return projection === undefined
    ? all
    : new Map([...all, [`${prefix}text_projection.weight`, [projection, width]]]);
}

/** A text encoder as OpenCLIP names it. */
export function openClipShapes(prefix: string, { width, layers, projection }: Text): Shapes {
  const shapes = new Map<string, readonly number[]>([
    ["token_embedding.weight", [VOCABULARY, width]],
    ["positional_embedding", [77, width]],
    ["ln_final.weight", [width]],
    ["ln_final.bias", [width]],
  ]);
  if (projection !== undefined) {
    shapes.set("text_projection", [width, projection]);
    shapes.set("logit_scale", []);
  }
  for (let i = 0; i < layers; i++) {
    const layer = `transformer.resblocks.${i}`;
    const pair = (name: string, out: number, wide?: number) => {
      shapes.set(`${layer}.${name}.weight`, wide === undefined ? [out] : [out, wide]);
      shapes.set(`${layer}.${name}.bias`, [out]);
    };
    shapes.set(`${layer}.attn.in_proj_weight`, [3 * width, width]);
    shapes.set(`${layer}.attn.in_proj_bias`, [3 * width]);
    pair("attn.out_proj", width, width);
    pair("mlp.c_fc", 4 * width, width);
    pair("mlp.c_proj", width, 4 * width);
    pair("ln_1", width);
    pair("ln_2", width);
  }
  return renamed(shapes, (name) => prefix + name);
}

/** model_ema.*: every tensor of the UNet again, without the dots. */
export function withAverages(shapes: Shapes): Shapes {
  const averages = [...shapes].map(
    ([name, shape]) => [`model_ema.${name.slice("model.".length).replaceAll(".", "")}`, shape] as const,
  );
  return new Map([...shapes, ...averages]);
}

const pieces: Record<string, number> = { "!": 0 };
for (let id = 1; id < VOCABULARY - 2; id++) pieces[`piece${id}`] = id;
pieces["<|startoftext|>"] = VOCABULARY - 2;
pieces["<|endoftext|>"] = VOCABULARY - 1;

/** A file "model.safetensors" of these tensors in half precision, with a tokenizer beside it, and no data. */
export function headerSource(
  parts: readonly Shapes[],
  metadata: Readonly<Record<string, string>> = {},
): CheckpointSource {
  let at = 0;
  const header: Record<string, unknown> = { __metadata__: metadata };
  for (const [name, shape] of parts.flatMap((part) => [...part])) {
    const end = at + 2 * sizeOf(shape);
    header[name] = { dtype: "F16", shape, data_offsets: [at, end] };
    at = end;
  }
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  const begin = Buffer.concat([length, text]);
  const texts: Readonly<Record<string, string>> = {
    "tokenizer/vocab.json": JSON.stringify(pieces),
    "tokenizer/merges.txt": "#version: 0.2\n",
  };
  const small = (path: string): string => {
    const found = texts[path];
    if (found === undefined) throw missingFile("model", path);
    return found;
  };
  const source: CheckpointSource = {
    id: "model.safetensors",
    exists: async (path) => path in texts,
    size: async (path) => (path === "model.safetensors" ? begin.length + at : Buffer.byteLength(small(path))),
    readText: async (path) => small(path),
    read: async (_, offset, wanted) => new Uint8Array(begin.subarray(offset, offset + wanted)),
  };
  return { ...source, single: { file: "model.safetensors", tokenizers: [source] } };
}
