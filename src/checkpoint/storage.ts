/**
 * From tensors in a checkpoint's files to fp32 bytes (fp16 where a network is to compute so) that the runtime can read. On Node they are mapped into memory
 * from where they lie (storage.node.ts), on the web they are fetched into buffers (storage.web.ts).
 */

import type { Derivation, Precision } from "./derived.ts";
import type { TableAdditions } from "./lora/additions.ts";
import type { CheckpointSource } from "./source.ts";
import type { WeightTable } from "./weights.ts";

/** A tensor at a location that the runtime resolves. */
export interface PlacedTensor {
  readonly shape: readonly number[];
  /** Half precision; default fp32. A network that computes in fp32 casts it when it is its turn. */
  readonly type?: "F16" | "BF16";
  readonly location: string;
  readonly offset: number;
}

export interface PlacedFile {
  readonly location: string;
  /** The file's bytes, where the runtime cannot open the location itself; as a Blob where they lie on a disk, to be read piece by piece. */
  load?(): Promise<Uint8Array | Blob>;
  /** Whether they are kept near, so that they may be loaded again at any time. Default false. */
  readonly kept?: boolean;
}

export interface PlacedWeights {
  readonly folder: string;
  /** What the tensors are "of" in messages, where not of the folder. */
  readonly origin?: string;
  readonly tensors: ReadonlyMap<string, PlacedTensor>;
  /** How the network of these weights computes. Default "fp32". */
  readonly precision?: Precision;
  /** What was derived from the tensors for that, by the names that derived.ts gives. */
  readonly derived?: ReadonlyMap<string, PlacedTensor>;
  readonly files: readonly PlacedFile[];
  /** Folder that locations are relative to, where the runtime opens them itself. */
  readonly root?: string;
  /** Removes what was made for this process alone. */
  release(): Promise<void>;
}

/** What a network needs in a precision other than fp32. */
export interface Needs {
  readonly precision: Precision;
  readonly derived: readonly Derivation[];
  /** Tensors that are used as they are; those that are in none of the two lists are never read. */
  readonly plain: ReadonlySet<string>;
}

/** How a network's tensors are wanted where they are used as they are. */
export function plainType(needs?: Needs): "F32" | "F16" {
  return needs?.precision === "fp16" ? "F16" : "F32";
}

/** A tensor as it is placed. */
export function placedAs(type: "F32" | "F16" | "BF16", tensor: Omit<PlacedTensor, "type">): PlacedTensor {
  return type === "F32" ? tensor : { ...tensor, type };
}

export interface WeightStorage {
  /**
   * With `additions`, those tensors are placed with LoRA merged in; with `needs`, what they ask for is placed too. `often` says that
   * the network runs hundreds of times, so that what makes a run faster is worth its place on the disk. Default true.
   */
  place(
    source: CheckpointSource,
    table: WeightTable,
    additions?: TableAdditions,
    needs?: Needs,
    often?: boolean,
  ): Promise<PlacedWeights>;
}

/** Where the tensors lie in the checkpoint itself, for building graphs that are checked or counted but never run. */
export function dryPlacement(table: WeightTable, precision: Precision = "fp32"): PlacedWeights {
  const tensors = [...table.tensors].map(
    ([name, t]) => [name, { shape: t.shape, location: t.file, offset: t.offset }] as const,
  );
  const { folder, origin } = table;
  return { folder, origin, tensors: new Map(tensors), precision, files: [], release: async () => {} };
}
