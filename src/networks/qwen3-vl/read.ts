/** A Qwen3-VL with its processor, in the layout of diffusers: text_encoder/, processor/, tokenizer/. */
import { below, type Refs } from "../../checkpoint/refs.ts";
import { type CheckpointSource, readJson } from "../../checkpoint/source.ts";
import { dryPlacement } from "../../checkpoint/storage.ts";
import { openWeights, type WeightRef, type WeightTable } from "../../checkpoint/weights.ts";
import { EmilieError } from "../../errors.ts";
import { type QwenTokens, readQwenTokens } from "../qwen3/tokenizer.ts";
import { parseQwen3VlConfig, type Qwen3VlConfig } from "./config.ts";
import { type PictureProcessor, readProcessor } from "./processor.ts";
import { IMAGE } from "./prompts.ts";
import { buildText } from "./text.ts";
import { buildVision } from "./vision.ts";

export interface Qwen3VlOptions {
  /** Default "text_encoder". */
  readonly folder?: string;
  /** Of pictures, and of texts with a picture. Default "processor". */
  readonly processor?: string;
  /** Of texts alone. Default "tokenizer". */
  readonly tokenizer?: string;
}

/** What is known without weights. */
export interface Qwen3VlFiles {
  readonly config: Qwen3VlConfig;
  readonly processor: PictureProcessor;
  /** Vocabularies: of texts with a picture, and of texts alone. */
  readonly tokens: Readonly<Record<"withPicture" | "alone", QwenTokens>>;
}

export interface Qwen3Vl extends Qwen3VlFiles {
  /** The vision tower's tensors, to be placed and run by themselves. */
  readonly vision: WeightTable;
  /** The tensors of the text's layers. */
  readonly text: WeightTable;
  /** [vocabulary, hidden]: looked up in the file, in no graph. */
  readonly embeddings: WeightRef;
}

const DEFAULTS = { folder: "text_encoder", processor: "processor", tokenizer: "tokenizer" };

/**
 * Reads configurations and tokenizers, which are there before the weights are.
 *
 * @throws EmilieError "checkpoint.*" naming the file or key
 */
export async function readQwen3VlFiles(
  source: CheckpointSource,
  options: Qwen3VlOptions = {},
): Promise<Qwen3VlFiles> {
  const { folder, processor, tokenizer } = { ...DEFAULTS, ...options };
  const path = `${folder}/config.json`;
  const config = parseQwen3VlConfig(await readJson(source, path), path);
  const read = (from: string) => readQwenTokens(source, from, config.text.vocab_size, false);
  const withPicture = await read(processor);
  const known = withPicture.ids.get(IMAGE);
  if (known !== config.image_token_id) {
    throw new EmilieError(
      "checkpoint.malformed",
      `${path}: "image_token_id" is ${config.image_token_id}, and in ${processor}/ ${known === undefined ? `there is no "${IMAGE}"` : `"${IMAGE}" has the id ${known}`}: ` +
        "they belong to different checkpoints.",
    );
  }
  return {
    config,
    processor: await readProcessor(source, processor, config.vision),
    tokens: { withPicture, alone: await read(tokenizer) },
  };
}

/**
 * The same with headers of weights, and checks that every tensor fits.
 *
 * @throws EmilieError "checkpoint.*" naming the file, key or tensor
 */
export async function readQwen3Vl(source: CheckpointSource, options: Qwen3VlOptions = {}): Promise<Qwen3Vl> {
  const { folder } = { ...DEFAULTS, ...options };
  const files = await readQwen3VlFiles(source, options);
  const { config } = files;
  const whole = await openWeights(source, folder, "model");
  const refs = withoutPrefix(whole.tensors);
  const language = below(refs, LANGUAGE);
  const embeddings = language.get(EMBEDDINGS);
  const shape = [config.text.vocab_size, config.text.hidden_size];
  if (!embeddings || String(embeddings.shape) !== String(shape)) {
    throw new EmilieError(
      embeddings ? "checkpoint.malformed" : "checkpoint.missing",
      `${folder}/: "${LANGUAGE}${EMBEDDINGS}" of shape [${shape}] ${embeddings ? `has shape [${embeddings.shape}]` : "is missing"}.`,
    );
  }
  language.delete(EMBEDDINGS);
  const unknown = [...refs.keys()].filter((name) => !PARTS.some((part) => name.startsWith(part)));
  if (unknown.length > 0) {
    throw new EmilieError(
      "checkpoint.malformed",
      `${folder}/: "${unknown[0]}"${unknown.length > 1 ? ` and ${unknown.length - 1} more tensors are` : " is"} not known to this model.`,
    );
  }
  const vision = tableOf(whole, "vision tower", below(refs, VISUAL));
  const text = tableOf(whole, "language model", language);
  // The smallest graphs find every missing, unknown and misshapen tensor before anything is computed.
  const { spatial_merge_size: merge } = config.vision;
  buildVision(config.vision, dryPlacement(vision), [merge, merge]);
  buildText(config.text, dryPlacement(text), { tokens: 1, added: 0 });
  return { ...files, vision, text, embeddings };
}

const PREFIX = "model.";
const [LANGUAGE, VISUAL] = ["language_model.", "visual."];
const EMBEDDINGS = "embed_tokens.weight";
/** The words' scores are not computed. */
const PARTS = [LANGUAGE, VISUAL, "lm_head.weight"];

/** Qwen3VLModel's names: Qwen3VLForConditionalGeneration has them below "model.". */
function withoutPrefix(tensors: Refs): Refs {
  return new Map(
    [...tensors].map(([name, ref]) => [name.startsWith(PREFIX) ? name.slice(PREFIX.length) : name, ref]),
  );
}

/** A part of the weights, with the files that it lies in. */
function tableOf(whole: WeightTable, what: string, tensors: Refs): WeightTable {
  const paths = new Set([...tensors.values()].map(({ file }) => file));
  const origin = `of ${whole.folder}/ (its ${what})`;
  return { ...whole, origin, tensors, files: whole.files.filter(({ path }) => paths.has(path)) };
}
