/** model_index.json of DreamLite: which of its two pipelines a folder was made for. */
import { z } from "zod";
import { type Classes, component, readModelIndex } from "../../checkpoint/model-index.ts";
import type { CheckpointSource } from "../../checkpoint/source.ts";

/** Every pipeline of DreamLite, so that those that are not read are refused by name. */
export const PIPELINES = /^DreamLite/;

const CLASSES: Classes = {
  unet: ["DreamLiteUNetModel"],
  vae: ["AutoencoderTiny"],
  text_encoder: ["Qwen3VLForConditionalGeneration", "Qwen3VLModel"],
  processor: ["Qwen3VLProcessor"],
  tokenizer: ["Qwen2Tokenizer", "Qwen2TokenizerFast"],
  scheduler: ["FlowMatchEulerDiscreteScheduler"],
};

const schema = z.looseObject({
  _class_name: z.string(),
  ...Object.fromEntries(Object.keys(CLASSES).map((key) => [key, component])),
});

export interface Pipeline {
  /** Whether it needs no guidance, and few steps. */
  readonly mobile: boolean;
}

/** Checks that the checkpoint is one that this package can run at all. @throws EmilieError "checkpoint.unsupported" naming key and value */
export async function readPipeline(source: CheckpointSource): Promise<Pipeline> {
  const { values, refuse, requireClasses } = await readModelIndex(source, schema);
  const { _class_name: name } = values;
  if (name !== "DreamLitePipeline" && name !== "DreamLiteMobilePipeline") {
    throw refuse("_class_name", name, "DreamLitePipeline or DreamLiteMobilePipeline");
  }
  requireClasses(CLASSES);
  return { mobile: name === "DreamLiteMobilePipeline" };
}
