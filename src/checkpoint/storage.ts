/**
 * From tensors in a checkpoint's files to fp32 bytes that the runtime can read. On Node they are mapped into memory
 * from where they lie (storage.node.ts), on the web they are fetched into buffers (storage.web.ts).
 */
import type { TableAdditions } from "./lora/targets.ts";
import type { CheckpointSource } from "./source.ts";
import type { WeightTable } from "./weights.ts";

/** A tensor in fp32 at a location that the runtime resolves. */
export interface PlacedTensor {
  readonly shape: readonly number[];
  readonly location: string;
  readonly offset: number;
}

export interface PlacedFile {
  readonly location: string;
  /** The file's bytes, where the runtime cannot open the location itself. */
  load?(): Promise<Uint8Array>;
}

export interface PlacedWeights {
  readonly folder: string;
  /** What the tensors are "of" in messages, where not of the folder. */
  readonly origin?: string;
  readonly tensors: ReadonlyMap<string, PlacedTensor>;
  readonly files: readonly PlacedFile[];
  /** Folder that locations are relative to, where the runtime opens them itself. */
  readonly root?: string;
  /** Removes what was made for this process alone. */
  release(): Promise<void>;
}

export interface WeightStorage {
  /** With `additions`, those tensors are placed with LoRA merged in. */
  place(source: CheckpointSource, table: WeightTable, additions?: TableAdditions): Promise<PlacedWeights>;
}

/** Where the tensors lie in the checkpoint itself, for building graphs that are checked or counted but never run. */
export function dryPlacement(table: WeightTable): PlacedWeights {
  const tensors = [...table.tensors].map(
    ([name, t]) => [name, { shape: t.shape, location: t.file, offset: t.offset }] as const,
  );
  const { folder, origin } = table;
  return { folder, origin, tensors: new Map(tensors), files: [], release: async () => {} };
}
