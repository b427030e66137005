/**
 * What DreamLite reads of an instruction and a picture (DreamLitePipeline.encode_prompt of diffusers): both in one conversation, encoded by Qwen3-VL
 * (Qwen3VLForConditionalGeneration of transformers); the result is what comes out of its final norm, without the first rows. There is no padding: a text is encoded alone, and
 * every row of its encoding is a token.
 *
 * Of a picture, features are made once (seePicture); encodePrompt uses them with any number of texts.
 */
import { readRows } from "../../checkpoint/convert.ts";
import type { Precision } from "../../checkpoint/derived.ts";
import type { CheckpointSource } from "../../checkpoint/source.ts";
import { dryPlacement, type Needs, type PlacedWeights } from "../../checkpoint/storage.ts";
import { EmilieError } from "../../errors.ts";
import type { Dialect } from "../../graph/graph.ts";
import { resizePlanes } from "../../images/resize.ts";
import { type Tensor, tensor } from "../../tensor/tensor.ts";
import type { RunGraph } from "../autoencoder-kl/fine-stage.ts";
import { sizeOfInput } from "../call-inputs.ts";
import { type Grid, type Placed, textRotations } from "./positions.ts";
import { clipped, patchesOf } from "./processor.ts";
import {
  EDIT_TEMPLATE,
  GENERATE_TEMPLATE,
  GENERATE_TOKENS,
  IMAGE,
  MOST_PROMPT_TOKENS,
  type PromptTemplate,
  SEEN_SIDE,
  VIDEO,
} from "./prompts.ts";
import type { Qwen3Vl, Qwen3VlFiles } from "./read.ts";
import { addedName, buildText, textNeeds } from "./text.ts";
import { buildVision, featureName, visionNeeds } from "./vision.ts";

/** What the vision tower makes of a picture. It does not depend on a text. */
export interface VisionFeatures {
  /** Rows and columns of features: with the published patches, one for each 32 × 32 pixels of what was seen. */
  readonly grid: Grid;
  /** [rows · columns, hidden] each: what stands in the place of the picture in the text, then what is added after each of the first layers (DeepStack). */
  readonly features: readonly Tensor[];
}

export interface EncodedPrompt {
  /** [tokens, hidden]; no row is padding. Of a picture of 512 px there are 256 rows, and one before and behind them. */
  readonly hidden: Tensor;
  /** Tokens of the whole conversation, those among them whose rows were dropped. */
  readonly ids: Int32Array;
}

/**
 * Graphs are made for a number of tokens, and kept; what is filled up comes after all that is read, and a token sees only those before it. Instructions of a few
 * words, in DreamLite's template with its picture, have 350 to 384 tokens.
 */
const TOKENS_STEP = 64;

/**
 * How the weights are to be placed for a precision; undefined where they are used as they are. In int4 the tower has eight bits: it is a seventh of the whole, and four are
 * neither faster nor as exact.
 */
export function qwen3VlNeeds(
  { config, vision, text }: Qwen3Vl,
  precision: Precision,
): Readonly<Record<"vision" | "text", Needs | undefined>> {
  if (precision !== "int8" && precision !== "int4") return { vision: undefined, text: undefined };
  return {
    vision: visionNeeds(config.vision, dryPlacement(vision, "int8")),
    text: textNeeds(config.text, dryPlacement(text, precision)),
  };
}

/**
 * Looks at a picture, as DreamLite does: at 512 × 512 pixels, whatever its shape.
 *
 * @param weights of `qwen.vision`
 * @param picture [3, height, width] in [-1, 1], of any size, as a decoder made it: what is beyond that range is cut off, and nothing is rounded to 8 bits
 * @param side of what is seen, in pixels; default 512
 * @throws EmilieError "option.invalid" for another shape
 */
export async function seePicture(
  qwen: Qwen3Vl,
  weights: PlacedWeights,
  picture: Tensor,
  run: RunGraph,
  side = SEEN_SIDE,
): Promise<VisionFeatures> {
  sizeOfInput("seePicture", picture, 3, 1);
  return pictureFeatures(qwen, weights, resizePlanes(clipped(picture), side, side, "lanczos"), run);
}

/** The features of a picture [3, height, width] in [-1, 1] in its own shape: Qwen3-VL's processor, then its tower. */
export async function pictureFeatures(
  { config, processor }: Qwen3Vl,
  weights: PlacedWeights,
  picture: Tensor,
  run: RunGraph,
): Promise<VisionFeatures> {
  const { values, grid } = patchesOf(picture, processor);
  const { spatial_merge_size: merge, deepstack_visual_indexes: taken } = config.vision;
  const build = (dialect: Dialect) => buildVision(config.vision, weights, grid, dialect);
  const outputs = await run(`${grid.join("x")}`, build, { patches: values });
  const features = Array.from({ length: 1 + taken.length }, (_, i) => outputs[featureName(i)]!);
  return { grid: [grid[0] / merge, grid[1] / merge], features };
}

/**
 * Encodes an instruction for an edit of a picture: what the pipelines call a prompt, editSentence(instruction) or, for guidance, "" as it is.
 *
 * @param source of the checkpoint, from which the rows of embeddings are read
 * @param weights of `qwen.text`
 * @param features of the picture; null for a text alone, in the template that makes pictures from nothing
 * @throws EmilieError "option.invalid" as checkPrompt
 */
export async function encodePrompt(
  qwen: Qwen3Vl,
  source: Pick<CheckpointSource, "read">,
  weights: PlacedWeights,
  prompt: string,
  features: VisionFeatures | null,
  run: RunGraph,
): Promise<EncodedPrompt> {
  const { ids, dropped, picture } = promptTokens(qwen, prompt, features?.grid ?? null);
  const { text: config } = qwen.config;
  const { hidden_size: width } = config;
  const used = ids.length;
  const tokens = Math.ceil(used / TOKENS_STEP) * TOKENS_STEP;
  const embeddings = await readRows(source, "embed_tokens.weight", qwen.embeddings, filledUp(ids, tokens));
  const added = (features?.features ?? []).map((feature, i) => {
    const rows = i === 0 ? embeddings : tensor(new Float32Array(tokens * width), [tokens, width]);
    rows.data.set(feature.data, picture!.first * width);
    return rows;
  });
  const use = { tokens, added: Math.max(0, added.length - 1) };
  const build = (dialect: Dialect) => buildText(config, weights, use, dialect);
  const { hidden } = await run(`${tokens}+${use.added}`, build, {
    embeddings,
    ...textRotations(config, tokens, picture),
    ...Object.fromEntries(added.slice(1).map((rows, i) => [addedName(i), rows])),
  });
  const rows = hidden!.data.slice(dropped * width, used * width);
  return { hidden: tensor(rows, [used - dropped, width]), ids };
}

/** The last token again and again; any would do. */
function filledUp(ids: Int32Array, tokens: number): Int32Array {
  const all = new Int32Array(tokens).fill(ids.at(-1)!);
  all.set(ids);
  return all;
}

export interface PromptTokens {
  readonly ids: Int32Array;
  /** Rows of the encoding that are dropped. */
  readonly dropped: number;
  /** Where the picture is. */
  readonly picture: Placed | null;
}

/**
 * Tokens of a prompt in its template, the picture's placeholder as often as it has features.
 *
 * @param grid rows and columns of the picture's features; null for a text alone, which is cut behind its 200th token
 * @throws EmilieError "option.invalid" as checkPrompt, "checkpoint.unsupported" for a tokenizer to which the templates are a few tokens
 */
export function promptTokens(
  { tokens, config }: Qwen3VlFiles,
  prompt: string,
  grid: Grid | null,
): PromptTokens {
  if (!grid) {
    const { before, after, dropped } = GENERATE_TEMPLATE;
    const ids = tokens.alone.encode(before + prompt + after).slice(0, dropped + GENERATE_TOKENS);
    return { ids: Int32Array.from(ids), dropped: checked(ids, GENERATE_TEMPLATE), picture: null };
  }
  checkPrompt({ tokens }, prompt);
  const { before, after } = EDIT_TEMPLATE;
  const ids = tokens.withPicture.encode(before + prompt + after);
  const first = ids.indexOf(config.image_token_id);
  const copies = Array<number>(grid[0] * grid[1]).fill(config.image_token_id);
  const all = [...ids.slice(0, first), ...copies, ...ids.slice(first + 1)];
  return { ids: Int32Array.from(all), dropped: checked(all, EDIT_TEMPLATE), picture: { first, grid } };
}

function checked(ids: readonly number[], { dropped }: PromptTemplate): number {
  if (ids.length > dropped) return dropped;
  throw new EmilieError(
    "checkpoint.unsupported",
    `The tokenizer makes ${ids.length} tokens of DreamLite's template, of which the first ${dropped} are dropped: it is none of Qwen3-VL's.`,
  );
}

/**
 * Says whether a prompt for an edit can be encoded, before anything is.
 *
 * @throws EmilieError "option.invalid" where it has a token that stands for a picture, or more than 2048 tokens
 */
export function checkPrompt(files: Pick<Qwen3VlFiles, "tokens">, prompt: string): void {
  const foreign = [IMAGE, VIDEO].find((token) => prompt.includes(token));
  if (foreign !== undefined) {
    throw new EmilieError(
      "option.invalid",
      `The instruction has "${foreign}", which stands for a picture; the picture that is edited is in the prompt already. Leave it out.`,
    );
  }
  const count = countPromptTokens(files, prompt);
  if (count > MOST_PROMPT_TOKENS) {
    throw new EmilieError(
      "option.invalid",
      `The instruction has ${count} tokens; at most ${MOST_PROMPT_TOKENS} are encoded. Shorten it.`,
    );
  }
}

/** How many tokens a prompt has by itself, without the template about it. */
export function countPromptTokens({ tokens }: Pick<Qwen3VlFiles, "tokens">, prompt: string): number {
  return tokens.withPicture.encode(prompt).length;
}
