/**
 * Weights that ONNX Runtime maps into memory: where they lie, or, where they are in another precision and it pays, and for what the faster
 * precisions derive from any, through a side file that is made once and kept in the cache folder ($EMILIE_CACHE, or the system's place).
 */
import { homedir } from "node:os";
import { join, parse, relative } from "node:path";
import { sizeOf } from "../tensor/tensor.ts";
import { sha256 } from "../util/sha256.ts";
import { readFloat32, toFloat16 } from "./convert.ts";
import {
  type Derivation,
  type DerivedSpec,
  deriveInSteps,
  NANOSECONDS_PER_WEIGHT,
  specsOf,
} from "./derived.ts";
import type { LoadWatch } from "./load-progress.ts";
import { withMergedFile } from "./lora/merged.node.ts";
import { freeBytes, type SideFile, type SidePart, sideFile } from "./side-file.node.ts";
import { type CheckpointSource, missingFile } from "./source.ts";
import {
  type Needs,
  type PlacedTensor,
  type PlacedWeights,
  placedAs,
  plainType,
  type WeightStorage,
} from "./storage.ts";
import { rowsOf, type WeightRef, type WeightTable } from "./weights.ts";

export interface StorageOptions extends LoadWatch {
  /**
   * How fp16 and bf16 weights reach a network that computes in fp32. "cast": from where they lie, each cast when it is its turn,
   * which a processor does well; but what runs often, and is small enough, reads a copy ("copy"). Default "cast".
   */
  readonly halves?: "cast" | "copy";
}

/** `cache` is the folder for what is made once; by default cacheFolder(). */
export function mappedStorage(cache = cacheFolder(), options: StorageOptions = {}): WeightStorage {
  return {
    async place(source, table, additions, needs, often = true) {
      const placed = await withoutLoras(source, table, { cache, options, often, needs });
      return additions
        ? withMergedFile(placed, source, table, additions, { cache, needs, watch: options })
        : placed;
    },
  };
}

export function cacheFolder(env: NodeJS.ProcessEnv = process.env): string {
  if (env.EMILIE_CACHE) return env.EMILIE_CACHE;
  if (env.XDG_CACHE_HOME) return join(env.XDG_CACHE_HOME, "emilie");
  if (process.platform === "darwin") return join(homedir(), "Library", "Caches", "emilie");
  if (process.platform === "win32") return join(env.LOCALAPPDATA ?? homedir(), "emilie", "cache");
  return join(homedir(), ".cache", "emilie");
}

/**
 * fp32 copies of networks up to this size are made; larger ones are cast at every run, which costs them little beside the rest of it.
 * The UNet of SD 1.x takes 3.4 GB, SDXL's 10.3 GB.
 */
const MAX_COPY_BYTES = 4 * 2 ** 30;

interface Placing {
  readonly cache: string;
  readonly options: StorageOptions;
  readonly often: boolean;
  readonly needs: Needs | undefined;
}

async function withoutLoras(
  source: CheckpointSource,
  table: WeightTable,
  placing: Placing,
): Promise<PlacedWeights> {
  const { cache, options, needs } = placing;
  const used = [...table.tensors].filter(([name]) => !needs || needs.plain.has(name));
  const copies = (await castInPlace(used, placing)) ? [] : copiesOf(used, plainType(needs));
  const specs = needs?.derived.flatMap(specsOf) ?? [];
  const side =
    copies.length + specs.length > 0
      ? await sideFile(cache, await derivedFile(source, table, copies, needs), options)
      : { tensors: new Map<string, PlacedTensor>(), release: async () => {} };
  const copied = new Set(copies.map(({ name }) => name));
  const inPlace = await whereTheyLie(
    source,
    table,
    used.filter(([name]) => !copied.has(name)),
  );
  // What is only derived from is known by its shape, and lies nowhere.
  const tensors = [...table.tensors].map(([name, { shape }]): [string, PlacedTensor] => [
    name,
    side.tensors.get(name) ?? inPlace.get(name) ?? { shape, location: "", offset: 0 },
  ]);
  const derived = specs.map(({ name }): [string, PlacedTensor] => [name, side.tensors.get(name)!]);
  return placed(table, new Map(tensors), new Map(derived), side.release, needs);
}

type Named = readonly [name: string, ref: WeightRef];

function copiesOf(used: readonly Named[], type: "F32" | "F16"): readonly DerivedSpec[] {
  return used.filter(([, ref]) => ref.type !== type).map(([name, { shape }]) => ({ name, type, shape }));
}

/** Whether half-precision weights of a network that computes in fp32 stay where they are. */
async function castInPlace(
  used: readonly Named[],
  { cache, options, often, needs }: Placing,
): Promise<boolean> {
  const { halves = "cast" } = options;
  // What is derived is a file anyway, and what is beside that is small.
  if (halves === "copy" || needs) return false;
  if (!used.every(([, { type }]) => type === "F32" || type === "F16" || type === "BF16")) return false;
  const bytes = copiesOf(used, "F32").reduce((sum, { shape }) => sum + 4 * sizeOf(shape), 0);
  return !often || bytes > MAX_COPY_BYTES || bytes > (await freeBytes(cache));
}

async function whereTheyLie(
  source: CheckpointSource,
  table: WeightTable,
  used: readonly Named[],
): Promise<ReadonlyMap<string, PlacedTensor>> {
  const paths = new Map<string, string>();
  for (const { path } of used.length > 0 ? table.files : []) {
    const file = await source.location?.(path);
    if (!file) throw missingFile(source.id, path);
    paths.set(path, file);
  }
  return new Map(
    used.map(([name, { type, shape, file, offset }]) => [
      name,
      placedAs(type as "F32" | "F16" | "BF16", { shape, location: paths.get(file)!, offset }),
    ]),
  );
}

/** Locations as the runtime wants them: relative to the root of the file system. */
function placed(
  { folder }: WeightTable,
  tensors: ReadonlyMap<string, PlacedTensor>,
  derived: ReadonlyMap<string, PlacedTensor>,
  release: () => Promise<void>,
  needs?: Needs,
): PlacedWeights {
  const locations = new Set([...tensors.values(), ...derived.values()].map((t) => t.location));
  locations.delete("");
  const { root } = parse([...locations][0] ?? "/");
  const local = (all: ReadonlyMap<string, PlacedTensor>) =>
    new Map([...all].map(([k, t]) => [k, t.location ? { ...t, location: relative(root, t.location) } : t]));
  const files = [...locations].map((location) => ({ location: relative(root, location) }));
  return {
    folder,
    tensors: local(tensors),
    ...(needs ? { precision: needs.precision, derived: local(derived) } : {}),
    files,
    root,
    release,
  };
}

/** Raised when derive() makes something else of the same weights. */
const DERIVED_VERSION = 1;

/** The side file of a component: copies first, then what is derived. Named after what it was made of, and for what. */
async function derivedFile(
  source: CheckpointSource,
  table: WeightTable,
  copies: readonly DerivedSpec[],
  needs?: Needs,
): Promise<SideFile> {
  const stamps = await Promise.all(
    table.files.map(async (f) => [`${f.path}:${f.size}:${await source.stamp?.(f.path)}`, f.header]),
  );
  // Of the same file, averaged weights may be taken or not.
  const places = [...table.tensors].map(([name, { offset }]) => `${name}@${offset};`);
  const derived = needs?.derived ?? [];
  const specs = derived.flatMap(specsOf);
  const kinds = needs ? [`${DERIVED_VERSION}`, ...specs.map(({ name }) => name)] : [];
  const key = await sha256([...stamps.flat(), ...places, ...kinds]);
  const suffix = needs ? needs.precision : "f32";
  return {
    name: `${table.folder}-${key.slice(0, 32)}.${suffix}.safetensors`,
    model: source.id,
    what: `the ${needs ? `${suffix} weights` : "fp32 copy"} of ${source.id}'s ${table.folder}`,
    parts: [
      ...copies.map((copy) => copyPart(source, copy, table.tensors.get(copy.name)!)),
      ...derived.map((derivation) => derivedPart(source, derivation, table.tensors.get(derivation.from)!)),
    ],
  };
}

/** Nanoseconds to read and convert a weight on a common processor. */
const NANOSECONDS_TO_READ = 8;

const secondsFor = (shape: readonly number[], nanoseconds: number) => (sizeOf(shape) * nanoseconds) / 1e9;

function copyPart(source: CheckpointSource, copy: DerivedSpec, ref: WeightRef): SidePart {
  const { name, type, shape } = copy;
  return {
    tensors: [copy],
    seconds: secondsFor(shape, NANOSECONDS_TO_READ),
    async *values() {
      let done = 0;
      for await (const values of readFloat32(source, name, ref)) {
        yield type === "F16" ? toFloat16(name, values) : values;
        done += values.length;
        yield done / sizeOf(shape);
      }
    },
  };
}

function derivedPart(source: CheckpointSource, derivation: Derivation, ref: WeightRef): SidePart {
  const { from, kind, rows } = derivation;
  const part = rows ? rowsOf(ref, ...rows) : ref;
  const { shape } = part;
  const nanoseconds = NANOSECONDS_TO_READ + NANOSECONDS_PER_WEIGHT[kind];
  const read = NANOSECONDS_TO_READ / nanoseconds;
  return {
    tensors: specsOf(derivation),
    seconds: secondsFor(shape, nanoseconds),
    async *values() {
      const weight = new Float32Array(sizeOf(shape));
      let position = 0;
      for await (const values of readFloat32(source, from, part)) {
        weight.set(values, position);
        position += values.length;
        yield (read * position) / weight.length;
      }
      const steps = deriveInSteps({ kind, from, shape }, weight);
      let step = steps.next();
      for (; !step.done; step = steps.next()) yield read + (1 - read) * step.value;
      yield* step.value;
    },
  };
}
