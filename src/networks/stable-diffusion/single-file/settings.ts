/** NAME.emilie.json beside NAME.safetensors: what the file itself cannot say. */
import { z } from "zod";
import { defaultsSchema } from "../../../checkpoint/defaults.ts";
import { readConfig } from "../../../checkpoint/parse-config.ts";
import type { CheckpointSource } from "../../../checkpoint/source.ts";

const keys = z.record(z.string(), z.unknown()).default({});

const settingsSchema = z.strictObject({
  /** Keys of diffusers' and transformers' config.json, which go before what the shapes say. */
  unet: keys,
  vae: keys,
  text_encoder: keys,
  text_encoder_2: keys,
  /** Keys of scheduler_config.json, such as "prediction_type". A "_class_name" replaces all of the family's own. */
  scheduler: keys,
  /** Whether the averaged weights (model_ema.*) are taken where the file has all of them. */
  ema: z.boolean().default(true),
  ...defaultsSchema.shape,
});

export type SingleFileSettings = z.output<typeof settingsSchema>;

/** "folder/model.safetensors" → "folder/model.emilie.json" */
export function settingsPath(file: string): string {
  return `${file.replace(/\.safetensors$/i, "")}.emilie.json`;
}

export async function readSettings(source: CheckpointSource, file: string): Promise<SingleFileSettings> {
  const path = settingsPath(file);
  if (!(await source.exists(path))) return settingsSchema.parse({});
  return readConfig(source, path, settingsSchema);
}
