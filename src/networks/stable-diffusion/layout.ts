/** A checkpoint's configurations and headers, from a folder in the layout of diffusers. A single file gives the same. */

import { type EmilieDefaults, readDefaults } from "../../checkpoint/defaults.ts";
import type { Precision } from "../../checkpoint/derived.ts";
import { readSchedulerConfig, type SchedulerConfig } from "../../checkpoint/scheduler-config.ts";
import type { CheckpointSource } from "../../checkpoint/source.ts";
import { requireOffered } from "../../checkpoint/variants.ts";
import { openWeights, type WeightTable } from "../../checkpoint/weights.ts";
import { readVaeConfig, type VaeConfig } from "../autoencoder-kl/config.ts";
import { type ClipTextConfig, readClipTextConfig } from "../clip/config.ts";
import { readTokenizer, type Tokenizer } from "../clip/tokenizer.ts";
import { checkEditable } from "./editable.ts";
import { readPipeline } from "./pipeline.ts";
import { readUNetConfig, type UNetConfig } from "./unet-config.ts";

export interface TextPart {
  readonly config: ClipTextConfig;
  readonly tokenizer: Tokenizer;
  readonly table: WeightTable;
}

export interface Layout {
  readonly unet: UNetConfig;
  readonly vae: VaeConfig;
  /** One text encoder, or SDXL's two. */
  readonly texts: readonly TextPart[];
  /** scheduler_config.json */
  readonly scheduler: SchedulerConfig;
  readonly tables: Readonly<Record<"unet" | "vae", WeightTable>>;
  /** Whether the encoding of "" is zeros (SDXL's force_zeros_for_empty_prompt). */
  readonly emptyIsZero: boolean;
  /** Whether the checkpoint says that it is a CosXL-Edit; null where it says nothing. */
  readonly cosxl: boolean | null;
  readonly own: EmilieDefaults;
  /** What was taken for granted or passed over, in words; empty for a folder, which says everything itself. */
  readonly notes: readonly string[];
  /** What tells this checkpoint from another with the same files. */
  readonly variant: string;
}

/** `precision` is what the UNet is to compute in: for fp16 its files in half precision are taken where there are both. */
export async function readFolder(source: CheckpointSource, precision: Precision = "fp32"): Promise<Layout> {
  const { texts: parts, ...configs } = await readConfigs(source);
  const texts: TextPart[] = [];
  for (const [i, part] of parts.entries()) {
    const table = await openWeights(source, `text_encoder${i === 0 ? "" : `_${i + 1}`}`, "model");
    texts.push({ ...part, table });
  }
  const tables = {
    unet: await openWeights(
      source,
      "unet",
      "diffusion_pytorch_model",
      precision === "fp16" ? "half" : "full",
    ),
    vae: await openWeights(source, "vae", "diffusion_pytorch_model"),
  };
  const all = [tables.unet, tables.vae, ...texts.map(({ table }) => table)];
  requireOffered(source.id, source.variant, new Set(all.flatMap(({ variant }) => variant ?? [])));
  return { ...configs, texts, tables, notes: [], variant: "" };
}

/** What a folder's small files say, before there are weights. Throws "checkpoint.*" where it cannot edit, or is nothing that can be used. */
export async function readConfigs(source: CheckpointSource) {
  const { xl, emptyIsZero, cosxl } = await readPipeline(source);
  const [unet, vae] = await Promise.all([readUNetConfig(source), readVaeConfig(source)]);
  checkEditable(source.id, unet, vae.latent_channels);
  const texts: Omit<TextPart, "table">[] = [];
  for (const suffix of xl ? ["", "_2"] : [""]) {
    const config = await readClipTextConfig(source, `text_encoder${suffix}`);
    const tokenizer = await readTokenizer(source, `tokenizer${suffix}`, config.max_position_embeddings, {
      vocabulary: config.vocab_size,
    });
    texts.push({ config, tokenizer });
  }
  const scheduler = await readSchedulerConfig(source);
  const own = await readDefaults(source);
  return { unet, vae, texts, scheduler, emptyIsZero, cosxl, own };
}
