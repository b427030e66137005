/**
 * Qwen2's byte-pair tokenizer as transformers' Qwen2Tokenizer configures it, whatever a tokenizer.json says of it, with a chat template
 * before it and padding to a fixed length behind it.
 */
import { Tokenizer as Bpe } from "@huggingface/tokenizers";
import type { CheckpointSource } from "../../checkpoint/source.ts";
import { checkVocabulary } from "../clip/tokenizer.ts";
import { readTokenizerFiles, type TokenizerFiles } from "../clip/tokenizer-files.ts";
import { readChatTemplate } from "./chat-template.ts";

export interface ChatTokens {
  /** Of the whole conversation, cut on the right and filled up with padding. */
  readonly ids: Int32Array;
  /** How many of them are no padding. */
  readonly used: number;
}

export interface ChatTokenizer {
  /** Length of every result. */
  readonly length: number;
  /** Tokens that the conversation around a text takes. */
  readonly overhead: number;
  encode(text: string): ChatTokens;
  /** How many tokens the text has, before anything is cut; length − overhead of them are encoded. */
  count(text: string): number;
}

const SPACE = String.raw`\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000`;
/** Where words are cut, in the words of JavaScript, whose \s differs from Unicode's; ſ is an s where case does not count. */
const SPLIT =
  String.raw`'(?:[sSſ]|[tT]|[rR][eE]|[vV][eE]|[mM]|[lL][lL]|[dD])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^${SPACE}\p{L}\p{N}]+[\r\n]*|` +
  String.raw`[${SPACE}]*[\r\n]+|[${SPACE}]+(?![^${SPACE}])|[${SPACE}]+`;

const END = "<|endoftext|>";
const DEFAULTS = { eos_token: END, unk_token: END, pad_token: END };

/** What a tokenizer's files are, before a length or a conversation. */
export interface QwenTokens {
  readonly files: TokenizerFiles;
  /** Of every token, by how it is written. */
  readonly ids: ReadonlyMap<string, number>;
  /** Ids of a text, with nothing before or behind it. Tokens that are written in it are tokens. */
  encode(text: string): number[];
}

/**
 * Reads the vocabulary in `folder`.
 *
 * @param vocabulary the number of the text encoder's embeddings
 * @param isFilled whether texts will be filled up, on the right. Default true.
 * @throws EmilieError as readChatTokenizer
 */
export async function readQwenTokens(
  source: CheckpointSource,
  folder: string,
  vocabulary: number,
  isFilled = true,
): Promise<QwenTokens> {
  const files = await readTokenizerFiles(source, folder, { defaults: DEFAULTS, isFilled });
  const ids = new Map([
    ...Object.entries(files.vocab),
    ...files.added.map(({ content, id }) => [content, id] as const),
  ]);
  checkVocabulary(ids, vocabulary, folder);
  const bpe = new Bpe(qwenTokenizer(files), {});
  const encode = (text: string): number[] => {
    const { ids } = bpe.encode(text, { add_special_tokens: false });
    // Bytes that the vocabulary lacks are left out.
    return ids.filter((id: number | undefined) => id !== undefined);
  };
  return { files, ids, encode };
}

/**
 * Reads the tokenizer in `folder`, with its chat template.
 *
 * @param vocabulary the number of the text encoder's embeddings
 * @param length tokens of every result
 * @throws EmilieError "checkpoint.missing", or "checkpoint.malformed" and "checkpoint.unsupported" where a file is not what it claims to be
 */
export async function readChatTokenizer(
  source: CheckpointSource,
  folder: string,
  vocabulary: number,
  length: number,
): Promise<ChatTokenizer> {
  const { ids, files, encode } = await readQwenTokens(source, folder, vocabulary);
  const { eos, unk, pad, bos } = files;
  const special = { eos_token: eos, unk_token: unk, pad_token: pad, ...(bos ? { bos_token: bos } : {}) };
  const template = await readChatTemplate(source, folder, special);
  const tokens = (text: string): number[] => encode(template(text));
  const padding = ids.get(pad)!;
  const overhead = tokens("").length;
  return {
    length,
    overhead,
    encode(text) {
      const all = tokens(text);
      const used = Math.min(length, all.length);
      const result = new Int32Array(length).fill(padding);
      result.set(all.slice(0, used));
      return { ids: result, used };
    },
    count: (text) => tokens(text).length - overhead,
  };
}

function qwenTokenizer({ vocab, merges, added }: TokenizerFiles): object {
  return {
    version: "1.0",
    added_tokens: added,
    normalizer: { type: "NFC" },
    pre_tokenizer: {
      type: "Sequence",
      pretokenizers: [
        { type: "Split", pattern: { Regex: SPLIT }, behavior: "Isolated", invert: false },
        { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: false },
      ],
    },
    post_processor: null,
    decoder: { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: false },
    model: {
      type: "BPE",
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: "",
      end_of_word_suffix: "",
      fuse_unk: false,
      byte_fallback: false,
      vocab,
      merges,
    },
  };
}
