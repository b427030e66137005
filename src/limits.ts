/**
 * How much of anything from outside is taken, before work is done on it: each number once, with its reason. Limits that belong to
 * one idea alone (the regions of an edit, the nodes of a session) stand with it; what a server's owner may set, in server/limits.ts.
 */

const KB = 1024;
const MB = KB * KB;

/** How large a JSON text may be: in characters, in levels of nesting, in values (each entry of an object or list is one). */
export interface JsonLimits {
  readonly length: number;
  readonly depth: number;
  readonly values: number;
}

/** Nothing that emilie reads nests deeper than ten levels; beyond some thousands, what walks through a value runs out of stack. */
const DEPTH = 64;

/** A checkpoint's configs have a few kilobytes, the index of one in parts some hundred. */
export const CONFIG_JSON: JsonLimits = { length: 2 * MB, depth: DEPTH, values: 200_000 };
/** CLIP's vocabulary has one megabyte, a tokenizer.json with everything in it four, Qwen's eleven. No other text of a checkpoint is larger. */
export const VOCABULARY_JSON: JsonLimits = { length: 16 * MB, depth: DEPTH, values: 4_000_000 };

/**
 * A safetensors header. The largest public checkpoints list some thousand tensors in 300 kB; notes of trainers and a thumbnail may
 * stand beside them, which take some megabytes.
 */
export const SAFETENSORS_HEADER: JsonLimits = { length: 32 * MB, depth: 8, values: 1_000_000 };
/** A tensor has eight values of a header: its entry, three keys, two positions, a few sizes. */
export const MAX_TENSORS = 100_000;

/** A session's description: some 6 kB for each of at most 10,000 nodes. */
export const SESSION_JSON: JsonLimits = { length: 64 * MB, depth: DEPTH, values: 4_000_000 };

/** The recipes in a picture's file, with small masks as base64. */
export const PICTURE_PATH_JSON: JsonLimits = { length: 16 * MB, depth: DEPTH, values: 1_000_000 };

/** What is sent to a server: numbers and words, and for OpenAI's API pictures as base64, which are one value. */
export const REQUEST_JSON: JsonLimits = { length: 96 * MB, depth: DEPTH, values: 100_000 };

/** A dataset's index. */
export const DATASET_JSON: JsonLimits = { length: 64 * MB, depth: DEPTH, values: 4_000_000 };

/** Results and studies of the benchmark. */
export const BENCH_JSON: JsonLimits = { length: 256 * MB, depth: DEPTH, values: 20_000_000 };

/** Edit scripts: ten thousand steps, which is as many as a session has nodes, in a hundred letters each. */
export const SCRIPT = {
  bytes: MB,
  /** Script, steps, step, regions, region, value, two levels each; a parser's stack, at most. */
  depth: 32,
  /** Ten times those of a step. YAML compares all keys of one map with each other. */
  keys: 200,
  /** Words, signs and breaks: forty for each of ten thousand steps. */
  lexemes: 400_000,
  /** Each may stand for a whole list. */
  aliases: 100,
} as const;

/** One line to `emilie mcp`: words and numbers only, since pictures are named by their files. */
export const MAX_MCP_LINE = MB;

/** Longer than JPEG's largest side; whatever is done row by row is bounded by it. */
export const MAX_PICTURE_SIDE = 65_535;
/** Chunks of a PNG: encoders write one each 8 kB or more, and the largest picture has 256 MB. */
export const MAX_PNG_CHUNKS = 100_000;
/** Corners of a polygon times the rows that it spans: a second's work. */
export const MAX_POLYGON_WORK = 200_000_000;

/** Characters of an instruction: longer than any text encoder reads by far, and short enough to be tokenised at once. */
export const MAX_TEXT = 100_000;
