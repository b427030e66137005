/** Makes a part of a network's weights (kept-parts.ts): fetches its bytes, rounds what the precision rounds, merges LoRAs before that. */
import { readWhole, toFloat16 } from "./convert.ts";
import { deriveInSteps, NANOSECONDS_PER_WEIGHT } from "./derived.ts";
import { type KeptPart, type KeptWeight, weightsIn } from "./kept-parts.ts";
import type { TableAdditions } from "./lora/additions.ts";
import { merged } from "./lora/merge.ts";
import type { CheckpointSource } from "./source.ts";
import { type Needs, plainType } from "./storage.ts";

export type Reads = Pick<CheckpointSource, "read">;

export interface PartMaking {
  readonly source: Reads;
  readonly needs?: Needs;
  readonly additions?: TableAdditions;
  /** Told of bytes that arrived, and of the seconds that the work since was meant to take; may throw to stop it. */
  readonly onProgress?: (bytes: number, seconds: number) => Promise<void>;
}

/** What is fetched at a time. */
export const PIECE_BYTES = 16 << 20;

/** A common connection brings 100 megabits a second. */
export const secondsToFetch = (bytes: number): number => bytes / 12.5e6;
const secondsToMake = (part: KeptPart) => (weightsIn(part) * NANOSECONDS_PER_WEIGHT.int8) / 1e9;
export const secondsFor = (part: KeptPart): number => secondsToFetch(part.length) + secondsToMake(part);

/** @throws EmilieError "checkpoint.malformed" for a value that is no number, and what the source throws */
export async function makePart(part: KeptPart, making: PartMaking): Promise<Uint8Array<ArrayBuffer>> {
  const { source, onProgress = async () => {} } = making;
  const { file, offset, length } = part;
  const fetched = new Uint8Array(length);
  for (let at = 0; at < length; at += PIECE_BYTES) {
    const size = Math.min(PIECE_BYTES, length - at);
    fetched.set(await source.read(file, offset + at, size), at);
    await onProgress(size, secondsToFetch(size));
  }
  const near: Reads = {
    // What else a tensor needs, as the scales of numbers of eight bits, lies elsewhere.
    read: async (path, from, size) =>
      path === file && from >= offset && from + size <= offset + length
        ? fetched.subarray(from - offset, from - offset + size)
        : source.read(path, from, size),
  };
  const bytes = new Uint8Array(part.bytes);
  const seconds = secondsToMake(part) / part.weights.length;
  for (const weight of part.weights) {
    let i = 0;
    for await (const { buffer, byteOffset, byteLength } of valuesOf(weight, near, making)) {
      bytes.set(new Uint8Array(buffer, byteOffset, byteLength), weight.made[i++]!.at);
    }
    await onProgress(0, seconds);
  }
  return bytes;
}

/** Of what is made of a weight, in that order. */
async function* valuesOf(
  { weight: [name, ref], plain, derivations }: KeptWeight,
  near: Reads,
  { needs, additions, onProgress }: PartMaking,
): AsyncGenerator<ArrayBufferView> {
  const added = additions?.get(name);
  const values = await (added ? merged(near, name, ref, added) : readWhole(near, name, ref));
  if (plain) yield plainType(needs) === "F16" ? toFloat16(name, values) : values;
  for (const derivation of derivations) {
    const steps = deriveInSteps(derivation, values);
    let step = steps.next();
    for (; !step.done; step = steps.next()) await onProgress?.(0, 0);
    yield* step.value;
  }
}
