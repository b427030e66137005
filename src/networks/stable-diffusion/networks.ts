/** A checkpoint's weights brought to the runtime, and the networks that are made of them. */

import type { Precision } from "../../checkpoint/derived.ts";
import type { Additions } from "../../checkpoint/lora/additions.ts";
import type { CheckpointSource } from "../../checkpoint/source.ts";
import { dryPlacement, type PlacedWeights, type WeightStorage } from "../../checkpoint/storage.ts";
import type { WeightTable } from "../../checkpoint/weights.ts";
import type { Network } from "../../runtime/onnx-sessions.ts";
import { vaePrecision } from "../autoencoder-kl/layers.ts";
import type { Checkpoint } from "./checkpoint.ts";
import { unetNeeds } from "./unet.ts";

export interface Weights {
  readonly unet: PlacedWeights;
  readonly vae: PlacedWeights;
  readonly texts: readonly PlacedWeights[];
}

export async function placeAll(
  source: CheckpointSource,
  { unet, tables, texts }: Checkpoint,
  storage: WeightStorage,
  additions: Additions,
  precision: Precision = "fp32",
): Promise<Weights> {
  const placed: PlacedWeights[] = [];
  // Only what the UNet needs is made beforehand: the VAE's graphs make of its weights what they need, and texts are short.
  const needs = precision === "fp32" ? undefined : unetNeeds(unet, dryPlacement(tables.unet, precision));
  try {
    for (const table of [tables.unet, tables.vae, ...texts.map((text) => text.table)]) {
      const own = table === tables.unet ? needs : undefined;
      const often = table === tables.unet;
      placed.push(await storage.place(source, table, additions.get(table), own, often));
    }
  } catch (error) {
    for (const weights of placed) await weights.release();
    throw error;
  }
  const [first, vae, ...encoders] = placed;
  return { unet: first!, vae: { ...vae!, precision: vaePrecision(precision) }, texts: encoders };
}

/** A network with what its results are checked by. */
export interface CheckedNetwork extends Network {
  /** Its name in messages. */
  readonly what: string;
  readonly table: WeightTable;
}

export interface Networks {
  readonly encodeImage: CheckedNetwork;
  readonly decodeLatent: CheckedNetwork;
  readonly texts: readonly CheckedNetwork[];
  readonly unet: CheckedNetwork;
}

export function networksOf({ tables, texts }: Checkpoint, weights: Weights): Networks {
  const vae = { weights: weights.vae, table: tables.vae, hot: false };
  return {
    encodeImage: { name: "encodeImage", what: "The VAE's encoder", ...vae, once: true },
    decodeLatent: { name: "decodeLatent", what: "The VAE's decoder", ...vae },
    texts: texts.map(({ table }, i) => ({
      name: `encodeText${i + 1}`,
      what: "The text encoder",
      weights: weights.texts[i]!,
      table,
      hot: false,
    })),
    unet: { name: "unet", what: "The UNet", weights: weights.unet, table: tables.unet, hot: true },
  };
}
