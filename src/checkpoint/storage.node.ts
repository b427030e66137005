/**
 * Weights that ONNX Runtime maps into memory: fp32 files where they lie, half-precision ones through a fp32 copy that is
 * made once and kept in the cache folder ($EMILIE_CACHE, or the system's place for caches).
 */
import { mkdir, mkdtemp, open, rename, rm } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join, parse, relative } from "node:path";
import { EmilieError } from "../errors.ts";
import { readFloat32 } from "./convert.ts";
import { sha256 } from "./hash.ts";
import { withMergedFile } from "./lora/merged.node.ts";
import { readSafetensorsHeader, safetensorsHeader } from "./safetensors.ts";
import { folderSource } from "./source.node.ts";
import { type CheckpointSource, missingFile } from "./source.ts";
import type { PlacedTensor, PlacedWeights, WeightStorage } from "./storage.ts";
import type { WeightTable } from "./weights.ts";

/** `cache` is the folder for converted copies; by default cacheFolder(). */
export function mappedStorage(cache = cacheFolder()): WeightStorage {
  return {
    async place(source, table, additions) {
      const whole = [...table.tensors.values()].every((t) => t.type === "F32");
      const placed = await (whole ? inPlace(source, table) : converted(source, table, cache));
      return additions ? withMergedFile(placed, source, table, additions, cache) : placed;
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

async function inPlace(source: CheckpointSource, table: WeightTable): Promise<PlacedWeights> {
  const paths = new Map<string, string>();
  for (const { path } of table.files) {
    const file = await source.location?.(path);
    if (!file) throw missingFile(source.id, path);
    paths.set(path, file);
  }
  const tensors = [...table.tensors].map(
    ([name, t]) => [name, { shape: t.shape, location: paths.get(t.file)!, offset: t.offset }] as const,
  );
  return placed(table.folder, new Map(tensors), async () => {});
}

/** Locations as the runtime wants them: relative to the root of the file system. */
function placed(
  folder: string,
  tensors: ReadonlyMap<string, PlacedTensor>,
  release: () => Promise<void>,
): PlacedWeights {
  const first = tensors.values().next().value?.location ?? "/";
  const { root } = parse(first);
  const local = new Map([...tensors].map(([k, t]) => [k, { ...t, location: relative(root, t.location) }]));
  const files = [...new Set([...local.values()].map((t) => t.location))].map((location) => ({ location }));
  return { folder, tensors: local, files, root, release };
}

async function converted(
  source: CheckpointSource,
  table: WeightTable,
  cache: string,
): Promise<PlacedWeights> {
  const stamps = await Promise.all(
    table.files.map(async (f) => [`${f.path}:${f.size}:${await source.stamp?.(f.path)}`, f.header]),
  );
  // Of the same file, averaged weights may be taken or not.
  const places = [...table.tensors].map(([name, { offset }]) => `${name}@${offset};`);
  const key = await sha256([...stamps.flat(), ...places]);
  const name = `${table.folder}-${key.slice(0, 32)}.f32.safetensors`;
  const known = await openConverted(cache, name, table);
  if (known) return placed(table.folder, known, async () => {});
  const folder = await mkdir(cache, { recursive: true }).then(
    () => cache,
    () => null,
  );
  if (folder) {
    try {
      await writeConverted(source, table, join(folder, name));
      return placed(table.folder, (await openConverted(folder, name, table))!, async () => {});
    } catch (error) {
      // A full or read-only cache is no reason to fail; a bad checkpoint is.
      if (error instanceof EmilieError) throw error;
    }
  }
  const temporary = await mkdtemp(join(tmpdir(), "emilie-"));
  const release = () => rm(temporary, { recursive: true, force: true });
  try {
    await writeConverted(source, table, join(temporary, name));
    return placed(table.folder, (await openConverted(temporary, name, table))!, release);
  } catch (cause) {
    await release();
    if (cause instanceof EmilieError) throw cause;
    throw new EmilieError(
      "io.failed",
      `The fp32 copy of ${source.id}'s ${table.folder} could be written neither to ${cache} nor to ${temporary}. ` +
        "Set EMILIE_CACHE to a folder with enough space.",
      { cause },
    );
  }
}

/** The tensors of a copy that is already there and whole; null otherwise. */
async function openConverted(
  folder: string,
  name: string,
  table: WeightTable,
): Promise<Map<string, PlacedTensor> | null> {
  try {
    const { tensors } = await readSafetensorsHeader(folderSource(folder), name);
    const location = join(folder, name);
    if (tensors.size !== table.tensors.size) return null;
    return new Map([...tensors].map(([k, t]) => [k, { shape: t.shape, location, offset: t.offset }]));
  } catch {
    return null;
  }
}

async function writeConverted(source: CheckpointSource, table: WeightTable, file: string): Promise<void> {
  const entries = [...table.tensors];
  // A name of its own, because two processes may convert the same checkpoint at once.
  const partial = `${file}.${process.pid}-${Date.now()}.partial`;
  const handle = await open(partial, "wx");
  try {
    await handle.write(safetensorsHeader(entries.map(([k, t]) => [k, { type: "F32", shape: t.shape }])));
    for (const [name, ref] of entries) {
      for await (const values of readFloat32(source, name, ref)) {
        await handle.write(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
      }
    }
    await handle.close();
    await rename(partial, file);
  } catch (error) {
    await handle.close().catch(() => {});
    await rm(partial, { force: true });
    throw error;
  }
}
