/**
 * Which family a single file is of. No sign is believed alone: how many text encoders there are and in whose naming, how wide
 * they are, what the UNet attends to, how it projects, and whether it has added conditioning must all say the same.
 */
import { countOf, type Refs } from "../../../checkpoint/refs.ts";
import { EmilieError } from "../../../errors.ts";
import type { Encoder, SingleParts } from "./parts.ts";

/** SD 1.x has CLIP's text encoder, SD 2.x OpenCLIP's, SDXL both. */
export type SingleFamily = "sd1" | "sd2" | "sdxl";

export const FAMILY_NAMES: Readonly<Record<SingleFamily, string>> = {
  sd1: "Stable Diffusion 1.x",
  sd2: "Stable Diffusion 2.x",
  sdxl: "Stable Diffusion XL",
};

/** Whether the UNet's attention takes pixels as rows of a matrix, as SD 2.x and XL do, or through 1×1 convolutions. */
export function projectsLinearly(refs: Refs): boolean {
  const found = [...refs].find(([name]) => name.endsWith(".proj_in.weight"));
  return found?.[1].shape.length === 2;
}

/** Widths that only one family's text encoder has: CLIP ViT-L's, and OpenCLIP ViT-H's. */
const WIDTHS: Readonly<Record<number, SingleFamily>> = { 768: "sd1", 1024: "sd2" };

/**
 * The family of a file. `unet` and the encoders are named as in diffusers and transformers. Throws "checkpoint.unsupported"
 * naming the signs that do not agree.
 */
export function singleFamily(path: string, unet: Refs, { encoders, marks }: SingleParts): SingleFamily {
  const refuse = (problem: string) => new EmilieError("checkpoint.unsupported", `${path}: ${problem}`);
  const attention = [...unet].find(([name]) => name.endsWith("transformer_blocks.0.attn2.to_k.weight"))?.[1];
  const context = attention?.shape[1];
  const widths = encoders.map((encoder) => widthOf(path, encoder));
  const width = widths.reduce((sum, one) => sum + one, 0);
  if (context !== undefined && context !== width) {
    throw refuse(
      `its UNet attends to texts of width ${context}, but ` +
        `${widths.length === 1 ? "its text encoder makes texts" : "its two text encoders together make texts"} of width ` +
        `${widths.join(" + ")}. UNet and text encoder are of different checkpoints.`,
    );
  }
  const added = unet.has("add_embedding.linear_1.weight");
  if (encoders.length === 2) {
    if (!added)
      throw refuse("it has two text encoders, as SDXL, but its UNet has no added conditioning (label_emb).");
    return "sdxl";
  }
  if (added)
    throw refuse("its UNet has SDXL's added conditioning (label_emb), but there is one text encoder.");
  if (marks.has("edm_vpred.sigma_max")) {
    throw refuse('the tensor "edm_vpred.sigma_max" marks CosXL, which has two text encoders; here is one.');
  }
  // Converted 2.x checkpoints exist with 1×1 convolutions, so how the UNet projects is asked last.
  const linear = projectsLinearly(unet);
  const signs: [SingleFamily | undefined, string][] = [
    [encoders[0].openClip ? "sd2" : undefined, "its text encoder has OpenCLIP's names"],
    [WIDTHS[width], `its text encoder is ${width} wide`],
    [linear ? "sd2" : undefined, "its UNet projects with matrices"],
  ];
  const said = signs.filter(([family]) => family !== undefined);
  const family = said[0]?.[0] ?? "sd1";
  if (said.every(([one]) => one === family)) return family;
  throw refuse(
    `its family cannot be determined: ${said.map(([one, sign]) => `${sign} (${FAMILY_NAMES[one!]})`).join(", ")}.`,
  );
}

function widthOf(path: string, { refs, prefix }: Encoder): number {
  const shape = (
    refs.get("text_model.embeddings.token_embedding.weight") ?? refs.get("embeddings.token_embedding.weight")
  )?.shape;
  if (shape?.length === 2) return shape[1]!;
  throw new EmilieError(
    "checkpoint.malformed",
    `${path}: the text encoder under ${prefix}* has no embeddings of tokens, so its width cannot be determined.`,
  );
}

/** OpenCLIP ViT-H has 24 layers; SD 2.x reads it one layer before its last, through the final norm. */
const OPEN_CLIP_LAYERS = 24;

/**
 * How many layers of SD 2.x's text encoder run. A file of the original programs has one more than that; one that was written
 * from a folder has just these. Where the number does not say which it is (no published encoder), the projection does, which
 * only the whole OpenCLIP has.
 */
export function runningLayers(refs: Refs): number {
  const layers = countOf(refs, /encoder\.layers\.(\d+)\./);
  if (layers === OPEN_CLIP_LAYERS - 1 || layers === OPEN_CLIP_LAYERS) return OPEN_CLIP_LAYERS - 1;
  const whole = refs.has("text_projection") || refs.has("text_projection.weight");
  return whole ? layers - 1 : layers;
}
