/**
 * The names that latent-diffusion and its successors give to the VAE's tensors, as those of diffusers. Every tensor stays where it is in the file;
 * a 1×1 convolution of the attention is read as the matrix that it is.
 */
import { countOf, type Refs } from "../../checkpoint/refs.ts";

const VAE_ATTENTION: Readonly<Record<string, string>> = {
  norm: "group_norm",
  q: "to_q",
  k: "to_k",
  v: "to_v",
  proj_out: "to_out.0",
};

export function vaeNames(refs: Refs): Refs {
  const levels = countOf(refs, /^decoder\.up\.(\d+)\./);
  return new Map(
    [...refs].map(([name, ref]) => {
      const moved = name
        .replace(/^encoder\.down\.(\d+)\.block\./, "encoder.down_blocks.$1.resnets.")
        .replace(/^encoder\.down\.(\d+)\.downsample\./, "encoder.down_blocks.$1.downsamplers.0.")
        // The original counts the decoder's levels from the picture, diffusers from the latent.
        .replace(/^decoder\.up\.(\d+)\./, (_, i) => `decoder.up_blocks.${levels - 1 - Number(i)}.`)
        .replace(/^(decoder\.up_blocks\.\d+)\.block\./, "$1.resnets.")
        .replace(/^(decoder\.up_blocks\.\d+)\.upsample\./, "$1.upsamplers.0.")
        .replace(/\.mid\.block_(\d)\./, (_, i) => `.mid_block.resnets.${Number(i) - 1}.`)
        .replace(/\.nin_shortcut\./, ".conv_shortcut.")
        .replace(/^(encoder|decoder)\.norm_out\./, "$1.conv_norm_out.");
      const attention = /^(.*)\.mid\.attn_1\.(\w+)\.(weight|bias)$/.exec(moved);
      if (!attention) return [moved, ref] as const;
      const [, where, part, kind] = attention;
      const to = `${where}.mid_block.attentions.0.${VAE_ATTENTION[part!] ?? part}.${kind}`;
      const matrix = ref.shape.length === 4 && ref.shape[2] === 1 && ref.shape[3] === 1;
      return [to, matrix ? { ...ref, shape: ref.shape.slice(0, 2) } : ref] as const;
    }),
  );
}
