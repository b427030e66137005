/**
 * The configurations of a checkpoint that has none, from the shapes of its tensors (named as in diffusers, see names.ts).
 * What shapes cannot tell is what the original programs' configuration files said for the family, and is listed in
 * ASSUMED; the file NAME.emilie.json beside NAME.safetensors may say otherwise.
 */
import { countOf, type Refs, shapeOf } from "../../../checkpoint/refs.ts";
import { EmilieError } from "../../../errors.ts";
import { projectsLinearly, type SingleFamily } from "./family.ts";

type Json = Record<string, unknown>;

/** Configurations as diffusers and transformers would have written them. */
export type Inferred = Readonly<Record<"unet" | "vae" | "text_encoder" | "text_encoder_2", Json>>;

/** The original programs give every attention head 64 channels, but SD 1.x's UNet, which has 8 heads everywhere. */
const HEAD_WIDTH = 64;
const SD1_HEADS = 8;

/** How many transformer blocks the attention at `path` has; 0 where there is none. */
function depthOf(refs: Refs, path: string): number {
  const blocks = new RegExp(`^${path.replaceAll(".", "\\.")}\\.transformer_blocks\\.(\\d+)\\.`);
  return countOf(refs, blocks);
}

/** Channels that the UNet takes and gives. */
export function channelsOf(refs: Refs, file: string): { in_channels: number; out_channels: number } {
  const [, in_channels] = shapeOf(refs, file, "conv_in.weight");
  const [out_channels] = shapeOf(refs, file, "conv_out.weight");
  if (in_channels !== undefined && out_channels !== undefined) return { in_channels, out_channels };
  throw new EmilieError(
    "checkpoint.malformed",
    `${file}: the first or last convolution of its UNet has no channels.`,
  );
}

/** `family` tells how many heads there are; `pooledWidth` is the width of SDXL's pooled text, or null. */
export function inferUNet(
  refs: Refs,
  file: string,
  pooledWidth: number | null,
  family: SingleFamily = pooledWidth === null ? (projectsLinearly(refs) ? "sd2" : "sd1") : "sdxl",
): Json {
  const shape = (name: string) => shapeOf(refs, file, name);
  const n = countOf(refs, /^down_blocks\.(\d+)\./);
  const levels = Array.from({ length: n }, (_, i) => {
    const depth = depthOf(refs, `down_blocks.${i}.attentions.0`);
    const up = depthOf(refs, `up_blocks.${n - 1 - i}.attentions.0`);
    const middle = i === n - 1 ? depthOf(refs, "mid_block.attentions.0") : 0;
    return {
      channels: shape(`down_blocks.${i}.resnets.0.conv1.weight`)[0]!,
      layers: countOf(refs, new RegExp(`^down_blocks\\.${i}\\.resnets\\.(\\d+)\\.`)),
      down: depth > 0,
      up: up > 0,
      depth: depth || up || middle || 1,
    };
  });
  const attention = [...refs.keys()].find((name) => name.endsWith("transformer_blocks.0.attn2.to_k.weight"));
  if (levels.length === 0 || attention === undefined) {
    throw new EmilieError("checkpoint.malformed", `${file}: its UNet has no levels, or none that attends.`);
  }
  const linear = projectsLinearly(refs);
  const added = refs.get("add_embedding.linear_1.weight")?.shape[1];
  return {
    ...channelsOf(refs, file),
    sample_size: added === undefined ? 64 : 128,
    block_out_channels: levels.map(({ channels }) => channels),
    layers_per_block: levels.map(({ layers }) => layers),
    down_block_types: levels.map(({ down }) => (down ? "CrossAttnDownBlock2D" : "DownBlock2D")),
    up_block_types: levels.map(({ up }) => (up ? "CrossAttnUpBlock2D" : "UpBlock2D")).reverse(),
    mid_block_type:
      depthOf(refs, "mid_block.attentions.0") > 0 ? "UNetMidBlock2DCrossAttn" : "UNetMidBlock2D",
    transformer_layers_per_block: levels.map(({ depth }) => depth),
    cross_attention_dim: shape(attention)[1],
    use_linear_projection: linear,
    attention_head_dim: levels.map(({ channels }) =>
      family === "sd1" ? SD1_HEADS : Math.max(1, Math.floor(channels / HEAD_WIDTH)),
    ),
    ...(added === undefined || pooledWidth === null
      ? {}
      : {
          addition_embed_type: "text_time",
          addition_time_embed_dim: (added - pooledWidth) / 6,
          projection_class_embeddings_input_dim: added,
        }),
  };
}

export function inferText(refs: Refs, file: string, act: "quick_gelu" | "gelu"): Json {
  const prefix = refs.has("text_model.final_layer_norm.weight") ? "text_model." : "";
  const shape = (name: string) => shapeOf(refs, file, prefix + name);
  const [vocabulary, width] = shape("embeddings.token_embedding.weight");
  return {
    vocab_size: vocabulary,
    hidden_size: width,
    intermediate_size: shape("encoder.layers.0.mlp.fc1.weight")[0],
    num_hidden_layers: countOf(refs, /encoder\.layers\.(\d+)\./),
    num_attention_heads: Math.max(1, Math.floor(width! / HEAD_WIDTH)),
    max_position_embeddings: shape("embeddings.position_embedding.weight")[0],
    hidden_act: act,
    projection_dim:
      refs.get("text_projection")?.shape[1] ?? refs.get("text_projection.weight")?.shape[0] ?? width,
  };
}
