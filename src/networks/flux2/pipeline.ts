/** model_index.json of FLUX.2 klein: which pipeline a folder was made for. */
import { z } from "zod";
import { component, readModelIndex } from "../../checkpoint/model-index.ts";
import type { CheckpointSource } from "../../checkpoint/source.ts";

/** Every pipeline of FLUX.2, so that those that are not read are refused by name. */
export const PIPELINES = /^Flux2/;

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
  const { values, refuse, requireClasses } = await readModelIndex(source, schema, {
    _class_name: "a pipeline's class",
    is_distilled: "true or false",
  });
  const { _class_name: name, is_distilled: distilled } = values;
  if (name !== "Flux2KleinPipeline") {
    const why = OTHERS[name];
    throw refuse("_class_name", name, `Flux2KleinPipeline${why ? ` (${why})` : ""}`);
  }
  requireClasses(CLASSES);
  return { distilled };
}
