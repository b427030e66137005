/**
 * What DreamLite reads of an instruction and a picture (DreamLitePipeline.encode_prompt of diffusers): both in one conversation, encoded by
 * Qwen3-VL (Qwen3VLForConditionalGeneration of transformers); the result is what comes out of its final norm, without the first rows. There is no padding: a text is
 * encoded alone, and every row of its encoding is a token.
 *
 * Of a picture, `visionFeatures` are made once; `encodeText` uses them with any number of texts.
 */
import type { Precision } from "../../checkpoint/derived.ts";
import type { CheckpointSource } from "../../checkpoint/source.ts";
import type { Needs, PlacedWeights } from "../../checkpoint/storage.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { RunGraph } from "../autoencoder-kl/fine-stage.ts";
import type { Qwen3Vl } from "./read.ts";

/** What the vision tower makes of a picture. It does not depend on a text. */
export interface VisionFeatures {
  /** Rows and columns of features: a feature for each 32 × 32 pixels of what was seen. */
  readonly grid: readonly [rows: number, columns: number];
  /** [rows · columns, hidden] each: what stands in the place of the picture in the text, then what is added after each of the first layers (DeepStack). */
  readonly features: readonly Tensor[];
}

export interface EncodedPrompt {
  /** [tokens, hidden]; no row is padding. With a picture of 512 px, 256 of them and a few more belong to it. */
  readonly hidden: Tensor;
  /** Tokens of the whole conversation, those whose rows were dropped among them. */
  readonly ids: Int32Array;
}

/** How the weights of vision tower and text are to be placed for a precision; undefined where they are used as they are. */
export declare function qwen3VlNeeds(
  qwen: Qwen3Vl,
  precision: Precision,
): Readonly<Record<"vision" | "text", Needs | undefined>>;

/**
 * Looks at a picture, as DreamLite does: at 512 × 512 pixels, whatever its shape.
 *
 * @param picture [3, height, width] in [-1, 1], of any size, as a decoder made it: what is beyond that range is cut off, and nothing is rounded to 8 bits
 * @param weights of `qwen.vision`
 * @throws EmilieError "option.invalid" for another shape
 */
export declare function seePicture(
  qwen: Qwen3Vl,
  weights: PlacedWeights,
  picture: Tensor,
  run: RunGraph,
): Promise<VisionFeatures>;

/**
 * Encodes an instruction for an edit of a picture (the `prompt` of DreamLite's pipelines: editSentence(instruction), or "" for guidance).
 *
 * @param source of the checkpoint, from which the rows of embeddings are read
 * @param weights of `qwen.text`
 * @param features of the picture; null for a text alone, in the template that makes pictures from nothing
 * @throws EmilieError "option.invalid" where the text has a token that stands for a picture
 */
export declare function encodePrompt(
  qwen: Qwen3Vl,
  source: Pick<CheckpointSource, "read">,
  weights: PlacedWeights,
  prompt: string,
  features: VisionFeatures | null,
  run: RunGraph,
): Promise<EncodedPrompt>;
