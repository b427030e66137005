/** model_index.json: which pipeline a checkpoint in the layout of diffusers was made for. */
import { z } from "zod";
import { EmilieError } from "../errors.ts";
import { type CheckpointSource, readJson } from "./source.ts";

const component = z.tuple([z.string().nullable(), z.string().nullable()]).nullable();

const pipelineSchema = z.looseObject({
  _class_name: z.string(),
  unet: component,
  vae: component,
  text_encoder: component,
  tokenizer: component,
  scheduler: component,
  text_encoder_2: component.optional(),
  tokenizer_2: component.optional(),
  force_zeros_for_empty_prompt: z.boolean().default(true),
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
const FAMILY = /^StableDiffusion(XL)?(InstructPix2Pix|Img2Img|Inpaint|InpaintLegacy)?Pipeline$/;

const CLASSES = {
  unet: /^UNet2DConditionModel$/,
  vae: /^AutoencoderKL$/,
  text_encoder: /^CLIPTextModel$/,
  tokenizer: /^CLIPTokenizer(Fast)?$/,
};
const XL_CLASSES = {
  ...CLASSES,
  text_encoder_2: /^CLIPTextModelWithProjection$/,
  tokenizer_2: /^CLIPTokenizer(Fast)?$/,
};

/** Checks that the checkpoint is one that this package can run at all. */
export async function readPipeline(source: CheckpointSource): Promise<Pipeline> {
  const path = "model_index.json";
  const parsed = pipelineSchema.safeParse(await readJson(source, path));
  if (!parsed.success) {
    throw new EmilieError(
      "checkpoint.malformed",
      `${path} of ${source.id} does not name the components unet, vae, text_encoder, tokenizer and scheduler.`,
    );
  }
  const index = parsed.data;
  const refuse = (key: string, value: unknown, expected: string) =>
    new EmilieError(
      "checkpoint.unsupported",
      `${path} of ${source.id}: "${key}" is ${JSON.stringify(value)}; ${expected}.`,
    );
  const kind = FAMILY.exec(index._class_name);
  if (!kind) {
    throw refuse(
      "_class_name",
      index._class_name,
      "expected StableDiffusionInstructPix2PixPipeline, StableDiffusionXLInstructPix2PixPipeline or their kin",
    );
  }
  const xl = kind[1] !== undefined;
  for (const [key, wanted] of Object.entries(xl ? XL_CLASSES : CLASSES)) {
    const value = index[key as keyof typeof XL_CLASSES];
    if (!wanted.test(value?.[1] ?? "")) throw refuse(key, value, `expected the class ${wanted.source}`);
  }
  return {
    className: index._class_name,
    xl,
    emptyIsZero: xl && index.force_zeros_for_empty_prompt,
    cosxl: index.is_cosxl_edit,
  };
}
