/**
 * What a box was drawn around: colours that are inside of it and not around it. A reduced form of GrabCut (Rother et al., 2004):
 * clusters of colour in place of mixtures, and relaxation along edges in place of a cut.
 */

import { type Colours, distance } from "./colour-distance.ts";
import type { Box } from "./mask.ts";

const CLUSTERS = 10;
const ROUNDS = 8;
/** How much neighbours of one colour pull at each other, against what a pixel's own colour says. */
const PULL = 2.2;
/** A difference of colour over which neighbours pull half as much. */
const EDGE = 4;
const RELAXATIONS = 24;

/** 1 for each pixel of what the box is around; 0 everywhere outside of it. */
export function insideOfBox(colours: Colours, box: Box): Uint8Array {
  const { width, height } = colours;
  const margin = Math.max(2, Math.round(0.12 * Math.max(box.width, box.height)));
  const [x0, y0] = [Math.max(0, box.x - margin), Math.max(0, box.y - margin)];
  const [x1, y1] = [
    Math.min(width, box.x + box.width + margin),
    Math.min(height, box.y + box.height + margin),
  ];
  const [w, h] = [x1 - x0, y1 - y0];
  const held = new Uint8Array(w * h);
  const part = new Float32Array(3 * w * h);
  for (let y = 0; y < h; y++) {
    for (let x = 0; x < w; x++) {
      const from = 3 * ((y + y0) * width + x + x0);
      part.set(colours.data.subarray(from, from + 3), 3 * (y * w + x));
      const [u, v] = [x + x0 - box.x, y + y0 - box.y];
      held[y * w + x] = u >= 0 && v >= 0 && u < box.width && v < box.height ? 1 : 0;
    }
  }
  const likely = likelihoods(part, held);
  const inside = relax(part, likely, held, w, h);
  const result = new Uint8Array(width * height);
  for (let y = 0; y < h; y++)
    for (let x = 0; x < w; x++) result[(y + y0) * width + x + x0] = inside[y * w + x]! > 0.5 ? 1 : 0;
  return result;
}

/** The log-odds of each pixel's cluster: seen inside of the box, or around it. */
function likelihoods(part: Float32Array, held: Uint8Array): Float32Array {
  const centres = kMeans(part);
  const labels = new Uint8Array(held.length);
  const [inBox, around] = [new Float64Array(CLUSTERS), new Float64Array(CLUSTERS)];
  for (let i = 0; i < held.length; i++) {
    labels[i] = nearest(centres, part, 3 * i);
    (held[i] ? inBox : around)[labels[i]!]!++;
  }
  const [insides, arounds] = [sum(inBox), sum(around)];
  const odds = Array.from({ length: CLUSTERS }, (_, k) => {
    const p = (inBox[k]! + 1) / (insides + CLUSTERS);
    const q = (around[k]! + 1) / (arounds + CLUSTERS);
    // Where the box also holds some of what is around it, its share there says that this is not meant.
    return Math.max(-3, Math.min(3, 1.5 * Math.log(p / (1.6 * q))));
  });
  return Float32Array.from(labels, (label, i) => (held[i] ? odds[label]! : -6));
}

const sum = (values: Float64Array) => values.reduce((total, value) => total + value, 0);

function kMeans(part: Float32Array): Float32Array {
  const count = part.length / 3;
  const centres = new Float32Array(3 * CLUSTERS);
  // Begins with colours far from each other, the same every time.
  const far = new Float32Array(count).fill(Number.POSITIVE_INFINITY);
  let at = Math.floor(count / 2);
  for (let k = 0; k < CLUSTERS; k++) {
    centres.set(part.subarray(3 * at, 3 * at + 3), 3 * k);
    let most = -1;
    for (let i = 0; i < count; i++) {
      far[i] = Math.min(far[i]!, distance(part, 3 * i, centres, 3 * k));
      if (far[i]! > most) [most, at] = [far[i]!, i];
    }
  }
  for (let round = 0; round < ROUNDS; round++) {
    const sums = new Float64Array(3 * CLUSTERS);
    const counts = new Float64Array(CLUSTERS);
    for (let i = 0; i < count; i++) {
      const k = nearest(centres, part, 3 * i);
      counts[k]!++;
      for (let c = 0; c < 3; c++) sums[3 * k + c]! += part[3 * i + c]!;
    }
    for (let i = 0; i < centres.length; i++) {
      const n = counts[Math.floor(i / 3)]!;
      if (n > 0) centres[i] = sums[i]! / n;
    }
  }
  return centres;
}

function nearest(centres: Float32Array, part: Float32Array, at: number): number {
  let [best, least] = [0, Number.POSITIVE_INFINITY];
  for (let k = 0; k < CLUSTERS; k++) {
    const away =
      (part[at]! - centres[3 * k]!) ** 2 +
      (part[at + 1]! - centres[3 * k + 1]!) ** 2 +
      (part[at + 2]! - centres[3 * k + 2]!) ** 2;
    if (away < least) [best, least] = [k, away];
  }
  return best;
}

/** Mean field: each pixel between what its colour says and what its neighbours are, weighed by how alike they look. */
function relax(
  part: Float32Array,
  likely: Float32Array,
  held: Uint8Array,
  w: number,
  h: number,
): Float32Array {
  const alike = (i: number, j: number) => 1 / (1 + (distance(part, 3 * i, part, 3 * j) / EDGE) ** 2);
  const right = new Float32Array(w * h);
  const below = new Float32Array(w * h);
  for (let i = 0; i < w * h; i++) {
    if (i % w < w - 1) right[i] = alike(i, i + 1);
    if (i + w < w * h) below[i] = alike(i, i + w);
  }
  const belief = likely.map((odds) => 1 / (1 + Math.exp(-odds)));
  for (let round = 0; round < RELAXATIONS; round++) {
    for (let i = 0; i < w * h; i++) {
      if (!held[i]) continue;
      let pull = 0;
      if (i % w > 0) pull += right[i - 1]! * (2 * belief[i - 1]! - 1);
      if (i % w < w - 1) pull += right[i]! * (2 * belief[i + 1]! - 1);
      if (i >= w) pull += below[i - w]! * (2 * belief[i - w]! - 1);
      if (i + w < w * h) pull += below[i]! * (2 * belief[i + w]! - 1);
      belief[i] = 1 / (1 + Math.exp(-(likely[i]! + PULL * pull)));
    }
  }
  return belief;
}
