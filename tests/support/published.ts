/**
 * The checkpoints that people have, by their published configurations: what their tensors are called and how large they are is what the
 * graphs ask for. Nothing here has weights (see sparse-checkpoint.ts for folders and files of that size that take no disk).
 */

import { type Precision, specsOf } from "../../src/checkpoint/derived.ts";
import type { Needs, PlacedTensor, PlacedWeights } from "../../src/checkpoint/storage.ts";
import { Graph } from "../../src/graph/graph.ts";
import { parseVaeConfig, type VaeConfig } from "../../src/networks/autoencoder-kl/config.ts";
import { down, imageIn, imageOut, latentIn, latentOut, up } from "../../src/networks/autoencoder-kl/graph.ts";
import { type ClipTextConfig, parseClipTextConfig } from "../../src/networks/clip/config.ts";
import { clipText, type TextUse } from "../../src/networks/clip/text.ts";
import { Scope, WeightReader } from "../../src/networks/layers/scope.ts";
import { unet, unetNeeds } from "../../src/networks/stable-diffusion/unet.ts";
import { parseUNetConfig, type UNetConfig } from "../../src/networks/stable-diffusion/unet-config.ts";

export type PublishedName = "sd1" | "sd2" | "sdxl" | "cosxl";

type Json = Readonly<Record<string, unknown>>;

export interface Published {
  /** model_index.json */
  readonly index: Json;
  readonly unet: Json;
  readonly vae: Json;
  readonly texts: readonly Json[];
  readonly scheduler: Json;
  /** As the weights are published. */
  readonly stored: "F32" | "F16";
  /** Token that fills up the texts of each encoder. */
  readonly padding: readonly string[];
}

const [CROSS, DOWN] = ["CrossAttnDownBlock2D", "DownBlock2D"];
const [CROSS_UP, UP] = ["CrossAttnUpBlock2D", "UpBlock2D"];

const UNET = {
  _class_name: "UNet2DConditionModel",
  _diffusers_version: "0.21.0",
  act_fn: "silu",
  center_input_sample: false,
  downsample_padding: 1,
  flip_sin_to_cos: true,
  freq_shift: 0,
  in_channels: 8,
  out_channels: 4,
  layers_per_block: 2,
  mid_block_scale_factor: 1,
  norm_eps: 1e-5,
  norm_num_groups: 32,
};

const UNET_1 = {
  ...UNET,
  sample_size: 64,
  attention_head_dim: 8,
  block_out_channels: [320, 640, 1280, 1280],
  cross_attention_dim: 768,
  down_block_types: [CROSS, CROSS, CROSS, DOWN],
  up_block_types: [UP, CROSS_UP, CROSS_UP, CROSS_UP],
};

const UNET_2 = {
  ...UNET_1,
  attention_head_dim: [5, 10, 20, 20],
  cross_attention_dim: 1024,
  use_linear_projection: true,
  upcast_attention: true,
};

const UNET_XL = {
  ...UNET,
  sample_size: 128,
  addition_embed_type: "text_time",
  addition_time_embed_dim: 256,
  attention_head_dim: [5, 10, 20],
  block_out_channels: [320, 640, 1280],
  cross_attention_dim: 2048,
  down_block_types: [DOWN, CROSS, CROSS],
  projection_class_embeddings_input_dim: 2816,
  transformer_layers_per_block: [1, 2, 10],
  up_block_types: [CROSS_UP, CROSS_UP, UP],
  use_linear_projection: true,
};

const VAE = {
  _class_name: "AutoencoderKL",
  _diffusers_version: "0.21.0",
  act_fn: "silu",
  block_out_channels: [128, 256, 512, 512],
  down_block_types: Array(4).fill("DownEncoderBlock2D"),
  in_channels: 3,
  latent_channels: 4,
  layers_per_block: 2,
  norm_num_groups: 32,
  out_channels: 3,
  sample_size: 512,
  up_block_types: Array(4).fill("UpDecoderBlock2D"),
};

const VAE_XL = { ...VAE, sample_size: 1024, scaling_factor: 0.13025, force_upcast: true };

const CLIP_L = {
  architectures: ["CLIPTextModel"],
  model_type: "clip_text_model",
  hidden_act: "quick_gelu",
  hidden_size: 768,
  intermediate_size: 3072,
  max_position_embeddings: 77,
  num_attention_heads: 12,
  num_hidden_layers: 12,
  projection_dim: 768,
  vocab_size: 49408,
};

const OPEN_CLIP_H = {
  ...CLIP_L,
  hidden_act: "gelu",
  hidden_size: 1024,
  intermediate_size: 4096,
  num_attention_heads: 16,
  num_hidden_layers: 23,
  projection_dim: 512,
};

const OPEN_CLIP_G = {
  ...CLIP_L,
  architectures: ["CLIPTextModelWithProjection"],
  hidden_act: "gelu",
  hidden_size: 1280,
  intermediate_size: 5120,
  num_attention_heads: 20,
  num_hidden_layers: 32,
  projection_dim: 1280,
};

const BETAS = {
  beta_end: 0.012,
  beta_schedule: "scaled_linear",
  beta_start: 0.00085,
  num_train_timesteps: 1000,
  steps_offset: 1,
};

const ONE_TEXT = {
  _class_name: "StableDiffusionInstructPix2PixPipeline",
  // No editor's: left out, so that diffusers opens these folders too.
  feature_extractor: [null, null],
  safety_checker: [null, null],
  requires_safety_checker: false,
  scheduler: ["diffusers", "EulerAncestralDiscreteScheduler"],
  text_encoder: ["transformers", "CLIPTextModel"],
  tokenizer: ["transformers", "CLIPTokenizer"],
  unet: ["diffusers", "UNet2DConditionModel"],
  vae: ["diffusers", "AutoencoderKL"],
};

const TWO_TEXTS = {
  _class_name: "StableDiffusionXLInstructPix2PixPipeline",
  force_zeros_for_empty_prompt: true,
  scheduler: ["diffusers", "EulerDiscreteScheduler"],
  text_encoder: ["transformers", "CLIPTextModel"],
  text_encoder_2: ["transformers", "CLIPTextModelWithProjection"],
  tokenizer: ["transformers", "CLIPTokenizer"],
  tokenizer_2: ["transformers", "CLIPTokenizer"],
  unet: ["diffusers", "UNet2DConditionModel"],
  vae: ["diffusers", "AutoencoderKL"],
};

const END = "<|endoftext|>";

export const PUBLISHED: Readonly<Record<PublishedName, Published>> = {
  sd1: {
    index: ONE_TEXT,
    unet: UNET_1,
    vae: VAE,
    texts: [CLIP_L],
    scheduler: { _class_name: "EulerAncestralDiscreteScheduler", ...BETAS, prediction_type: "epsilon" },
    stored: "F32",
    padding: [END],
  },
  sd2: {
    index: ONE_TEXT,
    unet: UNET_2,
    vae: VAE,
    texts: [OPEN_CLIP_H],
    scheduler: { _class_name: "EulerAncestralDiscreteScheduler", ...BETAS, prediction_type: "v_prediction" },
    stored: "F32",
    padding: ["!"],
  },
  sdxl: {
    index: TWO_TEXTS,
    unet: UNET_XL,
    vae: VAE_XL,
    texts: [CLIP_L, OPEN_CLIP_G],
    scheduler: { _class_name: "EulerDiscreteScheduler", ...BETAS, prediction_type: "epsilon" },
    stored: "F16",
    padding: [END, "!"],
  },
  cosxl: {
    index: { ...TWO_TEXTS, is_cosxl_edit: true, scheduler: ["diffusers", "EDMEulerScheduler"] },
    unet: UNET_XL,
    vae: VAE_XL,
    texts: [CLIP_L, OPEN_CLIP_G],
    scheduler: {
      _class_name: "EDMEulerScheduler",
      num_train_timesteps: 1000,
      prediction_type: "v_prediction",
      sigma_data: 1,
      sigma_max: 120,
      sigma_min: 0.002,
      sigma_schedule: "exponential",
    },
    stored: "F16",
    padding: [END, "!"],
  },
};

/** Names and shapes of a component's tensors. */
export type Shapes = ReadonlyMap<string, readonly number[]>;

export interface Components {
  readonly unet: Shapes;
  readonly vae: Shapes;
  /** In a folder's order: text_encoder, text_encoder_2. */
  readonly texts: readonly Shapes[];
}

export interface Configs {
  readonly unet: UNetConfig;
  readonly vae: VaeConfig;
  readonly texts: readonly ClipTextConfig[];
}

export function configsOf({ unet, vae, texts }: Published): Configs {
  return {
    unet: parseUNetConfig(unet),
    vae: parseVaeConfig(vae),
    texts: texts.map((json) => parseClipTextConfig(json)),
  };
}

/** What each network reads of its text encoder (family.ts). */
export function textUses({ texts }: Published): readonly TextUse[] {
  if (texts.length === 1) return [{ hidden: "last", pooled: false }];
  return [
    { hidden: "penultimate", pooled: false },
    { hidden: "penultimate", pooled: true },
  ];
}

/** Every tensor of a checkpoint in the naming of diffusers, those of text encoders under "text_model.". */
export function componentsOf(published: Published): Components {
  const { unet: unetConfig, vae, texts } = configsOf(published);
  return {
    unet: askedFor((root) => void unet(root, unetConfig, { height: 8, width: 8, tokens: 77 })),
    vae: askedFor((root) => {
      const levels = vae.block_out_channels.length;
      const image = root.graph.input("image", [1, vae.in_channels, 8, 8]);
      const latent = latentOut(root, down(root, imageIn(root, image, vae), vae, 0, levels), vae);
      imageOut(root, up(root, latentIn(root, latent, vae), vae, 0, levels), vae);
    }),
    // All of it, also the last layer, which SDXL does not run.
    texts: texts.map((config, i) => {
      const asked = askedFor((root) => clipText(root, config, 77, { hidden: "last", pooled: i === 1 }));
      const named = (name: string) => (name.startsWith("text_projection") ? name : `text_model.${name}`);
      return new Map([...asked].map(([name, shape]) => [named(name), shape] as const));
    }),
  };
}

/** Names and shapes of the tensors that a network reads. */
export function askedFor(build: (root: Scope) => void): Shapes {
  const none = { folder: "", tensors: new Map(), files: [], release: async () => {} };
  const reader = new WeightReader(none);
  build(new Scope(new Graph("shapes"), reader));
  return reader.needed;
}

/** Where weights are said to lie that no one reads: everything at the beginning of one file. */
export interface Nowhere {
  readonly root?: string;
  readonly location: string;
}

/** A network's weights as its precision wants them, placed in such a file: for building graphs that are checked and never run. */
export function placedNowhere(
  shapes: Shapes,
  { location, root }: Nowhere,
  { precision, needs }: { readonly precision?: Precision; readonly needs?: Needs } = {},
): PlacedWeights {
  const at = (shape: readonly number[], type?: "F16"): PlacedTensor => ({
    shape,
    location,
    offset: 0,
    ...(type ? { type } : {}),
  });
  const specs = needs?.derived.flatMap(specsOf) ?? [];
  return {
    folder: "",
    tensors: new Map(
      [...shapes].map(([name, shape]) => [name, at(shape, precision === "fp16" ? "F16" : undefined)]),
    ),
    precision,
    ...(needs ? { derived: new Map(specs.map(({ name, shape }) => [name, at(shape)])) } : {}),
    files: [{ location }],
    root,
    release: async () => {},
  };
}

/** The UNet's weights in a precision, with what is derived for it, as a loaded model has them. */
export function placedUNet(
  published: Published,
  { unet: shapes }: Components,
  precision: Precision,
  nowhere: Nowhere,
): PlacedWeights {
  const config = parseUNetConfig(published.unet);
  const plain = placedNowhere(shapes, nowhere, { precision });
  if (precision === "fp32") return plain;
  return placedNowhere(shapes, nowhere, { precision, needs: unetNeeds(config, plain) });
}
