/** Anonymous memory of this process: what it allocated, without the files it maps. */
import { readFileSync } from "node:fs";

/** Bytes; on systems without /proc the resident size minus nothing is known, so the whole resident size. */
export function anonymousBytes(): number {
  if (process.platform !== "linux") return process.memoryUsage.rss();
  const kilobytes = /^RssAnon:\s+(\d+) kB/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1];
  return 1024 * Number(kilobytes);
}

/** Samples memory until it is stopped, and returns the highest value seen. */
export function watchMemory(everyMs = 20): () => number {
  let peak = anonymousBytes();
  const timer = setInterval(() => {
    peak = Math.max(peak, anonymousBytes());
  }, everyMs);
  return () => {
    clearInterval(timer);
    return Math.max(peak, anonymousBytes());
  };
}
