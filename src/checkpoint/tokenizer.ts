/**
 * CLIP's byte-pair tokenizer as transformers' CLIPTokenizer configures it: NFC, white space squeezed, lower case, words
 * ending in "</w>", and a fixed length with the checkpoint's own padding token.
 */
import { Tokenizer as Bpe } from "@huggingface/tokenizers";
import { z } from "zod";
import { EmilieError } from "../errors.ts";
import { type CheckpointSource, readJson, readPlain } from "./source.ts";

export interface Tokenizer {
  /** Length of every result. */
  readonly length: number;
  /** Tokens that there are. */
  readonly size: number;
  /** The id of the token that ends a text. */
  readonly end: number;
  /** Token ids: start, the text (cut where it is too long), end, padding. */
  encode(text: string): Int32Array;
  /** How many tokens the text has, without start and end, before anything is cut; length − 2 of them are encoded. */
  count(text: string): number;
}

const END = "<|endoftext|>";
const SPLIT = String.raw`<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+`;

/** A token is written as its text, or as an object with the text in "content". */
const tokenText = z.union([z.string(), z.looseObject({ content: z.string() }).transform((t) => t.content)]);

const settingsSchema = z.looseObject({
  bos_token: tokenText.default("<|startoftext|>"),
  eos_token: tokenText.default(END),
  pad_token: tokenText.default(END),
  unk_token: tokenText.default(END),
  model_max_length: z.number().default(77),
});

type Settings = z.output<typeof settingsSchema>;

const modelSchema = z.looseObject({ model: z.looseObject({ vocab: z.record(z.string(), z.int()) }) });

/**
 * Reads `folder`/tokenizer.json, or vocab.json and merges.txt. `limit` is the text encoder's number of positions, `pad` the
 * padding token, where the folder's own is another checkpoint's.
 */
export async function readTokenizer(
  source: CheckpointSource,
  folder: string,
  limit: number,
  { pad: padding }: { readonly pad?: string } = {},
): Promise<Tokenizer> {
  const own = await readSettings(source, folder);
  const settings = padding === undefined ? own : { ...own, pad_token: padding };
  const json = await readModel(source, folder, settings);
  const bpe = new Bpe(json, {});
  const vocab = bpe.get_vocab(true);
  const id = (token: string): number => {
    const found = vocab.get(token);
    if (found === undefined) {
      throw new EmilieError("checkpoint.malformed", `${folder}: the vocabulary has no token "${token}".`);
    }
    return found;
  };
  const [start, end, pad] = [id(settings.bos_token), id(settings.eos_token), id(settings.pad_token)];
  // transformers writes a number of 30 digits where there is no limit.
  const length = Math.min(settings.model_max_length, limit);
  // JavaScript lower-cases a final Σ to ς; transformers takes each character on its own.
  const tokens = (text: string) => bpe.encode(text.replaceAll("Σ", "σ"), { add_special_tokens: false }).ids;
  return {
    length,
    size: vocab.size,
    end,
    encode(text) {
      const result = new Int32Array(length).fill(pad);
      result.set([start, ...tokens(text).slice(0, length - 2), end]);
      return result;
    },
    count: (text) => tokens(text).length,
  };
}

async function readSettings(source: CheckpointSource, folder: string): Promise<Settings> {
  const merged: Record<string, unknown> = {};
  for (const name of ["special_tokens_map.json", "tokenizer_config.json"]) {
    const path = `${folder}/${name}`;
    if (await source.exists(path)) Object.assign(merged, await readJson(source, path));
  }
  // A null is what transformers writes for "not set".
  const given = Object.fromEntries(Object.entries(merged).filter(([, value]) => value !== null));
  const parsed = settingsSchema.safeParse(given);
  if (parsed.success) return parsed.data;
  throw new EmilieError(
    "checkpoint.malformed",
    `${folder}/tokenizer_config.json: ${parsed.error.issues.map((i) => `${i.path.join(".")}: ${i.message}`)}`,
  );
}

/** The contents of a tokenizer.json: the checkpoint's own, or one made of vocab.json and merges.txt. */
async function readModel(source: CheckpointSource, folder: string, settings: Settings): Promise<object> {
  const whole = `${folder}/tokenizer.json`;
  if (await source.exists(whole)) {
    const json = await readJson(source, whole);
    if (modelSchema.safeParse(json).success) return json as object;
    throw new EmilieError("checkpoint.malformed", `${whole} has no model with a vocabulary.`);
  }
  const vocab = z.record(z.string(), z.int()).safeParse(await readJson(source, `${folder}/vocab.json`));
  if (!vocab.success) {
    throw new EmilieError("checkpoint.malformed", `${folder}/vocab.json is not a map from tokens to ids.`);
  }
  const lines = (await readPlain(source, `${folder}/merges.txt`)).split(/\r?\n/);
  const merges = lines.filter((line, i) => line !== "" && !(i === 0 && line.startsWith("#version")));
  return clipTokenizer(vocab.data, merges, settings);
}

/** The special tokens that the vocabulary has, as tokenizer.json lists them: never split, never lower-cased. */
export function addedTokens(special: readonly string[], vocab: Readonly<Record<string, number>>) {
  return special
    .filter((content) => vocab[content] !== undefined)
    .map((content) => ({
      id: vocab[content],
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    }));
}

function clipTokenizer(vocab: Record<string, number>, merges: string[], settings: Settings): object {
  // The padding token counts: SD 2.x pads with "!", which then is no punctuation inside a text either.
  const special = [...new Set([settings.bos_token, settings.eos_token, settings.pad_token])];
  return {
    version: "1.0",
    added_tokens: addedTokens(special, vocab),
    normalizer: {
      type: "Sequence",
      normalizers: [
        { type: "NFC" },
        { type: "Replace", pattern: { Regex: String.raw`\s+` }, content: " " },
        { type: "Lowercase" },
      ],
    },
    pre_tokenizer: {
      type: "Sequence",
      pretokenizers: [
        { type: "Split", pattern: { Regex: SPLIT }, behavior: "Removed", invert: true },
        { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true },
      ],
    },
    post_processor: null,
    decoder: { type: "ByteLevel", add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: "BPE",
      dropout: null,
      unk_token: settings.unk_token,
      continuing_subword_prefix: "",
      end_of_word_suffix: "</w>",
      fuse_unk: false,
      vocab,
      merges,
    },
  };
}
