/**
 * CLIP's byte-pair tokenizer as transformers' CLIPTokenizer configures it, whatever a tokenizer.json says of it: NFC, white
 * space squeezed, lower case, words ending in "</w>", and a fixed length with the checkpoint's own padding token.
 */
import { Tokenizer as Bpe } from "@huggingface/tokenizers";
import { show } from "../../checkpoint/parse-config.ts";
import type { CheckpointSource } from "../../checkpoint/source.ts";
import { EmilieError } from "../../errors.ts";
import { readTokenizerFiles, type TokenizerFiles } from "./tokenizer-files.ts";

export interface Tokenizer {
  /** Length of every result. */
  readonly length: number;
  /** Tokens that there are, added ones among them. */
  readonly size: number;
  /** The id of the token that ends a text. */
  readonly end: number;
  /** Token ids: start, the text (cut where it is too long), end, padding. */
  encode(text: string): Int32Array;
  /** How many tokens the text has, without start and end, before anything is cut; length − 2 of them are encoded. */
  count(text: string): number;
}

const SPLIT = String.raw`<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+`;

/**
 * Reads the tokenizer in `folder` (see tokenizer-files.ts for which file counts). `limit` is the text encoder's number of
 * positions, `vocabulary` the number of its embeddings (default: of the tokens that the files write down), `pad` the padding token, where the folder's own is another
 * checkpoint's. Throws "checkpoint.missing", or "checkpoint.malformed" where a file is not what it claims to be or has a
 * token that the text encoder does not have.
 */
export async function readTokenizer(
  source: CheckpointSource,
  folder: string,
  limit: number,
  { pad: padding, vocabulary }: { readonly pad?: string; readonly vocabulary?: number } = {},
): Promise<Tokenizer> {
  const files = await readTokenizerFiles(source, folder, { pad: padding });
  const ids = new Map(Object.entries(files.vocab));
  const beyond = files.added.filter(({ content }) => !ids.has(content));
  for (const { content, id } of files.added) ids.set(content, id);
  checkVocabulary(ids, vocabulary ?? files.written, folder);
  const [start, end, pad, unknown] = [files.bos!, files.eos, files.pad, files.unk].map(
    (token) => ids.get(token)!,
  );
  // transformers writes a number of 30 digits where there is no limit.
  const length = Math.floor(Math.min(files.maxLength, limit));
  if (length < 3)
    throw new EmilieError(
      "checkpoint.malformed",
      `${folder}: texts of ${length} tokens have no room for an instruction.`,
    );
  const bpe = new Bpe(clipTokenizer(files), {});
  // JavaScript lower-cases a final Σ to ς; transformers takes each character on its own.
  const tokens = (text: string): number[] => {
    const { ids } = bpe.encode(text.replaceAll("Σ", "σ"), { add_special_tokens: false });
    return ids.map((id: number | undefined) => id ?? unknown!);
  };
  return {
    length,
    size: Object.keys(files.vocab).length + beyond.length,
    end: end!,
    encode(text) {
      const result = new Int32Array(length).fill(pad!);
      result.set([start!, ...tokens(text).slice(0, length - 2), end!]);
      return result;
    },
    count: (text) => tokens(text).length,
  };
}

/** Every id must have an embedding: a greater one would be another checkpoint's tokenizer, or one that was added to. */
export function checkVocabulary(ids: ReadonlyMap<string, number>, vocabulary: number, folder: string): void {
  for (const [token, id] of ids) {
    if (id < vocabulary) continue;
    throw new EmilieError(
      "checkpoint.malformed",
      `${folder}: the token ${show(token)} has the id ${id}, but the text encoder has ${vocabulary} embeddings ("vocab_size"). ` +
        "Tokenizer and text encoder belong to different checkpoints, or a token was added to only one of them.",
    );
  }
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

function clipTokenizer({ vocab, merges, added, unk }: TokenizerFiles): object {
  return {
    version: "1.0",
    added_tokens: added,
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
      unk_token: unk,
      continuing_subword_prefix: "",
      end_of_word_suffix: "</w>",
      fuse_unk: false,
      vocab,
      merges,
    },
  };
}
