/** Averaged weights of a UNet (model_ema.*), which latent-diffusion saves under the same names without their dots. */
import { below, type Refs } from "../../../checkpoint/refs.ts";
import type { WeightRef } from "../../../checkpoint/weights.ts";

export const EMA = "model_ema.";
const UNET_INSIDE = `${EMA}diffusion_model`;

/** The averages of the UNet's tensors. Null where not every tensor has its average, in the same shape. */
export function averagesOf(unet: Refs, all: Refs): Refs | null {
  const averaged = new Map<string, WeightRef>();
  for (const [name, ref] of unet) {
    const average = all.get(UNET_INSIDE + name.replaceAll(".", ""));
    if (!average || String(average.shape) !== String(ref.shape)) return null;
    averaged.set(name, average);
  }
  return averaged;
}

/** The UNet of a file that has the averages alone. What has no name in the UNet is reported when the graph is built. */
export function averagesAlone(all: Refs): Refs {
  return new Map([...below(all, UNET_INSIDE)].map(([name, ref]) => [withDots(name), ref]));
}

/** Where dots stood: a block has one or two digits and its part one, everything else is a word and a digit. */
const DOTS: readonly (readonly [RegExp, string])[] = [
  [/(weight|bias)$/, ".$1"],
  [/^((?:in|out)put_blocks)(\d{1,2})(\d)/, "$1.$2.$3."],
  [/^(middle_block)(\d)/, "$1.$2."],
  [/^(time_embed|out)(\d)\./, "$1.$2."],
  [/^(label_emb)(\d)(\d)/, "$1.$2.$3"],
  [/(transformer_blocks)(\d{1,2})/, "$1.$2."],
  [/\.(in_layers|emb_layers|out_layers)(\d)/, ".$1.$2"],
  [/\.(attn\d)/, ".$1."],
  [/\.(to_out)(\d)/, ".$1.$2"],
  [/\.ffnet(\d)/, ".ff.net.$1"],
  [/\.(net\.\d)proj/, ".$1.proj"],
  [/\.\.+/g, "."],
];

function withDots(name: string): string {
  return DOTS.reduce((text, [from, to]) => text.replace(from, to), name);
}
