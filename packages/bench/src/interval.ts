import { betaQuantile } from "./library.ts";
/**
 * The one rule for intervals that the benchmark, its report and the preference study print as 95 %. Scenes are the unit; under four of
 * them there is none.
 *
 * A mean, and a difference: Student's interval over the scenes' means, lengthened to the side that their skewness points to (Hall, "On the Removal of
 * Skewness by Transformation", 1992). A bootstrap of the mean is no help with so few: its percentile interval covers 0.80 of normal means
 * at four scenes and 0.89 at ten. A rate: Clopper and Pearson's exact interval (1934), in which a scene whose seeds disagree counts in part (Korn and
 * Graubard, 1998). A difference of rates in which no scene is discordant has no spread to estimate from: then the exact bound on how many may be.
 * A test simulates what these cover.
 */

/** Fewer scenes than this carry no interval. */
export const FEWEST_SCENES = 4;

const OUTSIDE = 0.05;

/**
 * How far beyond Student's interval the correction goes, in units of Hall's own. A few scenes show less skewness than there is; chosen by simulation, for means of
 * exponential numbers at four scenes.
 */
const LENGTHENED = 1.25;

/** What one scene adds up to, and of how many numbers. */
export interface SceneSum {
  readonly sum: number;
  readonly n: number;
}

/** low and high are null together: fewer scenes than {@link FEWEST_SCENES}. */
export interface Interval {
  readonly low: number | null;
  readonly high: number | null;
}

/** What a number is: a level or a difference without limits; a share of yes and no; the difference of two such shares. */
export type Quantity = "mean" | "rate" | "difference of rates";

/** The interval of the mean over all numbers of all scenes. Means that no two scenes differ in have an interval without width. */
export function intervalOf(scenes: readonly SceneSum[], quantity: Quantity = "mean"): Interval {
  const k = scenes.length;
  if (k < FEWEST_SCENES) return { low: null, high: null };
  const n = scenes.reduce((sum, scene) => sum + scene.n, 0);
  const mean = scenes.reduce((sum, scene) => sum + scene.sum, 0) / n;
  if (quantity === "rate") return rateInterval(mean * k, k);
  // Scenes with as many numbers each: their means' distances from the mean. Others count by how many they have.
  const away = scenes.map((scene) => ((scene.sum - mean * scene.n) * k) / n);
  const squares = away.reduce((sum, d) => sum + d * d, 0);
  const discordant = quantity === "mean" ? 0 : rateInterval(0, k).high!;
  if (squares <= k * (1e-12 * Math.max(1, Math.abs(mean))) ** 2) {
    return { low: mean - discordant * (1 + mean), high: mean + discordant * (1 - mean) };
  }
  const error = Math.sqrt(squares / (k * (k - 1)));
  const skewness =
    ((away.reduce((sum, d) => sum + d ** 3, 0) / k / (squares / k) ** 1.5) * Math.sqrt(k * (k - 1))) /
    (k - 2);
  const t = studentQuantile(k - 1);
  const beyond = (side: 1 | -1) => {
    // The quantile of the other side bounds this one.
    const corrected = -side * unskewed(-side * t, skewness / Math.sqrt(k));
    return mean + side * error * (t + LENGTHENED * Math.max(0, corrected - t));
  };
  const most = quantity === "mean" ? Number.POSITIVE_INFINITY : 1;
  return { low: Math.max(-most, beyond(-1)), high: Math.min(most, beyond(1)) };
}

/**
 * Student's interval of the mean of a few numbers whose count was set before they were made, as of training seeds: two suffice, and it is wide. Not for
 * scenes, whose skewness {@link intervalOf} minds.
 */
export function studentInterval(values: readonly number[]): Interval {
  const n = values.length;
  if (n < 2) return { low: null, high: null };
  const mean = values.reduce((sum, v) => sum + v, 0) / n;
  const squares = values.reduce((sum, v) => sum + (v - mean) ** 2, 0);
  const half = studentQuantile(n - 1) * Math.sqrt(squares / (n * (n - 1)));
  return { low: mean - half, high: mean + half };
}

/**
 * The interval that belongs to a value of which only a percentile bootstrap's interval over so many scenes is left, as in results from before this rule. A rate
 * needs none. Else the bootstrap's width says how large the standard error is: it is 1.96 of them to either side, as if the scenes were the population.
 */
export function fromBootstrap(
  { value, low, high }: { readonly value: number } & Interval,
  scenes: number,
  quantity: Quantity,
): Interval {
  if (scenes < FEWEST_SCENES || low === null || high === null) return { low: null, high: null };
  if (quantity === "rate") return rateInterval(value * scenes, scenes);
  if (quantity === "difference of rates" && low === high) {
    const discordant = rateInterval(0, scenes).high!;
    return { low: value - discordant * (1 + value), high: value + discordant * (1 - value) };
  }
  const wider = (studentQuantile(scenes - 1) / NORMAL) * Math.sqrt(scenes / (scenes - 1));
  const most = quantity === "mean" ? Number.POSITIVE_INFINITY : 1;
  return {
    low: Math.max(-most, value - (value - low) * wider),
    high: Math.min(most, value + (high - value) * wider),
  };
}

/** Two-sided 95 % of the normal distribution. */
const NORMAL = 1.959963984540054;

const rates = new Map<string, Interval>();

function rateInterval(successes: number, scenes: number): Interval {
  // Sums of thirds are not whole to the last bit, and rates in a file have four digits.
  const x = Math.round(successes * 300) / 300;
  const key = `${x} ${scenes}`;
  let known = rates.get(key);
  if (!known) {
    known = {
      low: x <= 0 ? 0 : betaQuantile(OUTSIDE / 2, x, scenes - x + 1),
      high: x >= scenes ? 1 : betaQuantile(1 - OUTSIDE / 2, x + 1, scenes - x),
    };
    rates.set(key, known);
  }
  return known;
}

/** T with T + a(T²/3 + 1/6) + a²T³/27 = x, where a is the skewness over √k: Hall's monotone transformation, solved. */
function unskewed(x: number, a: number): number {
  return Math.abs(a) < 1e-6 ? x : (3 / a) * (Math.cbrt(1 + a * (x - a / 6)) - 1);
}

const quantiles = new Map<number, number>();

/** Two-sided 95 % of Student's distribution. */
function studentQuantile(freedom: number): number {
  let t = quantiles.get(freedom);
  if (t === undefined) {
    const x = betaQuantile(OUTSIDE, freedom / 2, 0.5);
    t = Math.sqrt((freedom * (1 - x)) / x);
    quantiles.set(freedom, t);
  }
  return t;
}
