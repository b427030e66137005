/** Anonymous memory of a process: what it allocated, without the files it maps. */
import { readdirSync, readFileSync } from "node:fs";

/** Bytes; on systems without /proc the resident size minus nothing is known, so the whole resident size. */
export function anonymousBytes(): number {
  if (process.platform !== "linux") return process.memoryUsage.rss();
  return statusBytes("self", "RssAnon");
}

/** The sum of a number over a process and those that it has started: a model that is to need little memory runs in one of its own. */
export function ofTree(pid: number, bytes: (pid: number) => number): number {
  let children = "";
  try {
    for (const task of readdirSync(`/proc/${pid}/task`))
      children += readFileSync(`/proc/${pid}/task/${task}/children`, "utf8");
  } catch {
    // It has ended, or there is no /proc.
  }
  const started = children.split(" ").filter(Boolean).map(Number);
  return started.reduce((sum, child) => sum + ofTree(child, bytes), bytes(pid));
}

/** Bytes of mapped files that are in memory: a checkpoint's weights, which the system may drop and read again. */
export const mappedBytes = (): number => (process.platform === "linux" ? statusBytes("self", "RssFile") : 0);

/** Anonymous bytes of another process; 0 where it has ended, or where there is no /proc. */
export const anonymousBytesOf = (pid: number): number => bytesOf(pid, "RssAnon");

/** All bytes of another process that are in memory, with the files that it maps; 0 as above. */
export const residentBytesOf = (pid: number): number => bytesOf(pid, "VmRSS");

function bytesOf(pid: number, field: Field): number {
  try {
    return statusBytes(pid, field);
  } catch {
    return 0;
  }
}

type Field = "RssAnon" | "RssFile" | "VmRSS";

function statusBytes(pid: number | "self", field: Field): number {
  const kilobytes = new RegExp(`^${field}:\\s+(\\d+) kB`, "m").exec(
    readFileSync(`/proc/${pid}/status`, "utf8"),
  )?.[1];
  // A process that is ending has none any more.
  return 1024 * Number(kilobytes ?? 0);
}

/** Samples memory until it is stopped, and returns the highest value seen. */
export function watchMemory(everyMs = 20, read: () => number = anonymousBytes): () => number {
  let peak = read();
  const timer = setInterval(() => {
    peak = Math.max(peak, read());
  }, everyMs);
  return () => {
    clearInterval(timer);
    return Math.max(peak, read());
  };
}
