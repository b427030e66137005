/**
 * The outline of a thing, improved area by area: what is of one colour with it and touches it (a cloud behind a balloon) was merged
 * with it, and a side in shade may have been merged with something else.
 */
import { hueDistance } from "./colour-distance.ts";
import { pixelsOf, type Regions, regionsAt, type SegmentTree } from "./segments.ts";
import { solidity, solidityOf } from "./solidity.ts";

/** Two areas of one colour, in light and in shade. */
export const ALIKE = 6;
/** Of the area of one side of a thing: the other is smaller than this. */
export const SIDE = 4;
/** Of its convex hull: how much a thing fills that is seen wholly. */
export const FULL = 0.85;
/** A larger set of areas may fill its hull by this much less than a smaller one. */
const SLACK = 0.05;
/** What leaving out areas has to add to how full the outline is. */
const GAIN = 0.02;
/** Of a thing: the area under the point, at least, or the thing is no set of even areas; and areas that are smaller make no difference. */
const START = 0.03;
const SMALL = 0.02;
/** Of a thing that lies within the picture: less of it is a part. */
const REST = 0.3;
const MOST = 16;

/** The pixels, or those of a set of areas around the point that fill their hull better. */
export function fullest(tree: SegmentTree, pixels: Uint8Array, at: number): Uint8Array {
  const { width } = tree;
  const areas = regionsAt(tree, 0);
  const size = sum(pixels);
  const start = areas.of[at]!;
  if (areas.area[start]! < START * size) return pixels;
  const held = areas.area.map(() => 0);
  let cut = false;
  for (let i = 0; i < pixels.length; i++) {
    held[areas.of[i]!]! += pixels[i]!;
    const x = i % width;
    if (pixels[i] && (x === 0 || x === width - 1 || i < width || i + width >= pixels.length)) cut = true;
  }
  const within = (id: number) => held[id]! > 0.5 * areas.area[id]!;
  const side = (id: number) =>
    hueDistance(areas.colour, 3 * start, areas.colour, 3 * id) < ALIKE &&
    areas.area[id]! < SIDE * areas.area[start]! &&
    areas.border[id] === 0;
  const members = new Set([start]);
  const fillsOf = (...ids: readonly number[]) => solidityOf(areas.spans, areas.area, ids);
  const chain = [{ members: new Set(members), fills: fillsOf(start) }];
  while (members.size < MOST) {
    let best = { id: -1, fills: 0 };
    for (const id of around(areas, members)) {
      if (areas.area[id]! < SMALL * size || !(within(id) || side(id))) continue;
      const fills = fillsOf(...members, id);
      if (fills > best.fills) best = { id, fills };
    }
    if (best.id === -1) break;
    members.add(best.id);
    chain.push({ members: new Set(members), fills: best.fills });
  }
  const most = Math.max(...chain.map(({ fills }) => fills));
  const last = chain.findLast(({ fills }) => fills >= Math.max(FULL, most - SLACK));
  if (!last) return pixels;
  const found = withSmall(areas, last.members, pixels, size);
  const before = solidity(pixels, width);
  const both = found.reduce((n, one, i) => n + (one & pixels[i]!), 0);
  const larger = both > 0.9 * size && sum(found) > size && last.fills >= before;
  const fuller = last.fills > before + GAIN && (cut || both > REST * size);
  return larger || fuller ? found : pixels;
}

function sum(pixels: Uint8Array): number {
  let total = 0;
  for (let i = 0; i < pixels.length; i++) total += pixels[i]!;
  return total;
}

function around({ neighbours }: Regions, members: ReadonlySet<number>): Set<number> {
  const found = new Set<number>();
  for (const member of members)
    for (const next of neighbours[member]!.keys()) if (!members.has(next)) found.add(next);
  return found;
}

/** With the small areas of a thing that lie mostly along what was found of it: borders, in which two colours are mixed. */
function withSmall(
  areas: Regions,
  members: ReadonlySet<number>,
  pixels: Uint8Array,
  size: number,
): Uint8Array {
  const found = pixelsOf(areas, members);
  for (let i = 0; i < found.length; i++) {
    const id = areas.of[i]!;
    if (found[i] || !pixels[i] || areas.area[id]! >= SMALL * size) continue;
    let along = 0;
    for (const [next, length] of areas.neighbours[id]!) if (members.has(next)) along += length;
    if (along > 0.5 * areas.outline[id]!) found[i] = 1;
  }
  return found;
}
