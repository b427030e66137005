/** model_index.json of FLUX.2 klein: which pipeline a folder was made for. */
import { z } from "zod";
import { asObject, show } from "../../checkpoint/parse-config.ts";
import { type CheckpointSource, readJson } from "../../checkpoint/source.ts";
import { EmilieError } from "../../errors.ts";

/** Every pipeline of FLUX.2, so that those that are not read are refused by name. */
export const PIPELINES = /^Flux2/;

/** The library and the class. */
const component = z.tuple([z.string().nullable(), z.string().nullable()]).nullish();

const schema = z.looseObject({
  _class_name: z.string(),
  is_distilled: z.boolean().default(false),
  transformer: component,
  vae: component,
  text_encoder: component,
  tokenizer: component,
  scheduler: component,
});

const CLASSES: Readonly<Record<string, readonly string[]>> = {
  transformer: ["Flux2Transformer2DModel"],
  vae: ["AutoencoderKLFlux2"],
  text_encoder: ["Qwen3ForCausalLM", "Qwen3Model"],
  tokenizer: ["Qwen2Tokenizer", "Qwen2TokenizerFast"],
  scheduler: ["FlowMatchEulerDiscreteScheduler"],
};

/** Why those of a similar name are not read. */
const OTHERS: Readonly<Record<string, string>> = {
  Flux2Pipeline: "FLUX.2 dev has a text encoder of another kind (Mistral)",
  Flux2KleinKVPipeline: "its transformer was trained to see references only through stored keys and values",
  Flux2KleinInpaintPipeline: "it states a use, and the checkpoint itself is Flux2KleinPipeline's",
};

export interface Pipeline {
  /** Whether it needs no guidance, and few steps. */
  readonly distilled: boolean;
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
    const expected =
      key === "is_distilled" ? "true or false" : "a library and a class, as diffusers writes them";
    throw refuse(key, json[key], expected);
  }
  const { _class_name: name, is_distilled: distilled } = parsed.data;
  if (name !== "Flux2KleinPipeline") {
    const why = OTHERS[name];
    throw refuse("_class_name", name, `Flux2KleinPipeline${why ? ` (${why})` : ""}`);
  }
  for (const [key, wanted] of Object.entries(CLASSES)) {
    const value = parsed.data[key as "vae"];
    if (!wanted.includes(value?.[1] ?? "")) throw refuse(key, value, `the class ${wanted.join(" or ")}`);
  }
  return { distilled };
}
