/** BERT's tokenizer as transformers' BertTokenizer configures it: words split into the longest pieces that are known. */
import { Tokenizer as Pieces } from "@huggingface/tokenizers";
import { z } from "zod";
import { type CheckpointSource, readJson, readLimited } from "../../checkpoint/source.ts";
import { EmilieError } from "../../errors.ts";
import { VOCABULARY_JSON } from "../../limits.ts";
import { addedTokens } from "../clip/tokenizer.ts";

export interface WordPiece {
  /** The most tokens a text has. */
  readonly length: number;
  /** Tokens that there are. */
  readonly size: number;
  /** For the places behind a text. */
  readonly pad: number;
  /** Token ids: [CLS], the text (cut where it is too long), [SEP]; as many as the text has. */
  encode(text: string): Int32Array;
  /** How many tokens the text has, without start and end, before anything is cut; length − 2 of them are encoded. */
  count(text: string): number;
}

const token = z.union([z.string(), z.looseObject({ content: z.string() }).transform((t) => t.content)]);

const settingsSchema = z.looseObject({
  do_lower_case: z.boolean().default(true),
  strip_accents: z.boolean().nullable().default(null),
  tokenize_chinese_chars: z.boolean().default(true),
  model_max_length: z.number().default(512),
  cls_token: token.default("[CLS]"),
  sep_token: token.default("[SEP]"),
  pad_token: token.default("[PAD]"),
  unk_token: token.default("[UNK]"),
  mask_token: token.default("[MASK]"),
});

type Settings = z.output<typeof settingsSchema>;

const wholeSchema = z.looseObject({
  normalizer: z.looseObject({ lowercase: z.boolean().optional() }).nullable().optional(),
  model: z.looseObject({ vocab: z.record(z.string(), z.int()) }),
});

/**
 * Reads tokenizer.json, or vocab.txt, and tokenizer_config.json. `limit` is the text encoder's number of positions, `vocabulary` that of its embeddings, where
 * they are to be compared.
 */
export async function readWordPiece(
  source: CheckpointSource,
  limit: number,
  { folder = "", vocabulary }: { readonly folder?: string; readonly vocabulary?: number } = {},
): Promise<WordPiece> {
  const at = (file: string) => (folder ? `${folder}/${file}` : file);
  const settings = await readSettings(source, at("tokenizer_config.json"));
  const json = await readModel(source, settings, at);
  const pieces = new Pieces(json, {});
  const vocab = pieces.get_vocab(true);
  const id = (content: string): number => {
    const found = vocab.get(content);
    if (found !== undefined) return found;
    throw new EmilieError("checkpoint.malformed", `${source.id}: the vocabulary has no token "${content}".`);
  };
  if (vocabulary !== undefined && vocab.size > vocabulary) {
    throw new EmilieError(
      "checkpoint.malformed",
      `${source.id}: the tokenizer has ${vocab.size} tokens, but "vocab_size" is ${vocabulary}.`,
    );
  }
  const [start, end, pad] = [id(settings.cls_token), id(settings.sep_token), id(settings.pad_token)];
  const length = Math.min(settings.model_max_length, limit);
  // JavaScript lower-cases a final Σ to ς; transformers takes each character on its own.
  const lower = json.normalizer?.lowercase !== false;
  const tokens = (text: string): number[] =>
    pieces.encode(lower ? text.replaceAll("Σ", "σ") : text, { add_special_tokens: false }).ids;
  return {
    length,
    size: vocab.size,
    pad,
    encode: (text) => Int32Array.of(start, ...tokens(text).slice(0, length - 2), end),
    count: (text) => tokens(text).length,
  };
}

async function readSettings(source: CheckpointSource, path: string): Promise<Settings> {
  const json = (await source.exists(path)) ? await readJson(source, path) : {};
  // A null is what transformers writes for "not set".
  const given = Object.fromEntries(Object.entries(json ?? {}).filter(([, value]) => value !== null));
  const parsed = settingsSchema.safeParse(given);
  if (parsed.success) return parsed.data;
  throw new EmilieError(
    "checkpoint.malformed",
    `${path} of ${source.id}: ${parsed.error.issues.map((i) => `${i.path.join(".")}: ${i.message}`).join("; ")}.`,
  );
}

/** The contents of a tokenizer.json: the checkpoint's own, or one made of vocab.txt. */
async function readModel(
  source: CheckpointSource,
  settings: Settings,
  at: (file: string) => string,
): Promise<z.output<typeof wholeSchema>> {
  if (await source.exists(at("tokenizer.json"))) {
    const parsed = wholeSchema.safeParse(await readJson(source, at("tokenizer.json")));
    if (parsed.success) return parsed.data;
    throw new EmilieError(
      "checkpoint.malformed",
      `${at("tokenizer.json")} of ${source.id} has no model with a vocabulary.`,
    );
  }
  if (!(await source.exists(at("vocab.txt")))) {
    throw new EmilieError(
      "checkpoint.missing",
      `${source.id} has no tokenizer: expected ${at("tokenizer.json")} or ${at("vocab.txt")}.`,
    );
  }
  const lines = (await readLimited(source, at("vocab.txt"), VOCABULARY_JSON.length)).split(/\r?\n/);
  if (lines.at(-1) === "") lines.pop();
  return bertTokenizer(Object.fromEntries(lines.map((line, i) => [line, i])), settings);
}

function bertTokenizer(vocab: Record<string, number>, settings: Settings): z.output<typeof wholeSchema> {
  const special = [
    settings.pad_token,
    settings.unk_token,
    settings.cls_token,
    settings.sep_token,
    settings.mask_token,
  ];
  return {
    version: "1.0",
    added_tokens: addedTokens(special, vocab),
    normalizer: {
      type: "BertNormalizer",
      clean_text: true,
      handle_chinese_chars: settings.tokenize_chinese_chars,
      strip_accents: settings.strip_accents,
      lowercase: settings.do_lower_case,
    },
    pre_tokenizer: { type: "BertPreTokenizer" },
    post_processor: null,
    decoder: { type: "WordPiece", prefix: "##", cleanup: true },
    model: {
      type: "WordPiece",
      unk_token: settings.unk_token,
      continuing_subword_prefix: "##",
      max_input_chars_per_word: 100,
      vocab,
    },
  };
}
