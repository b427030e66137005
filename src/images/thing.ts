/**
 * The thing under a point, out of the tree of a picture's regions: the region of one material that stays the same over the widest
 * range of differences (as maximally stable extremal regions do; Matas et al., 2002), and what completes its outline: a stripe between
 * two panels of one colour, or the panels that a stripe lies between.
 */

import { hueDistance } from "./colour-distance.ts";
import { ALIKE, FULL, fullest, SIDE } from "./fullest.ts";
import type { Box } from "./mask.ts";
import { pixelsOf, type Regions, regionsAt, type SegmentTree } from "./segments.ts";
import { solidity, solidityOf } from "./solidity.ts";

/** Of the picture: what is larger is the background, and not a thing. */
const MAX_SHARE = 0.6;
/** Of the picture: what is smaller is a part of a thing. */
const MIN_SHARE = 0.003;
/** Regions on the way from the point to the whole picture that are looked at. */
const CANDIDATES = 8;
/** Levels above that at which a material was merged, in visible differences, at which what is around it is looked at. */
const LEVELS = [0, 1, 2, 4, 8];
/** The level at which a rough selection is brought to regions. */
const ROUGH = 2;
/** Differences below this are noise. */
const NOISE = 3;

/** 1 for each pixel of the thing at x, y; 0 elsewhere. */
export function thingAt(tree: SegmentTree, x: number, y: number): Uint8Array {
  const at = y * tree.width + x;
  const { from, to } = materialAt(tree, tree.leafOf[at]!);
  let best = { pixels: new Uint8Array(0) as Uint8Array, fills: 0 };
  // What is around the material may be in pieces at one level, and merged with what is behind it at another.
  for (const level of LEVELS) {
    if (level > 0 && from + level >= to) break;
    const regions = regionsAt(tree, from + level);
    const start = regions.of[at]!;
    const members = completed(regions, start);
    const pixels = pixelsOf(regions, members);
    const fills = members.size > 1 ? solidityOf(regions.spans, regions.area, members) : 0;
    if (level === 0 || fills > best.fills) best = { pixels, fills };
  }
  return fullest(tree, best.pixels, at);
}

/** Between which differences the material that a leaf belongs to stays what it is. */
function materialAt(tree: SegmentTree, leaf: number): { from: number; to: number } {
  const { parent, height, area, leafOf } = tree;
  const found: { node: number; score: number }[] = [];
  for (let at = leaf; parent[at] !== -1 && area[at]! <= MAX_SHARE * leafOf.length; at = parent[at]!) {
    const life = Math.log((height[parent[at]!]! + NOISE) / (height[at]! + NOISE));
    found.push({ node: at, score: life * Math.min(1, area[at]! / (MIN_SHARE * leafOf.length)) ** 2 });
  }
  let best = { node: leaf, score: 0 };
  for (const { node, score } of found.sort((a, b) => b.score - a.score).slice(0, CANDIDATES)) {
    const free = Math.max(0.25, 1 - 2 * (tree.border[node]! / tree.outline[node]!));
    const total = score * free * solidity(pixelsUnder(tree, node), tree.width);
    if (total > best.score) best = { node, score: total };
  }
  return { from: height[best.node]!, to: height[parent[best.node]!] ?? Number.POSITIVE_INFINITY };
}

function pixelsUnder({ parent, leafOf }: SegmentTree, node: number): Uint8Array {
  const under = new Uint8Array(node + 1);
  under[node] = 1;
  for (let i = node - 1; i >= 0; i--) under[i] = parent[i]! <= node ? under[parent[i]!]! : 0;
  const inside = new Uint8Array(leafOf.length);
  for (let i = 0; i < inside.length; i++) inside[i] = leafOf[i]! <= node ? under[leafOf[i]!]! : 0;
  return inside;
}

/** Of the picture, and of a region's outline that lies on the picture's border: more is background. */
const GROUND = { area: 0.25, border: 0.1 };
/** Of the outline of a part: how much of it lies within the thing. */
const HELD = 0.5;
/** Of the outline of a panel: where more of it lies along one area, it lies in that, as a door in a wall. */
const ENCLOSED = 0.7;
/** Of the outline of a side in shade: how much of it lies along the thing. */
const SHADED = 0.15;
/** How much of its convex hull a part adds. */
const GAIN = 0.12;

/**
 * The start with what completes it: two sets of regions are one thing where one lies between the parts of the other, and only both
 * together fill their convex hull.
 */
function completed(regions: Regions, start: number): ReadonlySet<number> {
  let members = new Set([start]);
  if (isGround(regions, start)) return members;
  const fillsOf = (ids: ReadonlySet<number>) => solidityOf(regions.spans, regions.area, ids);
  const { neighbours } = regions;
  const alike = (a: number, b: number) => hueDistance(regions.colour, 3 * a, regions.colour, 3 * b) < ALIKE;
  // A side in shade is no larger than what it completes, and does not run out of the picture where that does not.
  const belongs = (next: number) =>
    regions.area[next]! < SIDE * regions.area[start]! &&
    (regions.border[next] === 0 || regions.border[start]! > 0);
  for (let round = 0; round < 3; round++) {
    const around = new Set<number>();
    for (const member of members)
      for (const next of neighbours[member]!.keys())
        if (!members.has(next) && !isGround(regions, next)) around.add(next);
    let best = { members, fills: 0 };
    for (const next of around) {
      const beyond = [...neighbours[next]!.keys()].filter(
        (id) =>
          !members.has(id) &&
          !isGround(regions, id) &&
          neighbours[id]!.get(next)! < ENCLOSED * regions.outline[id]! &&
          [...members].some((one) => alike(one, id)),
      );
      const flanks = [...around].filter((id) => id === next || alike(id, next));
      if (alike(start, next) && belongs(next) && heldBy(regions, new Set([next]), members) > SHADED) {
        const both = new Set([...members, next]);
        const fills = fillsOf(both);
        if (fills >= FULL && fills > best.fills && fills >= fillsOf(members) - 0.01)
          best = { members: both, fills };
      }
      for (const [frame, filling] of [
        [new Set([...members, ...beyond]), new Set([next])],
        [new Set(flanks), members],
      ] as const) {
        if (heldBy(regions, filling, frame) < HELD) continue;
        const both = new Set([...frame, ...filling]);
        const fills = fillsOf(both);
        if (fills < FULL || fills <= best.fills) continue;
        if (fills - fillsOf(frame) >= GAIN) best = { members: both, fills };
      }
    }
    if (best.fills === 0) break;
    members = best.members;
  }
  return members;
}

function isGround({ of, area, border, outline }: Regions, id: number): boolean {
  return area[id]! > GROUND.area * of.length || border[id]! > GROUND.border * outline[id]!;
}

/** Of the outline of the filling, how much it has in common with the frame. */
function heldBy({ neighbours }: Regions, filling: ReadonlySet<number>, frame: ReadonlySet<number>): number {
  let [outline, common] = [0, 0];
  for (const id of filling) {
    for (const [next, length] of neighbours[id]!) {
      if (filling.has(next)) continue;
      outline += length;
      if (frame.has(next)) common += length;
    }
  }
  return common / Math.max(1, outline);
}

/**
 * What is selected by a rough hand, brought to the picture's regions: those that are mostly in the box, and mostly selected. Where the
 * thing is of one colour with what is around the box, there are no such regions, and the rough selection stays.
 */
export function wholeRegions(tree: SegmentTree, rough: Uint8Array, box: Box): Uint8Array {
  const { of, area, width } = regionsAt(tree, ROUGH);
  const selected = new Int32Array(area.length);
  const within = new Int32Array(area.length);
  const inBox = (i: number) => {
    const [x, y] = [(i % width) - box.x, Math.floor(i / width) - box.y];
    return x >= 0 && y >= 0 && x < box.width && y < box.height;
  };
  let all = 0;
  for (let i = 0; i < rough.length; i++) {
    all += rough[i]!;
    selected[of[i]!]! += rough[i]!;
    if (inBox(i)) within[of[i]!]!++;
  }
  const whole = Uint8Array.from(area, (n, id) =>
    within[id]! > 0.5 * n && selected[id]! > 0.5 * within[id]! ? 1 : 0,
  );
  const result = new Uint8Array(rough.length);
  let kept = 0;
  for (let i = 0; i < rough.length; i++) if (whole[of[i]!] && inBox(i)) kept += result[i] = 1;
  return kept > 0.5 * all ? result : rough;
}
