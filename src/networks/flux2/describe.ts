/** What a checkpoint is and what it costs, from its headers alone. */

import type { Precision } from "../../checkpoint/derived.ts";
import { readLora } from "../../checkpoint/lora/read.ts";
import type { CheckpointSource } from "../../checkpoint/source.ts";
import { dryPlacement } from "../../checkpoint/storage.ts";
import type { CheckpointFacts, Costs, PlannedNetwork } from "../architecture.ts";
import { buildDecoder, buildEncoder } from "../autoencoder-kl/graph.ts";
import { isTiled, workingBytes } from "../autoencoder-kl/vae.ts";
import { flux2Factor } from "../autoencoder-kl-flux2/config.ts";
import { type Checkpoint, readCheckpoint, trainedSize } from "./checkpoint.ts";
import { MOST_REFERENCES } from "./editor.ts";
import { findTargets } from "./lora-targets.ts";
import { needsOf } from "./networks.ts";
import { buildTransformer } from "./transformer.ts";

export async function describe(source: CheckpointSource): Promise<CheckpointFacts> {
  const checkpoint = await readCheckpoint(source);
  const { transformer, vae, text, scheduler, own, notes, distilled, defaults } = checkpoint;
  const { config, table } = transformer;
  return {
    family: `FLUX.2 klein${distilled ? "" : " base"}`,
    nativeSize: trainedSize(checkpoint),
    conditionIsScaled: true,
    predictionType: "flow_prediction",
    factor: flux2Factor(vae.config),
    latentChannels: config.in_channels,
    scalingFactor: 1,
    schedulerConfig: scheduler,
    embedsGuidance: config.guidance_embeds,
    guidedBy: checkpoint.guidedBy,
    maxReferences: MOST_REFERENCES,
    tokens: text.tokenizer.length,
    own: { ...own, defaults },
    notes,
    networks: [
      { name: "transformer", table },
      { name: "VAE", table: vae.table },
      { name: "text encoder", table: text.table },
    ],
    loras: async (files) => {
      const loras = await Promise.all(files.map(readLora));
      const additions = findTargets(loras, table, config);
      return {
        merged: additions.get(table)?.size ?? 0,
        notes: loras.flatMap((lora) => lora.notes),
        fewSteps: checkpoint.fewSteps,
      };
    },
    costs: (width, height) => costsOf(checkpoint, width, height),
    planned: (precision) => planned(checkpoint, precision),
  };
}

function costsOf({ transformer, vae, text }: Checkpoint, width: number, height: number): Costs {
  const { encoder, decoder } = vae.config;
  const factor = flux2Factor(vae.config);
  const grid = { height: height / factor, width: width / factor };
  const weights = dryPlacement(vae.table);
  const call = buildTransformer(transformer.config, dryPlacement(transformer.table), {
    pictures: [grid, grid],
    tokens: text.tokenizer.length,
  });
  return {
    denoise: call.flops,
    encode: buildEncoder(encoder, weights, height, width).flops,
    decode: buildDecoder(decoder, weights, 2 * grid.height, 2 * grid.width).flops,
    workingBytes: Math.max(
      call.peakBytes,
      workingBytes(encoder, weights, "encode", [height, width]),
      workingBytes(decoder, weights, "decode", [height, width]),
    ),
    denoiserBytes: call.peakBytes,
    pictureAlone: isTiled(decoder, weights, [height, width]),
  };
}

/** As placeAll() does it; fp16 is for graphics cards. */
function planned(checkpoint: Checkpoint, precision: Precision): readonly PlannedNetwork[] | null {
  if (precision === "fp16") return null;
  const { transformer, vae, text } = checkpoint;
  const needs = needsOf(checkpoint, precision);
  return [
    { name: "transformer", table: transformer.table, needs: needs.transformer, hot: true },
    { name: "VAE", table: vae.table, hot: false },
    { name: "text encoder", table: text.table, needs: needs.text, hot: false },
  ];
}
