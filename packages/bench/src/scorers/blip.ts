/**
 * BLIP (arXiv 2201.12086), a BlipForImageTextRetrieval of transformers, of the picture and the caption of its turn:
 * - "blip.match": the matching head's probability that they belong together.
 * - "blip.cosine": cosine of their projections.
 * Both as transformers computes them: a text begins with [CLS] for either. Left out where there is no caption.
 */
import {
  buildBlipText,
  buildBlipVision,
  EmilieError,
  type Picture,
  parseBlipConfig,
  readJson,
  readPreprocessor,
  readWordPiece,
  type Tensor,
  throwIfAborted,
} from "../library.ts";
import type { ScoredTurn, Scorer } from "../types.ts";
import {
  checkSize,
  openScorerWeights,
  part,
  ScorerCheckpoint,
  type ScorerNetwork,
  type ScorerParts,
  scorerHash,
} from "./checkpoint.ts";
import { CLIP_COLOURS, preprocess } from "./preprocess.ts";
import { cosine, Memory } from "./vectors.ts";

/** Raised when what is computed changes. */
const REVISION = 1;

const PREPROCESSING = {
  shorter: false,
  size: 384,
  crop: null,
  filter: 3,
  ...CLIP_COLOURS,
} as const;

/** Texts are padded to a multiple of this, so that a session serves many lengths. */
const STEP = 16;

export interface BlipScorer extends Scorer {
  /** [1, 3, side, side] */
  preprocess(picture: Picture): Tensor;
  tokens(text: string): Int32Array;
  /** Probability that the picture shows what the text says. */
  match(picture: Picture, text: string, signal?: AbortSignal): Promise<number>;
  /** Cosine of the two projections. */
  cosine(picture: Picture, text: string, signal?: AbortSignal): Promise<number>;
}

/** Opens a BLIP with a matching head. Throws EmilieError with code "checkpoint.*". */
export async function openBlip(parts: ScorerParts): Promise<BlipScorer> {
  const { source } = parts;
  const json = await readJson(source, "config.json");
  checkHead(source.id, json);
  const config = parseBlipConfig(json);
  const preprocessor = await readPreprocessor(source, PREPROCESSING);
  checkSize(source.id, preprocessor, config.vision.image_size);
  const { max_position_embeddings: limit, vocab_size: vocabulary } = config.text;
  const tokenizer = await readWordPiece(source, limit, { vocabulary });
  const table = await openScorerWeights(source, "blip");
  const isVision = (name: string) => name.startsWith("vision_");
  const vision: ScorerNetwork = {
    name: "vision",
    what: "The vision transformer",
    build: (weights) => buildBlipVision(config, part(weights, isVision)),
  };
  const reader = (reads: "alone" | "picture", tokens: number): ScorerNetwork => ({
    name: reads,
    what: reads === "alone" ? "The text encoder" : "The matching head",
    size: String(tokens),
    build: (weights) =>
      buildBlipText(
        config,
        part(weights, (name) => !isVision(name)),
        tokens,
        reads,
      ),
  });
  const checkpoint = await ScorerCheckpoint.open(parts, table, [
    vision,
    reader("alone", 2),
    reader("picture", 2),
  ]);

  const seen = new WeakMap<Picture, Record<string, Tensor>>();
  const see = async (picture: Picture, signal?: AbortSignal) => {
    const known = seen.get(picture);
    if (known) return known;
    const outputs = await checkpoint.run(vision, { image: preprocess(picture, preprocessor) }, signal);
    seen.set(picture, outputs);
    return outputs;
  };
  /** A text's ids, padded, and which of them are its own. */
  const padded = (text: string) => {
    const ids = tokenizer.encode(text);
    const tokens = Math.min(Math.ceil(ids.length / STEP) * STEP, config.text.max_position_embeddings);
    const data = new Int32Array(tokens).fill(tokenizer.pad);
    data.set(ids);
    const mask = Int32Array.from(data, (_, i) => Number(i < ids.length));
    return {
      tokens,
      feeds: { ids: { data, shape: [tokens] }, mask: { data: mask, shape: [1, tokens] } },
    };
  };
  const texts = new Memory<string>();
  const read = (text: string, signal?: AbortSignal) =>
    texts.get(text, async () => {
      const { tokens, feeds } = padded(text);
      return (await checkpoint.run(reader("alone", tokens), feeds, signal)).embedding!;
    });

  const match = async (picture: Picture, text: string, signal?: AbortSignal) => {
    const { tokens: eyes } = await see(picture, signal);
    const { tokens, feeds } = padded(text);
    const { logits } = await checkpoint.run(reader("picture", tokens), { ...feeds, picture: eyes! }, signal);
    const [no = 0, yes = 0] = logits!.data;
    return 1 / (1 + Math.exp(no - yes));
  };
  const compare = async (picture: Picture, text: string, signal?: AbortSignal) => {
    const { embedding } = await see(picture, signal);
    return cosine(embedding!.data, (await read(text, signal)).data);
  };

  return {
    name: "blip",
    model: source.id,
    hash: await scorerHash(source, table, REVISION),
    preprocess: (picture) => preprocess(picture, preprocessor),
    tokens: (text) => tokenizer.encode(text),
    match,
    cosine: compare,
    async score({ result, caption }: ScoredTurn, signal?: AbortSignal) {
      throwIfAborted(signal);
      const scores: Record<string, number> = {};
      if (caption === undefined) return scores;
      scores["blip.match"] = await match(result, caption, signal);
      scores["blip.cosine"] = await compare(result, caption, signal);
      return scores;
    },
    dispose: () => checkpoint.dispose(),
  };
}

/** Captioning and question answering have the same "model_type", and no matching head. */
function checkHead(id: string, json: unknown): void {
  const { architectures } = (json ?? {}) as { architectures?: unknown };
  if (!Array.isArray(architectures) || architectures.includes("BlipForImageTextRetrieval")) return;
  throw new EmilieError(
    "checkpoint.unsupported",
    `config.json of ${id}: "architectures" is ${JSON.stringify(architectures)}; matching pictures and texts needs ` +
      "BlipForImageTextRetrieval, as in Salesforce/blip-itm-base-coco.",
  );
}
