/** What a checkpoint is and what it costs, from its headers alone. */
import type { Precision } from "../../checkpoint/derived.ts";
import { readLora } from "../../checkpoint/lora/read.ts";
import type { CheckpointSource } from "../../checkpoint/source.ts";
import { dryPlacement } from "../../checkpoint/storage.ts";
import type { CheckpointFacts, Costs, PlannedNetwork } from "../architecture.ts";
import { VAE_LIMITS } from "../autoencoder-kl/vae.ts";
import { tinyFactor } from "../autoencoder-tiny/config.ts";
import { buildTinyDecoder, buildTinyEncoder } from "../autoencoder-tiny/graph.ts";
import { type Checkpoint, readCheckpoint, trainedSize } from "./checkpoint.ts";
import { findTargets } from "./lora-targets.ts";
import { needsOf } from "./networks.ts";
import { buildDreamLite } from "./unet.ts";

/** Rows of an encoding with an instruction of a few words: 256 of the picture, and the words about it. */
export const USUAL_TOKENS = 304;

export async function describe(source: CheckpointSource): Promise<CheckpointFacts> {
  const checkpoint = await readCheckpoint(source);
  const { unet, vae, text, scheduler, own, notes, mobile, defaults } = checkpoint;
  return {
    family: `DreamLite${mobile ? " mobile" : ""}`,
    nativeSize: trainedSize(checkpoint),
    conditionIsScaled: false,
    predictionType: "flow_prediction",
    factor: tinyFactor(vae.config),
    latentChannels: unet.config.in_channels,
    scalingFactor: vae.config.scalingFactor,
    schedulerConfig: scheduler,
    embedsGuidance: false,
    guidedBy: mobile ? "nothing" : "text and picture",
    tokens: USUAL_TOKENS,
    own: { ...own, defaults },
    notes,
    networks: [
      { name: "UNet", table: unet.table },
      { name: "VAE", table: vae.table },
      { name: "vision tower", table: text.vision },
      { name: "text encoder", table: text.text },
    ],
    lookedUp: [text.embeddings],
    loras: async (files) => {
      const loras = await Promise.all(files.map(readLora));
      const additions = findTargets(loras, unet.table);
      return {
        merged: additions.get(unet.table)?.size ?? 0,
        notes: loras.flatMap((lora) => lora.notes),
        fewSteps: checkpoint.fewSteps,
      };
    },
    costs: (width, height) => costsOf(checkpoint, width, height),
    planned: (precision) => planned(checkpoint, precision),
  };
}

/** Measured in fp32 and int8: 4.7 times at 512 px, 5.7 times at 1024 px. Its values are small beside those that its kernels need on the way. */
const ARENA = 5;

function costsOf({ unet, vae }: Checkpoint, width: number, height: number): Costs {
  const factor = tinyFactor(vae.config);
  const [h, w] = [height / factor, width / factor];
  const weights = dryPlacement(vae.table);
  const shape = { height: h, width: w, tokens: USUAL_TOKENS, factor };
  const call = buildDreamLite(unet.config, dryPlacement(unet.table), shape);
  const encoder = buildTinyEncoder(vae.config, weights, height, width);
  const decoder = buildTinyDecoder(vae.config, weights, h, w);
  const largest = Math.max(encoder.peakBytes, decoder.peakBytes);
  const tiled = largest > VAE_LIMITS.whole;
  return {
    denoise: call.flops,
    encode: encoder.flops,
    decode: decoder.flops,
    workingBytes: Math.max(call.peakBytes, tiled ? VAE_LIMITS.tile : largest),
    denoiserBytes: call.peakBytes,
    denoiserArena: ARENA,
    pictureAlone: tiled,
  };
}

/** As placeAll() does it; createEditModel has no fp16. */
function planned(checkpoint: Checkpoint, precision: Precision): readonly PlannedNetwork[] | null {
  if (precision === "fp16") return null;
  const { unet, vae, text } = checkpoint;
  const needs = needsOf(checkpoint, precision);
  return [
    { name: "UNet", table: unet.table, needs: needs.unet, hot: true },
    { name: "VAE", table: vae.table, hot: false },
    { name: "vision tower", table: text.vision, needs: needs.vision, hot: false },
    { name: "text encoder", table: text.text, needs: needs.text, hot: false },
  ];
}
