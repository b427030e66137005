/**
 * Weights that ONNX Runtime maps into memory: fp32 files where they lie (for fp16, fp16 files); others, and what the faster
 * precisions derive from any, through a side file that is made once and kept in the cache folder ($EMILIE_CACHE, or the system's place).
 */
import { homedir } from "node:os";
import { join, parse, relative } from "node:path";
import { readFloat32, readWhole, toFloat16 } from "./convert.ts";
import { type DerivedSpec, derive, specsOf } from "./derived.ts";
import { sha256 } from "./hash.ts";
import { withMergedFile } from "./lora/merged.node.ts";
import { type SideFile, sideFile } from "./side-file.node.ts";
import { type CheckpointSource, missingFile } from "./source.ts";
import {
  type Needs,
  type PlacedTensor,
  type PlacedWeights,
  placedAs,
  plainType,
  type WeightStorage,
} from "./storage.ts";
import type { WeightTable } from "./weights.ts";

/** `cache` is the folder for what is made once; by default cacheFolder(). */
export function mappedStorage(cache = cacheFolder()): WeightStorage {
  return {
    async place(source, table, additions, needs) {
      const placed = await withoutLoras(source, table, cache, needs);
      return additions ? withMergedFile(placed, source, table, additions, cache, needs) : placed;
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

async function withoutLoras(
  source: CheckpointSource,
  table: WeightTable,
  cache: string,
  needs?: Needs,
): Promise<PlacedWeights> {
  const type = plainType(needs);
  const whole = [...table.tensors.values()].every((t) => t.type === type);
  const used = [...table.tensors].filter(([name]) => !needs || needs.plain.has(name));
  const copies: readonly DerivedSpec[] = whole
    ? []
    : used.map(([name, { shape }]) => ({ name, type, shape }));
  const specs = needs?.derived.flatMap(specsOf) ?? [];
  const side =
    copies.length + specs.length > 0
      ? await sideFile(cache, await derivedFile(source, table, copies, needs))
      : { tensors: new Map<string, PlacedTensor>(), release: async () => {} };
  const inPlace = whole ? await whereTheyLie(source, table, type) : new Map<string, PlacedTensor>();
  // What is only derived from is known by its shape, and lies nowhere.
  const tensors = [...table.tensors].map(([name, { shape }]): [string, PlacedTensor] => [
    name,
    (whole ? (needs && !needs.plain.has(name) ? null : inPlace.get(name)) : side.tensors.get(name)) ?? {
      shape,
      location: "",
      offset: 0,
    },
  ]);
  const derived = specs.map(({ name }): [string, PlacedTensor] => [name, side.tensors.get(name)!]);
  return placed(table, new Map(tensors), new Map(derived), side.release, needs);
}

async function whereTheyLie(
  source: CheckpointSource,
  table: WeightTable,
  type: "F32" | "F16",
): Promise<ReadonlyMap<string, PlacedTensor>> {
  const paths = new Map<string, string>();
  for (const { path } of table.files) {
    const file = await source.location?.(path);
    if (!file) throw missingFile(source.id, path);
    paths.set(path, file);
  }
  return new Map(
    [...table.tensors].map(([name, t]) => [
      name,
      placedAs(type, { shape: t.shape, location: paths.get(t.file)!, offset: t.offset }),
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
    what: `The ${needs ? `${suffix} weights` : "fp32 copy"} of ${source.id}'s ${table.folder}`,
    tensors: [...copies, ...specs],
    async *values() {
      for (const { name, type } of copies) {
        for await (const values of readFloat32(source, name, table.tensors.get(name)!)) {
          yield type === "F16" ? toFloat16(name, values) : values;
        }
      }
      for (const derivation of derived) {
        const { from } = derivation;
        yield* derive(derivation, await readWhole(source, from, table.tensors.get(from)!));
      }
    },
  };
}
