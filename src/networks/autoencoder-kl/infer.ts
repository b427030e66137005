/** The configuration of an AutoencoderKL that has none, from the shapes of its tensors (named as in diffusers, see names.ts). */
import { countOf, type Refs, shapeOf } from "../../checkpoint/refs.ts";

export function inferVae(refs: Refs, file: string, scalingFactor: number): Readonly<Record<string, unknown>> {
  const levels = countOf(refs, /^encoder\.down_blocks\.(\d+)\./);
  return {
    block_out_channels: Array.from(
      { length: levels },
      (_, i) => shapeOf(refs, file, `encoder.down_blocks.${i}.resnets.0.conv1.weight`)[0],
    ),
    down_block_types: Array(levels).fill("DownEncoderBlock2D"),
    up_block_types: Array(levels).fill("UpDecoderBlock2D"),
    layers_per_block: countOf(refs, /^encoder\.down_blocks\.0\.resnets\.(\d+)\./),
    latent_channels: shapeOf(refs, file, "decoder.conv_in.weight")[1],
    scaling_factor: scalingFactor,
    use_quant_conv: refs.has("quant_conv.weight"),
    use_post_quant_conv: refs.has("post_quant_conv.weight"),
    mid_block_add_attention: refs.has("decoder.mid_block.attentions.0.to_q.weight"),
  };
}
