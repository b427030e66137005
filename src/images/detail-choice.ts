/**
 * With which transform a pixel's colours move: what detail transfer decides first. Measurements: docs/results/detail.md.
 *
 * A model's own errors are larger than what a transform with few parameters misses, so the wide fit is taken where the edit changes
 * colours (detail-kind.ts).
 */
import {
  applyTransform,
  boxMean,
  type FittedTransform,
  type Grid,
  type TransformMap,
} from "./colour-transform.ts";
import { type Unmixed, unmix } from "./colour-unmixing.ts";
import { kindOfChange, MOVED, movedIn, type SmallEdit } from "./detail-kind.ts";
import { boxOfMask } from "./mask.ts";
import { around, distances, down, squares } from "./neighbours.ts";
import type { Box, Picture } from "./picture.ts";

/** Colours are 0 to 1 here. At this distance from the edit the wide transform no longer explains it, where the edit surely changes colours only. */
const WIDE_TAU = 0.4;
/** And the unmixing. */
const SURFACE_TAU = 1.5;
/** Where an edit does not keep the edges, a pixel at this distance is something small and new, such as a star. */
const SMALL_TAU = 0.5;
/** At this distance of the wide fit the edit shows content that the source does not have: in an edit of things, and in one of colours. */
const NOVEL = { things: 0.1, colours: 0.45 };
/** What moved, as MOVED, for what an edit of things leaves to the model. */
const TOUCHED = 0.002;
/** An edit of colours that moves less than about this share of the picture is one of some of its surfaces. */
const LOCAL = { all: 0.25, none: 0.5 };
/** There the unmixing is taken where it leaves less than about this share of the change, and of what the wide fit leaves so many times. */
const LEFT = { all: 0.12, none: 0.25 };
const WORSE = { all: 1.8, none: 2.4 };
/** And in an edit of everything at each pixel around which it leaves hardly more than the wide fit does, beside a noise of this variance. */
const WORSE_HERE = { all: 1.15, none: 1.8 };
const NOISE = 1e-6;
/** What is around them and takes part in the unmixing, in pixels. */
const MARGIN = 6;

/** The transform that is applied, and what weighs it, [h, w] each. */
export interface ChosenTransform {
  readonly map: TransformMap;
  /** Where an edit changes colours: what is added to the transform for each surface, and how far, 0 to 1 at each pixel. */
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
  const local = edges * down(part, LOCAL);
  const box = colours > 0 ? surroundings(moved, small) : undefined;
  const changes = box && unmix(picture, edit, coarse, box, local);
  /** How far a pixel moves with its surface; of an edit of some surfaces `some`, everywhere. */
  const own = new Float32Array(moved.length);
  let some = 0;
  if (changes) {
    const left = leftIn(changes.explained);
    some = local * down(left / leftIn(before), LEFT) * down(left / leftIn(explained), WORSE);
    const [its, others] = [changes.explained, explained].map((one) =>
      boxMean(squares(after, one), small, 1, 2),
    );
    for (let p = 0; p < own.length; p++) {
      const here = colours * (1 - local) * down((its![p]! + NOISE) / (others![p]! + NOISE), WORSE_HERE);
      own[p] = Math.max(some, here);
    }
    for (let i = 0; i < sure.length; i++)
      sure[i] = sure[i]! + own[Math.floor(i / 12)]! * (coarse[i]! - sure[i]!);
    for (let i = 0; i < after.length; i++) {
      explained[i] = explained[i]! + own[Math.floor(i / 3)]! * (changes.explained[i]! - explained[i]!);
    }
  }
  const tau = colours * (WIDE_TAU + some * (SURFACE_TAU - WIDE_TAU));
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
  const counts = share.map((value, p) => own[p]! * value);
  // Where no pixel moves with its surface, the picture need not be gone through for that.
  const surfaces = changes && counts.some((value) => value !== 0) ? { changes, counts } : undefined;
  return { map, surfaces, wide: share, known };
}

/** The box of what moved, and a margin; undefined where nothing did. */
function surroundings(moved: Float32Array, { width, height }: Grid): Box | undefined {
  const box = boxOfMask({ width, height, data: moved });
  if (!box) return undefined;
  const [x, y] = [Math.max(0, box.x - MARGIN), Math.max(0, box.y - MARGIN)];
  const right = Math.min(width, box.x + box.width + MARGIN);
  const below = Math.min(height, box.y + box.height + MARGIN);
  return { x, y, width: right - x, height: below - y };
}
