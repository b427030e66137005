/**
 * Tensors that are made from a checkpoint once and kept: a safetensors file in the cache folder, read by mapping like all others.
 * It is written under a name of its own and renamed, so that one that is there is whole; one that is not is made again. What a
 * process that was stopped has left is gone on with.
 */
import { mkdir, rm, stat, statfs } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { EmilieError, isEmilieError } from "../errors.ts";
import { LoadMeter, type LoadWatch, stopIfAsked } from "./load-progress.ts";
import { makeOwnFolder } from "./own-folder.node.ts";
import { readSafetensorsHeader, type StoredType, safetensorsHeader } from "./safetensors.ts";
import {
  discardPartial,
  finishPartial,
  type OpenPartial,
  type PartialFile,
  pausePartial,
  takePartial,
} from "./side-partial.node.ts";
import { folderSource } from "./source.node.ts";
import { type PlacedTensor, placedAs } from "./storage.ts";

export interface SideTensor {
  readonly name: string;
  readonly type: StoredType;
  readonly shape: readonly number[];
}

/** Tensors that are made together, of one of the checkpoint's. */
export interface SidePart {
  readonly tensors: readonly SideTensor[];
  /** How long that takes on a common processor, without writing it. */
  readonly seconds: number;
  /**
   * The bytes of the tensors, in their order. While there are none yet, a number says how much of the work is done, from 0 to
   * 1. Errors of kind "checkpoint.*" are passed on.
   */
  values(): AsyncIterable<ArrayBufferView | number>;
}

export interface SideFile {
  readonly name: string;
  /** The model it is made from, for people. */
  readonly model: string;
  /** What it is, in messages: "the int8 weights of …". */
  readonly what: string;
  readonly parts: readonly SidePart[];
}

/** Where a side file says what it was made from. */
export const MODEL = "emilie.model";

export interface PlacedSideFile {
  /** With absolute paths as locations. */
  readonly tensors: ReadonlyMap<string, PlacedTensor>;
  /** Removes it where no cache would take it. */
  release(): Promise<void>;
}

/**
 * The file in `cache`, made where it is not there or not whole; in a temporary folder where `cache` cannot be written. Before that
 * `watch` is told what is made, and where there is not enough room for it, "io.failed" is thrown.
 */
export async function sideFile(
  cache: string,
  file: SideFile,
  watch: LoadWatch = {},
): Promise<PlacedSideFile> {
  const kept = async () => {};
  const known = await opened(cache, file);
  if (known instanceof Map) return { tensors: known, release: kept };
  const folder = await mkdir(cache, { recursive: true }).then(
    () => cache,
    () => null,
  );
  if (folder) {
    try {
      return { tensors: await make(folder, file, watch, known ?? undefined), release: kept };
    } catch (error) {
      // A read-only cache is no reason to fail; a full one, a bad checkpoint, and somebody who wants to stop are.
      if (isEmilieError(error)) throw error;
      if (["ENOSPC", "EDQUOT"].includes((error as NodeJS.ErrnoException).code ?? "")) {
        throw noRoom(folder, file.what, sizeOfFile(file).totalBytes, "", error);
      }
    }
  }
  const temporary = await makeOwnFolder(tmpdir(), "emilie-weights-");
  const release = () => rm(temporary, { recursive: true, force: true });
  try {
    return { tensors: await make(temporary, file, watch), release };
  } catch (cause) {
    await release();
    if (isEmilieError(cause)) throw cause;
    throw new EmilieError(
      "io.failed",
      `${capital(file.what)} could be written neither to ${cache} nor to ${temporary}. ` +
        "Set EMILIE_CACHE to a folder with enough space.",
      { cause },
    );
  }
}

/** The tensors of a file that is there, whole, and holds just these; what is wrong with it; or null where there is none. */
async function opened(folder: string, file: SideFile): Promise<Map<string, PlacedTensor> | string | null> {
  const location = join(folder, file.name);
  if (!(await stat(location).catch(() => null))) return null;
  try {
    const { tensors } = await readSafetensorsHeader(folderSource(folder), file.name);
    const wanted = file.parts.flatMap((part) => part.tensors);
    const same = ({ name, type, shape }: SideTensor) => {
      const stored = tensors.get(name);
      return stored?.type === type && String(stored.shape) === String(shape);
    };
    if (tensors.size !== wanted.length || !wanted.every(same)) return "what was kept is something else";
    return new Map(
      [...tensors].map(([name, { shape, type, offset }]) => [
        name,
        placedAs(type === "F16" ? type : "F32", { shape, location, offset }),
      ]),
    );
  } catch (error) {
    return `what was kept is damaged (${(error as Error).message.replace(/\.$/, "")})`;
  }
}

/** How often is looked whether another process is ready. */
const WAIT_MS = 250;

async function make(
  folder: string,
  file: SideFile,
  watch: LoadWatch,
  reason?: string,
): Promise<Map<string, PlacedTensor>> {
  const target = join(folder, file.name);
  for (;;) {
    stopIfAsked(watch, file.what);
    const partial = await takePartial(target);
    if ("handle" in partial) {
      await writeAll(partial, target, file, watch, reason);
      const made = await opened(folder, file);
      if (made instanceof Map) return made;
      throw new EmilieError("io.failed", `${target} is not as it was written: ${made ?? "it is gone"}.`);
    }
    await waitForOther(partial, folder, file, watch);
    const made = await opened(folder, file);
    if (made instanceof Map) return made;
  }
}

/** Says how far the other process is, once. */
async function waitForOther(
  { bytes }: PartialFile,
  folder: string,
  file: SideFile,
  watch: LoadWatch,
): Promise<void> {
  const { what } = file;
  const { totalBytes, seconds } = sizeOfFile(file);
  const secondsLeft = seconds * (1 - Math.min(1, bytes / totalBytes));
  watch.onProgress?.({ stage: "waiting", what, folder, bytes, totalBytes, secondsLeft });
  await new Promise((resolve) => setTimeout(resolve, WAIT_MS + WAIT_MS * Math.random()));
}

function headerOf({ parts, model }: SideFile): Uint8Array {
  const tensors = parts.flatMap((part) => part.tensors);
  return safetensorsHeader(
    tensors.map((t) => [t.name, t]),
    { [MODEL]: model },
  );
}

const bytesOf = ({ tensors }: SidePart) => tensors.reduce((sum, one) => sum + bytesOfTensor(one), 0);

/** A common disk takes 100 MB a second, once its cache is full. */
const secondsToWrite = (bytes: number) => bytes / 1e8;
const secondsFor = (parts: readonly SidePart[]) =>
  parts.reduce((sum, part) => sum + part.seconds + secondsToWrite(bytesOf(part)), 0);

const BYTES: Partial<Record<StoredType, number>> = { F32: 4, F16: 2, I8: 1, U8: 1 };

export function bytesOfTensor({ type, shape }: Pick<SideTensor, "type" | "shape">): number {
  return shape.reduce((a, b) => a * b, BYTES[type]!);
}

function sizeOfFile(file: SideFile): { totalBytes: number; seconds: number } {
  const totalBytes = file.parts.reduce((sum, part) => sum + bytesOf(part), headerOf(file).length);
  return { totalBytes, seconds: secondsFor(file.parts) };
}

/** Bytes after which what was written is brought to the disk, so that the end has little left to wait for. */
const SYNC_BYTES = 64 << 20;

async function writeAll(
  partial: OpenPartial,
  target: string,
  file: SideFile,
  watch: LoadWatch,
  reason?: string,
): Promise<void> {
  const folder = dirname(target);
  const { handle } = partial;
  const { totalBytes } = sizeOfFile(file);
  let meter: LoadMeter | undefined;
  try {
    const { next, position } = await whereToGoOn(partial, file);
    await requireRoom(folder, file.what, totalBytes, totalBytes - position);
    const rest = file.parts.slice(next);
    const seconds = secondsFor(rest);
    meter = new LoadMeter(watch, {
      ...{ what: file.what, folder, done: position, total: totalBytes, seconds },
      ...(reason === undefined ? {} : { reason }),
    });
    meter.begin();
    let [at, synced] = [position, position];
    for (const part of rest) {
      let left = part.seconds;
      for await (const values of part.values()) {
        if (typeof values === "number") {
          const before = left;
          left = part.seconds * (1 - values);
          await meter.add(0, before - left);
          continue;
        }
        await write(partial, values, at);
        at += values.byteLength;
        await meter.add(values.byteLength, secondsToWrite(values.byteLength));
        if (at - synced < SYNC_BYTES) continue;
        synced = at;
        await handle.datasync();
      }
      await meter.add(0, left);
    }
    await finishPartial(partial, target);
    meter.end();
  } catch (error) {
    meter?.stop();
    // What is bad stays bad, and a full disk needs the room; whoever stopped will want to go on.
    if (isEmilieError(error) && error.code === "aborted") await pausePartial(partial, target);
    else await discardPartial(partial);
    throw error;
  }
}

/** The part to begin with, and its place in the file: after the last that an earlier process has written whole. */
async function whereToGoOn(
  partial: OpenPartial,
  file: SideFile,
): Promise<{ next: number; position: number }> {
  const header = headerOf(file);
  const found = new Uint8Array(header.length);
  await partial.handle.read(found, 0, found.length, 0);
  const known = partial.bytes >= header.length && Buffer.compare(found, header) === 0;
  let [next, position] = [0, header.length];
  while (known && next < file.parts.length) {
    const end = position + bytesOf(file.parts[next]!);
    if (end > partial.bytes) break;
    position = end;
    next++;
  }
  await partial.handle.truncate(known ? position : 0);
  if (!known) await write(partial, header, 0);
  return { next, position };
}

async function write(
  { handle }: OpenPartial,
  { buffer, byteOffset, byteLength }: ArrayBufferView,
  position: number,
) {
  const bytes = new Uint8Array(buffer, byteOffset, byteLength);
  for (let done = 0; done < byteLength; ) {
    done += (await handle.write(bytes, done, byteLength - done, position + done)).bytesWritten;
  }
}

/** Throws "io.failed" where a folder has no room for `needed` bytes more of what takes `total`. */
export async function requireRoom(
  folder: string,
  what: string,
  total: number,
  needed: number,
): Promise<void> {
  const free = await freeBytes(folder);
  if (free < needed) throw noRoom(folder, what, total, ` (${gigabytes(free)} are free)`);
}

/** What a folder has room for, or would have if it were there; infinite where the file system does not say. */
export async function freeBytes(folder: string): Promise<number> {
  for (let at = resolve(folder); ; at = dirname(at)) {
    const disk = await statfs(at).catch(() => null);
    if (disk) return disk.bavail * disk.bsize;
    if (at === dirname(at)) return Number.POSITIVE_INFINITY;
  }
}

function noRoom(folder: string, what: string, total: number, free = "", cause?: unknown): EmilieError {
  return new EmilieError(
    "io.failed",
    `${capital(what)} would take ${gigabytes(total)} of disk, and ${folder} has no room for that${free}. Nothing of it is kept. Make room ` +
      '("emilie models" lists what is kept there, "emilie models clear" deletes it), or set EMILIE_CACHE to a folder on a larger disk.',
    { cause },
  );
}

const gigabytes = (bytes: number) =>
  bytes < 1e8 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
const capital = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);
