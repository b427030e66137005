/** Whether the configurations of a checkpoint's networks fit together, which can be told before there are weights. */
import { EmilieError } from "../../errors.ts";
import type { Layout, TextPart } from "./layout.ts";
import { TIME_IDS, type UNetConfig } from "./unet-config.ts";

/** Width of SDXL's pooled text; 0 for families without. */
export function pooledWidth(unet: UNetConfig): number {
  if (unet.addition_embed_type === null) return 0;
  return unet.projection_class_embeddings_input_dim! - TIME_IDS * unet.addition_time_embed_dim!;
}

type Configs = Pick<Layout, "unet" | "vae"> & {
  readonly texts: readonly Pick<TextPart, "config" | "tokenizer">[];
};

/** Throws "checkpoint.unsupported" where the networks of `id` do not match. Whether they edit, editable.ts says. */
export function checkTogether(id: string, { unet, vae, texts }: Configs): void {
  const refuse = (message: string) => new EmilieError("checkpoint.unsupported", `${id}${message}`);
  for (const [part, { block_out_channels, norm_num_groups: groups }] of Object.entries({ unet, vae })) {
    const odd = block_out_channels.find((channels) => channels % groups !== 0);
    if (odd === undefined) continue;
    throw refuse(
      `: ${odd} channels of its ${part} ("block_out_channels") cannot be split into ${groups} groups ("norm_num_groups").`,
    );
  }
  const width = texts.reduce((sum, { config }) => sum + config.hidden_size, 0);
  const wrong = unet.levels.find((level) => level.crossAttentionDim !== width);
  if (wrong) {
    throw refuse(
      `: its UNet has "cross_attention_dim" ${wrong.crossAttentionDim}, but the text encoder's ` +
        `"hidden_size" is ${texts.map(({ config }) => config.hidden_size).join(" + ")}.`,
    );
  }
  const lengths = texts.map(({ tokenizer }) => tokenizer.length);
  if (new Set(lengths).size > 1)
    throw refuse(`: its tokenizers make texts of ${lengths.join(" and ")} tokens.`);
  const [pooled, wanted] = [texts[1]?.config.projection_dim ?? 0, pooledWidth(unet)];
  if (pooled !== wanted) {
    throw refuse(
      `: its UNet's added conditioning ("addition_embed_type" ${unet.addition_embed_type}) wants a pooled text of width ` +
        `${wanted}, but its text encoders give one of width ${pooled}.`,
    );
  }
}
