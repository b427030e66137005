/**
 * The last step of a guided filter: its coefficients, which are known on a coarse grid, applied to a picture's own pixels. Cells of the grid
 * in which no colour would decide otherwise are filled without looking at the pixels.
 */
import type { Box } from "./mask.ts";
import type { MaskPatch } from "./mask-patch.ts";
import type { Size } from "./model-image.ts";
import type { Picture } from "./picture.ts";

/** How far along the axis, 0 to 1, a colour between points of the grid may lie beyond those around it; what lies farther is a speck. */
const SPECK = 0.1;
/** The filter's value is made steeper about its middle by so much: what is surely inside or outside is so wholly. */
const STEEP = 2;

/** A direction in colour, for levels from 0 to 255. */
export type Axis = readonly [r: number, g: number, b: number];

/** What a colour's place along the axis is multiplied by, and what is added, at the points of a part of the grid. */
export interface Coefficients {
  /** On the guide's grid. */
  readonly box: Box;
  /** How far the guide's colours lie along the axis. */
  readonly small: Float32Array;
  readonly slope: Float32Array;
  readonly offset: Float32Array;
}

/** For each pixel of a line, between which two points of the grid it lies, and how far it is from the first, 0 to 1. */
function between(first: number, length: number, scale: number, points: { from: number; count: number }) {
  const before = new Int32Array(length);
  const part = new Float32Array(length);
  for (let i = 0; i < length; i++) {
    const at = (first + i + 0.5) * scale - 0.5 - points.from;
    const within = Math.min(points.count - 1, Math.max(0, at));
    before[i] = Math.max(0, Math.min(points.count - 2, Math.floor(within)));
    part[i] = within - before[i]!;
  }
  return { before, part };
}

/** What the mask is between four points of the grid, whatever the colours are there. */
const [NOTHING, ALL, MIXED] = [0, 1, 2];

/** The mask in the picture around the part of the grid, which is of `guide`'s size. */
export function levelsAlong(
  coefficients: Coefficients,
  axis: Axis,
  picture: Picture,
  guide: Size,
): MaskPatch {
  const grid = coefficients.box;
  const [sx, sy] = [guide.width / picture.width, guide.height / picture.height];
  const box = inPicture(grid, picture, sx, sy);
  const across = between(box.x, box.width, sx, { from: grid.x, count: grid.width });
  const down = between(box.y, box.height, sy, { from: grid.y, count: grid.height });
  const levels = new Uint8Array(box.width * box.height);
  const starts = startsOf(across.before);
  const kinds = new Uint8Array(starts.length - 1);
  const kindAt = kindsOf(coefficients);
  for (let top = 0, end = 0; top < box.height; top = end) {
    const above = down.before[top]!;
    for (end = top + 1; end < box.height && down.before[end] === above; ) end++;
    for (let k = 0; k < kinds.length; k++) kinds[k] = kindAt(above * grid.width + across.before[starts[k]!]!);
    const cells = { starts, kinds, before: across.before, parts: across.part };
    for (let y = top; y < end; y++) {
      const line = { above, part: down.part[y]! };
      const pixels = 4 * ((box.y + y) * picture.width + box.x);
      fillRow(levels, y * box.width, cells, line, coefficients, axis, picture.data, pixels);
    }
  }
  return { box, levels };
}

/** The pixels of a row between points of the grid: where each cell begins, and what it is. */
interface Cells {
  readonly starts: Int32Array;
  readonly kinds: Uint8Array;
  /** For each pixel, the point before it, and how far it is from that. */
  readonly before: Int32Array;
  readonly parts: Float32Array;
}

/** @param row where in `levels` the row begins, and `pixels` where in the picture's data */
function fillRow(
  levels: Uint8Array,
  row: number,
  { starts, kinds, before, parts }: Cells,
  { above, part }: { above: number; part: number },
  { box: grid, slope, offset }: Coefficients,
  [r, g, b]: Axis,
  data: Uint8ClampedArray,
  pixels: number,
): void {
  const [right, below] = [grid.width > 1 ? 1 : 0, grid.height > 1 ? grid.width : 0];
  for (let k = 0; k < kinds.length; k++) {
    const kind = kinds[k]!;
    if (kind === NOTHING) continue;
    const from = starts[k]!;
    if (kind === ALL) {
      while (k + 1 < kinds.length && kinds[k + 1] === ALL) k++;
      levels.fill(255, row + from, row + starts[k + 1]!);
      continue;
    }
    const i = above * grid.width + before[from]!;
    const j = i + below;
    const s = slope[i]! + part * (slope[j]! - slope[i]!);
    const o = offset[i]! + part * (offset[j]! - offset[i]!);
    const ds = slope[i + right]! + part * (slope[j + right]! - slope[i + right]!) - s;
    const step = offset[i + right]! + part * (offset[j + right]! - offset[i + right]!) - o;
    const end = starts[k + 1]!;
    for (let x = from, at = pixels + 4 * from; x < end; x++, at += 4) {
      const p = parts[x]!;
      const along = r * data[at]! + g * data[at + 1]! + b * data[at + 2]!;
      const level = 255 * (((s + p * ds) * along + o + p * step - 0.5) * STEEP + 0.5) + 0.5;
      levels[row + x] = level < 0 ? 0 : level > 255 ? 255 : level;
    }
  }
}

/** What the mask is between a point of the grid and the next ones, whatever the colours are there within reason. */
function kindsOf({ box, small, slope, offset }: Coefficients): (point: number) => number {
  const [right, below] = [box.width > 1 ? 1 : 0, box.height > 1 ? box.width : 0];
  const [low, high] = [0.5 - 0.5 / STEEP, 0.5 + 0.5 / STEEP];
  const darkest = around(small, box, Math.min);
  const lightest = around(small, box, Math.max);
  const [least, most] = [darkest, lightest];
  for (let i = 0; i < slope.length; i++) {
    const [one, other] = [slope[i]! * (darkest[i]! - SPECK), slope[i]! * (lightest[i]! + SPECK)];
    least[i] = offset[i]! + Math.min(one, other);
    most[i] = offset[i]! + Math.max(one, other);
  }
  return (i) => {
    const j = i + below;
    if (Math.min(least[i]!, least[i + right]!, least[j]!, least[j + right]!) >= high) return ALL;
    return Math.max(most[i]!, most[i + right]!, most[j]!, most[j + right]!) <= low ? NOTHING : MIXED;
  };
}

/** The least or the most of each point and the eight around it. */
function around(
  plane: Float32Array,
  { width, height }: Box,
  pick: (a: number, b: number) => number,
): Float32Array {
  const rows = new Float32Array(plane.length);
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++)
      rows[i] = pick(plane[i]!, pick(plane[x > 0 ? i - 1 : i]!, plane[x < width - 1 ? i + 1 : i]!));
  }
  const out = new Float32Array(plane.length);
  for (let i = 0; i < out.length; i++)
    out[i] = pick(
      rows[i]!,
      pick(rows[i < width ? i : i - width]!, rows[i + width < out.length ? i + width : i]!),
    );
  return out;
}

/** Where each run of one value begins, and where the last one ends. */
function startsOf(values: Int32Array): Int32Array {
  const starts: number[] = [];
  for (let i = 0; i < values.length; i++) if (i === 0 || values[i] !== values[i - 1]) starts.push(i);
  return Int32Array.from([...starts, values.length]);
}

/** The pixels that lie nearest to a box of the grid; up to the picture's border where the box goes up to the grid's. */
function inPicture(box: Box, { width, height }: Picture, sx: number, sy: number): Box {
  const [x, y] = [Math.floor(box.x / sx), Math.floor(box.y / sy)];
  return {
    ...{ x, y },
    width: Math.min(width, Math.ceil((box.x + box.width) / sx)) - x,
    height: Math.min(height, Math.ceil((box.y + box.height) / sy)) - y,
  };
}
