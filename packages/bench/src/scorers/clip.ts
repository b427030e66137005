/**
 * CLIP (arXiv 2103.00020), a CLIPModel of transformers. Raw cosines, not scaled and not clamped:
 * - "clip.text": picture and the caption of its turn (CLIP-T).
 * - "clip.direction": change of the picture since the original, and change of the caption (StyleGAN-NADA, arXiv 2108.00946, as
 *   InstructPix2Pix measures it, arXiv 2211.09800): differences of unit embeddings. 0 where the picture is still the original; left out
 *   where the captions are the same, because then there is no direction to follow.
 * - "clip.image": picture and true picture (CLIP-I as in MagicBrush, arXiv 2306.10012); only where there is a true picture.
 * - "clip.image.original": picture and original, which says how much was kept, not whether the edit was right.
 */
import {
  buildClipText,
  buildClipVision,
  type ClipConfig,
  EmilieError,
  type Picture,
  parseClipConfig,
  readJson,
  readPreprocessor,
  readTokenizer,
  type Tensor,
  type Tokenizer,
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
import { cosine, direction, Memory } from "./vectors.ts";

/** Raised when what is computed changes. */
const REVISION = 1;

const PREPROCESSING = {
  shorter: true,
  size: 224,
  crop: 224,
  filter: 3,
  ...CLIP_COLOURS,
} as const;

/** CLIP's two towers, and what they are given. */
export interface ClipScorer extends Scorer {
  /** [1, 3, side, side] */
  preprocess(picture: Picture): Tensor;
  tokens(text: string): Int32Array;
  /** [1, width], not of unit length. */
  embedPicture(picture: Picture, signal?: AbortSignal): Promise<Tensor>;
  embedText(text: string, signal?: AbortSignal): Promise<Tensor>;
}

/** Opens a CLIPModel: any size of towers, pictures and patches. Throws EmilieError with code "checkpoint.*". */
export async function openClip(parts: ScorerParts): Promise<ClipScorer> {
  const { source } = parts;
  const config = parseClipConfig(await readJson(source, "config.json"));
  const preprocessor = await readPreprocessor(source, PREPROCESSING);
  checkSize(source.id, preprocessor, config.vision.image_size);
  if (!(await source.exists("tokenizer.json")) && !(await source.exists("vocab.json"))) {
    throw new EmilieError(
      "checkpoint.missing",
      `${source.id} has no tokenizer: expected tokenizer.json, or vocab.json and merges.txt.`,
    );
  }
  const tokenizer = await readTokenizer(source, ".", config.text.max_position_embeddings);
  checkTokens(source.id, config, tokenizer);
  const table = await openScorerWeights(source, "clip");
  const isText = (name: string) => name.startsWith("text_");
  const text: ScorerNetwork = {
    name: "text",
    what: "The text tower",
    build: (weights) =>
      buildClipText(config.text, part(weights, isText), tokenizer.length, { hidden: "last", pooled: true }),
  };
  const vision: ScorerNetwork = {
    name: "vision",
    what: "The vision tower",
    build: (weights) =>
      buildClipVision(
        config.vision,
        config.text.projection_dim!,
        part(weights, (name) => !isText(name)),
      ),
  };
  const checkpoint = await ScorerCheckpoint.open(parts, table, [text, vision]);
  const pictures = new Memory<Picture>();
  const texts = new Memory<string>();

  const embedPicture = (picture: Picture, signal?: AbortSignal) =>
    pictures.get(picture, async () => {
      const { embedding } = await checkpoint.run(
        vision,
        { image: preprocess(picture, preprocessor) },
        signal,
      );
      return embedding!;
    });
  const embedText = (caption: string, signal?: AbortSignal) =>
    texts.get(caption, async () => {
      const ids = tokenizer.encode(caption);
      // The text ends where its first end token stands; padding may repeat it.
      const end = { data: Int32Array.of(ids.indexOf(tokenizer.end)), shape: [1] };
      const feeds = { ids: { data: ids, shape: [ids.length] }, end };
      const { pooled } = await checkpoint.run(text, feeds, signal);
      return pooled!;
    });

  return {
    name: "clip",
    model: source.id,
    hash: await scorerHash(source, table, REVISION),
    preprocess: (picture) => preprocess(picture, preprocessor),
    tokens: (text) => tokenizer.encode(text),
    embedPicture,
    embedText,
    async score(turn: ScoredTurn, signal?: AbortSignal) {
      const picture = async (of: Picture) => (await embedPicture(of, signal)).data;
      const words = async (of: string) => (await embedText(of, signal)).data;
      const [result, original] = [await picture(turn.result), await picture(turn.original)];
      const scores: Record<string, number> = { "clip.image.original": cosine(result, original) };
      if (turn.target) scores["clip.image"] = cosine(result, await picture(turn.target));
      if (turn.caption !== undefined) {
        const caption = await words(turn.caption);
        scores["clip.text"] = cosine(result, caption);
        if (turn.sourceCaption !== undefined && turn.sourceCaption !== turn.caption) {
          const change = direction(await words(turn.sourceCaption), caption);
          scores["clip.direction"] = cosine(direction(original, result), change);
        }
      }
      return scores;
    },
    dispose: () => checkpoint.dispose(),
  };
}

/** The first tokenizers' ids were written wrongly into many configurations, as 2; transformers knows and so do we. */
const WRONG_END = 2;

function checkTokens(id: string, { text }: ClipConfig, tokenizer: Tokenizer): void {
  if (tokenizer.size > text.vocab_size) {
    throw new EmilieError(
      "checkpoint.malformed",
      `${id}: the tokenizer has ${tokenizer.size} tokens, but "vocab_size" is ${text.vocab_size}.`,
    );
  }
  const end = text.eos_token_id;
  if (end === undefined || end === null || end === WRONG_END || end === tokenizer.end) return;
  throw new EmilieError(
    "checkpoint.malformed",
    `${id}: "eos_token_id" is ${JSON.stringify(end)}, but the tokenizer ends a text with ${tokenizer.end}.`,
  );
}
