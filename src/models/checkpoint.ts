/** A checkpoint's configurations and headers, read and checked together before any network is made. */
import { TIME_IDS, type UNetConfig } from "../checkpoint/configs.ts";
import type { Precision } from "../checkpoint/derived.ts";
import { type Layout, readFolder } from "../checkpoint/layout.ts";
import { readSingleFile } from "../checkpoint/single-file/layout.ts";
import type { CheckpointSource } from "../checkpoint/source.ts";
import { dryPlacement } from "../checkpoint/storage.ts";
import { EmilieError } from "../errors.ts";
import { checkDefaults } from "../samplers/index.ts";
import { buildDecoder, buildEncoder, vaeFactor } from "./autoencoder-kl.ts";
import { buildClipText } from "./clip-text.ts";
import { type Family, familyOf } from "./family.ts";
import { buildUNet } from "./unet.ts";

/** Everything that is read before the first network runs. */
export interface Checkpoint extends Layout {
  readonly family: Family;
  /** Tokens of a text's encoding. */
  readonly tokens: number;
}

/**
 * Reads configurations and headers of a checkpoint and checks that every tensor fits. Throws EmilieError with code
 * "checkpoint.*", naming the file, key or tensor.
 */
export async function readCheckpoint(
  source: CheckpointSource,
  precision: Precision = "fp32",
): Promise<Checkpoint> {
  const layout = await (source.single
    ? readSingleFile(source, source.single)
    : readFolder(source, precision));
  checkTogether(source.id, layout);
  // Its own edit is tried here, before weights are placed.
  const notes = [...layout.notes, ...checkDefaults(layout.scheduler, layout.own.defaults)];
  const checkpoint = {
    ...layout,
    notes,
    family: familyOf(layout),
    tokens: layout.texts[0]!.tokenizer.length,
  };
  buildSmallest(checkpoint);
  return checkpoint;
}

/** Building the smallest graphs finds every missing, unknown and misshapen tensor before anything is computed. */
function buildSmallest({ unet, vae, texts, tables, family, tokens }: Checkpoint): void {
  const side = 2 ** (unet.levels.length - 1);
  const factor = vaeFactor(vae);
  buildUNet(unet, dryPlacement(tables.unet), { height: side, width: side, tokens, factor });
  buildEncoder(vae, dryPlacement(tables.vae), factor, factor);
  buildDecoder(vae, dryPlacement(tables.vae), 1, 1);
  for (const [i, { config, table }] of texts.entries()) {
    buildClipText(config, dryPlacement(table), tokens, family.texts[i]);
  }
}

/** Width of SDXL's pooled text; 0 for families without. */
export function pooledWidth(unet: UNetConfig): number {
  if (unet.addition_embed_type === null) return 0;
  return unet.projection_class_embeddings_input_dim! - TIME_IDS * unet.addition_time_embed_dim!;
}

function checkTogether(id: string, { unet, vae, texts }: Layout): void {
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
