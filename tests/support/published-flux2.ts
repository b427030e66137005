/** FLUX.2 klein's transformer by its published configurations, as published.ts has the networks of Stable Diffusion, and whole folders of klein 4B. */
import { cp, mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Precision } from "../../src/checkpoint/derived.ts";
import type { PlacedWeights } from "../../src/checkpoint/storage.ts";
import { modulesOf, originalModules } from "../../src/networks/flux2/names.ts";
import { transformer, transformerNeeds } from "../../src/networks/flux2/transformer.ts";
import { parseTransformerConfig } from "../../src/networks/flux2/transformer-config.ts";
import type { StoredShape, WriteTensors } from "./full-checkpoint.ts";
import { FLUX2_VAE, flux2VaeShapes, QWEN3_4B, qwen3Shapes } from "./klein.ts";
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
const TRANSFORMERS = {
  "4B": TRANSFORMER,
  "9B": {
    ...TRANSFORMER,
    joint_attention_dim: 12288,
    num_attention_heads: 32,
    num_layers: 8,
    num_single_layers: 24,
  },
} as const;
export type KleinSize = keyof typeof TRANSFORMERS;

export const transformerOf = (size: KleinSize) => parseTransformerConfig(TRANSFORMERS[size]);

/** The transformer's tensors. */
export function transformerShapes(size: KleinSize): Shapes {
  const config = transformerOf(size);
  return askedFor(
    (root) => void transformer(root, config, { pictures: [{ height: 1, width: 1 }], tokens: 1 }),
  );
}

/** Its tensors as the original single file has them, in bf16. */
export function originalTransformer(size: KleinSize): StoredShape[] {
  const shapes = transformerShapes(size);
  const { num_layers: doubles, num_single_layers: singles } = transformerOf(size);
  return originalModules(doubles, singles).flatMap((original): StoredShape[] => {
    const parts = modulesOf(original).flatMap((name) =>
      [shapes.get(`${name}.weight`) ?? []].filter(({ length }) => length > 0),
    );
    if (parts.length === 0) return []; // of FLUX.2 dev, which is told its guidance
    const [first = []] = parts;
    const rows = parts.reduce((sum, [count = 0]) => sum + count, 0);
    const name = `${original}.${first.length === 1 ? "scale" : "weight"}`;
    return [{ name, type: "BF16", shape: [rows, ...first.slice(1)] }];
  });
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

/** Lays a folder of klein 4B out as the hub has it, in bf16: 16 GB. Its tokenizer is the one in `tokenizer`. */
export async function layOutKlein(folder: string, tokenizer: string, write: WriteTensors): Promise<void> {
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
    "transformer/config.json": TRANSFORMER,
    "text_encoder/config.json": QWEN3_4B,
    "vae/config.json": FLUX2_VAE,
  };
  for (const [path, value] of Object.entries(json)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), JSON.stringify(value));
  }
  await cp(tokenizer, join(folder, "tokenizer"), { recursive: true });
  const typed = (shapes: Shapes) =>
    [...shapes].map(([name, shape]): StoredShape => ({ name, shape, type: "BF16" }));
  const text = new Map([...qwen3Shapes(36, true)].map(([name, shape]) => [`model.${name}`, shape] as const));
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
    typed(transformerShapes("4B")),
  );
  await write(join(folder, "vae/diffusion_pytorch_model.safetensors"), [
    ...typed(flux2VaeShapes()),
    ...statistics,
  ]);
  await write(join(folder, "text_encoder/model.safetensors"), typed(text));
}
