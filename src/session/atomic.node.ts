/** Files that appear whole or not at all, written by one process at a time. */
import { randomBytes } from "node:crypto";
import { open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { hostname } from "node:os";
import { basename, dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { isAlive } from "../checkpoint/is-alive.node.ts";
import { EmilieError } from "../errors.ts";

/** A save takes well under a second; who waits longer than this should hear about it. */
export const LOCK_WAIT_MS = 15_000;
/** A lock of another machine, or one without an owner's name, counts as left behind after this long. */
const LOCK_STALE_MS = 60_000;

/**
 * Writes the parts under another name in the same folder, flushes them to the disk, and renames: a reader, and a machine
 * that loses power, has the old file or the new one. Call it under the lock of `path`.
 */
export async function writeAtomically(path: string, parts: Iterable<Uint8Array>): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(4).toString("hex")}.part`);
  try {
    const handle = await open(temporary, "wx");
    try {
      for (const part of parts) await handle.writeFile(part);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw failed(path, error);
  }
  await syncFolder(dirname(path));
}

/** The rename itself is on the disk only when the folder is. Not every system lets one flush a folder. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r").catch(() => null);
  await handle?.sync().catch(() => {});
  await handle?.close();
}

/**
 * Runs `action` while no other process does so for the same path. The lock of a process that was killed is removed, and
 * with it what that process left half written.
 */
export async function locked<T>(path: string, action: () => Promise<T>): Promise<T> {
  const lock = join(dirname(path), `.${basename(path)}.lock`);
  await acquire(lock, path);
  try {
    await removeLeftovers(path);
    return await action();
  } finally {
    await rm(lock, { force: true });
  }
}

async function acquire(lock: string, path: string): Promise<void> {
  const deadline = Date.now() + LOCK_WAIT_MS;
  for (;;) {
    try {
      const handle = await open(lock, "wx");
      await handle.writeFile(`${process.pid} ${hostname()}`);
      await handle.close();
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw failed(path, error);
    }
    if (await isLeftBehind(lock)) await rm(lock, { force: true });
    else if (Date.now() > deadline) {
      throw new EmilieError(
        "io.failed",
        `Another process has been saving ${path} for ${LOCK_WAIT_MS / 1000} seconds. If there is none, delete ${lock}.`,
      );
    } else await sleep(5 + 20 * Math.random());
  }
}

async function isLeftBehind(lock: string): Promise<boolean> {
  try {
    const { mtimeMs } = await stat(lock);
    const age = Date.now() - mtimeMs;
    const owner = await readFile(lock, "utf8");
    // Just made, and its owner is about to write their name; or killed right there.
    if (owner === "") return age > 2000;
    const [pid, host] = owner.split(" ");
    return host === hostname() ? !isAlive(Number(pid)) : age > LOCK_STALE_MS;
  } catch {
    // Gone meanwhile, or about to be.
    return false;
  }
}

async function removeLeftovers(path: string): Promise<void> {
  const folder = dirname(path);
  const names = await readdir(folder).catch(() => []);
  const ours = names.filter((name) => name.startsWith(`.${basename(path)}.`) && name.endsWith(".part"));
  await Promise.all(ours.map((name) => rm(join(folder, name), { force: true })));
}

function failed(path: string, error: unknown): EmilieError {
  if (error instanceof EmilieError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  return new EmilieError("io.failed", `Could not write ${path}: ${reason}`, { cause: error });
}
