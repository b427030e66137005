/** A checkpoint that is one safetensors file in the naming of the original programs, read as it lies. */
import { EmilieError } from "../../errors.ts";
import { sizeOf } from "../../tensor/tensor.ts";
import { type ClipTextConfig, parseClipTextConfig, parseUNetConfig, parseVaeConfig } from "../configs.ts";
import { readFloat32 } from "../convert.ts";
import type { Layout, TextPart } from "../layout.ts";
import type { CheckpointSource, SingleFile } from "../source.ts";
import type { WeightTable } from "../weights.ts";
import { inferText, inferUNet, inferVae } from "./infer.ts";
import { openClipNames, type Refs, unetNames, vaeNames } from "./names.ts";
import { readParts, type SingleParts } from "./parts.ts";
import { readSettings, type SingleFileSettings, settingsPath } from "./settings.ts";
import { singleTokenizer } from "./tokenizer.ts";

/** The VAEs of the families were trained to these (diffusers' configurations of the same checkpoints). */
const SCALING = { sd1: 0.18215, sd2: 0.18215, sdxl: 0.13025 } as const;

/**
 * scheduler_config.json as the family's folders are published with it: timbrooks/instruct-pix2pix's, which trainers of SD 2.x editors took over,
 * and SDXL's. It is what diffusers' from_single_file takes too. Only SDXL's says how timesteps are spaced; elsewhere each sampler has its
 * class's own default.
 */
const PUBLISHED = {
  beta_start: 0.00085,
  beta_end: 0.012,
  beta_schedule: "scaled_linear",
  clip_sample: false,
  interpolation_type: "linear",
  num_train_timesteps: 1000,
  prediction_type: "epsilon",
  set_alpha_to_one: false,
  skip_prk_steps: true,
  steps_offset: 1,
};
const SCHEDULERS = {
  sd1: { _class_name: "EulerAncestralDiscreteScheduler", ...PUBLISHED },
  sd2: { _class_name: "EulerAncestralDiscreteScheduler", ...PUBLISHED },
  sdxl: { _class_name: "EulerDiscreteScheduler", ...PUBLISHED, timestep_spacing: "leading" },
} as const;

export async function readSingleFile(source: CheckpointSource, single: SingleFile): Promise<Layout> {
  const path = single.file;
  const settings = await readSettings(source, path);
  const parts = await readParts(source, path, settings.ema);
  const table = (folder: string, refs: Refs): WeightTable => ({
    folder,
    origin: `of ${path} (its ${folder}, in the naming of diffusers)`,
    files: [parts.file],
    tensors: refs,
  });
  const where = (part: string) => `${path} (${part}, inferred, with ${settingsPath(path)})`;
  const texts = await readTexts(source, single, parts, settings, { table, where });
  const unetRefs = unetNames(parts.unet);
  const vaeRefs = vaeNames(parts.vae);
  const pooled = parts.family === "sdxl" ? texts.at(-1)!.config.projection_dim : null;
  const unet = { ...inferUNet(unetRefs, path, pooled), ...settings.unet };
  const vae = { ...inferVae(vaeRefs, path, SCALING[parts.family]), ...settings.vae };
  const { scheduler, notes } = await readScheduler(source, parts, settings);
  const { defaults, nativeSize } = settings;
  return {
    unet: parseUNetConfig(unet, where("unet")),
    vae: parseVaeConfig(vae, where("vae")),
    texts,
    scheduler,
    tables: { unet: table("unet", unetRefs), vae: table("vae", vaeRefs) },
    emptyIsZero: parts.family === "sdxl",
    cosxl: parts.marks.has("edm_vpred.sigma_max") ? true : null,
    own: { defaults, ...(nativeSize === undefined ? {} : { nativeSize }) },
    notes: [...notes, ...notesOn(parts)],
    // The same file may be read with averaged weights or without, and with other settings beside it.
    variant: JSON.stringify([parts.ema, settings]),
  };
}

interface Making {
  readonly table: (folder: string, refs: Refs) => WeightTable;
  readonly where: (part: string) => string;
}

async function readTexts(
  source: CheckpointSource,
  single: SingleFile,
  { clip, openClip, family, file }: SingleParts,
  settings: SingleFileSettings,
  { table, where }: Making,
): Promise<TextPart[]> {
  const encoders: { refs: Refs; config: ClipTextConfig; pad: string }[] = [];
  if (clip) {
    const json = { ...inferText(clip, file.path, "quick_gelu"), ...settings.text_encoder };
    encoders.push({
      refs: clip,
      config: parseClipTextConfig(json, where("text_encoder")),
      pad: "<|endoftext|>",
    });
  }
  if (openClip) {
    const key = family === "sdxl" ? "text_encoder_2" : "text_encoder";
    let refs = openClipNames(openClip);
    const json: Record<string, unknown> = { ...inferText(refs, file.path, "gelu"), ...settings[key] };
    if (family === "sd2") {
      // SD 2.x reads OpenCLIP one layer before its last, through the final norm: that layer and the projection never run.
      const last = Number(json.num_hidden_layers) - 1;
      const unused = (name: string) =>
        name === "text_projection" || name.startsWith(`text_model.encoder.layers.${last}.`);
      refs = new Map([...refs].filter(([name]) => !unused(name)));
      json.num_hidden_layers = last;
    }
    encoders.push({ refs, config: parseClipTextConfig(json, where(key)), pad: "!" });
  }
  const parts: TextPart[] = [];
  for (const [i, { refs, config, pad }] of encoders.entries()) {
    const tokenizer = await singleTokenizer(source, single, i, config, pad);
    parts.push({ config, tokenizer, table: table(i === 0 ? "text_encoder" : "text_encoder_2", refs) });
  }
  return parts;
}

/** The schedule that the family's original configuration names, as far as the file does not say otherwise. */
async function readScheduler(source: CheckpointSource, parts: SingleParts, settings: SingleFileSettings) {
  const notes: string[] = [];
  const given = settings.scheduler;
  if (given._class_name !== undefined) return { scheduler: given, notes };
  const largest = await scalar(source, parts, "edm_vpred.sigma_max");
  if (largest !== null) {
    const edm = {
      _class_name: "EDMEulerScheduler",
      sigma_min: (await scalar(source, parts, "edm_vpred.sigma_min")) ?? 0.002,
      sigma_max: largest,
      sigma_data: 1,
      sigma_schedule: "exponential",
      prediction_type: "v_prediction",
    };
    return { scheduler: { ...edm, ...given }, notes };
  }
  const spec = parts.metadata["modelspec.prediction_type"];
  const predictsV = parts.marks.has("v_pred") || spec === "v" || spec === "v_prediction";
  const ztsnr = parts.marks.has("ztsnr");
  const scheduler = {
    ...SCHEDULERS[parts.family],
    ...(predictsV ? { prediction_type: "v_prediction" } : {}),
    ...(ztsnr ? { rescale_betas_zero_snr: true, timestep_spacing: "trailing" } : {}),
    ...given,
  };
  if (!predictsV && spec !== "epsilon" && given.prediction_type === undefined) {
    const both =
      parts.family === "sd2"
        ? "SD 2.x checkpoints come in both kinds"
        : "as the family's first checkpoints do";
    notes.push(
      `It is taken to predict the noise (epsilon; ${both}). If its pictures are noise, put ` +
        `{"scheduler": {"prediction_type": "v_prediction"}} into ${settingsPath(parts.file.path)}.`,
    );
  }
  return { scheduler, notes };
}

async function scalar(
  source: CheckpointSource,
  { marks }: SingleParts,
  name: string,
): Promise<number | null> {
  const ref = marks.get(name);
  if (!ref) return null;
  if (sizeOf(ref.shape) !== 1) {
    throw new EmilieError(
      "checkpoint.malformed",
      `${ref.file}: "${name}" should be one number, but has shape [${ref.shape}].`,
    );
  }
  if (ref.type === "F64") {
    const bytes = await source.read(ref.file, ref.offset, 8);
    return new DataView(bytes.buffer, bytes.byteOffset, 8).getFloat64(0, true);
  }
  for await (const values of readFloat32(source, name, ref)) return values[0]!;
  return null;
}

function notesOn({ family, ema, leftovers, file }: SingleParts): string[] {
  const base = { sd1: "Stable Diffusion 1.x", sd2: "Stable Diffusion 2.x", sdxl: "Stable Diffusion XL" }[
    family
  ];
  const notes = [
    `Read as ${base}: heads, activations, norm groups and the schedule are that family's; the rest is told by the tensors.`,
  ];
  if (ema !== null) {
    const [taken, other] = ema
      ? ["averaged (EMA)", '"ema": false']
      : ["last, not the averaged,", '"ema": true'];
    notes.push(
      `The file has averaged weights too; the ${taken} weights are used (${other} in ${settingsPath(file.path)} takes the other).`,
    );
  }
  if (leftovers.length > 0) notes.push(`Passed over, as no part of an editor: ${leftovers.join(", ")}.`);
  return notes;
}
