/** A checkpoint's weights brought to the runtime, and the networks that are made of them. */
import type { Precision } from "../../checkpoint/derived.ts";
import type { Additions } from "../../checkpoint/lora/additions.ts";
import {
  dryPlacement,
  type Needs,
  type PlacedWeights,
  type WeightStorage,
} from "../../checkpoint/storage.ts";
import { vaePrecision } from "../autoencoder-kl/layers.ts";
import type { CheckedNetwork } from "../checked-network.ts";
import { textNeeds } from "../qwen3/text-encoder.ts";
import type { Layout } from "./layout.ts";
import { transformerNeeds } from "./transformer.ts";

export type Weights = Readonly<Record<"transformer" | "vae" | "text", PlacedWeights>>;
export type Networks = Readonly<
  Record<"transformer" | "encodeImage" | "decodeLatent" | "text", CheckedNetwork>
>;

/** What the networks need in a precision. */
export function needsOf(
  { transformer, text }: Layout,
  precision: Precision,
): Readonly<Record<"transformer" | "text", Needs | undefined>> {
  const others = precision === "int8" || precision === "int4" || precision === "fp16";
  if (!others) return { transformer: undefined, text: undefined };
  return {
    transformer: transformerNeeds(transformer.config, dryPlacement(transformer.table, precision)),
    text: textNeeds(text, precision),
  };
}

/** Puts every network's weights where the runtime reads them, making what the precision needs. */
export async function placeAll(
  layout: Layout,
  storage: WeightStorage,
  additions: Additions,
  precision: Precision,
): Promise<Weights> {
  const { transformer, vae, text, sources } = layout;
  const placed: PlacedWeights[] = [];
  const needsIn = needsOf(layout, precision);
  try {
    for (const [source, table, needs, often] of [
      [sources.transformer, transformer.table, needsIn.transformer, true],
      [sources.vae, vae.table, undefined, false],
      [sources.text, text.table, needsIn.text, false],
    ] as const) {
      placed.push(await storage.place(source, table, additions.get(table), needs, often));
    }
  } catch (error) {
    for (const weights of placed) await weights.release();
    throw error;
  }
  const [first, second, third] = placed;
  return {
    transformer: first!,
    vae: { ...second!, precision: vaePrecision(precision) },
    text: third!,
  };
}

/** int4 is chosen to need little memory. */
export const isLean = ({ precision }: PlacedWeights): boolean => precision === "int4";

export function networksOf({ transformer, vae, text, sources }: Layout, weights: Weights): Networks {
  // The text encoder makes way for the transformer, and not the other way round: its weights stay in their file, while what the transformer has made of its own would not go
  // back to the system.
  const lean = isLean(weights.text);
  const ofVae = { weights: weights.vae, table: vae.table, source: sources.vae, hot: false };
  return {
    transformer: {
      ...{ name: "transformer", what: "The transformer", hot: true, waits: true, lean },
      ...{ weights: weights.transformer, table: transformer.table, source: sources.transformer },
    },
    encodeImage: { name: "encodeImage", what: "The autoencoder's encoder", ...ofVae, lean: true },
    decodeLatent: { name: "decodeLatent", what: "The autoencoder's decoder", ...ofVae, lean },
    text: {
      // As large as the transformer.
      ...{ name: "text", what: "The text encoder", hot: false },
      ...{ alone: !lean, waits: !lean, lean },
      ...{ weights: weights.text, table: text.table, source: sources.text },
    },
  };
}
