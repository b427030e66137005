/**
 * The text encoder that understands instructions, where a checkpoint has one beside the denoiser's ("reader" under `understanding` in emilie.json): a BertModel of
 * transformers, read at the mean of a text's tokens as sentence-transformers do (Reimers and Gurevych, arXiv 1908.10084). The denoiser's own text encoder stays what
 * it was trained with.
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
import { openWeights, type WeightTable } from "../../checkpoint/weights.ts";
import type { Dialect, Graph } from "../../graph/graph.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { type BertConfig, readBertConfig } from "../bert/config.ts";
import { buildBert } from "../bert/graph.ts";
import { readWordPiece, type WordPiece } from "../bert/wordpiece.ts";

export interface ReaderPart {
  readonly config: BertConfig;
  readonly tokenizer: WordPiece;
  readonly table: WeightTable;
}

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
): Promise<ReaderPart | undefined> {
  const folder = understanding?.reader;
  if (!folder) return undefined;
  const config = await readBertConfig(source, folder);
  const { max_position_embeddings: limit, vocab_size: vocabulary } = config;
  const tokenizer = await readWordPiece(source, limit, { folder, vocabulary });
  return { config, tokenizer, table: await openWeights(source, folder, "model") };
}

/** ids int32 [tokens], mask int32 [1, tokens] → hidden [tokens, width] */
export function buildReader(
  { config }: ReaderPart,
  weights: PlacedWeights,
  tokens: number,
  dialect?: Dialect,
): Graph {
  return buildBert(config, weights, tokens, dialect, HEAD);
}

/** Places are added to a text in this step, so that few graphs serve texts of all lengths and a short one costs little. */
const STEP = 16;

/** A text's ids with padding behind them, and what says so. */
export function feedsOf({ tokenizer: { length, pad } }: ReaderPart, ids: Int32Array) {
  const tokens = Math.min(length, Math.ceil(ids.length / STEP) * STEP);
  const data = new Int32Array(tokens).fill(pad);
  data.set(ids);
  const mask = Int32Array.from(data, (_, i) => Number(i < ids.length));
  const feeds = { ids: { data, shape: [tokens] }, mask: { data: mask, shape: [1, tokens] } };
  return { tokens, feeds };
}

/** hidden [tokens, width] → the mean of its first `rows`, [width] */
export function meanOfRows({ data, shape }: Tensor, rows: number): Float32Array {
  const [, width = 0] = shape;
  const mean = new Float32Array(width);
  for (let i = 0; i < rows * width; i++) mean[i % width]! += data[i]! / rows;
  return mean;
}

/** The head of `understanding` for what the reader gives, with the same look at the picture. @throws EmilieError "checkpoint.malformed" */
export async function readerHead(
  source: CheckpointSource,
  understanding: UnderstandingHead,
  { config, table }: ReaderPart,
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
export async function readerFingerprint(source: CheckpointSource, { table }: ReaderPart): Promise<string> {
  return fingerprint(source, [table], [], false);
}
