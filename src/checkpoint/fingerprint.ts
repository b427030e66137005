/** What tells two checkpoints apart without reading gigabytes. */
import { sha256 } from "../util/sha256.ts";
import type { CheckpointSource } from "./source.ts";
import type { WeightTable } from "./weights.ts";

/**
 * Two trainings of one architecture have the same names, sizes and headers, so a few pieces of the weights themselves
 * are hashed too. Training moves every weight; sixteen kilobytes of each file are plenty.
 */
const PIECES = 4;
const PIECE_BYTES = 4096;

/**
 * SHA-256 over the weight files' places in their checkpoint, sizes, headers and a few pieces of their contents, and over `variants`:
 * what else makes different models of the same files.
 *
 * @param named false: not over the files' places. A folder's layout says which file is what; what people call a file says nothing.
 */
export async function fingerprint(
  source: CheckpointSource,
  tables: readonly WeightTable[],
  variants: readonly string[] = [],
  named = true,
): Promise<string> {
  const parts: (Uint8Array | string)[] = [...variants];
  // A single file is in several tables.
  const files = new Map(tables.flatMap((table) => table.files).map((file) => [file.path, file]));
  for (const file of files.values()) {
    parts.push(`${named ? file.path : ""}:${file.size}:`, file.header);
    const start = 8 + file.header.length;
    const length = Math.min(PIECE_BYTES, file.size - start);
    for (let i = 0; i < PIECES && length > 0; i++) {
      const offset = start + Math.floor(((file.size - start - length) * i) / (PIECES - 1));
      parts.push(await source.read(file.path, offset, length));
    }
  }
  return sha256(parts);
}
