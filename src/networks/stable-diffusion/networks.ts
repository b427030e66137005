/** A checkpoint's weights brought to the runtime, and the networks that are made of them. */

import type { Precision } from "../../checkpoint/derived.ts";
import type { Additions } from "../../checkpoint/lora/additions.ts";
import type { CheckpointSource } from "../../checkpoint/source.ts";
import { dryPlacement, type PlacedWeights, type WeightStorage } from "../../checkpoint/storage.ts";
import { vaePrecision } from "../autoencoder-kl/layers.ts";
import type { TinyAutoencoder } from "../autoencoder-tiny/read.ts";
import type { CheckedNetwork } from "../checked-network.ts";
import type { Checkpoint } from "./checkpoint.ts";
import { unetNeeds } from "./unet.ts";

/** Tiny autoencoders that a model is loaded with. */
export interface TinyAutoencoders {
  /** In the place of the checkpoint's VAE, whose weights are then not read. */
  readonly vae?: TinyAutoencoder;
  /** For previews alone. */
  readonly previewVae?: TinyAutoencoder;
}

export interface Weights {
  readonly unet: PlacedWeights;
  /** Of the VAE, or of what stands in its place. */
  readonly vae: PlacedWeights;
  readonly previewVae?: PlacedWeights;
  readonly texts: readonly PlacedWeights[];
  readonly reader?: PlacedWeights | undefined;
}

export async function placeAll(
  source: CheckpointSource,
  { unet, tables, texts, reader }: Checkpoint,
  storage: WeightStorage,
  additions: Additions,
  precision: Precision = "fp32",
  tiny: TinyAutoencoders = {},
): Promise<Weights> {
  const placed: PlacedWeights[] = [];
  // Only what the UNet needs is made beforehand: the VAE's graphs make of its weights what they need, and texts are short.
  const needs = precision === "fp32" ? undefined : unetNeeds(unet, dryPlacement(tables.unet, precision));
  try {
    const textTables = [...texts, ...(reader ? [reader] : [])].map(({ table }) => table);
    const own = [tables.unet, tables.vae, ...textTables].map((table) => ({ source, table }));
    if (tiny.vae) own[1] = tiny.vae;
    for (const { source, table } of [...own, ...(tiny.previewVae ? [tiny.previewVae] : [])]) {
      const often = table === tables.unet;
      placed.push(await storage.place(source, table, additions.get(table), often ? needs : undefined, often));
    }
  } catch (error) {
    for (const weights of placed) await weights.release();
    throw error;
  }
  const [first, vae, ...rest] = placed;
  const inVaePrecision = (weights: PlacedWeights) => ({ ...weights, precision: vaePrecision(precision) });
  return {
    unet: first!,
    vae: inVaePrecision(vae!),
    texts: rest.slice(0, texts.length),
    reader: reader && rest[texts.length],
    previewVae: tiny.previewVae && inVaePrecision(rest.at(-1)!),
  };
}

export interface Networks {
  readonly encodeImage: CheckedNetwork;
  readonly decodeLatent: CheckedNetwork;
  readonly previewLatent?: CheckedNetwork;
  readonly texts: readonly CheckedNetwork[];
  readonly reader?: CheckedNetwork | undefined;
  readonly unet: CheckedNetwork;
}

export function networksOf(
  { tables, texts, reader }: Checkpoint,
  weights: Weights,
  { vae: tiny, previewVae }: TinyAutoencoders = {},
): Networks {
  const vae = { weights: weights.vae, table: tiny?.table ?? tables.vae, source: tiny?.source, hot: false };
  return {
    encodeImage: { name: "encodeImage", what: "The VAE's encoder", ...vae, lean: true },
    decodeLatent: { name: "decodeLatent", what: "The VAE's decoder", ...vae },
    previewLatent: previewVae && {
      name: "previewLatent",
      what: "The preview autoencoder's decoder",
      weights: weights.previewVae!,
      table: previewVae.table,
      source: previewVae.source,
      hot: false,
    },
    texts: texts.map(({ table }, i) => ({
      name: `encodeText${i + 1}`,
      what: "The text encoder",
      weights: weights.texts[i]!,
      table,
      hot: false,
    })),
    reader: reader && {
      name: "reader",
      what: "The text encoder that reads",
      weights: weights.reader!,
      table: reader.table,
      hot: false,
    },
    unet: { name: "unet", what: "The UNet", weights: weights.unet, table: tables.unet, hot: true },
  };
}
