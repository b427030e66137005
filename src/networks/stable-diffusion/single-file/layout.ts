/** A checkpoint that is one safetensors file in the naming of the original programs, read as it lies. */

import { readFloat32 } from "../../../checkpoint/convert.ts";
import type { Refs } from "../../../checkpoint/refs.ts";
import { parseSchedulerConfig } from "../../../checkpoint/scheduler-config.ts";
import type { CheckpointSource, SingleFile } from "../../../checkpoint/source.ts";
import type { WeightTable } from "../../../checkpoint/weights.ts";
import { EmilieError } from "../../../errors.ts";
import { sizeOf } from "../../../tensor/tensor.ts";
import { parseVaeConfig } from "../../autoencoder-kl/config.ts";
import { inferVae } from "../../autoencoder-kl/infer.ts";
import { vaeNames } from "../../autoencoder-kl/names.ts";
import { parseClipTextConfig } from "../../clip/config.ts";
import { checkEditable } from "../editable.ts";
import type { Layout, TextPart } from "../layout.ts";
import { parseUNetConfig } from "../unet-config.ts";
import { FAMILY_NAMES, runningLayers, type SingleFamily, singleFamily } from "./family.ts";
import { channelsOf, inferText, inferUNet } from "./infer.ts";
import { unetNames } from "./names.ts";
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
  const unetRefs = unetNames(parts.unet);
  const vaeRefs = vaeNames(parts.vae);
  const family = singleFamily(path, unetRefs, parts);
  const inferred = inferVae(vaeRefs, path, SCALING[family]);
  checkEditable(source.id, channelsOf(unetRefs, path), Number(inferred.latent_channels));
  const texts = await readTexts(source, single, parts, family, settings, { table, where });
  const pooled = family === "sdxl" ? texts.at(-1)!.config.projection_dim : null;
  const unet = { ...inferUNet(unetRefs, path, pooled, family), ...settings.unet };
  const vae = { ...inferred, ...settings.vae };
  const { scheduler, notes } = await readScheduler(source, parts, family, settings);
  const { defaults, nativeSize } = settings;
  return {
    unet: parseUNetConfig(unet, where("unet")),
    vae: parseVaeConfig(vae, where("vae")),
    texts,
    scheduler: parseSchedulerConfig(scheduler, where("scheduler")),
    tables: { unet: table("unet", unetRefs), vae: table("vae", vaeRefs) },
    emptyIsZero: family === "sdxl",
    cosxl: parts.marks.has("edm_vpred.sigma_max") ? true : null,
    own: { defaults, ...(nativeSize === undefined ? {} : { nativeSize }) },
    notes: [...notes, ...notesOn(parts, family)],
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
  { encoders: found, file }: SingleParts,
  family: SingleFamily,
  settings: SingleFileSettings,
  { table, where }: Making,
): Promise<TextPart[]> {
  const encoders = found.map(({ refs }, i) => {
    const key = i === 0 ? "text_encoder" : "text_encoder_2";
    const open = family === "sd2" || i === 1;
    const json: Record<string, unknown> = inferText(refs, file.path, open ? "gelu" : "quick_gelu");
    if (family === "sd2") json.num_hidden_layers = runningLayers(refs);
    const config = parseClipTextConfig({ ...json, ...settings[key] }, where(key));
    const tensors = family === "sd2" ? withoutUnused(refs, config.num_hidden_layers) : refs;
    return { refs: tensors, config, pad: open ? "!" : "<|endoftext|>" };
  });
  const parts: TextPart[] = [];
  for (const [i, { refs, config, pad }] of encoders.entries()) {
    const tokenizer = await singleTokenizer(source, single, i, config, pad);
    parts.push({ config, tokenizer, table: table(i === 0 ? "text_encoder" : "text_encoder_2", refs) });
  }
  return parts;
}

/** SD 2.x's encoder without the layers and the projection that never run. */
function withoutUnused(refs: Refs, layers: number): Refs {
  const unused = (name: string) =>
    /^text_projection\b/.test(name) || Number(/encoder\.layers\.(\d+)\./.exec(name)?.[1] ?? -1) >= layers;
  return new Map([...refs].filter(([name]) => !unused(name)));
}

/** The schedule that the family's original configuration names, as far as the file does not say otherwise. */
async function readScheduler(
  source: CheckpointSource,
  parts: SingleParts,
  family: SingleFamily,
  settings: SingleFileSettings,
) {
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
  const architecture = parts.metadata["modelspec.architecture"] ?? "";
  const predictsV =
    parts.marks.has("v_pred") ||
    spec === "v" ||
    spec === "v_prediction" ||
    /^stable-diffusion-v2-768-v\b/.test(architecture);
  const ztsnr = parts.marks.has("ztsnr");
  const scheduler = {
    ...SCHEDULERS[family],
    ...(predictsV ? { prediction_type: "v_prediction" } : {}),
    ...(ztsnr ? { rescale_betas_zero_snr: true, timestep_spacing: "trailing" } : {}),
    ...given,
  };
  if (!predictsV && spec !== "epsilon" && given.prediction_type === undefined) {
    const both =
      family === "sd2" ? "SD 2.x checkpoints come in both kinds" : "as the family's first checkpoints do";
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

function notesOn({ ema, leftovers, file }: SingleParts, family: SingleFamily): string[] {
  const notes = [
    `Read as ${FAMILY_NAMES[family]}: heads, activations, norm groups and the schedule are that family's; the rest is told by the tensors.`,
  ];
  if (ema !== null) {
    const [taken, other] = ema
      ? ["averaged (EMA)", '"ema": false']
      : ["last, not the averaged,", '"ema": true'];
    notes.push(
      `The file has averaged weights too; the ${taken} weights are used (${other} in ${settingsPath(file.path)} takes the other).`,
    );
  }
  if (leftovers.length > 0)
    notes.push(`Ignored, since an editor does not use them: ${leftovers.join(", ")}.`);
  return notes;
}
