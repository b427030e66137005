/** A checkpoint's weights brought to the runtime, and the networks that are made of them. */
import type { Precision } from "../../checkpoint/derived.ts";
import type { Additions } from "../../checkpoint/lora/additions.ts";
import type { CheckpointSource } from "../../checkpoint/source.ts";
import {
  dryPlacement,
  type Needs,
  type PlacedWeights,
  type WeightStorage,
} from "../../checkpoint/storage.ts";
import { vaePrecision } from "../autoencoder-kl/layers.ts";
import type { CheckedNetwork } from "../checked-network.ts";
import { qwen3VlNeeds } from "../qwen3-vl/encoder.ts";
import type { Checkpoint } from "./checkpoint.ts";
import { dreamLiteNeeds } from "./unet.ts";

export type Weights = Readonly<Record<"unet" | "vae" | "vision" | "text", PlacedWeights>>;
export type Networks = Readonly<
  Record<"unet" | "encodeImage" | "decodeLatent" | "vision" | "text", CheckedNetwork>
>;

/** What the networks need in a precision. In int4 the UNet has eight bits: it is a sixth of the whole. */
export function needsOf(
  { unet, text }: Pick<Checkpoint, "unet" | "text">,
  precision: Precision,
): Readonly<Record<"unet" | "vision" | "text", Needs | undefined>> {
  const rounds = precision === "int8" || precision === "int4";
  return {
    unet: rounds ? dreamLiteNeeds(unet.config, dryPlacement(unet.table, "int8")) : undefined,
    ...qwen3VlNeeds(text, precision),
  };
}

/** Puts every network's weights where the runtime reads them, making what the precision needs. */
export async function placeAll(
  source: CheckpointSource,
  checkpoint: Checkpoint,
  storage: WeightStorage,
  additions: Additions,
  precision: Precision,
): Promise<Weights> {
  const { unet, vae, text } = checkpoint;
  const needs = needsOf(checkpoint, precision);
  const placed: PlacedWeights[] = [];
  try {
    for (const [table, needed, often] of [
      [unet.table, needs.unet, true],
      [vae.table, undefined, false],
      [text.vision, needs.vision, false],
      [text.text, needs.text, false],
    ] as const) {
      placed.push(await storage.place(source, table, additions.get(table), needed, often));
    }
    // Of a text, single rows are read: what a page asks a server for must not tell the words.
    const { file, offset, length } = text.embeddings;
    await source.keep?.(file, offset, length, `${source.id}'s embeddings`);
  } catch (error) {
    for (const weights of placed) await weights.release();
    throw error;
  }
  const [first, second, third, fourth] = placed;
  return {
    unet: first!,
    vae: { ...second!, precision: vaePrecision(precision) },
    vision: third!,
    text: fourth!,
  };
}

export function networksOf({ unet, vae, text }: Checkpoint, weights: Weights): Networks {
  const ofVae = { weights: weights.vae, table: vae.table, hot: false };
  // The text encoder is five times as large as all else: it waits beside the UNet where there is room, and else makes way.
  const ofText = { hot: false, alone: true, waits: true, lean: true };
  return {
    unet: { name: "unet", what: "The UNet", weights: weights.unet, table: unet.table, hot: true },
    encodeImage: { name: "encodeImage", what: "The autoencoder's encoder", ...ofVae, lean: true },
    decodeLatent: { name: "decodeLatent", what: "The autoencoder's decoder", ...ofVae, lean: true },
    vision: {
      ...{ name: "vision", what: "The text encoder's vision tower", ...ofText },
      ...{ weights: weights.vision, table: text.vision },
    },
    text: { name: "text", what: "The text encoder", ...ofText, weights: weights.text, table: text.text },
  };
}
