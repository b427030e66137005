/** The configuration of a transformer whose file has none, by the shapes of its tensors. */
import { shapeOf } from "../../checkpoint/refs.ts";
import type { Refs } from "./names.ts";
import { AXES } from "./transformer-config.ts";

const blocksOf = (refs: Refs, kind: string): number =>
  new Set([...refs.keys()].flatMap((name) => (name.startsWith(`${kind}.`) ? [name.split(".")[1]] : []))).size;

/** config.json as diffusers would have written it. @param refs in the naming of diffusers @throws EmilieError "checkpoint.missing" naming a tensor that is not there */
export function inferTransformer(refs: Refs, path: string): Readonly<Record<string, unknown>> {
  const shape = (name: string) => shapeOf(refs, path, name);
  const [width = 0, channels = 0] = shape("x_embedder.weight");
  const [head = 0] = shape("single_transformer_blocks.0.attn.norm_k.weight");
  const [, inner = 0] = shape("single_transformer_blocks.0.attn.to_out.weight");
  return {
    in_channels: channels,
    num_layers: blocksOf(refs, "transformer_blocks"),
    num_single_layers: blocksOf(refs, "single_transformer_blocks"),
    attention_head_dim: head,
    num_attention_heads: width / head,
    joint_attention_dim: shape("context_embedder.weight")[1],
    timestep_guidance_channels: shape("time_guidance_embed.timestep_embedder.linear_1.weight")[1],
    mlp_ratio: (inner - width) / width,
    // Of all that are published; a tensor does not tell them.
    axes_dims_rope: Array(AXES).fill(head / AXES),
    rope_theta: 2000,
    eps: 1e-6,
    guidance_embeds: refs.has("time_guidance_embed.guidance_embedder.linear_1.weight"),
  };
}
