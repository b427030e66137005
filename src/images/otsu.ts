/** The threshold that parts values best into two groups (Otsu, 1979): the variance between the groups is the largest. */
import type { Mask } from "./mask.ts";

const BINS = 256;

/** @returns a value from 0 to 1; 0.5 where all values are the same */
export function otsuThreshold({ data }: Pick<Mask, "data">): number {
  const counts = new Float64Array(BINS);
  for (const value of data) counts[Math.min(BINS - 1, Math.max(0, Math.floor(value * BINS)))]!++;
  let total = 0;
  counts.forEach((count, i) => {
    total += i * count;
  });
  let [below, sum, most] = [0, 0, 0];
  // Between two groups with nothing between them any threshold is as good: the middle one is taken.
  let [first, last] = [BINS / 2, BINS / 2];
  for (let i = 0; i < BINS - 1; i++) {
    below += counts[i]!;
    sum += i * counts[i]!;
    const above = data.length - below;
    if (below === 0 || above === 0) continue;
    const between = below * above * (sum / below - (total - sum) / above) ** 2;
    if (between > most * (1 + 1e-9)) [first, last, most] = [i + 1, i + 1, between];
    else if (between >= most * (1 - 1e-9)) last = i + 1;
  }
  return (first + last) / 2 / BINS;
}
