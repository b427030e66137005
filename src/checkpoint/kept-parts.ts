/**
 * How the weights of a network are kept where files are far: in parts, each of which is made of one stretch of the checkpoint's bytes. A
 * part is fetched, rounded where the precision rounds, and kept; what it was made of is not. Decided by headers alone.
 */
import { sizeOf } from "../tensor/tensor.ts";
import { type Derivation, type DerivedSpec, specsOf } from "./derived.ts";
import { bytesOfSpec, type NamedWeight } from "./placing.ts";
import {
  type Needs,
  type PlacedFile,
  type PlacedTensor,
  type PlacedWeights,
  placedAs,
  plainType,
} from "./storage.ts";
import type { WeightTable } from "./weights.ts";

/** Of one tensor: what is kept of it. */
export interface KeptWeight {
  readonly weight: NamedWeight;
  /** Whether it is used as it is, in the type that the network computes in. */
  readonly plain: boolean;
  readonly derivations: readonly Derivation[];
  /** Each with its place in the part: the plain tensor first. */
  readonly made: readonly (DerivedSpec & { readonly at: number })[];
}

export interface KeptPart {
  /** The bytes that it is made of. */
  readonly file: string;
  readonly offset: number;
  readonly length: number;
  readonly weights: readonly KeptWeight[];
  /** What it takes when it is kept. */
  readonly bytes: number;
}

/** Neighbours are fetched together up to this size: so much is lost where a download is interrupted. A larger tensor is a part of its own. */
const PART_BYTES = 16 << 20;
/** What every tensor's place is a multiple of. */
const ALIGNED = 64;

export function keptParts(table: WeightTable, needs?: Needs): readonly KeptPart[] {
  const derivations = new Map<string, Derivation[]>();
  for (const one of needs?.derived ?? []) {
    derivations.set(one.from, [...(derivations.get(one.from) ?? []), one]);
  }
  const isPlain = (name: string) => !needs || needs.plain.has(name);
  const wanted = [...table.tensors].filter(([name]) => isPlain(name) || derivations.has(name));
  const inOrder = wanted.sort(([, a], [, b]) =>
    a.file < b.file ? -1 : a.file > b.file ? 1 : a.offset - b.offset,
  );
  const stretches: NamedWeight[][] = [];
  for (const weight of inOrder) {
    const last = stretches.at(-1);
    if (last && joins(last, weight)) last.push(weight);
    else stretches.push([weight]);
  }
  return stretches.map((weights) => partOf(weights, isPlain, derivations, plainType(needs)));
}

function joins(stretch: readonly NamedWeight[], [, next]: NamedWeight): boolean {
  const [, first] = stretch[0]!;
  const [, last] = stretch.at(-1)!;
  const follows = last.file === next.file && last.offset + last.length === next.offset;
  return follows && next.offset + next.length - first.offset <= PART_BYTES;
}

function partOf(
  weights: readonly NamedWeight[],
  isPlain: (name: string) => boolean,
  derivations: ReadonlyMap<string, readonly Derivation[]>,
  type: "F32" | "F16",
): KeptPart {
  let bytes = 0;
  const placed = (spec: DerivedSpec) => {
    const at = bytes;
    bytes = Math.ceil((at + bytesOfSpec(spec)) / ALIGNED) * ALIGNED;
    return { ...spec, at };
  };
  const kept = weights.map((weight): KeptWeight => {
    const [name, { shape }] = weight;
    const own = derivations.get(name) ?? [];
    const plain = isPlain(name);
    const specs = [...(plain ? [{ name, type, shape }] : []), ...own.flatMap(specsOf)];
    return { weight, plain, derivations: own, made: specs.map(placed) };
  });
  const [, first] = weights[0]!;
  const [, last] = weights.at(-1)!;
  const [offset, end] = [first.offset, last.offset + last.length];
  return { file: first.file, offset, length: end - offset, weights: kept, bytes };
}

/** Weights of a part. */
export const weightsIn = ({ weights }: KeptPart): number =>
  weights.reduce((sum, { weight: [, { shape }] }) => sum + sizeOf(shape), 0);

/** A network's weights in parts, as the runtime is to find them: the i-th part is the location `prefix`/i, which `load` brings. */
export function placeParts(
  { folder, origin, tensors: all }: WeightTable,
  needs: Needs | undefined,
  parts: readonly KeptPart[],
  prefix: string,
  load: (i: number) => Omit<PlacedFile, "location">,
): PlacedWeights {
  // What is only derived from is known by its shape, and lies nowhere.
  const tensors = new Map<string, PlacedTensor>(
    [...all].map(([name, { shape }]) => [name, { shape, location: "", offset: 0 }]),
  );
  const derived = new Map<string, PlacedTensor>();
  for (const [i, { weights }] of parts.entries()) {
    for (const { weight, made } of weights) {
      for (const { name, type, shape, at } of made) {
        const tensor = { shape, location: `${prefix}/${i}`, offset: at };
        if (name === weight[0]) tensors.set(name, placedAs(type === "F16" ? type : "F32", tensor));
        else derived.set(name, tensor);
      }
    }
  }
  const precision = needs && { precision: needs.precision, derived };
  const files = parts.map((_, i) => ({ ...load(i), location: `${prefix}/${i}` }));
  return { folder, origin, tensors, ...precision, files, release: async () => {} };
}
