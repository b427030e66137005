/**
 * What a page keeps of checkpoints: folders in the browser's own file system (OPFS), one for each address. Files are written whole or
 * not at all, and never changed: whoever has opened one can read it to its end.
 */
import { z } from "zod";
import { EmilieError } from "../errors.ts";
import { sha256 } from "../util/sha256.ts";

/** Of everything in the browser's file system of this origin, what is ours. */
const ROOT = "emilie-models";
const ABOUT = "about.json";

/** What a folder is of. */
export interface About {
  /** The address of the checkpoint's folder. */
  readonly address: string;
  /** The name that it is loaded by. */
  readonly id: string;
  /** By precision, where the model was loaded once, so that nothing of it is missing: how much of it is in memory at a time. */
  readonly ready: Readonly<Record<string, "normal" | "low">>;
}

const aboutSchema: z.ZodType<About> = z.object({
  address: z.string(),
  id: z.string(),
  ready: z.record(z.string(), z.enum(["normal", "low"])),
});

/** A checkpoint that is kept, or half of one. */
export interface KeptModel extends About {
  /** Of everything that is kept of it. */
  readonly bytes: number;
}

/** Names in the file system have no slashes. */
export const fileName = (path: string): string => encodeURIComponent(path);

export async function openKeptFolder(address: string): Promise<FileSystemDirectoryHandle> {
  return (await root()).getDirectoryHandle(await folderName(address), { create: true });
}

const folderName = async (address: string) => (await sha256([new URL(address).href])).slice(0, 32);

async function root(): Promise<FileSystemDirectoryHandle> {
  const storage = globalThis.navigator?.storage as StorageManager | undefined;
  try {
    if (!storage?.getDirectory || !("createWritable" in FileSystemFileHandle.prototype)) throw undefined;
    return await (await storage.getDirectory()).getDirectoryHandle(ROOT, { create: true });
  } catch (cause) {
    throw new EmilieError(
      "runtime.missing",
      "This browser keeps no files for this page (OPFS), in which a model's weights would be stored. A private window, or an address " +
        "that is neither https: nor localhost, may be the reason; Chrome, Edge, Firefox and Safari 26 have it otherwise.",
      { cause },
    );
  }
}

/** Why this browser keeps nothing for the page; null where it does. */
export async function canKeep(): Promise<string | null> {
  return root().then(
    () => null,
    (error: Error) => error.message,
  );
}

/** Null where there is no such file. */
export async function readKept(folder: FileSystemDirectoryHandle, name: string): Promise<File | null> {
  const handle = await folder.getFileHandle(name).catch(missing);
  return handle ? handle.getFile() : null;
}

/** @throws EmilieError "io.failed" where the browser grants no more room */
export async function writeKept(
  folder: FileSystemDirectoryHandle,
  name: string,
  content: BlobPart,
): Promise<void> {
  try {
    const stream = await (await folder.getFileHandle(name, { create: true })).createWritable();
    // It is in its place once it is closed, whole; until then there is an empty file, or the one before.
    await stream.write(content as FileSystemWriteChunkType);
    await stream.close();
  } catch (cause) {
    const full = (cause as Error).name === "QuotaExceededError";
    throw new EmilieError(
      "io.failed",
      full
        ? "The browser's storage is full. What has arrived is kept: make room, on the disk or by removing models, and go on."
        : `A file could not be written to the browser's storage (${(cause as Error).message}).`,
      { cause },
    );
  }
}

/** Files by name, with their sizes; those of which nothing was written are left out. */
export async function listKept(folder: FileSystemDirectoryHandle): Promise<Map<string, number>> {
  const sizes = new Map<string, number>();
  for await (const handle of folder.values()) {
    const size = handle.kind === "file" ? (await (handle as FileSystemFileHandle).getFile()).size : 0;
    if (size > 0) sizes.set(handle.name, size);
  }
  return sizes;
}

function missing(error: Error): null {
  if (error.name === "NotFoundError") return null;
  throw error;
}

export async function readAbout(folder: FileSystemDirectoryHandle): Promise<About | null> {
  const text = await (await readKept(folder, ABOUT))?.text();
  const parsed = aboutSchema.safeParse(parse(text));
  return parsed.success ? parsed.data : null;
}

export async function writeAbout(folder: FileSystemDirectoryHandle, about: About): Promise<void> {
  await writeKept(folder, ABOUT, JSON.stringify(about));
}

/** What was written by another version, or by somebody else, is as if it were not there. */
export function parse(text: string | undefined): unknown {
  try {
    return text === undefined ? null : JSON.parse(text);
  } catch {
    return null;
  }
}

/** The checkpoints that this page keeps. Empty where the browser keeps nothing. */
export async function keptModels(): Promise<KeptModel[]> {
  const all = await root().catch(() => null);
  const found: KeptModel[] = [];
  for await (const handle of all?.values() ?? []) {
    if (handle.kind !== "directory") continue;
    const folder = handle as FileSystemDirectoryHandle;
    const about = await readAbout(folder);
    if (about) found.push({ ...about, bytes: await bytesIn(folder) });
  }
  return found;
}

async function bytesIn(folder: FileSystemDirectoryHandle): Promise<number> {
  let bytes = 0;
  for (const size of (await listKept(folder)).values()) bytes += size;
  for await (const handle of folder.values()) {
    if (handle.kind === "directory") bytes += await bytesIn(handle as FileSystemDirectoryHandle);
  }
  return bytes;
}

/** Deletes what is kept of the checkpoint at an address; nothing happens where nothing is. A model that is loaded of it can no longer be used. */
export async function removeKeptModel(address: string): Promise<void> {
  const all = await root().catch(() => null);
  await all?.removeEntry(await folderName(address), { recursive: true }).catch(missing);
}
