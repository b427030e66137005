/**
 * Where a checkpoint's files come from: a folder (source.node.ts) or a web address (source.web.ts). Paths are relative
 * to the checkpoint's root and use "/" ("unet/config.json").
 */
import { EmilieError } from "../errors.ts";
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
}

/** A file's text. Throws where it is a pointer or a page in the place of what should be there. */
export async function readPlain(source: CheckpointSource, path: string): Promise<string> {
  const text = await source.readText(path);
  refuseStandIn(`${path} of ${source.id}`, text);
  return text;
}

export async function readJson(source: CheckpointSource, path: string): Promise<unknown> {
  const text = await readPlain(source, path);
  try {
    return JSON.parse(asStrictJson(text));
  } catch (cause) {
    throw new EmilieError("checkpoint.malformed", `${path} of ${source.id} is not JSON.`, { cause });
  }
}

/** Python writes numbers that JSON does not have (DPM-Solver's "lambda_min_clipped": -Infinity); strings are left alone. */
function asStrictJson(text: string): string {
  return text.replace(/"(?:\\.|[^"\\])*"|(-?)Infinity\b|NaN\b/g, (token, sign) =>
    token.startsWith('"') ? token : token === "NaN" ? "null" : `${sign}1e999`,
  );
}

export function missingFile(id: string, path: string, cause?: unknown): EmilieError {
  return new EmilieError(
    "checkpoint.missing",
    `${id} has no file ${path}. A checkpoint is a folder in the layout of diffusers: model_index.json beside ` +
      "unet/, vae/, text_encoder/, tokenizer/ and scheduler/.",
    { cause },
  );
}
