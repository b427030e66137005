/**
 * What FLUX.2 klein reads of a text (Flux2KleinPipeline._get_qwen3_prompt_embeds of diffusers): the text in its chat template, padded, and what
 * several layers of Qwen3 make of it side by side. Results at padding are part of it: the denoiser attends to them.
 */
import { readRows } from "../../checkpoint/convert.ts";
import type { Precision } from "../../checkpoint/derived.ts";
import type { CheckpointSource } from "../../checkpoint/source.ts";
import { dryPlacement, type Needs, type PlacedWeights } from "../../checkpoint/storage.ts";
import type { Dialect } from "../../graph/graph.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { RunGraph } from "../autoencoder-kl/fine-stage.ts";
import { buildQwen3, qwen3Needs } from "./graph.ts";
import type { Qwen3 } from "./read.ts";

export interface EncodedText {
  /** [1, tokens, layers · hidden] */
  readonly embeds: Tensor;
  /** The tokens' ids, padding among them. */
  readonly ids: Int32Array;
  /** How many of them are no padding. */
  readonly used: number;
}

/** How the encoder's weights are to be placed for a precision; undefined for fp32, in which they are used as they are. */
export function textNeeds({ config, table, layers }: Qwen3, precision: Precision): Needs | undefined {
  if (precision === "fp32") return undefined;
  return qwen3Needs(config, dryPlacement(table, precision), layers);
}

/**
 * Encodes a text.
 *
 * @param source of the checkpoint, from which the rows of embeddings are read
 * @param weights of `qwen3.table`
 */
export async function encodeText(
  qwen3: Qwen3,
  source: Pick<CheckpointSource, "read">,
  weights: PlacedWeights,
  text: string,
  run: RunGraph,
): Promise<EncodedText> {
  const { config, tokenizer, layers } = qwen3;
  const { length: tokens } = tokenizer;
  const { ids, used } = tokenizer.encode(text);
  const embeddings = await readRows(source, "embed_tokens.weight", qwen3.embeddings, ids);
  const mask = { data: Int32Array.from(ids, (_, i) => Number(i < used)), shape: [1, tokens] };
  const build = (dialect: Dialect) => buildQwen3(config, weights, { tokens, layers }, dialect);
  const { embeds } = await run(`${tokens}`, build, { embeddings, mask });
  return { embeds: { data: embeds!.data, shape: [1, ...embeds!.shape] }, ids, used };
}
