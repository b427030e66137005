/**
 * A picture as a tree of ever larger regions: areas of one colour, found by flooding its gradient (watershed; Vincent and Soille, 1991) with
 * each pixel of a border given to the area whose colour is nearer (Adams and Bischof, "Seeded region growing", 1994), then merged in
 * pairs, the most alike first (binary partition tree; Salembier and Garrido, 2000).
 */
import { PairHeap } from "../util/pair-heap.ts";
import { type Colours, distance, hueDistance } from "./colour-distance.ts";
import { type Spans, spansOf } from "./solidity.ts";

/** Leaves are the areas, 0 and up; each further node is what two were merged to, and comes after both. */
export interface SegmentTree {
  readonly width: number;
  /** For each pixel, its leaf. */
  readonly leafOf: Int32Array;
  /** −1 for the whole picture. */
  readonly parent: readonly number[];
  /** The difference up to which regions were merged, in differences that can just be seen; 0 for a leaf. */
  readonly height: readonly number[];
  /** In pixels. */
  readonly area: readonly number[];
  /** Mean of the pixels: three values a node. */
  readonly colour: readonly number[];
  /** Length of the outline, and what of it lies on the picture's border. */
  readonly outline: readonly number[];
  readonly border: readonly number[];
}

/** Levels of the gradient to a unit of colour, and how many there are. */
const RESOLUTION = 4;
const LEVELS = 256;
/** Of the picture: areas that are smaller are grain. */
const GRAIN = 0.00012;
/** In pixels, twice the area in relation to the outline: areas that are thinner are borders, in which two things are mixed. */
const THIN = 1.6;

export function segmentsOf(colours: Colours): SegmentTree {
  const { leafOf, colour, area } = flood(colours);
  return merged({ width: colours.width, leafOf, colour, area });
}

function flood({ width, height, data }: Colours) {
  const size = width * height;
  const gradient = new Uint8Array(size);
  const raise = (i: number, j: number) => {
    const step = Math.min(LEVELS - 1, Math.round(RESOLUTION * distance(data, 3 * i, data, 3 * j)));
    if (step > gradient[i]!) gradient[i] = step;
    if (step > gradient[j]!) gradient[j] = step;
  };
  for (let i = 0; i < size; i++) {
    if (i % width < width - 1) raise(i, i + 1);
    if (i + width < size) raise(i, i + width);
  }
  const leafOf = new Int32Array(size).fill(-1);
  const colour: number[] = [];
  const area: number[] = [];
  const queued = new Uint8Array(size);
  const buckets: number[][] = Array.from({ length: LEVELS }, () => []);
  const starts: number[][] = Array.from({ length: LEVELS }, () => []);
  for (let i = 0; i < size; i++) starts[gradient[i]!]!.push(i);
  const next = [0, 0, 0, 0];
  for (let level = 0; level < LEVELS; level++) {
    drain(buckets[level]!);
    for (const at of starts[level]!) {
      if (leafOf[at] !== -1) continue;
      colour.push(0, 0, 0);
      assign(at, area.push(0) - 1);
      drain(buckets[level]!);
    }
  }
  return { leafOf, colour, area };

  /** First come, first served: areas grow towards each other at one pace. */
  function drain(bucket: number[]) {
    for (let i = 0; i < bucket.length; i++) {
      const at = bucket[i]!;
      let [best, least] = [-1, Number.POSITIVE_INFINITY];
      for (let k = neighboursOf(at, width, size, next); k-- > 0; ) {
        const leaf = leafOf[next[k]!]!;
        if (leaf === -1) continue;
        const away = distance(data, 3 * at, colour, 3 * leaf);
        if (away < least) [best, least] = [leaf, away];
      }
      assign(at, best);
    }
    bucket.length = 0;
  }

  function assign(at: number, leaf: number) {
    leafOf[at] = leaf;
    const n = ++area[leaf]!;
    for (let c = 0; c < 3; c++) colour[3 * leaf + c]! += (data[3 * at + c]! - colour[3 * leaf + c]!) / n;
    queued[at] = 1;
    for (let k = neighboursOf(at, width, size, next); k-- > 0; ) {
      const to = next[k]!;
      if (queued[to]) continue;
      queued[to] = 1;
      buckets[Math.max(gradient[at]!, gradient[to]!)]!.push(to);
    }
  }
}

/** Writes the pixels beside, above and below one, and returns how many there are. */
function neighboursOf(at: number, width: number, size: number, out: number[]): number {
  const x = at % width;
  let n = 0;
  if (x > 0) out[n++] = at - 1;
  if (x < width - 1) out[n++] = at + 1;
  if (at >= width) out[n++] = at - width;
  if (at + width < size) out[n++] = at + width;
  return n;
}

/** For each label, how many pairs of pixels it has in common with each other. */
function borders(labels: Int32Array, width: number, count: number): Map<number, number>[] {
  const between = Array.from({ length: count }, () => new Map<number, number>());
  const touch = (a: number, b: number) => {
    if (a === b) return;
    between[a]!.set(b, (between[a]!.get(b) ?? 0) + 1);
    between[b]!.set(a, (between[b]!.get(a) ?? 0) + 1);
  };
  for (let i = 0; i < labels.length; i++) {
    if (i % width < width - 1) touch(labels[i]!, labels[i + 1]!);
    if (i + width < labels.length) touch(labels[i]!, labels[i + width]!);
  }
  return between;
}

/** For each label, how many of its pixels' sides lie on the picture's border. */
function atBorder(labels: Int32Array, width: number, count: number): number[] {
  const border = Array.from({ length: count }, () => 0);
  for (let i = 0; i < labels.length; i++) {
    const x = i % width;
    if (x === 0 || x === width - 1) border[labels[i]!]!++;
    if (i < width || i + width >= labels.length) border[labels[i]!]!++;
  }
  return border;
}

const total = (lengths: ReadonlyMap<number, number>) => [...lengths.values()].reduce((a, b) => a + b, 0);

function merged(leaves: {
  width: number;
  leafOf: Int32Array;
  colour: number[];
  area: number[];
}): SegmentTree {
  const { width, leafOf, colour, area } = leaves;
  const parent = area.map(() => -1);
  const height = area.map(() => 0);
  const between = borders(leafOf, width, area.length);
  const border = atBorder(leafOf, width, area.length);
  const outline = border.map((length, i) => length + total(between[i]!));
  const grain = Math.max(3, GRAIN * leafOf.length);
  const substance = (i: number) => Math.min(area[i]! / grain, (2 * area[i]!) / outline[i]! / THIN);
  const heap = new PairHeap();
  const offer = (a: number, b: number) => {
    const away = hueDistance(colour, 3 * a, colour, 3 * b);
    // A grain belongs to what it lies in, and a border to what it lies along.
    const least = Math.min(substance(a), substance(b));
    heap.push(least < 1 ? 0.25 * least * away : away, a, b);
  };
  for (const [a, others] of between.entries()) for (const b of others.keys()) if (a < b) offer(a, b);
  for (let pair = heap.pop(); pair; pair = heap.pop()) {
    const { key, a, b } = pair;
    if (parent[a] !== -1 || parent[b] !== -1) continue;
    const id = area.push(area[a]! + area[b]!) - 1;
    for (let c = 0; c < 3; c++)
      colour.push((colour[3 * a + c]! * area[a]! + colour[3 * b + c]! * area[b]!) / area[id]!);
    border.push(border[a]! + border[b]!);
    outline.push(outline[a]! + outline[b]! - 2 * (between[a]!.get(b) ?? 0));
    height.push(Math.max(height[a]!, height[b]!, key));
    parent.push(-1);
    [parent[a], parent[b]] = [id, id];
    const around = new Map<number, number>();
    for (const from of [a, b]) {
      for (const [next, length] of between[from]!) {
        if (next === a || next === b) continue;
        around.set(next, (around.get(next) ?? 0) + length);
        between[next]!.delete(from);
      }
    }
    between.push(around);
    for (const [next, length] of around) {
      between[next]!.set(id, length);
      offer(id, next);
    }
  }
  return { width, leafOf, parent, height, area, colour, outline, border };
}

/** A partition of the picture; regions are numbered from 0. */
export interface Regions {
  readonly width: number;
  /** The region of each pixel. */
  readonly of: Int32Array;
  readonly area: readonly number[];
  /** Three values a region. */
  readonly colour: readonly number[];
  /** For each region, the lengths that it has in common with its neighbours. */
  readonly neighbours: readonly ReadonlyMap<number, number>[];
  /** Length of a region's outline, and what of it lies on the picture's border. */
  readonly outline: readonly number[];
  readonly border: readonly number[];
  /** Their rows. */
  readonly spans: Spans;
}

/** The regions as they are where what differs by at most the level is merged. */
export function regionsAt(tree: SegmentTree, level: number): Regions {
  const { parent, height, width, leafOf } = tree;
  const top = new Int32Array(parent.length);
  const area: number[] = [];
  const colour: number[] = [];
  for (let i = parent.length - 1; i >= 0; i--) {
    const up = parent[i]!;
    if (up !== -1 && height[up]! <= level) {
      top[i] = top[up]!;
      continue;
    }
    top[i] = area.push(tree.area[i]!) - 1;
    colour.push(...tree.colour.slice(3 * i, 3 * i + 3));
  }
  const of = new Int32Array(leafOf.length);
  for (let i = 0; i < of.length; i++) of[i] = top[leafOf[i]!]!;
  const border = atBorder(of, width, area.length);
  const neighbours = borders(of, width, area.length);
  const outline = neighbours.map((lengths, i) => total(lengths) + border[i]!);
  return { width, of, area, colour, neighbours, outline, border, spans: spansOf(of, width, area.length) };
}
