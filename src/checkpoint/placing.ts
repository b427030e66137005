/**
 * What of a network's weights is made once and kept on the disk, and what is read from where it lies: decided by names, types and shapes
 * alone, so that it can be said before the first byte is read.
 */
import { sizeOf } from "../tensor/tensor.ts";
import { type DerivedSpec, specsOf } from "./derived.ts";
import { type Needs, plainType } from "./storage.ts";
import type { WeightRef, WeightTable } from "./weights.ts";

/**
 * fp32 copies of networks up to this size are made; larger ones are cast at every run, which costs them little beside the rest of it.
 * The UNet of SD 1.x takes 3.4 GB, SDXL's 10.3 GB.
 */
const MAX_COPY_BYTES = 4 * 2 ** 30;

export type NamedWeight = readonly [name: string, ref: WeightRef];

export interface PlacingOptions {
  /** What the network needs in a precision other than fp32. */
  readonly needs?: Needs;
  /** Whether it runs hundreds of times. */
  readonly often: boolean;
  /** As in StorageOptions. Default "cast". */
  readonly halves?: "cast" | "copy";
  /** What the cache's folder has room for, in bytes. */
  readonly freeBytes: number;
}

export interface Placing {
  /** The tensors that are used as they are. */
  readonly used: readonly NamedWeight[];
  /** Those of them that are copied in another type. */
  readonly copies: readonly DerivedSpec[];
  /** What is computed from tensors. */
  readonly derived: readonly DerivedSpec[];
  /** Whether half-precision weights stay where they are, and are cast whenever it is their turn. */
  readonly castInPlace: boolean;
}

export function placingOf({ tensors }: Pick<WeightTable, "tensors">, options: PlacingOptions): Placing {
  const { needs } = options;
  const used = [...tensors].filter(([name]) => !needs || needs.plain.has(name));
  const castInPlace = isCastInPlace(used, options);
  return {
    used,
    castInPlace,
    copies: castInPlace ? [] : copiesOf(used, plainType(needs)),
    derived: needs?.derived.flatMap(specsOf) ?? [],
  };
}

/** Bytes of what is kept on the disk. */
export function keptBytes({ copies, derived }: Placing): number {
  return [...copies, ...derived].reduce((sum, spec) => sum + bytesOfSpec(spec), 0);
}

export function bytesOfSpec({ type, shape }: DerivedSpec): number {
  return sizeOf(shape) * (type === "F32" ? 4 : type === "F16" ? 2 : 1);
}

function copiesOf(used: readonly NamedWeight[], type: "F32" | "F16"): readonly DerivedSpec[] {
  return used.filter(([, ref]) => ref.type !== type).map(([name, { shape }]) => ({ name, type, shape }));
}

function isCastInPlace(
  used: readonly NamedWeight[],
  { needs, often, halves = "cast", freeBytes }: PlacingOptions,
): boolean {
  // What is derived is a file anyway, and what is beside that is small.
  if (halves === "copy" || needs) return false;
  if (!used.every(([, { type }]) => type === "F32" || type === "F16" || type === "BF16")) return false;
  const bytes = copiesOf(used, "F32").reduce((sum, spec) => sum + bytesOfSpec(spec), 0);
  return !often || bytes > MAX_COPY_BYTES || bytes > freeBytes;
}
