/** FLUX.2 klein's text encoder and autoencoder as they are published: configurations, and their tensors, written down here and not asked of the graphs. */
import { parseFlux2VaeConfig } from "../../src/networks/autoencoder-kl-flux2/config.ts";
import { parseQwen3Config } from "../../src/networks/qwen3/config.ts";
import type { Shapes } from "./published.ts";

/** text_encoder/config.json of FLUX.2 klein 4B, which is Qwen3-4B's. */
export const QWEN3_4B = {
  architectures: ["Qwen3ForCausalLM"],
  attention_bias: false,
  attention_dropout: 0.0,
  bos_token_id: 151643,
  eos_token_id: 151645,
  head_dim: 128,
  hidden_act: "silu",
  hidden_size: 2560,
  initializer_range: 0.02,
  intermediate_size: 9728,
  max_position_embeddings: 40960,
  max_window_layers: 36,
  model_type: "qwen3",
  num_attention_heads: 32,
  num_hidden_layers: 36,
  num_key_value_heads: 8,
  rms_norm_eps: 1e-6,
  rope_scaling: null,
  rope_theta: 1000000,
  sliding_window: null,
  tie_word_embeddings: true,
  torch_dtype: "bfloat16",
  transformers_version: "4.51.0",
  use_cache: true,
  use_sliding_window: false,
  vocab_size: 151936,
};

/** vae/config.json of FLUX.2. */
export const FLUX2_VAE = {
  _class_name: "AutoencoderKLFlux2",
  _diffusers_version: "0.37.0.dev0",
  act_fn: "silu",
  batch_norm_eps: 0.0001,
  batch_norm_momentum: 0.1,
  block_out_channels: [128, 256, 512, 512],
  down_block_types: Array(4).fill("DownEncoderBlock2D"),
  force_upcast: true,
  in_channels: 3,
  latent_channels: 32,
  layers_per_block: 2,
  mid_block_add_attention: true,
  norm_num_groups: 32,
  out_channels: 3,
  patch_size: [2, 2],
  sample_size: 1024,
  up_block_types: Array(4).fill("UpDecoderBlock2D"),
  use_post_quant_conv: true,
  use_quant_conv: true,
};

export const qwen3Config = () => parseQwen3Config(QWEN3_4B, "text_encoder/config.json", 512);
export const flux2VaeConfig = () => parseFlux2VaeConfig(FLUX2_VAE);

/** Qwen3Model's tensors of the first `layers` layers, and with `rest` all others of Qwen3ForCausalLM (its words' scores are the embeddings). */
export function qwen3Shapes(layers: number, rest = false): Shapes {
  const shapes = new Map<string, readonly number[]>();
  for (let i = 0; i < layers; i++) {
    const at = (name: string, ...shape: number[]) => shapes.set(`layers.${i}.${name}.weight`, shape);
    at("input_layernorm", 2560);
    at("post_attention_layernorm", 2560);
    at("self_attn.q_proj", 4096, 2560);
    at("self_attn.k_proj", 1024, 2560);
    at("self_attn.v_proj", 1024, 2560);
    at("self_attn.o_proj", 2560, 4096);
    at("self_attn.q_norm", 128);
    at("self_attn.k_norm", 128);
    at("mlp.gate_proj", 9728, 2560);
    at("mlp.up_proj", 9728, 2560);
    at("mlp.down_proj", 2560, 9728);
  }
  if (rest) {
    shapes.set("embed_tokens.weight", [151936, 2560]);
    shapes.set("norm.weight", [2560]);
  }
  return shapes;
}

/** The autoencoder's tensors but for its statistics, by the names of diffusers. */
export function flux2VaeShapes(): Shapes {
  const shapes = new Map<string, readonly number[]>();
  const both = (name: string, ...weight: number[]) => {
    shapes.set(`${name}.weight`, weight);
    shapes.set(`${name}.bias`, [weight[0]!]);
  };
  const resnet = (name: string, from: number, to: number) => {
    both(`${name}.norm1`, from);
    both(`${name}.conv1`, to, from, 3, 3);
    both(`${name}.norm2`, to);
    both(`${name}.conv2`, to, to, 3, 3);
    if (from !== to) both(`${name}.conv_shortcut`, to, from, 1, 1);
  };
  const middle = (half: string) => {
    for (const i of [0, 1]) resnet(`${half}.mid_block.resnets.${i}`, 512, 512);
    both(`${half}.mid_block.attentions.0.group_norm`, 512);
    for (const part of ["to_q", "to_k", "to_v", "to_out.0"]) {
      both(`${half}.mid_block.attentions.0.${part}`, 512, 512);
    }
  };
  const down = [
    [128, 128],
    [128, 256],
    [256, 512],
    [512, 512],
  ] as const;
  both("encoder.conv_in", 128, 3, 3, 3);
  down.forEach(([from, to], i) => {
    for (const j of [0, 1]) resnet(`encoder.down_blocks.${i}.resnets.${j}`, j === 0 ? from : to, to);
    if (i < 3) both(`encoder.down_blocks.${i}.downsamplers.0.conv`, to, to, 3, 3);
  });
  middle("encoder");
  both("encoder.conv_norm_out", 512);
  both("encoder.conv_out", 64, 512, 3, 3);
  both("quant_conv", 64, 64, 1, 1);
  both("post_quant_conv", 32, 32, 1, 1);
  both("decoder.conv_in", 512, 32, 3, 3);
  middle("decoder");
  const up = [
    [512, 512],
    [512, 512],
    [512, 256],
    [256, 128],
  ] as const;
  up.forEach(([from, to], i) => {
    for (const j of [0, 1, 2]) resnet(`decoder.up_blocks.${i}.resnets.${j}`, j === 0 ? from : to, to);
    if (i < 3) both(`decoder.up_blocks.${i}.upsamplers.0.conv`, to, to, 3, 3);
  });
  both("decoder.conv_norm_out", 128);
  both("decoder.conv_out", 3, 128, 3, 3);
  return shapes;
}
