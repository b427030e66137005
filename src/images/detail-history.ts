/**
 * What the edits of a chain have brought into a picture that the original does not have. Detail transfer goes from the original to the last edit at once, and a
 * balloon that an earlier turn added looks, after a turn that changed everything, like a strange colour of the sky. Between the two pictures of its
 * own turn it is plainly a thing. So each turn is judged by itself, and what it brought is remembered in squares, a 32nd of the picture wide.
 */
import { boxMean, fitOneTransform, type Grid } from "./colour-transform.ts";
import { kindOfChange, MOVED, movedIn, type SmallEdit } from "./detail-kind.ts";
import type { Mask } from "./mask.ts";
import { distances } from "./neighbours.ts";

/** Squares along the longer side of the picture, and their least side in pixels of the model's size. */
const ALONG = 32;
const LEAST_SIDE = 4;
/** An edit of things is one that changes colours less than this, 0 to 1 ({@link kindOfChange}). */
const THINGS = 0.225;
/** A pixel is new from this squared distance on, the mean of 3×3 pixels; a square, from this share of such pixels. */
const NEW = 0.03;
const SHARE = 0.25;

/**
 * What one edit brought, 1 or 0 for each square, together with what the edits before it had brought.
 *
 * @param edit from the picture before it: its own turn
 */
export function broughtBy(edit: SmallEdit, earlier: Mask | undefined): Mask {
  const { before, after, allowed, small } = edit;
  const side = sideOf(small);
  const { width, height, data } = nothingBrought(small);
  if (earlier) data.set(earlier.data);
  const moved = movedIn(edit, MOVED);
  if (!moved.includes(1)) return { width, height, data };
  const { colours } = kindOfChange(edit, fitOneTransform(before, after, small, allowed), moved);
  if (colours > THINGS) return { width, height, data };
  const counts = new Float32Array(width * height);
  distances(after, before, small).forEach((far, p) => {
    if (far <= NEW || allowed?.[p] === 0) return;
    const at = squareOf(p, small, side, width);
    counts[at] = counts[at]! + 1;
  });
  counts.forEach((count, at) => {
    if (count > SHARE * side ** 2) data[at] = 1;
  });
  return { width, height, data };
}

/** Of a picture of the model's size no square has anything that was brought. */
export function nothingBrought(small: Grid): Mask {
  const { width, height } = squaresOf(small);
  return { width, height, data: new Float32Array(width * height) };
}

/** How far each pixel of the model's size is free of what was brought, 0 to 1, [h, w]; soft along the border. */
export function freeOf(brought: Mask, small: Grid): Float32Array {
  const side = sideOf(small);
  const free = Float32Array.from(
    { length: small.width * small.height },
    (_, p) => 1 - brought.data[squareOf(p, small, side, brought.width)]!,
  );
  return boxMean(free, small, 1, 1);
}

const sideOf = ({ width, height }: Grid): number =>
  Math.max(LEAST_SIDE, Math.ceil(Math.max(width, height) / ALONG));

/** How many squares there are, across and down, in a picture of the model's size. */
export function squaresOf(small: Grid): Grid {
  const side = sideOf(small);
  return { width: Math.ceil(small.width / side), height: Math.ceil(small.height / side) };
}

const squareOf = (p: number, { width }: Grid, side: number, across: number): number =>
  Math.floor(Math.floor(p / width) / side) * across + Math.floor((p % width) / side);
