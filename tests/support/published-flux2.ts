/** FLUX.2 klein by its published configurations, as published.ts has the checkpoints of Stable Diffusion: what their tensors are called and how large they are. */
import { cp, mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Precision } from "../../src/checkpoint/derived.ts";
import type { PlacedWeights } from "../../src/checkpoint/storage.ts";
import { down, imageIn, imageOut, latentIn, latentOut, up } from "../../src/networks/autoencoder-kl/graph.ts";
import { parseFlux2VaeConfig } from "../../src/networks/autoencoder-kl-flux2/config.ts";
import { transformer, transformerNeeds } from "../../src/networks/flux2/transformer.ts";
import { parseTransformerConfig } from "../../src/networks/flux2/transformer-config.ts";
import { parseQwen3Config } from "../../src/networks/qwen3/config.ts";
import { qwen3Needs } from "../../src/networks/qwen3/graph.ts";
import type { StoredShape, WriteTensors } from "./full-checkpoint.ts";
import { askedFor, type Nowhere, placedNowhere, type Shapes } from "./published.ts";

type Json = Readonly<Record<string, unknown>>;

const TRANSFORMER = {
  _class_name: "Flux2Transformer2DModel",
  attention_head_dim: 128,
  axes_dims_rope: [32, 32, 32, 32],
  eps: 1e-6,
  guidance_embeds: false,
  in_channels: 128,
  joint_attention_dim: 7680,
  mlp_ratio: 3.0,
  num_attention_heads: 24,
  num_layers: 5,
  num_single_layers: 20,
  out_channels: null,
  patch_size: 1,
  rope_theta: 2000,
  timestep_guidance_channels: 256,
};
const TEXT = {
  architectures: ["Qwen3ForCausalLM"],
  model_type: "qwen3",
  head_dim: 128,
  hidden_act: "silu",
  hidden_size: 2560,
  intermediate_size: 9728,
  num_attention_heads: 32,
  num_hidden_layers: 36,
  num_key_value_heads: 8,
  rms_norm_eps: 1e-6,
  rope_theta: 1_000_000,
  tie_word_embeddings: true,
  vocab_size: 151936,
};
const VAE = {
  _class_name: "AutoencoderKLFlux2",
  act_fn: "silu",
  batch_norm_eps: 1e-4,
  batch_norm_momentum: 0.1,
  block_out_channels: [128, 256, 512, 512],
  down_block_types: Array(4).fill("DownEncoderBlock2D"),
  in_channels: 3,
  latent_channels: 32,
  layers_per_block: 2,
  norm_num_groups: 32,
  out_channels: 3,
  patch_size: [2, 2],
  up_block_types: Array(4).fill("UpDecoderBlock2D"),
};

export const KLEIN = {
  "4B": { transformer: TRANSFORMER, text: TEXT },
  "9B": {
    transformer: {
      ...TRANSFORMER,
      joint_attention_dim: 12288,
      num_attention_heads: 32,
      num_layers: 8,
      num_single_layers: 24,
    },
    text: { ...TEXT, hidden_size: 4096, intermediate_size: 12288, tie_word_embeddings: false },
  },
} as const;
export type KleinSize = keyof typeof KLEIN;

export const transformerOf = (size: KleinSize) => parseTransformerConfig(KLEIN[size].transformer);

/** The transformer's tensors. */
export function transformerShapes(size: KleinSize): Shapes {
  const config = transformerOf(size);
  return askedFor(
    (root) => void transformer(root, config, { pictures: [{ height: 1, width: 1 }], tokens: 1 }),
  );
}

/** Its weights in a precision, with what is derived for it, as a loaded model has them. */
export function placedTransformer(size: KleinSize, precision: Precision, nowhere: Nowhere): PlacedWeights {
  const plain = placedNowhere(transformerShapes(size), nowhere, { precision });
  if (precision === "fp32") return plain;
  return placedNowhere(transformerShapes(size), nowhere, {
    precision,
    needs: transformerNeeds(transformerOf(size), plain),
  });
}

/** Every layer of the text encoder, as Qwen3ForCausalLM names them. */
function textShapes(size: KleinSize): Shapes {
  const config = parseQwen3Config(KLEIN[size].text, "published", 512);
  const all = config.num_hidden_layers;
  // A precision of which nothing is derived reads every tensor as it is.
  const nothing = { folder: "", tensors: new Map(), files: [], release: async () => {} };
  const { plain } = qwen3Needs(config, nothing, [all]);
  const layer = shapesOfLayer(config);
  const shapes = [...plain].map((name): [string, readonly number[]] => [
    `model.${name}`,
    layer[name.replace(/^layers\.\d+\./, "")] ?? [config.hidden_size],
  ]);
  return new Map([["model.embed_tokens.weight", [config.vocab_size, config.hidden_size]], ...shapes]);
}

function shapesOfLayer(
  config: ReturnType<typeof parseQwen3Config>,
): Readonly<Record<string, readonly number[]>> {
  const { hidden_size: hidden, intermediate_size: inner, head_dim: width } = config;
  const [queries, keys] = [config.num_attention_heads * width, config.num_key_value_heads * width];
  return {
    "self_attn.q_proj.weight": [queries, hidden],
    "self_attn.k_proj.weight": [keys, hidden],
    "self_attn.v_proj.weight": [keys, hidden],
    "self_attn.o_proj.weight": [hidden, queries],
    "self_attn.q_norm.weight": [width],
    "self_attn.k_norm.weight": [width],
    "mlp.gate_proj.weight": [inner, hidden],
    "mlp.up_proj.weight": [inner, hidden],
    "mlp.down_proj.weight": [hidden, inner],
  };
}

function vaeShapes(): Shapes {
  const { encoder, decoder } = parseFlux2VaeConfig(VAE);
  const levels = encoder.block_out_channels.length;
  return askedFor((root) => {
    const image = root.graph.input("image", [1, encoder.in_channels, 16, 16]);
    const latent = latentOut(root, down(root, imageIn(root, image, encoder), encoder, 0, levels), encoder);
    imageOut(root, up(root, latentIn(root, latent, decoder), decoder, 0, levels), decoder);
  });
}

/** Lays a folder out as the hub has it, in bf16: 16 GB of the 4B model. Its tokenizer is the one in `tokenizer`. */
export async function layOutKlein(
  folder: string,
  size: KleinSize,
  tokenizer: string,
  write: WriteTensors,
): Promise<void> {
  const { transformer, text } = KLEIN[size];
  const json: Readonly<Record<string, Json>> = {
    "model_index.json": {
      _class_name: "Flux2KleinPipeline",
      is_distilled: true,
      scheduler: ["diffusers", "FlowMatchEulerDiscreteScheduler"],
      text_encoder: ["transformers", "Qwen3ForCausalLM"],
      tokenizer: ["transformers", "Qwen2TokenizerFast"],
      transformer: ["diffusers", "Flux2Transformer2DModel"],
      vae: ["diffusers", "AutoencoderKLFlux2"],
    },
    "scheduler/scheduler_config.json": {
      _class_name: "FlowMatchEulerDiscreteScheduler",
      num_train_timesteps: 1000,
      shift: 3,
      time_shift_type: "exponential",
      use_dynamic_shifting: true,
    },
    "transformer/config.json": transformer,
    "text_encoder/config.json": text,
    "vae/config.json": VAE,
  };
  for (const [path, value] of Object.entries(json)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), JSON.stringify(value));
  }
  await cp(tokenizer, join(folder, "tokenizer"), { recursive: true });
  const typed = (shapes: Shapes) =>
    [...shapes].map(([name, shape]): StoredShape => ({ name, shape, type: "BF16" }));
  const statistics = ["bn.running_mean", "bn.running_var"].map(
    (name): StoredShape => ({
      name,
      type: "F32",
      shape: [128],
      bytes: new Uint8Array(new Float32Array(128).fill(name.endsWith("var") ? 1 : 0).buffer),
    }),
  );
  await write(
    join(folder, "transformer/diffusion_pytorch_model.safetensors"),
    typed(transformerShapes(size)),
  );
  await write(join(folder, "vae/diffusion_pytorch_model.safetensors"), [
    ...typed(vaeShapes()),
    ...statistics,
  ]);
  await write(join(folder, "text_encoder/model.safetensors"), typed(textShapes(size)));
}
