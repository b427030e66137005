/**
 * What detail transfer decides at the model's size: with which transform a pixel's colours move, how far that explains the edit, and
 * how much of the change carries the picture's own detail. Measurements: docs/results/detail.md.
 *
 * A model's own errors are larger than what a transform with few parameters misses, so the wide fit is taken where the edit changes
 * colours. Whether it does is seen in the result, over what changed: how much one transform of the whole picture leaves of the
 * change, and how much of the edges of the source and of the edit is in both. Recolours keep their edges, things bring their own.
 */
import {
  applyTransform,
  boxMean,
  type FittedTransform,
  type Grid,
  type TransformMap,
} from "./colour-transform.ts";
import { type Unmixed, unmix } from "./colour-unmixing.ts";
import { boxOfMask } from "./mask.ts";
import type { Box, Picture } from "./picture.ts";

/** Colours are 0 to 1 here. At this distance from the edit the finest transform no longer explains it. */
const TAU = 0.1;
/** And the wide one, where the edit surely changes colours only. */
const WIDE_TAU = 0.4;
/** And the unmixing. */
const SURFACE_TAU = 1.5;
/** Where an edit does not keep the edges, a pixel at this distance is something small and new, such as a star. */
const SMALL_TAU = 0.5;
/** At this distance of the wide fit the edit shows content that the source does not have: in an edit of things, and in one of colours. */
const NOVEL = { things: 0.1, colours: 0.45 };
/** An edit changes colours where one transform leaves less than about this share of the change, or so much of the edges stays. */
const UNEXPLAINED = 0.4;
const KEPT_EDGES = { few: 0.36, most: 0.46 };
/** Of two unrelated textures that share is some 0.4 as well, but their edges do not go together. */
const RELATED = { few: 0.15, most: 0.35 };
/** What moved: a squared distance, the mean of 3×3 pixels. For these two measures, and for what an edit of things leaves to the model. */
const MOVED = 0.01;
const TOUCHED = 0.002;
/** Of a small part of the picture one transform explains anything: the first measure counts where about so much moved. */
const PART = { few: 0.1, most: 0.2 };
/** An edit of colours that moves less than about this share of the picture is one of some of its surfaces. */
const LOCAL = { all: 0.25, none: 0.5 };
/** The unmixing is taken where it leaves less than about this share of the change, and of what the wide fit leaves so many times. */
const LEFT = { all: 0.12, none: 0.25 };
const WORSE = { all: 1.8, none: 2.4 };
/** What is around them and takes part in the unmixing, in pixels. */
const MARGIN = 6;
/** Variance of the finest octave below which its regression says nothing. */
const NOISE = 2e-4;
/** Rows of the model's size around one that changed: what is computed there reads rows that far away. */
const NEAR_ROWS = 10;
/** What moves by less has not changed; two and a half levels of 8 bits. */
const SAME = 2.5 / 255;

/** At the model's size, [h, w, 3]: the source's reconstruction and the edit, and where it was allowed, [h, w]. */
export interface SmallEdit {
  readonly before: Float32Array;
  readonly after: Float32Array;
  readonly allowed: Float32Array | undefined;
  readonly small: Grid;
}

/** The transform that is applied, and what weighs it, [h, w] each. */
export interface ChosenTransform {
  readonly map: TransformMap;
  /** Where an edit changes the colours of some surfaces: what is added to the transform, and how far, 0 to 1 at each pixel. */
  readonly surfaces: { readonly changes: Unmixed; readonly counts: Float32Array } | undefined;
  /** How far it is the wide one, or the surfaces' own. */
  readonly wide: Float32Array;
  /** 1 where nothing is new, 0 where the edit shows what the source does not have. */
  readonly known: Float32Array;
}

/** Between the finest transform and the wide one, or the surfaces' own changes, pixel by pixel. */
export function chooseTransform(
  picture: Picture,
  edit: SmallEdit,
  { whole, coarse, wide, fine }: FittedTransform,
): ChosenTransform {
  const { before, after, small } = edit;
  const moved = movedIn(edit, MOVED);
  const { colours, edges } = kindOfChange(edit, whole, moved);
  const novel = (NOVEL.things + colours * (NOVEL.colours - NOVEL.things)) ** 2;
  const sure = boxMean(wide, small, 12, 1);
  const map = boxMean(fine, small, 12, 1);
  const explained = applyTransform(sure, before);
  const leftIn = (one: Float32Array) =>
    squares(after, one).reduce((sum, value, p) => sum + value * moved[p]!, 1e-6);
  // What is around a pixel decides its colours in an edit of everything, its surface in one of some surfaces.
  const part = moved.reduce((sum, m) => sum + m, 0) / moved.length;
  const few = colours * down(part, LOCAL);
  const box = few > 0 ? surroundings(moved, small) : undefined;
  const changes = box && unmix(picture, edit, coarse, box);
  const left = leftIn(changes?.explained ?? before);
  const own = few * down(left / leftIn(before), LEFT) * down(left / leftIn(explained), WORSE);
  if (changes) {
    for (let i = 0; i < sure.length; i++) sure[i] = sure[i]! + own * (coarse[i]! - sure[i]!);
    for (let i = 0; i < after.length; i++) {
      explained[i] = explained[i]! + own * (changes.explained[i]! - explained[i]!);
    }
  }
  const tau = colours * (WIDE_TAU + own * (SURFACE_TAU - WIDE_TAU));
  const far = squares(after, explained);
  const [off, farthest] = [boxMean(far, small, 1, 1), around(far, small, Math.max)];
  const share = off.map((value, p) =>
    colours === 0
      ? 0
      : Math.exp(-value / tau ** 2) * Math.exp((-(1 - edges) * farthest[p]!) / SMALL_TAU ** 2),
  );
  // What moved in an edit of things is the model's.
  const touched = movedIn(edit, TOUCHED);
  const known = distances(after, applyTransform(wide, before), small).map(
    (value, p) => Math.exp(-value / novel) * (1 - touched[p]! * (1 - colours)),
  );
  for (let at = 0; at < map.length; at++) {
    map[at] = map[at]! + share[Math.floor(at / 12)]! * (sure[at]! - map[at]!);
  }
  const surfaces = changes && own > 0 ? { changes, counts: share.map((value) => own * value) } : undefined;
  return { map, surfaces, wide: share, known };
}

/** 1 up to `all`, 0 from `none` on. */
const down = (value: number, { all, none }: typeof LOCAL) =>
  Math.min(1, Math.max(0, (none - value) / (none - all)));

/** The box of what moved, and a margin; undefined where nothing did. */
function surroundings(moved: Float32Array, { width, height }: Grid): Box | undefined {
  const box = boxOfMask({ width, height, data: moved });
  if (!box) return undefined;
  const [x, y] = [Math.max(0, box.x - MARGIN), Math.max(0, box.y - MARGIN)];
  const right = Math.min(width, box.x + box.width + MARGIN);
  const below = Math.min(height, box.y + box.height + MARGIN);
  return { x, y, width: right - x, height: below - y };
}

/** 1 for what an edit moves visibly, and around it. */
function movedIn({ before, after, allowed, small }: SmallEdit, least: number): Float32Array {
  const apart = distances(after, before, small);
  return around(
    apart.map((value, p) => (value > least && allowed?.[p] !== 0 ? 1 : 0)),
    small,
    Math.max,
  );
}

/**
 * `colours`: 1 for an edit that changes colours, 0 for one that brings, takes or moves things, between them where it is not clear;
 * `edges`: 1 where what changed kept its edges, which is one of the two ways to see that.
 */
function kindOfChange(
  { before, after, allowed, small }: SmallEdit,
  whole: TransformMap,
  moved: Float32Array,
) {
  const rest = applyTransform(whole, before);
  const [sharp, others] = [gradients(before, small), gradients(after, small)];
  let [change, left, both, either, n] = [0, 0, 0, 0, 0];
  // Sums of the lengths x and y, of their squares and of their product.
  let [sx, sy, xx, yy, xy] = [0, 0, 0, 0, 0];
  for (let p = 0; p < moved.length; p++) {
    if (moved[p] === 0) continue;
    for (let i = 3 * p; i < 3 * p + 3; i++) {
      change += (after[i]! - before[i]!) ** 2;
      left += (after[i]! - rest[i]!) ** 2;
    }
    const [x, y] = [sharp[p]!, others[p]!];
    both += Math.min(x, y);
    either += Math.max(x, y);
    n++;
    sx += x;
    sy += y;
    xx += x * x;
    yy += y * y;
    xy += x * y;
  }
  if (change === 0) return { colours: 1, edges: 1 };
  const spread = Math.sqrt(Math.max(0, xx - (sx * sx) / n) * Math.max(0, yy - (sy * sy) / n));
  const related = spread === 0 ? 0 : (xy - (sx * sy) / n) / spread;
  const ramp = (value: number, { few, most }: typeof RELATED) =>
    Math.min(1, Math.max(0, (value - few) / (most - few)));
  const keeps = either === 0 ? 0 : ramp(both / either, KEPT_EDGES) * ramp(related, RELATED);
  const part = n / (allowed ? allowed.filter((m) => m > 0).length : moved.length);
  const explained = ramp(part, PART) * Math.exp(-((left / change / UNEXPLAINED) ** 2));
  return { colours: Math.max(keeps, explained), edges: keeps };
}

/** The length of the colours' gradient, [h, w]; 0 towards the border. */
function gradients(colours: Float32Array, { width, height }: Grid): Float32Array {
  return Float32Array.from({ length: width * height }, (_, p) => {
    let sum = 0;
    for (let i = 3 * p; i < 3 * p + 3; i++) {
      if (p % width < width - 1) sum += (colours[i + 3]! - colours[i]!) ** 2;
      if (p < width * (height - 1)) sum += (colours[i + 3 * width]! - colours[i]!) ** 2;
    }
    return Math.sqrt(sum);
  });
}

/** What is enlarged linearly: A (9), b (3), w, and where anything changes; and what is enlarged with cubic: e' (3), D(M) (3), g. */
export interface BlendMaps {
  readonly linear: Float32Array;
  readonly cubic: Float32Array;
  /** The mean of w over what changed, 0 to 1; 1 where nothing did. */
  readonly carried: number;
}
export const LINEAR = 14;
export const CUBIC = 7;

/**
 * @param source D(I), [h, w, 3]
 * @param moved D(M), [h, w, 3]
 */
export function blendMaps(
  { before, after, allowed, small }: SmallEdit,
  { map, wide, known }: ChosenTransform,
  source: Float32Array,
  moved: Float32Array,
): BlendMaps {
  const n = small.width * small.height;
  const trusted = trustInDetail(after, applyTransform(map, before), small);
  const full = Float32Array.from(after);
  for (let p = 0; p < n; p++) {
    const g = trusted[p]! * known[p]!;
    const d = [0, 1, 2].map((c) => source[3 * p + c]! - before[3 * p + c]!) as [number, number, number];
    for (let c = 0; c < 3; c++) {
      const at = 12 * p + 3 * c;
      full[3 * p + c] = after[3 * p + c]! + g * (map[at]! * d[0] + map[at + 1]! * d[1] + map[at + 2]! * d[2]);
    }
  }
  const residual = distances(full, moved, small);
  const explains = residual.map((value, p) => Math.exp(-value / TAU ** 2) * known[p]!);
  // Smaller by a pixel, so that nothing of the source stays along the border of what is new.
  const weight = boxMean(around(explains, small, Math.min), small, 1, 1);
  for (let p = 0; p < n; p++) weight[p] = wide[p]! + (1 - wide[p]!) * weight[p]!;
  const changed = changedPixels(before, after);
  const active = around(changed, small, Math.max);
  const linear = new Float32Array(LINEAR * n);
  const cubic = new Float32Array(CUBIC * n);
  let [sum, size] = [0, 0];
  for (let p = 0; p < n; p++) {
    linear.set(map.subarray(12 * p, 12 * p + 12), LINEAR * p);
    linear[LINEAR * p + 12] = weight[p]!;
    linear[LINEAR * p + 13] = active[p]!;
    cubic.set(full.subarray(3 * p, 3 * p + 3), CUBIC * p);
    cubic.set(moved.subarray(3 * p, 3 * p + 3), CUBIC * p + 3);
    cubic[CUBIC * p + 6] = trusted[p]! * weight[p]!;
    if (changed[p] === 0 || allowed?.[p] === 0) continue;
    sum += weight[p]!;
    size++;
  }
  return { linear, cubic, carried: size === 0 ? 1 : sum / size };
}

/** 1 for what is not the same, [h, w]. */
function changedPixels(before: Float32Array, after: Float32Array): Float32Array {
  const changed = new Float32Array(after.length / 3);
  for (let i = 0; i < after.length; i++) {
    if (Math.abs(after[i]! - before[i]!) > SAME) changed[Math.floor(i / 3)] = 1;
  }
  return changed;
}

/** For every row of the picture whether anything of it may change, or is near enough to count in the means of what does. */
export function activeRows({ before, after, small }: SmallEdit, height: number): Uint8Array {
  const rows = new Uint8Array(small.height);
  changedPixels(before, after).forEach((one, p) => {
    if (one > 0) rows[Math.floor(p / small.width)] = 1;
  });
  return Uint8Array.from({ length: height }, (_, y) => {
    const row = Math.floor(((y + 0.5) * small.height) / height);
    return Number(rows.subarray(Math.max(0, row - NEAR_ROWS), row + NEAR_ROWS + 1).includes(1));
  });
}

/** Squared distances of colours, over 3×3 pixels. */
const distances = (a: Float32Array, b: Float32Array, small: Grid): Float32Array =>
  boxMean(squares(a, b), small, 1, 1);

/** Squared distances of colours, [h, w]. */
function squares(a: Float32Array, b: Float32Array): Float32Array {
  const out = new Float32Array(a.length / 3);
  for (let i = 0; i < a.length; i++) {
    const p = Math.floor(i / 3);
    out[p] = out[p]! + (a[i]! - b[i]!) ** 2;
  }
  return out;
}

/** How much of the transform's finest octave the edit really has: one regressed on the other over 5×5 pixels; 1 where there is none. */
function trustInDetail(after: Float32Array, explained: Float32Array, small: Grid): Float32Array {
  const [e, m] = [highPass(after, small), highPass(explained, small)];
  const products = new Float32Array((2 * e.length) / 3);
  for (let i = 0; i < e.length; i++) {
    const p = 2 * Math.floor(i / 3);
    products[p] = products[p]! + e[i]! * m[i]!;
    products[p + 1] = products[p + 1]! + m[i]! * m[i]!;
  }
  const means = boxMean(products, small, 2, 2);
  return Float32Array.from({ length: means.length / 2 }, (_, p) =>
    Math.min(1, Math.max(0, (means[2 * p]! + NOISE) / (means[2 * p + 1]! + NOISE))),
  );
}

/** Of a Gaussian with a deviation of one pixel. */
const GAUSS = [0.004433, 0.054006, 0.242036, 0.39905, 0.242036, 0.054006, 0.004433];

function highPass(colours: Float32Array, { width, height }: Grid): Float32Array {
  const clamp = (value: number, length: number) => Math.min(Math.max(value, 0), length - 1);
  const blur = (from: Float32Array, at: (x: number, y: number, k: number) => number) => {
    const out = new Float32Array(from.length);
    for (let y = 0, i = 0; y < height; y++) {
      for (let x = 0; x < width; x++, i += 3) {
        for (let k = 0; k < GAUSS.length; k++) {
          const j = 3 * at(x, y, k - 3);
          for (let c = 0; c < 3; c++) out[i + c] = out[i + c]! + GAUSS[k]! * from[j + c]!;
        }
      }
    }
    return out;
  };
  const rows = blur(colours, (x, y, k) => y * width + clamp(x + k, width));
  const low = blur(rows, (x, y, k) => clamp(y + k, height) * width + x);
  return colours.map((value, i) => value - low[i]!);
}

/** The largest or smallest value among a pixel and its eight neighbours. */
function around(values: Float32Array, { width, height }: Grid, pick: (a: number, b: number) => number) {
  const rows = values.map((value, i) => {
    const x = i % width;
    return pick(value, pick(values[x > 0 ? i - 1 : i]!, values[x < width - 1 ? i + 1 : i]!));
  });
  return rows.map((value, i) =>
    pick(value, pick(rows[i >= width ? i - width : i]!, rows[i < width * (height - 1) ? i + width : i]!)),
  );
}
