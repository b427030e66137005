/**
 * A picture as a tree of ever larger regions: areas of one colour (watershed.ts), merged in pairs, the most alike first (binary partition
 * tree; Salembier and Garrido, 2000).
 */
import { PairHeap } from "../util/pair-heap.ts";
import { type Colours, hueDistance } from "./colour-distance.ts";
import { type Spans, spansOf } from "./solidity.ts";
import { Neighbours, type Touching, touchingOf } from "./touching.ts";
import { type Areas, areasOf } from "./watershed.ts";

/** Leaves are the areas, 0 and up; each further node is what two were merged to, and comes after both. */
export interface SegmentTree {
  readonly width: number;
  /** For each pixel, its leaf. */
  readonly leafOf: Int32Array;
  /** −1 for the whole picture. */
  readonly parent: Int32Array;
  /** The difference up to which regions were merged, in differences that can just be seen; 0 for a leaf. */
  readonly height: Float64Array;
  /** In pixels. */
  readonly area: Int32Array;
  /** Mean of the pixels: three values a node. */
  readonly colour: Float64Array;
  /** Length of the outline, and what of it lies on the picture's border. */
  readonly outline: Int32Array;
  readonly border: Int32Array;
  /** Which leaves lie beside each other. */
  readonly touching: Touching;
}

/** Of the picture: areas that are smaller are grain. */
const GRAIN = 0.00012;
/** In pixels, twice the area in relation to the outline: areas that are thinner are borders, in which two things are mixed. */
const THIN = 1.6;

export function segmentsOf(colours: Colours): SegmentTree {
  const areas = areasOf(colours);
  return merged(areas, colours.width, touchingOf(areas.of, colours.width, areas.count));
}

/** How many of the sides of each area's pixels lie on the picture's border. */
function atBorder({ of, count }: Areas, width: number): Int32Array {
  const border = new Int32Array(count);
  const lastRow = of.length - width;
  for (let x = 0; x < width; x++) {
    border[of[x]!]!++;
    border[of[lastRow + x]!]!++;
  }
  for (let row = 0; row < of.length; row += width) {
    border[of[row]!]!++;
    border[of[row + width - 1]!]!++;
  }
  return border;
}

function merged(areas: Areas, width: number, touching: Touching): SegmentTree {
  const leafOf = areas.of;
  // Every merger leaves one region less, until the whole picture is one.
  const count = 2 * areas.count - 1;
  const parent = new Int32Array(count).fill(-1);
  const height = new Float64Array(count);
  const area = new Int32Array(count);
  const colour = new Float64Array(3 * count);
  const outline = new Int32Array(count);
  const border = new Int32Array(count);
  area.set(areas.size);
  colour.set(areas.colour);
  border.set(atBorder(areas, width));
  outline.set(border);
  for (let i = 0; i < touching.count; i++) {
    outline[touching.a[i]!]! += touching.length[i]!;
    outline[touching.b[i]!]! += touching.length[i]!;
  }
  const grain = Math.max(3, GRAIN * leafOf.length);
  const substance = new Float64Array(count);
  const weigh = (i: number) => {
    substance[i] = Math.min(area[i]! / grain, (2 * area[i]!) / outline[i]! / THIN);
  };
  for (let i = 0; i < areas.count; i++) weigh(i);
  const heap = new PairHeap(2 * touching.count);
  const offer = (a: number, b: number) => {
    const away = hueDistance(colour, 3 * a, colour, 3 * b);
    // A grain belongs to what it lies in, and a border to what it lies along.
    const least = Math.min(substance[a]!, substance[b]!);
    heap.push(least < 1 ? 0.25 * least * away : away, a, b);
  };
  const neighbours = new Neighbours(touching, count);
  const around = new Int32Array(count);
  for (let a = 0; a < areas.count; a++) {
    const n = neighbours.of(a, around);
    for (let k = 0; k < n; k++) if (a < around[k]!) offer(a, around[k]!);
  }
  for (let id = areas.count; id < count; ) {
    const { key, a, b } = heap.pop()!;
    if (parent[a] !== -1 || parent[b] !== -1) continue;
    area[id] = area[a]! + area[b]!;
    for (let c = 0; c < 3; c++)
      colour[3 * id + c] = (colour[3 * a + c]! * area[a]! + colour[3 * b + c]! * area[b]!) / area[id]!;
    border[id] = border[a]! + border[b]!;
    outline[id] = outline[a]! + outline[b]! - 2 * neighbours.merge(a, b, id);
    height[id] = Math.max(height[a]!, height[b]!, key);
    parent[a] = id;
    parent[b] = id;
    weigh(id);
    const n = neighbours.of(id, around);
    for (let k = 0; k < n; k++) offer(id, around[k]!);
    id++;
  }
  return { width, leafOf, parent, height, area, colour, outline, border, touching };
}

/** A picture in regions, which lie beside each other. */
export interface Regions {
  readonly width: number;
  /** For each pixel, its region. */
  readonly of: Int32Array;
  /** In pixels. */
  readonly area: Int32Array;
  /** Three values a region. */
  readonly colour: Float64Array;
  /** For each region, those beside it with the length of the border between them. */
  readonly neighbours: readonly ReadonlyMap<number, number>[];
  /** Length of a region's outline, and what of it lies on the picture's border. */
  readonly outline: Int32Array;
  readonly border: Int32Array;
  /** Their rows. */
  readonly spans: Spans;
}

/** The regions as they are where what differs by at most the level is merged. */
export function regionsAt(tree: SegmentTree, level: number): Regions {
  const { parent, height, width, leafOf, touching } = tree;
  const top = new Int32Array(parent.length);
  const nodes: number[] = [];
  for (let i = parent.length - 1; i >= 0; i--) {
    const up = parent[i]!;
    top[i] = up !== -1 && height[up]! <= level ? top[up]! : nodes.push(i) - 1;
  }
  const of = new Int32Array(leafOf.length);
  for (let i = 0; i < of.length; i++) of[i] = top[leafOf[i]!]!;
  const colour = new Float64Array(3 * nodes.length);
  for (let id = 0; id < nodes.length; id++)
    for (let c = 0; c < 3; c++) colour[3 * id + c] = tree.colour[3 * nodes[id]! + c]!;
  const neighbours = nodes.map(() => new Map<number, number>());
  for (let i = 0; i < touching.count; i++) {
    const [a, b, length] = [top[touching.a[i]!]!, top[touching.b[i]!]!, touching.length[i]!];
    if (a === b) continue;
    neighbours[a]!.set(b, (neighbours[a]!.get(b) ?? 0) + length);
    neighbours[b]!.set(a, (neighbours[b]!.get(a) ?? 0) + length);
  }
  const ofNodes = (values: Int32Array) => Int32Array.from(nodes, (node) => values[node]!);
  return {
    ...{ width, of, colour, neighbours },
    area: ofNodes(tree.area),
    outline: ofNodes(tree.outline),
    border: ofNodes(tree.border),
    spans: spansOf(of, width, nodes.length),
  };
}

/** 1 for each pixel of these regions, 0 elsewhere. */
export function pixelsOf({ of, area }: Regions, members: ReadonlySet<number>): Uint8Array {
  const held = new Uint8Array(area.length);
  for (const member of members) held[member] = 1;
  const inside = new Uint8Array(of.length);
  for (let i = 0; i < inside.length; i++) inside[i] = held[of[i]!]!;
  return inside;
}
