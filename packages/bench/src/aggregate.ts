/**
 * Means with intervals. Turns and seeds of one item are not independent, so the scene is the unit of an interval: all rows of it
 * count as one (Cameron and Miller, "A Practitioner's Guide to Cluster-Robust Inference", 2015).
 */
import { intervalOf, type Quantity, type SceneSum } from "./interval.ts";
import type { Estimate } from "./types.ts";

/** One number, and the scene that it belongs to. */
export interface Sample {
  readonly cluster: string;
  readonly value: number;
}

/**
 * The mean over all samples, with its 95 % interval over scenes (interval.ts). undefined for no samples.
 */
export function estimate(samples: readonly Sample[], quantity?: Quantity): Estimate | undefined {
  if (samples.length === 0) return undefined;
  const scenes = new Map<string, SceneSum>();
  let sum = 0;
  for (const { cluster, value } of samples) {
    const known = scenes.get(cluster) ?? { sum: 0, n: 0 };
    scenes.set(cluster, { sum: known.sum + value, n: known.n + 1 });
    sum += value;
  }
  return {
    value: sum / samples.length,
    ...intervalOf([...scenes.values()], quantity),
    clusters: scenes.size,
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
