/**
 * The text encoder that understands instructions, where a checkpoint has one beside the denoiser's ("reader" under `understanding` in emilie.json): a CLIPTextModel of
 * transformers, read where a text ends. The denoiser's own text encoder stays what it was trained with.
 */
import { fingerprint } from "../../checkpoint/fingerprint.ts";
import type { CheckpointSource } from "../../checkpoint/source.ts";
import type { PlacedWeights } from "../../checkpoint/storage.ts";
import {
  logitsOf,
  readShaped,
  type UnderstandingConfig,
  type UnderstandingHead,
} from "../../checkpoint/understanding.ts";
import { openWeights } from "../../checkpoint/weights.ts";
import type { Dialect, Graph } from "../../graph/graph.ts";
import { readClipTextConfig } from "../clip/config.ts";
import { buildClipText } from "../clip/text.ts";
import { readTokenizer } from "../clip/tokenizer.ts";
import type { TextPart } from "./layout.ts";

/**
 * How likely, in relation to the likeliest edit, one must be that is meant in its place where the picture does not allow that (understanding.ts). Of 149 requests on
 * which it was chosen 5 were misread, 4 of them for an edit beside which the right one was this likely; of 144 read right, 7 had another beside them.
 */
export const DOUBT = 1 / 20;

/** What a reader has beside its text encoder. */
const HEAD = "head.";

/** @throws EmilieError "checkpoint.*" where its folder is not one */
export async function readReader(
  source: CheckpointSource,
  understanding: UnderstandingConfig | undefined,
): Promise<TextPart | undefined> {
  const folder = understanding?.reader;
  if (!folder) return undefined;
  const config = await readClipTextConfig(source, folder);
  const { max_position_embeddings: limit, vocab_size: vocabulary } = config;
  const tokenizer = await readTokenizer(source, folder, limit, { vocabulary });
  return { config, tokenizer, table: await openWeights(source, folder, "model") };
}

/** ids int32 [tokens] → hidden [tokens, width] */
export function buildReader(reader: TextPart, weights: PlacedWeights, dialect?: Dialect): Graph {
  return buildClipText(reader.config, weights, reader.tokenizer.length, undefined, dialect, HEAD);
}

/** The head of `understanding` for what the reader gives, with the same look at the picture. @throws EmilieError "checkpoint.malformed" */
export async function readerHead(
  source: CheckpointSource,
  understanding: UnderstandingHead,
  { config, table }: TextPart,
): Promise<UnderstandingHead> {
  const rows = logitsOf(understanding.config);
  const place = { file: `${table.folder}/ of ${source.id}`, told: "config.json" };
  const read = (key: string, shape: readonly number[]) =>
    readShaped(source, table.tensors.get(key), { ...place, key, shape });
  const width = config.hidden_size;
  const weight = await read(`${HEAD}weight`, [rows, width]);
  return { ...understanding, width, weight, bias: await read(`${HEAD}bias`, [rows]) };
}

/** What tells a reader from another with the same shape. */
export async function readerFingerprint(source: CheckpointSource, { table }: TextPart): Promise<string> {
  return fingerprint(source, [table], [], false);
}
