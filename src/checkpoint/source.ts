/**
 * Where a checkpoint's files come from: a folder (source.node.ts) or a web address (source.web.ts). Paths are relative
 * to the checkpoint's root and use "/" ("unet/config.json").
 */
import { EmilieError } from "../errors.ts";
import { CONFIG_JSON, type JsonLimits } from "../limits.ts";
import { checkFileSize, parseJson } from "./json.ts";
import { refuseStandIn } from "./stand-in.ts";
import type { Variant } from "./variants.ts";

export interface SingleFile {
  /** Its name. */
  readonly file: string;
  /** Where its tokenizers may be, best first: folders that hold tokenizer/, or its files. */
  readonly tokenizers: readonly CheckpointSource[];
}

export interface CheckpointSource {
  /** The checkpoint as the user named it. */
  readonly id: string;
  exists(path: string): Promise<boolean>;
  /** Size in bytes; rejects with code "checkpoint.missing". */
  size(path: string): Promise<number>;
  readText(path: string): Promise<string>;
  /** `length` bytes from `offset`; rejects where the file is shorter. */
  read(path: string, offset: number, length: number): Promise<Uint8Array>;
  /** Names of the files in a folder, where the source can list (the web cannot). */
  list?(folder: string): Promise<readonly string[]>;
  /** The absolute real path of a file, where weights can be mapped into memory by path. */
  location?(path: string): Promise<string>;
  /** Which of its weights are meant where there are several ("fp16"); else full precision comes first. */
  readonly variant?: Variant;
  /** Where the checkpoint is one file and no folder: paths are relative to the folder that it lies in. */
  readonly single?: SingleFile;
  /** A stamp that changes when the file does, for caches of converted weights. */
  stamp?(path: string): Promise<string>;
  /**
   * Brings a piece of a file near, where files are far and pieces of it will be read at any time. `what` it is, for people.
   */
  keep?(path: string, offset: number, length: number, what: string): Promise<void>;
  /** Whether weights are looked through when they arrive, so that they need not be read again where a result is no number. */
  readonly checked?: boolean;
}

/** Reads a JSON file. Throws "checkpoint.malformed" where it is none, or goes beyond `limits` (default: a configuration's). */
export async function readJson(
  source: CheckpointSource,
  path: string,
  limits: JsonLimits = CONFIG_JSON,
): Promise<unknown> {
  return parseJson(await readLimited(source, path, limits.length), path, source.id, limits);
}

/**
 * Reads a text of at most `limit` bytes; looks at the size first. Throws "checkpoint.malformed" where it has more, or where a pointer or
 * a page lies in its place.
 */
export async function readLimited(source: CheckpointSource, path: string, limit: number): Promise<string> {
  checkFileSize(path, source.id, await source.size(path), limit);
  const text = await source.readText(path);
  refuseStandIn(`${path} of ${source.id}`, text);
  return text;
}

export function missingFile(id: string, path: string, cause?: unknown): EmilieError {
  return new EmilieError(
    "checkpoint.missing",
    `${id} has no file ${path}. A checkpoint is a folder in the layout of diffusers: model_index.json beside ` +
      "unet/, vae/, text_encoder/, tokenizer/ and scheduler/.",
    { cause },
  );
}
