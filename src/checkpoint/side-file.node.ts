/**
 * Tensors that are made from a checkpoint once and kept: a safetensors file in the cache folder, read by mapping like all others.
 * It is written under a name of its own and renamed, so that one that is there is whole; one that is not is made again.
 */
import { mkdir, mkdtemp, open, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EmilieError } from "../errors.ts";
import { readSafetensorsHeader, type StoredType, safetensorsHeader } from "./safetensors.ts";
import { folderSource } from "./source.node.ts";
import type { PlacedTensor } from "./storage.ts";

export interface SideTensor {
  readonly name: string;
  readonly type: StoredType;
  readonly shape: readonly number[];
}

export interface SideFile {
  readonly name: string;
  /** What it is, in messages. */
  readonly what: string;
  readonly tensors: readonly SideTensor[];
  /** The bytes of all tensors, in their order. Errors of kind "checkpoint.*" are passed on. */
  values(): AsyncIterable<ArrayBufferView>;
}

export interface PlacedSideFile {
  /** With absolute paths as locations. */
  readonly tensors: ReadonlyMap<string, PlacedTensor>;
  /** Removes it where no cache would take it. */
  release(): Promise<void>;
}

/** The file in `cache`, made where it is not there or not whole; in a temporary folder where `cache` cannot be written. */
export async function sideFile(cache: string, file: SideFile): Promise<PlacedSideFile> {
  const kept = async () => {};
  const known = await opened(cache, file);
  if (known) return { tensors: known, release: kept };
  const folder = await mkdir(cache, { recursive: true }).then(
    () => cache,
    () => null,
  );
  if (folder) {
    try {
      await write(join(folder, file.name), file);
      return { tensors: (await opened(folder, file))!, release: kept };
    } catch (error) {
      // A full or read-only cache is no reason to fail; a bad checkpoint is.
      if (error instanceof EmilieError) throw error;
    }
  }
  const temporary = await mkdtemp(join(tmpdir(), "emilie-"));
  const release = () => rm(temporary, { recursive: true, force: true });
  try {
    await write(join(temporary, file.name), file);
    return { tensors: (await opened(temporary, file))!, release };
  } catch (cause) {
    await release();
    if (cause instanceof EmilieError) throw cause;
    throw new EmilieError(
      "io.failed",
      `${file.what} could be written neither to ${cache} nor to ${temporary}. ` +
        "Set EMILIE_CACHE to a folder with enough space.",
      { cause },
    );
  }
}

/** The tensors of a file that is already there, whole, and holds just these; null otherwise. */
async function opened(folder: string, file: SideFile): Promise<Map<string, PlacedTensor> | null> {
  try {
    const { tensors } = await readSafetensorsHeader(folderSource(folder), file.name);
    const same = ({ name, type, shape }: SideTensor) => {
      const stored = tensors.get(name);
      return stored?.type === type && String(stored.shape) === String(shape);
    };
    if (tensors.size !== file.tensors.length || !file.tensors.every(same)) return null;
    const location = join(folder, file.name);
    return new Map([...tensors].map(([k, t]) => [k, { shape: t.shape, location, offset: t.offset }]));
  } catch {
    return null;
  }
}

async function write(path: string, file: SideFile): Promise<void> {
  // A name of its own, because two processes may make the same file at once.
  const partial = `${path}.${process.pid}-${Date.now()}.partial`;
  const handle = await open(partial, "wx");
  try {
    await handle.write(safetensorsHeader(file.tensors.map((t) => [t.name, t])));
    for await (const values of file.values()) {
      await handle.write(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
    }
    await handle.close();
    await rename(partial, path);
  } catch (error) {
    await handle.close().catch(() => {});
    await rm(partial, { force: true });
    throw error;
  }
}
