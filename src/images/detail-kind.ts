/**
 * What kind of change an edit is, for detail transfer: one of colours, or one of things that come, go or move.
 *
 * It is seen in the result, over what changed, and not in the instruction: how much one transform of the whole picture leaves of the
 * change, and how much of the edges of the source and of the edit is in both. Recolours keep their edges, things bring their own.
 */
import { applyTransform, type Grid, type TransformMap } from "./colour-transform.ts";
import { around, distances } from "./neighbours.ts";

/** What moved, for both measures: a squared distance of colours (0 to 1), the mean of 3×3 pixels. */
export const MOVED = 0.01;
/** An edit changes colours where one transform leaves less than about this share of the change, or so much of the edges stays. */
const UNEXPLAINED = 0.4;
const KEPT_EDGES = { few: 0.36, most: 0.46 };
/** Of two unrelated textures that share is some 0.4 as well, but their edges do not go together. */
const RELATED = { few: 0.15, most: 0.35 };
/** Of a small part of the picture one transform explains anything: the first measure counts where about so much moved. */
const PART = { few: 0.1, most: 0.2 };

/** At the model's size, [h, w, 3]: the source's reconstruction and the edit, and where it was allowed, [h, w]. */
export interface SmallEdit {
  readonly before: Float32Array;
  readonly after: Float32Array;
  readonly allowed: Float32Array | undefined;
  readonly small: Grid;
}

/** 1 for what an edit moves visibly, and around it. */
export function movedIn({ before, after, allowed, small }: SmallEdit, least: number): Float32Array {
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
export function kindOfChange({ before, after, small }: SmallEdit, whole: TransformMap, moved: Float32Array) {
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
  const part = n / moved.length;
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
