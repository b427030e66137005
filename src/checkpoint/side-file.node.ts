/**
 * Tensors that are made from a checkpoint once and kept: a safetensors file in the cache folder, read by mapping like all others.
 * It is written under a name of its own and renamed, so that one that is there is whole; one that is not is made again.
 */
import { mkdir, mkdtemp, open, readdir, rename, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EmilieError } from "../errors.ts";
import { isAlive } from "./is-alive.node.ts";
import { readSafetensorsHeader, type StoredType, safetensorsHeader } from "./safetensors.ts";
import { folderSource } from "./source.node.ts";
import { type PlacedTensor, placedAs } from "./storage.ts";

export interface SideTensor {
  readonly name: string;
  readonly type: StoredType;
  readonly shape: readonly number[];
}

export interface SideFile {
  readonly name: string;
  /** The model it is made from, for people. */
  readonly model: string;
  /** What it is, in messages. */
  readonly what: string;
  readonly tensors: readonly SideTensor[];
  /** The bytes of all tensors, in their order. Errors of kind "checkpoint.*" are passed on. */
  values(): AsyncIterable<ArrayBufferView>;
}

/** Where a side file says what it was made from. */
const MODEL = "emilie.model";

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
    return new Map(
      [...tensors].map(([name, { shape, type, offset }]) => [
        name,
        placedAs(type === "F16" ? type : "F32", { shape, location, offset }),
      ]),
    );
  } catch {
    return null;
  }
}

async function write(path: string, file: SideFile): Promise<void> {
  // A name of its own, because two processes may make the same file at once.
  const partial = `${path}.${process.pid}-${Date.now()}.partial`;
  const handle = await open(partial, "wx");
  try {
    const header = safetensorsHeader(
      file.tensors.map((t) => [t.name, t]),
      { [MODEL]: file.model },
    );
    await handle.write(header);
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

/** What the cache holds of a model: an fp32 copy ("f32"), or the weights of a precision. */
export interface CachedFile {
  readonly file: string;
  readonly bytes: number;
  /** Null where the file is damaged, or from a version that did not write it. */
  readonly model: string | null;
  readonly kind: string;
}

const FILE = /^.+-[0-9a-f]{32}\.(f32|fp32-fast|int8|fp16)\.safetensors$/;
const PARTIAL = /\.safetensors\.(\d+)-\d+\.partial$/;

/** The files that sideFile() has made in a folder, by name. */
export async function listSideFiles(cache: string): Promise<CachedFile[]> {
  const names = await readdir(cache).catch(() => []);
  const files: CachedFile[] = [];
  for (const name of names.sort()) {
    const kind = FILE.exec(name)?.[1];
    if (!kind) continue;
    const header = await readSafetensorsHeader(folderSource(cache), name).catch(() => null);
    const file = join(cache, name);
    files.push({ file, bytes: (await stat(file)).size, model: header?.metadata[MODEL] ?? null, kind });
  }
  return files;
}

/** Deletes them, and what processes that are gone have left half written. They are made again where they are needed. */
export async function clearSideFiles(cache: string): Promise<CachedFile[]> {
  const files = await listSideFiles(cache);
  for (const { file } of files) await rm(file, { force: true });
  for (const name of await readdir(cache).catch(() => [])) {
    const pid = Number(PARTIAL.exec(name)?.[1]);
    if (pid && !isAlive(pid)) await rm(join(cache, name), { force: true });
  }
  return files;
}
