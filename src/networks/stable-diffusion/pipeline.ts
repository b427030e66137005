/** model_index.json: which pipeline a checkpoint in the layout of diffusers was made for. */
import { z } from "zod";
import { component, readModelIndex } from "../../checkpoint/model-index.ts";
import { on } from "../../checkpoint/parse-config.ts";
import type { CheckpointSource } from "../../checkpoint/source.ts";

/** Other keys name parts that an editor has no use for: safety_checker, feature_extractor, image_encoder … */
const pipelineSchema = z.looseObject({
  _class_name: z.string(),
  unet: component,
  vae: component,
  text_encoder: component,
  tokenizer: component,
  scheduler: component,
  text_encoder_2: component,
  tokenizer_2: component,
  force_zeros_for_empty_prompt: on,
  is_cosxl_edit: z.boolean().nullable().default(null),
});

export interface Pipeline {
  readonly className: string;
  /** SDXL: two text encoders, added conditioning. */
  readonly xl: boolean;
  /** Whether the encoding of "" is zeros instead of what the text encoders say. */
  readonly emptyIsZero: boolean;
  /** What the file says; newer diffusers does not write it. */
  readonly cosxl: boolean | null;
}

/** Pipelines of the SD 1.x, 2.x and XL kind, whose components an editor can be made of. */
export const PIPELINES = /^StableDiffusion(XL)?(InstructPix2Pix|Img2Img|Inpaint|InpaintLegacy)?Pipeline$/;

const TOKENIZERS = ["CLIPTokenizer", "CLIPTokenizerFast"];
const CLASSES: Readonly<Record<string, readonly string[]>> = {
  unet: ["UNet2DConditionModel"],
  vae: ["AutoencoderKL"],
  text_encoder: ["CLIPTextModel"],
  tokenizer: TOKENIZERS,
};
const XL_CLASSES: typeof CLASSES = {
  ...CLASSES,
  text_encoder_2: ["CLIPTextModelWithProjection"],
  tokenizer_2: TOKENIZERS,
};

/** Checks that the checkpoint is one that this package can run at all. */
export async function readPipeline(source: CheckpointSource): Promise<Pipeline> {
  const {
    values: index,
    refuse,
    requireClasses,
  } = await readModelIndex(source, pipelineSchema, {
    _class_name: "a pipeline's class",
    force_zeros_for_empty_prompt: "true or false",
    is_cosxl_edit: "true or false",
  });
  const kind = PIPELINES.exec(index._class_name);
  if (!kind) {
    throw refuse(
      "_class_name",
      index._class_name,
      "StableDiffusionInstructPix2PixPipeline, StableDiffusionXLInstructPix2PixPipeline or their kin",
    );
  }
  const xl = kind[1] !== undefined;
  requireClasses(xl ? XL_CLASSES : CLASSES);
  return {
    className: index._class_name,
    xl,
    emptyIsZero: xl && index.force_zeros_for_empty_prompt,
    cosxl: index.is_cosxl_edit,
  };
}
