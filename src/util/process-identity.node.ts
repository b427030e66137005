/**
 * Processes, told from later ones of the same number: by when they started, and by which boot and which numbering of
 * processes (a container has its own) the number belongs to. What a process writes to a shared folder bears its name.
 */
import { createHash } from "node:crypto";
import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";

/** Whether a process has this number now, also one of another user; it may be another than the one that had it. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** When a process started, in the system's own unit; null where there is none, or none that still runs, or no /proc. */
export function startOf(pid: number): string | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "latin1");
    // The name, in brackets, may itself hold spaces and brackets. After it: the state is the first, the start the 20th.
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return "ZX".includes(fields[0]!) ? null : fields[19]!;
  } catch {
    return null;
  }
}

/** The boot and the numbering of processes that this process lives in; null where the system does not say. */
export function spaceOfProcesses(): string | null {
  try {
    // A /proc that was mounted for another numbering would answer about strangers.
    if (readlinkSync("/proc/self") !== `${process.pid}`) return null;
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim();
    return `${boot} ${readlinkSync("/proc/self/ns/pid")}`;
  } catch {
    return null;
  }
}

const SPACE = spaceOfProcesses();
const PLACE = createHash("sha256")
  .update(SPACE ?? hostname())
  .digest("hex")
  .slice(0, 8);

/** This process's name in the names of files: PLACE-NUMBER-START, of hexadecimal and decimal digits. */
export const OWNER = ownerOf(process.pid);

/** The name of a process of this place. */
export function ownerOf(pid: number): string {
  return `${PLACE}-${pid}-${(SPACE !== null && startOf(pid)) || 0}`;
}

/**
 * Whether the process runs whose name `text` begins with; null where that cannot be looked up from here, or where there is no such
 * name: of another container, machine or boot, or of a system that does not say when a process started.
 */
export function ownerLives(text: string): boolean | null {
  const [, place, pid, start] = /^([0-9a-f]{8})-(\d+)-(\d+)(?![0-9a-z])/.exec(text) ?? [];
  if (place !== PLACE) return null;
  if (SPACE !== null) return startOf(Number(pid)) === start;
  return isAlive(Number(pid)) ? null : false;
}
