/** What a checkpoint is and what it costs, from its headers alone. */
import type { Precision } from "../../checkpoint/derived.ts";
import type { CheckpointSource } from "../../checkpoint/source.ts";
import { dryPlacement } from "../../checkpoint/storage.ts";
import type { CheckpointFacts, Costs, PlannedNetwork } from "../architecture.ts";
import { buildDecoder, buildEncoder, vaeFactor } from "../autoencoder-kl/graph.ts";
import { isTiled, workingBytes } from "../autoencoder-kl/vae.ts";
import { type Checkpoint, readCheckpoint } from "./checkpoint.ts";
import { matchLoras } from "./loras.ts";
import { predictionType } from "./prediction-type.ts";
import { buildUNet, unetNeeds } from "./unet.ts";

export async function describe(source: CheckpointSource): Promise<CheckpointFacts> {
  const checkpoint = await readCheckpoint(source);
  const { unet, vae, texts, reader, scheduler, tables, own, family, notes, tokens } = checkpoint;
  return {
    family: family.name,
    nativeSize: trainedSize(checkpoint),
    conditionIsScaled: family.conditionIsScaled,
    predictionType: predictionType(scheduler),
    factor: vaeFactor(vae),
    latentChannels: vae.latent_channels,
    scalingFactor: vae.scaling_factor,
    schedulerConfig: scheduler,
    embedsGuidance: unet.time_cond_proj_dim !== null,
    tokens,
    own,
    notes,
    networks: [
      { name: "UNet", table: tables.unet },
      { name: "VAE", table: tables.vae },
      ...texts.map(({ table }, i) => ({ name: `text encoder${i === 0 ? "" : ` ${i + 1}`}`, table })),
      ...(reader ? [{ name: "reader", table: reader.table }] : []),
    ],
    loras: async (files) => {
      const { additions, notes, fewSteps } = await matchLoras(files, checkpoint);
      return { merged: [...additions.values()].reduce((sum, { size }) => sum + size, 0), notes, fewSteps };
    },
    costs: (width, height) => costsOf(checkpoint, width, height),
    planned: (precision) => planned(checkpoint, precision),
  };
}

/** The longer side, in pixels, of the pictures that the checkpoint was trained on. */
export function trainedSize({ unet, vae, own }: Pick<Checkpoint, "unet" | "vae" | "own">): number {
  return own.nativeSize ?? vaeFactor(vae) * Math.max(...[unet.sample_size ?? 64].flat());
}

function costsOf({ unet, vae, tokens, tables }: Checkpoint, width: number, height: number): Costs {
  const factor = vaeFactor(vae);
  const [h, w] = [height / factor, width / factor];
  const weights = dryPlacement(tables.vae);
  const call = buildUNet(unet, dryPlacement(tables.unet), { height: h, width: w, tokens, factor });
  const vaeBytes = (["encode", "decode"] as const).map((what) =>
    workingBytes(vae, weights, what, [height, width]),
  );
  return {
    denoise: call.flops,
    encode: buildEncoder(vae, weights, height, width).flops,
    decode: buildDecoder(vae, weights, h, w).flops,
    workingBytes: Math.max(call.peakBytes, ...vaeBytes),
    denoiserBytes: call.peakBytes,
    pictureAlone: isTiled(vae, weights, [height, width]),
  };
}

/** As placeAll() does it. */
function planned(
  { unet, tables, texts, reader }: Checkpoint,
  precision: Precision,
): readonly PlannedNetwork[] | null {
  if (precision === "int4") return null;
  const needs = precision === "fp32" ? undefined : unetNeeds(unet, dryPlacement(tables.unet, precision));
  return [
    { name: "UNet", table: tables.unet, needs, hot: true },
    { name: "VAE", table: tables.vae, hot: false },
    ...texts.map(({ table }) => ({ name: "text encoder", table, hot: false })),
    ...(reader ? [{ name: "reader", table: reader.table, hot: false }] : []),
  ];
}
