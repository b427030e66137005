/**
 * Means with intervals. Turns and seeds of one item are not independent, so the bootstrap draws whole items: all rows of
 * an item move together (cluster bootstrap; Cameron and Miller, "A Practitioner's Guide to Cluster-Robust Inference", 2015).
 */
import type { Estimate } from "./types.ts";

/** One number, and the item that it belongs to. */
export interface Sample {
  readonly cluster: string;
  readonly value: number;
}

export const BOOTSTRAP_DRAWS = 1000;

/**
 * The mean over all samples, with the 2.5 % and 97.5 % quantiles of its bootstrap distribution. The draws are the same
 * every time. undefined for no samples.
 */
export function estimate(samples: readonly Sample[], draws = BOOTSTRAP_DRAWS): Estimate | undefined {
  if (samples.length === 0) return undefined;
  const sums = new Map<string, { sum: number; n: number }>();
  for (const { cluster, value } of samples) {
    const known = sums.get(cluster) ?? { sum: 0, n: 0 };
    sums.set(cluster, { sum: known.sum + value, n: known.n + 1 });
  }
  const clusters = [...sums.values()];
  const total = (picked: readonly { sum: number; n: number }[]) => {
    let [sum, n] = [0, 0];
    for (const one of picked) {
      sum += one.sum;
      n += one.n;
    }
    return sum / n;
  };
  const random = uniform(1);
  const means = Float64Array.from({ length: draws }, () =>
    total(clusters.map(() => clusters[Math.floor(random() * clusters.length)]!)),
  ).sort();
  return {
    value: total(clusters),
    low: quantile(means, 0.025),
    high: quantile(means, 0.975),
    clusters: clusters.length,
    n: samples.length,
  };
}

/** The slope of the least-squares line through the points; NaN for fewer than two different x. */
export function slope(points: readonly { readonly x: number; readonly y: number }[]): number {
  const n = points.length;
  const mx = points.reduce((sum, { x }) => sum + x, 0) / n;
  const my = points.reduce((sum, { y }) => sum + y, 0) / n;
  const xx = points.reduce((sum, { x }) => sum + (x - mx) ** 2, 0);
  const xy = points.reduce((sum, { x, y }) => sum + (x - mx) * (y - my), 0);
  return xx > 0 ? xy / xx : Number.NaN;
}

/** The area under the straight lines between the points, by x; its x-range is divided out. NaN for fewer than two x. */
export function meanHeight(points: readonly { readonly x: number; readonly y: number }[]): number {
  const sorted = [...points].sort((a, b) => a.x - b.x);
  const width = sorted.length > 1 ? sorted.at(-1)!.x - sorted[0]!.x : 0;
  if (width === 0) return Number.NaN;
  let area = 0;
  for (let i = 1; i < sorted.length; i++) {
    const [a, b] = [sorted[i - 1]!, sorted[i]!];
    area += ((b.x - a.x) * (a.y + b.y)) / 2;
  }
  return area / width;
}

/** The value below which a share q of the sorted values lies, between neighbours linearly. */
function quantile(sorted: Float64Array, q: number): number {
  const at = q * (sorted.length - 1);
  const low = Math.floor(at);
  return sorted[low]! + (sorted[Math.min(low + 1, sorted.length - 1)]! - sorted[low]!) * (at - low);
}

/** Uniform numbers in [0, 1): SplitMix32, a fixed sequence for every seed. */
export function uniform(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x9e3779b9) >>> 0;
    let z = state;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return ((z ^ (z >>> 15)) >>> 0) / 2 ** 32;
  };
}
