/** A checkpoint of DreamLite, from a folder in the layout of diffusers: configurations and headers, and what its edits are by default. */
import { type EmilieDefaults, readDefaults } from "../../checkpoint/defaults.ts";
import { readSchedulerConfig, type SchedulerConfig } from "../../checkpoint/scheduler-config.ts";
import type { CheckpointSource } from "../../checkpoint/source.ts";
import { dryPlacement } from "../../checkpoint/storage.ts";
import { requireOffered } from "../../checkpoint/variants.ts";
import { openWeights, type WeightTable } from "../../checkpoint/weights.ts";
import { EmilieError } from "../../errors.ts";
import type { EditDefaults, FewSteps } from "../../method/edit-model.ts";
import { checkDefaults } from "../../samplers/index.ts";
import type { TinyConfig } from "../autoencoder-tiny/config.ts";
import { readTinyConfig, readTinyFolder, type TinyAutoencoder } from "../autoencoder-tiny/read.ts";
import { type Qwen3Vl, readQwen3Vl, readQwen3VlFiles } from "../qwen3-vl/read.ts";
import { readPipeline } from "./pipeline.ts";
import { buildDreamLite } from "./unet.ts";
import { type DreamLiteUNetConfig, readDreamLiteUNet } from "./unet-config.ts";

export interface Checkpoint {
  /** Whether it needs no guidance, and few steps. */
  readonly mobile: boolean;
  readonly unet: { readonly config: DreamLiteUNetConfig; readonly table: WeightTable };
  readonly vae: TinyAutoencoder;
  readonly text: Qwen3Vl;
  /** scheduler_config.json */
  readonly scheduler: SchedulerConfig;
  readonly own: EmilieDefaults;
  readonly fewSteps: FewSteps | null;
  readonly defaults: EditDefaults;
  /** What was taken for granted or passed over, in words. */
  readonly notes: readonly string[];
}

/** Of DreamLiteMobilePipeline. */
const FEW: FewSteps = { sampler: "flow-euler", steps: 4 };
/** Of DreamLitePipeline: its own weights of guidance, and the steps that its authors show. */
const BASE = { steps: 28, textGuidance: 3.5, imageGuidance: 1.5 };
/** Of both, as their pages say it, also where a folder was given. */
const LICENSE = "DreamLite's published weights are licensed under CC BY-NC 4.0: not for commercial use.";
/** The longer side of the pictures that both were trained on. */
const TRAINED = 1024;

export const trainedSize = ({ own }: { readonly own: EmilieDefaults }): number => own.nativeSize ?? TRAINED;

/** Picture pixels that a side is a multiple of, in pixels of the latent. */
export const strideOf = ({ levels }: DreamLiteUNetConfig): number => 2 ** (levels.length - 1);

/** What a folder's small files say, before there are weights. @throws EmilieError "checkpoint.*" where it is nothing that can be used */
export async function readSmallFiles(source: CheckpointSource): Promise<void> {
  await readPipeline(source);
  const unet = await readDreamLiteUNet(source);
  const vae = await readTinyConfig(source, "vae");
  const { config } = await readQwen3VlFiles(source);
  checkTogether(source.id, unet, vae, config.text.hidden_size);
  await readSchedulerConfig(source);
  await readDefaults(source);
}

/** @throws EmilieError "checkpoint.*" naming the file, key or tensor */
export async function readCheckpoint(source: CheckpointSource): Promise<Checkpoint> {
  const { mobile } = await readPipeline(source);
  const config = await readDreamLiteUNet(source);
  const vae = await readTinyFolder(source, "vae");
  const text = await readQwen3Vl(source);
  checkTogether(source.id, config, vae.config, text.config.text.hidden_size);
  const table = await openWeights(source, "unet", "diffusion_pytorch_model");
  const tables = [table, vae.table, text.text, text.vision];
  requireOffered(source.id, source.variant, new Set(tables.flatMap(({ variant }) => variant ?? [])));
  const own = await readDefaults(source);
  if (own.understanding) {
    throw new EmilieError(
      "checkpoint.unsupported",
      `${source.id}: emilie.json: "understanding" is for checkpoints with a CLIP text encoder.`,
    );
  }
  // The smallest graph finds every missing, unknown and misshapen tensor before anything is computed.
  const side = strideOf(config);
  buildDreamLite(config, dryPlacement(table), { height: side, width: side, tokens: 1, factor: 1 });
  const scheduler = await readSchedulerConfig(source);
  const defaults = mobile ? own.defaults : { ...BASE, ...own.defaults };
  return {
    ...{ mobile, vae, text, scheduler, own, defaults },
    unet: { config, table },
    fewSteps: mobile ? FEW : null,
    notes: [LICENSE, ...checkDefaults(scheduler, defaults)],
  };
}

/** @throws EmilieError "checkpoint.malformed" for parts of different models */
function checkTogether(id: string, unet: DreamLiteUNetConfig, vae: TinyConfig, width: number): void {
  const refuse = (what: string) => new EmilieError("checkpoint.malformed", `${id}: ${what}.`);
  if (vae.latentChannels !== unet.in_channels) {
    throw refuse(
      `the UNet takes ${unet.in_channels} channels ("in_channels"), and the autoencoder's latents have ${vae.latentChannels}: they are not of the same model`,
    );
  }
  if (width !== unet.textWidth) {
    throw refuse(
      `the UNet reads texts of width ${unet.textWidth} ("encoder_hid_dim", else "cross_attention_dim"), and the text encoder's have ${width}: they are not of the same model`,
    );
  }
}
