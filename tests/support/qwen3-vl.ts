/** Qwen3-VL-2B as it is published, which is DreamLite's text encoder: its configuration, and its tensors, written down here and not asked of the graphs. */
import { cp, mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseQwen3VlConfig } from "../../src/networks/qwen3-vl/config.ts";
import type { StoredShape, WriteTensors } from "./full-checkpoint.ts";
import type { Shapes } from "./published.ts";

/** config.json of Qwen3-VL-2B-Instruct. */
export const QWEN3_VL_2B = {
  architectures: ["Qwen3VLForConditionalGeneration"],
  image_token_id: 151655,
  model_type: "qwen3_vl",
  text_config: {
    attention_bias: false,
    attention_dropout: 0.0,
    bos_token_id: 151643,
    dtype: "bfloat16",
    eos_token_id: 151645,
    head_dim: 128,
    hidden_act: "silu",
    hidden_size: 2048,
    initializer_range: 0.02,
    intermediate_size: 6144,
    max_position_embeddings: 262144,
    model_type: "qwen3_vl_text",
    num_attention_heads: 16,
    num_hidden_layers: 28,
    num_key_value_heads: 8,
    rms_norm_eps: 1e-6,
    rope_scaling: { mrope_interleaved: true, mrope_section: [24, 20, 20], rope_type: "default" },
    rope_theta: 5000000,
    tie_word_embeddings: true,
    use_cache: true,
    vocab_size: 151936,
  },
  tie_word_embeddings: true,
  transformers_version: "4.57.0.dev0",
  video_token_id: 151656,
  vision_config: {
    deepstack_visual_indexes: [5, 11, 17],
    depth: 24,
    hidden_act: "gelu_pytorch_tanh",
    hidden_size: 1024,
    in_channels: 3,
    initializer_range: 0.02,
    intermediate_size: 4096,
    model_type: "qwen3_vl",
    num_heads: 16,
    num_position_embeddings: 2304,
    out_hidden_size: 2048,
    patch_size: 16,
    spatial_merge_size: 2,
    temporal_patch_size: 2,
  },
  vision_end_token_id: 151653,
  vision_start_token_id: 151652,
};

/** preprocessor_config.json beside it. */
export const QWEN3_VL_PROCESSOR = {
  size: { longest_edge: 16777216, shortest_edge: 65536 },
  patch_size: 16,
  temporal_patch_size: 2,
  merge_size: 2,
  image_mean: [0.5, 0.5, 0.5],
  image_std: [0.5, 0.5, 0.5],
  processor_class: "Qwen3VLProcessor",
  image_processor_type: "Qwen2VLImageProcessorFast",
};

export const qwen3VlConfig = () => parseQwen3VlConfig(QWEN3_VL_2B, "text_encoder/config.json");

/** Tensors below "model.language_model." but for the embeddings. */
export function qwen3VlTextShapes(layers = 28): Shapes {
  const shapes = new Map<string, readonly number[]>();
  for (let i = 0; i < layers; i++) {
    const at = (name: string, ...shape: number[]) => shapes.set(`layers.${i}.${name}.weight`, shape);
    at("input_layernorm", 2048);
    at("post_attention_layernorm", 2048);
    at("self_attn.q_proj", 2048, 2048);
    at("self_attn.k_proj", 1024, 2048);
    at("self_attn.v_proj", 1024, 2048);
    at("self_attn.o_proj", 2048, 2048);
    at("self_attn.q_norm", 128);
    at("self_attn.k_norm", 128);
    at("mlp.gate_proj", 6144, 2048);
    at("mlp.up_proj", 6144, 2048);
    at("mlp.down_proj", 2048, 6144);
  }
  shapes.set("norm.weight", [2048]);
  return shapes;
}

/** Tensors below "model.visual.". */
export function qwen3VlVisionShapes(depth = 24): Shapes {
  const shapes = new Map<string, readonly number[]>();
  const both = (name: string, ...weight: number[]) => {
    shapes.set(`${name}.weight`, weight);
    shapes.set(`${name}.bias`, [weight[0]!]);
  };
  both("patch_embed.proj", 1024, 3, 2, 16, 16);
  shapes.set("pos_embed.weight", [2304, 1024]);
  for (let i = 0; i < depth; i++) {
    both(`blocks.${i}.norm1`, 1024);
    both(`blocks.${i}.norm2`, 1024);
    both(`blocks.${i}.attn.qkv`, 3072, 1024);
    both(`blocks.${i}.attn.proj`, 1024, 1024);
    both(`blocks.${i}.mlp.linear_fc1`, 4096, 1024);
    both(`blocks.${i}.mlp.linear_fc2`, 1024, 4096);
  }
  for (const [name, width] of [
    ["merger", 1024],
    ...[0, 1, 2].map((i) => [`deepstack_merger_list.${i}`, 4096] as const),
  ] as const) {
    both(`${name}.norm`, width);
    both(`${name}.linear_fc1`, 4096, 4096);
    both(`${name}.linear_fc2`, 2048, 4096);
  }
  return shapes;
}

/** All tensors of the checkpoint as it is published; the words' scores are the embeddings. */
export function qwen3VlShapes(): Shapes {
  const below = (prefix: string, shapes: Shapes) =>
    [...shapes].map(([name, shape]) => [`model.${prefix}.${name}`, shape] as const);
  return new Map([
    ["model.language_model.embed_tokens.weight", [151936, 2048]],
    ...below("language_model", qwen3VlTextShapes()),
    ...below("visual", qwen3VlVisionShapes()),
  ]);
}

/** A tokenizer whose templates have about as many tokens as with the published vocabulary. */
const TOKENIZER = fileURLToPath(new URL("../fixtures/qwen3-vl/pipeline", import.meta.url));

/** Lays text_encoder/, processor/ and tokenizer/ of DreamLite out as the hub has them, in bf16: 4.3 GB. The vocabulary is a small one. */
export async function layOutQwen3Vl(folder: string, write: WriteTensors): Promise<void> {
  for (const name of ["processor", "tokenizer"]) {
    await cp(join(TOKENIZER, name), join(folder, name), { recursive: true });
  }
  const { image_token_id } = JSON.parse(await readFile(join(TOKENIZER, "text_encoder/config.json"), "utf8"));
  const json = {
    "text_encoder/config.json": { ...QWEN3_VL_2B, image_token_id },
    "processor/preprocessor_config.json": QWEN3_VL_PROCESSOR,
  };
  for (const [path, value] of Object.entries(json)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), JSON.stringify(value));
  }
  const tensors = [...qwen3VlShapes()].map(([name, shape]): StoredShape => ({ name, shape, type: "BF16" }));
  await write(join(folder, "text_encoder/model.safetensors"), tensors);
}
