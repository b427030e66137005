/**
 * Locks between processes, as files. A lock names its holder so that nobody else can be taken for it: the process number,
 * when that process started, and which boot and which numbering of processes (a container has its own) the number belongs to.
 * Where that cannot be looked up (another container, another machine, a system without /proc), the holder's heartbeat decides.
 */
import { randomBytes } from "node:crypto";
import { readlinkSync, realpathSync } from "node:fs";
import { type FileHandle, link, open, readFile, rename, rm, stat } from "node:fs/promises";
import { hostname } from "node:os";
import { basename, dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { EmilieError } from "../../errors.ts";
import { isAlive, spaceOfProcesses, startOf } from "../../util/process-identity.node.ts";

/** The key of locks that earlier versions made, which had none. */
const OLD = "";
const HEARTBEAT_MS = 1000;
/** A holder that cannot be looked up counts as gone when it has not been heard of for this long. */
export const SILENT_MS = 5000;

interface Holder {
  readonly pid: number;
  readonly host: string;
  /** Of the process, in the system's own unit; null where it does not say. */
  readonly start: string | null;
  /** The boot and the numbering of processes that `pid` belongs to; null where the system does not say. */
  readonly space: string | null;
  /** Milliseconds since 1970. */
  readonly since: number;
  /** Of this one lock. */
  readonly key: string;
}

/** A lock that is held. */
export interface Lock {
  /** False where another process has taken it over, because this one was not heard of for too long. */
  isHeld(): Promise<boolean>;
  /** Gives it back. Never throws: what was done under the lock has been done. */
  release(): Promise<void>;
}

export interface LockOptions {
  /** How long to wait for a holder that is alive, in milliseconds. */
  readonly wait: number;
  /** The error for a holder that does not give it back; `holder` is a phrase as "process 12 on host, since 10:00:00". */
  readonly busy: (holder: string) => EmilieError;
  /** Called when another process has taken the lock over. */
  readonly onLost?: () => void;
}

const own = { pid: process.pid, host: hostname(), start: startOf(process.pid), space: spaceOfProcesses() };
/** What this thread holds, and what it could not remove when it gave it back, by their keys. */
const held = new Set<string>();
const abandoned = new Set<string>();

/** Whether the holder lives; null where only its heartbeat can tell. */
function lives(holder: Holder): boolean | null {
  if (abandoned.has(holder.key)) return false;
  if (held.has(holder.key)) return true;
  const { pid, host, start, space } = holder;
  if (space !== null && space === own.space) {
    if (startOf(pid) !== start) return false;
    // Of this very process, but not of this thread: threads can be ended.
    return pid === own.pid ? null : true;
  }
  if (space !== null || host !== own.host) return null;
  return !isAlive(pid) || (holder.key === OLD && isStranger(pid)) ? false : null;
}

/** Whether it is surely no emilie: ourselves, or what is no Node.js. */
function isStranger(pid: number): boolean {
  if (pid === own.pid) return true;
  try {
    return readlinkSync(`/proc/${pid}/exe`) !== realpathSync(process.execPath);
  } catch {
    return false;
  }
}

/** Null for what is no lock. */
function parseHolder(text: string): Holder | null {
  // As earlier versions wrote it, without what tells a process from a later one of the same number.
  const [, pid, host = own.host] = /^(\d+)(?: (\S+))?$/.exec(text) ?? [];
  if (pid !== undefined) return { pid: Number(pid), host, start: null, space: null, since: 0, key: OLD };
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && "key" in value ? (value as Holder) : null;
  } catch {
    return null;
  }
}

function nameOf(holder: Holder | null): string {
  if (!holder) return "a process that did not say its name";
  return `process ${holder.pid} on ${holder.host}, since ${new Date(holder.since).toISOString()}`;
}

/**
 * Takes the lock file `file`. One whose holder is gone is taken over at once, or, where it cannot be looked up, when it has
 * been silent for {@link SILENT_MS}.
 *
 * @throws EmilieError what `busy` makes; a system error where the folder cannot be written
 */
export async function acquire(file: string, { wait, busy, onLost }: LockOptions): Promise<Lock> {
  const deadline = performance.now() + wait;
  let seen = { text: "", changed: 0, at: 0 };
  for (;;) {
    const key = randomBytes(8).toString("hex");
    const text = JSON.stringify({ ...own, since: Date.now(), key } satisfies Holder);
    const { handle, now } = await take(file, key, text);
    if (handle) return hold(file, key, text, handle, onLost);
    const there = await look(file);
    if (!there) continue;
    const time = performance.now();
    if (there.text !== seen.text || there.changed !== seen.changed) seen = { ...there, at: time };
    const holder = parseHolder(there.text);
    const alive = holder ? lives(holder) : null;
    // By the file system's clock, which may not be ours; or by our own, where that one goes wrong.
    const silent = now - there.changed > SILENT_MS || time - seen.at > SILENT_MS;
    if (alive === false || (alive === null && silent)) await discard(file, there.text);
    else if (time > deadline && (alive || time > deadline + SILENT_MS)) throw busy(nameOf(holder));
    else await sleep(5 + 20 * Math.random());
  }
}

/** Makes the lock with its holder's name in it, at once. `now` is the time by the file system's clock. */
async function take(
  file: string,
  key: string,
  text: string,
): Promise<{ handle: FileHandle | null; now: number }> {
  const draft = partOf(file, key);
  const handle = await open(draft, "wx", 0o600);
  let isOurs = false;
  try {
    await handle.write(text, 0);
    const { mtimeMs: now } = await handle.stat();
    const failure = await link(draft, file).then(
      () => null,
      (error: NodeJS.ErrnoException) => error,
    );
    if (failure && NO_LINKS.has(failure.code ?? "")) return { handle: await takeUnlinked(file, text), now };
    // What reports an error may have been done all the same.
    isOurs = !failure || (await readFile(file, "utf8").catch(() => "")) === text;
    // Somebody has it, or has just tidied up our draft.
    if (!isOurs && failure?.code !== "EEXIST" && failure?.code !== "ENOENT") throw failure;
    return { handle: isOurs ? handle : null, now };
  } finally {
    if (!isOurs) await handle.close().catch(() => {});
    await rm(draft, { force: true }).catch(() => {});
  }
}

/** What file systems answer that have no hard links. */
const NO_LINKS = new Set([
  "EPERM",
  "ENOTSUP",
  "EOPNOTSUPP",
  "ENOSYS",
  "EMLINK",
  "EXDEV",
  "EINVAL",
  "UNKNOWN",
]);

/** Where a file system has no links: here a kill can leave a lock without a name, for which the heartbeat stands in. */
async function takeUnlinked(file: string, text: string): Promise<FileHandle | null> {
  const handle = await open(file, "wx", 0o600).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "EEXIST") return null;
    throw error;
  });
  await handle?.write(text, 0);
  return handle;
}

function hold(
  file: string,
  key: string,
  text: string,
  handle: FileHandle,
  onLost: (() => void) | undefined,
): Lock {
  held.add(key);
  const isHeld = async () => {
    const there = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) =>
      // What cannot be read for want of descriptors is not lost.
      error.code === "ENOENT" ? null : text,
    );
    return there === text;
  };
  const beat = setInterval(() => {
    // The same bytes in the same place: only the time changes, by the file system's clock.
    void handle.write(text, 0).catch(() => {});
    if (onLost)
      void isHeld().then((mine) => {
        if (mine || !held.has(key)) return;
        clearInterval(beat);
        onLost();
      });
  }, HEARTBEAT_MS);
  beat.unref();
  const release = async () => {
    clearInterval(beat);
    await handle.close().catch(() => {});
    try {
      if (await isHeld()) await rm(file, { force: true });
    } catch {
      abandoned.add(key);
    }
    held.delete(key);
  };
  return { isHeld, release };
}

async function look(file: string): Promise<{ text: string; changed: number } | null> {
  try {
    const { mtimeMs: changed } = await stat(file);
    return { text: await readFile(file, "utf8"), changed };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}

/** Removes a lock that was left behind, unless it has become another one meanwhile. */
async function discard(file: string, text: string): Promise<void> {
  const aside = partOf(file, randomBytes(8).toString("hex"));
  try {
    await rename(file, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
    throw error;
  }
  // Its holder looks before it writes, so the moment without a lock costs at most a repeated save.
  if ((await readFile(aside, "utf8").catch(() => text)) !== text) await link(aside, file).catch(() => {});
  await rm(aside, { force: true }).catch(() => {});
}

/** A name that is tidied up with other leftovers of the file that is locked: .NAME.lock → .NAME.KEY.part */
function partOf(file: string, key: string): string {
  return join(
    dirname(file),
    `.${basename(file)
      .replace(/^\./, "")
      .replace(/\.lock$/, "")}.${key}.part`,
  );
}
