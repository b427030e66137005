/**
 * A download under way: blobs/ETAG.<owner>-<number>.incomplete belongs to one download alone, so two pulls
 * never write into one file. One that was let go of, or whose process is gone, is taken over by renaming it, which only
 * one can do; what it holds is then read, and counts towards the hash.
 */

import { randomBytes } from "node:crypto";
import { type FileHandle, open, readdir, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { OWNER, ownerLives } from "../../util/process-identity.node.ts";

const SUFFIX = ".incomplete";
/** The owner's place in the name of a partial file that nobody writes any more. */
const NOBODY = "paused";
/** A file of another machine or program that has not grown for so long is nobody's; see SILENCE_MS of a request. */
const ABANDONED_MS = 180_000;

export interface Partial {
  readonly path: string;
  readonly handle: FileHandle;
  /** Bytes that were there already. */
  readonly size: number;
}

/** Bytes that the next download of a blob begins with; 0 where there are none. */
export async function partialBytes(blob: string): Promise<number> {
  return (await abandoned(blob).catch(() => []))[0]?.size ?? 0;
}

/** Takes over what an earlier download of this blob has left, or starts a new file. `size` is the whole blob's. */
export async function openPartial(blob: string, size: number): Promise<Partial> {
  const mine = `${blob}.${OWNER}-${randomBytes(4).toString("hex")}${SUFFIX}`;
  for (const found of await abandoned(blob)) {
    if (found.size > size) {
      await rm(found.path, { force: true }); // cannot be the beginning of this blob
    } else if (await takeOver(found.path, mine)) {
      const handle = await open(mine, "r+");
      // Looked at again: somebody may have written on until the moment of renaming.
      const now = (await handle.stat()).size;
      if (now <= size) return { path: mine, handle, size: now };
      await handle.close();
      await rm(mine, { force: true });
    }
  }
  return { path: mine, handle: await open(mine, "wx+"), size: 0 };
}

/** Closes it so that the next download of this blob may go on from here; an empty one is removed. */
export async function letGo({ path, handle }: Partial): Promise<void> {
  const { size } = await handle.stat();
  await handle.close();
  if (size === 0) return discardFile(path);
  const etag = basename(path).split(".")[0];
  await rename(path, join(dirname(path), `${etag}.${NOBODY}${SUFFIX}`)).catch(() => {});
}

export async function discard({ path, handle }: Partial): Promise<void> {
  await handle.close().catch(() => {});
  await discardFile(path);
}

const discardFile = (path: string) => rm(path, { force: true });

/** Moves the finished file to its place. Another download may have been faster; then its file stays. */
export async function finish({ path, handle }: Partial, blob: string): Promise<void> {
  await handle.sync(); // a name must not outlive a power cut that its content does not
  await handle.close();
  try {
    await rename(path, blob);
  } catch (error) {
    await discardFile(path);
    if (!(await stat(blob).catch(() => null))) throw error;
  }
}

/** Partial files of the blob that nobody writes, the largest first. */
async function abandoned(blob: string): Promise<{ path: string; size: number }[]> {
  return listAbandoned(dirname(blob), `${basename(blob)}.`);
}

/** Partial files in a folder of blobs that nobody writes, the largest first. */
export async function listAbandoned(folder: string, start = ""): Promise<{ path: string; size: number }[]> {
  const found: { path: string; size: number }[] = [];
  for (const name of await readdir(folder)) {
    if (!name.startsWith(start) || !name.endsWith(SUFFIX)) continue;
    const path = join(folder, name);
    const info = await stat(path).catch(() => null);
    if (!info) continue;
    const owner = name.slice(name.indexOf(".") + 1, -SUFFIX.length);
    const free = owner === NOBODY || ownerLives(owner) === false || Date.now() - info.mtimeMs > ABANDONED_MS;
    if (free) found.push({ path, size: info.size });
  }
  return found.sort((a, b) => b.size - a.size);
}

async function takeOver(from: string, to: string): Promise<boolean> {
  return rename(from, to).then(
    () => true,
    () => false,
  );
}
