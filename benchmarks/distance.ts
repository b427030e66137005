/** How far results of networks are apart. */
import { digits } from "./record.ts";

/** Relative L2 distance of a from the reference b, both fp32 in bytes; null where there is nothing to compare. */
export function distance(a: Buffer | null, b: Buffer | null): number | null {
  if (!a || !b || a === b || a.length !== b.length) return null;
  let [squared, norm] = [0, 0];
  for (let i = 0; i < b.length; i += 4) {
    const reference = b.readFloatLE(i);
    squared += (a.readFloatLE(i) - reference) ** 2;
    norm += reference ** 2;
  }
  return digits(Math.sqrt(squared / norm), 2);
}
