/**
 * What can be said of one turn without any network: distances to the truth and to the original, whether the edit came out
 * right, whether the picture has collapsed. Errors are on the scale of 0 to 1, as the tables of MagicBrush have them.
 */
import { eyeMetrics } from "./eye-metrics.ts";
import type { Mask, Picture } from "./library.ts";
import {
  errors,
  highFrequencyEnergy,
  psnr,
  psnrOf,
  squaredError,
  succeeded,
  type Where,
} from "./picture-metrics.ts";
import { spearman } from "./spearman.ts";
import { ssim, ssimMap } from "./ssim.ts";

/** Raised when a number below changes its meaning: part of the key that scores are cached by. */
export const TURN_METRICS_REVISION = 4;

/** Where the truth does not change, an edit is right when the picture is at least this near to it, in dB. */
export const NOOP_PSNR = 22;
/** The strict rule: right, and the sharpness is within these. After one no-op through picturebook's autoencoder it is between 0.81 and 1.11 (ten pictures). */
export const STRICT_SHARPNESS = [0.7, 1.4] as const;
/**
 * … and, over the whole picture, outlines are as alike and mean colours as near as this (eye-metrics.ts): the right thing in the right colour, and nothing else gone or out of
 * shape. Both limits were set on 100 pictures that were judged by eye; on 64 others, of other scenes, the rule agrees with the eye in 59 (docs/decisions/0084-the-eye.md).
 */
export const STRICT_STRUCTURE = 0.63;
export const STRICT_COLOUR = 11.5;
/** A picture farther than this from every true picture of its chain so far, in dB, has collapsed … */
export const COLLAPSE_PSNR = 15;
/** … and so has one whose high-frequency energy is not within these of the nearest one's. */
export const COLLAPSE_SHARPNESS = [0.4, 2.5] as const;

/** A turn with everything that is known about it. All pictures and masks are of one size. */
export interface TurnView {
  /** The first picture. */
  readonly original: Picture;
  /** The method's own picture before this turn. */
  readonly before: Picture;
  readonly result: Picture;
  /** The truth after this turn. */
  readonly target?: Picture;
  /** The truths before this turn, the original first; shorter than the chain where one of them is not known. */
  readonly truths: readonly Picture[];
  /** Whether the truth directly before this turn is the last of `truths`. */
  readonly sourceKnown: boolean;
  /** Where the truth changes; absent: not known. */
  readonly changed?: Mask;
  /** What the method was given at this turn; absent: everywhere. */
  readonly mask?: Mask;
  /** What all turns so far were given together; absent: everywhere. */
  readonly allowed?: Mask;
}

export interface TurnScores {
  readonly metrics: Readonly<Record<string, number | null>>;
  readonly success: boolean | null;
  readonly collapsed: boolean | null;
}

/** Everything that {@link TurnView} allows to be said; what cannot be said is left out, what is not finite is null. */
export function scoreTurn(view: TurnView): TurnScores {
  const metrics: Record<string, number> = { ...againstTruth(view), ...outsideMasks(view) };
  if (view.mask) Object.assign(metrics, atTheMask(view, view.mask));
  const success = successOf(view);
  const strict = strictOf(success, metrics);
  if (strict !== null) metrics["success.strict"] = Number(strict);
  const finite = Object.entries(metrics).map(([name, value]) => [
    name,
    Number.isFinite(value) ? value : null,
  ]);
  return {
    metrics: Object.fromEntries(finite) as TurnScores["metrics"],
    success,
    collapsed: collapsedOf(view),
  };
}

const inside =
  ({ data }: Mask): Where =>
  (i) =>
    data[i]! > 0.5;
const outside =
  ({ data }: Mask): Where =>
  (i) =>
    data[i]! <= 0.5;
const untouched =
  ({ data }: Mask): Where =>
  (i) =>
    data[i] === 0;

function againstTruth({ result, target, truths, sourceKnown, changed }: TurnView): Record<string, number> {
  if (!target) return {};
  const map = ssimMap(result, target);
  const metrics: Record<string, number> = {
    ...distances("", result, target),
    ssim: ssim(result, target, map),
    sharpness: highFrequencyEnergy(result) / highFrequencyEnergy(target),
    ...eyeMetrics(result, target),
  };
  if (!changed) return metrics;
  for (const [name, where] of [
    [".inside", inside(changed)],
    [".outside", outside(changed)],
  ] as const) {
    const found = distances(name, result, target, where);
    if (Object.keys(found).length === 0) continue;
    Object.assign(metrics, found, { [`ssim${name}`]: meanWhere(map, where) });
  }
  const source = truths.at(-1)!;
  if (sourceKnown && changed.data.some((m) => m > 0.5)) {
    const where = inside(changed);
    // Infinite where the "change" changes nothing.
    metrics["error.ratio"] = squaredError(result, target, where) / squaredError(source, target, where);
  }
  return metrics;
}

/** l1, l2 and psnr under names with this ending; empty where no pixel counts. */
function distances(ending: string, a: Picture, b: Picture, where?: Where): Record<string, number> {
  const { absolute, squared, pixels } = errors(a, b, where);
  if (pixels === 0) return {};
  return {
    [`l1${ending}`]: absolute / 255,
    [`l2${ending}`]: squared / 255 ** 2,
    [`psnr${ending}`]: psnrOf(squared),
  };
}

/** What happened to pixels that no mask so far let anybody touch. */
function outsideMasks({ original, result, allowed }: TurnView): Record<string, number> {
  if (!allowed) return {};
  const where = untouched(allowed);
  const { squared, pixels } = errors(original, result, where);
  if (pixels === 0) return {};
  let different = 0;
  for (let i = 0; i < allowed.data.length; i++) {
    if (!where(i)) continue;
    const at = 4 * i;
    if (original.data.subarray(at, at + 4).some((value, k) => value !== result.data[at + k])) different++;
  }
  return { "psnr.original.outside": psnrOf(squared), "changed.outside": different / pixels };
}

/** What this turn did around its own mask: outside of it, across its border, and in its soft part. */
function atTheMask(
  { before, result, target, truths, sourceKnown }: TurnView,
  mask: Mask,
): Record<string, number> {
  const metrics: Record<string, number> = {};
  const { squared, pixels } = errors(before, result, untouched(mask));
  if (pixels > 0) metrics.leak = Math.sqrt(squared) / 255;
  if (!target) return metrics;
  const seam = acrossBorder(result, mask) - acrossBorder(target, mask);
  if (!Number.isNaN(seam)) metrics.seam = seam / 255;
  const source = truths.at(-1)!;
  const correlation = sourceKnown ? softCorrelation(source, result, target, mask) : Number.NaN;
  if (!Number.isNaN(correlation)) metrics["soft.spearman"] = correlation;
  return metrics;
}

/** Mean absolute difference of neighbours of which one is in the mask and the other is not; NaN without a border. */
function acrossBorder({ width, height, data }: Picture, mask: Mask): number {
  const open = inside(mask);
  let [sum, n] = [0, 0];
  const compare = (i: number, j: number) => {
    if (open(i) === open(j)) return;
    for (let k = 0; k < 3; k++) sum += Math.abs(data[4 * i + k]! - data[4 * j + k]!);
    n += 3;
  };
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const i = y * width + x;
      if (x + 1 < width) compare(i, i + 1);
      if (y + 1 < height) compare(i, i + width);
    }
  }
  return n === 0 ? Number.NaN : sum / n;
}

/** Of the true change at a pixel, in levels, from which it can be said how much of it was done. */
const VISIBLE_CHANGE = 16;

/**
 * Spearman's rank correlation between a soft mask and the share of the true change that was made, over the pixels that
 * the truth changes visibly. NaN for a mask without soft values there.
 */
function softCorrelation(source: Picture, result: Picture, target: Picture, mask: Mask): number {
  const weights: number[] = [];
  const shares: number[] = [];
  for (let i = 0; i < mask.data.length; i++) {
    const change = distanceAt(source, target, i);
    if (change < VISIBLE_CHANGE || mask.data[i] === 0) continue;
    weights.push(mask.data[i]!);
    shares.push(distanceAt(source, result, i) / change);
  }
  const isSoft = weights.some((m) => m > 0.01 && m < 0.99);
  return isSoft ? spearman(weights, shares) : Number.NaN;
}

function distanceAt(a: Picture, b: Picture, pixel: number): number {
  let sum = 0;
  for (let k = 4 * pixel; k < 4 * pixel + 3; k++) sum += Math.abs(a.data[k]! - b.data[k]!);
  return sum / 3;
}

/**
 * Inside the change mask, the squared error to the target is under a quarter of what the true source has there. Where the
 * truth does not change (a no-op), the whole picture is at least NOOP_PSNR near to it.
 */
function successOf({ result, target, truths, sourceKnown, changed }: TurnView): boolean | null {
  if (!target || !changed) return null;
  if (!changed.data.some((m) => m > 0.5)) return psnr(result, target) >= NOOP_PSNR;
  return sourceKnown ? succeeded(result, truths.at(-1)!, target, inside(changed)) : null;
}

/** Right, and nothing harmed anywhere: sharpness, outlines and mean colours. */
function strictOf(success: boolean | null, metrics: Readonly<Record<string, number>>): boolean | null {
  if (success === null) return null;
  const [low, high] = STRICT_SHARPNESS;
  const isSharp = metrics.sharpness! >= low && metrics.sharpness! <= high;
  const looksRight = (metrics.structure ?? 1) >= STRICT_STRUCTURE && metrics["colour.mean"]! <= STRICT_COLOUR;
  return success && isSharp && looksRight;
}

/**
 * Collapse is not a missed edit: a picture that still is one of the chain's true pictures has only not followed. So it is
 * the distance to the nearest of them that counts.
 */
function collapsedOf({ result, target, truths }: TurnView): boolean | null {
  if (!target) return null;
  const all = [...new Set([...truths, target])].map((truth) => ({
    truth,
    error: squaredError(result, truth),
  }));
  const nearest = all.reduce((best, one) => (one.error < best.error ? one : best));
  const sharpness = highFrequencyEnergy(result) / highFrequencyEnergy(nearest.truth);
  const [low, high] = COLLAPSE_SHARPNESS;
  return psnrOf(nearest.error) < COLLAPSE_PSNR || !(sharpness >= low && sharpness <= high);
}

function meanWhere(map: Float64Array, where: Where): number {
  let [sum, n] = [0, 0];
  for (let i = 0; i < map.length; i++) {
    if (!where(i)) continue;
    sum += map[i]!;
    n++;
  }
  return sum / n;
}
