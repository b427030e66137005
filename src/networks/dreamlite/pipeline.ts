/** model_index.json of DreamLite: which of its two pipelines a folder was made for. */
import { z } from "zod";
import { asObject, show } from "../../checkpoint/parse-config.ts";
import { type CheckpointSource, readJson } from "../../checkpoint/source.ts";
import { EmilieError } from "../../errors.ts";

/** Every pipeline of DreamLite, so that those that are not read are refused by name. */
export const PIPELINES = /^DreamLite/;

/** The library and the class. */
const component = z.tuple([z.string().nullable(), z.string().nullable()]).nullish();

const CLASSES: Readonly<Record<string, readonly string[]>> = {
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
  const path = "model_index.json";
  const json = asObject(await readJson(source, path), `${path} of ${source.id}`);
  const refuse = (key: string, value: unknown, expected: string) =>
    new EmilieError(
      "checkpoint.unsupported",
      `${path} of ${source.id}: "${key}" is ${show(value)}; expected ${expected}.`,
    );
  const parsed = schema.safeParse(json);
  if (!parsed.success) {
    const key = String(parsed.error.issues[0]?.path[0] ?? "");
    throw refuse(key, json[key], "a library and a class, as diffusers writes them");
  }
  const { _class_name: name } = parsed.data;
  if (name !== "DreamLitePipeline" && name !== "DreamLiteMobilePipeline") {
    throw refuse("_class_name", name, "DreamLitePipeline or DreamLiteMobilePipeline");
  }
  for (const [key, wanted] of Object.entries(CLASSES)) {
    const value = parsed.data[key] as readonly (string | null)[] | null | undefined;
    if (!wanted.includes(value?.[1] ?? "")) throw refuse(key, value, `the class ${wanted.join(" or ")}`);
  }
  return { mobile: name === "DreamLiteMobilePipeline" };
}
