/**
 * What FLUX.2 klein reads of a text (Flux2KleinPipeline._get_qwen3_prompt_embeds of diffusers): the text in its chat template, padded, and what
 * several layers of Qwen3 make of it side by side. Results at padding are part of it: the denoiser attends to them.
 */
import { readRows } from "../../checkpoint/convert.ts";
import type { Precision } from "../../checkpoint/derived.ts";
import type { CheckpointSource } from "../../checkpoint/source.ts";
import { dryPlacement, type Needs, type PlacedWeights } from "../../checkpoint/storage.ts";
import type { Dialect } from "../../graph/graph.ts";
import type { Feeds } from "../../runtime/engine.ts";
import { type Tensor, zeros } from "../../tensor/tensor.ts";
import type { RunGraph } from "../autoencoder-kl/fine-stage.ts";
import { buildQwen3, layersNeeded, qwen3Needs } from "./graph.ts";
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
 * @param inHalves whether no more than half of the weights is to be in memory at a time: each half of the layers is a network of its own then
 */
export async function encodeText(
  qwen3: Qwen3,
  source: Pick<CheckpointSource, "read">,
  weights: PlacedWeights,
  text: string,
  run: RunGraph,
  inHalves = false,
): Promise<EncodedText> {
  const { config, tokenizer, layers } = qwen3;
  const { length: tokens } = tokenizer;
  const { ids, used } = tokenizer.encode(text);
  const embeddings = await readRows(source, "embed_tokens.weight", qwen3.embeddings, ids);
  const mask = { data: Int32Array.from(ids, (_, i) => Number(i < used)), shape: [1, tokens] };
  const all = layersNeeded(layers);
  const bounds = inHalves && all > 1 ? [0, Math.ceil(all / 2), all] : [0, all];
  const embeds = zeros([tokens, layers.length * config.hidden_size]);
  let feeds: Feeds = { embeddings, mask };
  for (const [i, to] of bounds.slice(1).entries()) {
    const from = bounds[i]!;
    const part = bounds.length > 2 ? ([from, to] as const) : undefined;
    const build = (dialect: Dialect) => buildQwen3(config, weights, { tokens, layers, part }, dialect);
    const made = await run(part ? `${tokens} ${from}` : `${tokens}`, build, feeds);
    if (made.embeds)
      putSide(
        embeds,
        made.embeds,
        layers.map((layer) => layer <= to && (layer > from || i === 0)),
      );
    if (made.x) feeds = { x: made.x, mask };
  }
  return { embeds: { data: embeds.data, shape: [1, ...embeds.shape] }, ids, used };
}

/** Puts the columns of some, [n, k · width], side by side where `here` says so of those of all, [n, here.length · width]. */
function putSide(all: Tensor, some: Tensor, here: readonly boolean[]): void {
  const [n = 0, columns = 0] = all.shape;
  const [width, own] = [columns / here.length, some.shape[1] ?? 0];
  let from = 0;
  for (const [i, is] of here.entries()) {
    if (!is) continue;
    for (let row = 0; row < n; row++) {
      const start = row * own + from * width;
      all.data.set(some.data.subarray(start, start + width), row * columns + i * width);
    }
    from++;
  }
}
