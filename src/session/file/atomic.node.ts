/** Files that appear whole or not at all, written by one process at a time. */
import { randomBytes } from "node:crypto";
import { open, readdir, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { EmilieError } from "../../errors.ts";
import { tooManyFiles } from "../../util/open-files.node.ts";
import { acquire, type Lock } from "./lock.node.ts";

/** A save takes well under a second; who waits longer than this should hear about it. */
export const LOCK_WAIT_MS = 15_000;

export interface WriteOptions {
  /** The file's permissions. Default: those of the file that is replaced, else what the process gives new files. */
  readonly mode?: number;
}

/** What the system says, in words; the rest says it in its own. */
const REASONS: Readonly<Record<string, string>> = {
  ENOSPC: "the disk is full",
  EDQUOT: "the disk quota is used up",
  EIO: "the disk reports an error",
  EROFS: "the disk is read-only",
  ENFILE: "too many files are open on this machine",
  EACCES: "permission is denied",
  EPERM: "permission is denied",
};
const SHORTAGES = ["ENOSPC", "EDQUOT", "EMFILE", "ENFILE", "EAGAIN", "ENOMEM"];
const PASSING = new Set([...Object.keys(REASONS), ...SHORTAGES, "EBUSY", "ETIMEDOUT"]);

/** A write that did not happen: the file is as it was. Code "io.failed". */
export class WriteFailed extends EmilieError {
  constructor(
    path: string,
    cause: unknown,
    /** How much was to be written. */
    readonly bytes: number,
  ) {
    super("io.failed", `Could not write ${path}: ${reasonOf(cause)}.`, { cause });
  }
}

/** What went wrong with the disk, in words and without a path. */
export function reasonOf(error: unknown): string {
  const { code } = systemError(error) ?? {};
  if (code === "EMFILE") return tooManyFiles();
  return REASONS[code ?? ""] ?? (error instanceof Error ? error.message : String(error));
}

/** Whether the machine refused, rather than the request being wrong: a full disk, no descriptors. Then it may work later. */
export function mayPass(error: unknown): boolean {
  return PASSING.has(systemError(error)?.code ?? "");
}

/** Whether it is for want of something, space or descriptors, that others may give back. */
export function isShortage(error: unknown): boolean {
  return SHORTAGES.includes(systemError(error)?.code ?? "");
}

function systemError(error: unknown): NodeJS.ErrnoException | null {
  for (let at = error; at instanceof Error; at = at.cause) {
    if ("syscall" in at || "errno" in at) return at as NodeJS.ErrnoException;
  }
  return null;
}

/** The action did not write, because another process has taken its lock over. */
class LockLost extends Error {}

const locks = new Map<string, Lock>();

/**
 * Writes the parts under another name in the same folder, flushes them to the disk, and renames: a reader, and a machine
 * that loses power, has the old file or the new one. Where this throws, it has the old one. Call it under the lock of `path`.
 *
 * @throws WriteFailed
 */
export async function writeAtomically(
  path: string,
  parts: Iterable<Uint8Array>,
  { mode }: WriteOptions = {},
): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(4).toString("hex")}.part`);
  let bytes = 0;
  try {
    const before = mode === undefined ? await stat(path).catch(() => null) : null;
    const handle = await open(temporary, "wx", mode ?? 0o666);
    try {
      // A replaced file keeps the permissions that its owner gave it; where there are none, the system's are right.
      if (before) await handle.chmod(before.mode & 0o777).catch(() => {});
      for (const part of parts) {
        bytes += part.length;
        await handle.writeFile(part);
      }
      await handle.sync();
    } finally {
      await handle.close();
    }
    if ((await locks.get(path)?.isHeld()) === false) throw new LockLost();
    await rename(temporary, path).catch((error: unknown) => unlessGone(temporary, error));
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {});
    throw error instanceof LockLost ? error : new WriteFailed(path, error, bytes);
  }
  await syncFolder(dirname(path));
}

/** What reports an error may yet have happened, as over a network: then the old name is gone. */
async function unlessGone(path: string, error: unknown): Promise<void> {
  const gone = await stat(path).then(
    () => false,
    ({ code }: NodeJS.ErrnoException) => code === "ENOENT",
  );
  if (!gone) throw error;
}

/** Removes a file, for good; one that is not there is no error. @throws WriteFailed */
export async function removeFile(path: string): Promise<void> {
  try {
    await rm(path, { force: true }).catch((error: unknown) => unlessGone(path, error));
  } catch (error) {
    throw new WriteFailed(path, error, 0);
  }
  await syncFolder(dirname(path));
}

/** The rename itself is on the disk only when the folder is. Not every system lets one flush a folder. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r").catch(() => null);
  await handle?.sync().catch(() => {});
  await handle?.close().catch(() => {});
}

/**
 * Runs `action` while no other process does so for the same path. The lock of a process that was killed is taken over, and
 * what it left half written is removed. An action that was held up until another process took the lock over runs again.
 *
 * @throws EmilieError io.failed, naming who holds the lock; what the action throws
 */
export async function locked<T>(path: string, action: () => Promise<T>): Promise<T> {
  const file = join(dirname(path), `.${basename(path)}.lock`);
  for (;;) {
    const lock = await acquire(file, {
      wait: LOCK_WAIT_MS,
      busy: (holder) => busy(path, file, holder),
    }).catch((error: unknown) => {
      throw error instanceof EmilieError ? error : new WriteFailed(path, error, 0);
    });
    locks.set(path, lock);
    try {
      await removeLeftovers(path);
      return await action();
    } catch (error) {
      if (!(error instanceof LockLost)) throw error;
    } finally {
      locks.delete(path);
      await lock.release();
    }
  }
}

function busy(path: string, file: string, holder: string): EmilieError {
  return new EmilieError(
    "io.failed",
    `${path} is being saved by ${holder}, for more than ${LOCK_WAIT_MS / 1000} seconds. ` +
      `Wait for it or stop it; if there is no such process, delete ${file}.`,
  );
}

async function removeLeftovers(path: string): Promise<void> {
  const folder = dirname(path);
  const names = await readdir(folder).catch(() => []);
  const ours = names.filter((name) => name.startsWith(`.${basename(path)}.`) && name.endsWith(".part"));
  await Promise.all(ours.map((name) => rm(join(folder, name), { force: true }).catch(() => {})));
}
