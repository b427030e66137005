/**
 * A coarse mask brought to a picture's size along the picture's edges: a guided filter (He et al., 2013) whose coefficients are found
 * small, and applied to the picture's own pixels (He and Sun, "Fast Guided Filter", 2015), where they decide anything.
 */
import { boxMean } from "./colour-transform.ts";
import type { Box, Mask } from "./mask.ts";
import { type MaskPatch, maskOfPatch } from "./mask-patch.ts";
import type { Picture } from "./picture.ts";

/** Of the longer side: how far from the coarse mask's edge the picture's own is looked for. */
const REACH = 0.02;
/** Of the longer side: over how much a mask fades by default. */
export const SOFTNESS = 0.01;
/** In squared levels from 0 to 1: edges fainter than this are not followed. */
const FAINT = 0.0006;
/** Coefficients are found on at most so many pixels a side. */
const COARSE = 512;
/** How far along the axis, 0 to 1, a colour between points of the grid may lie beyond those of the points around it; what lies farther is a speck. */
const SPECK = 0.1;
/** The filter's value is made steeper about its middle by so much: what is surely inside or outside is so wholly. */
const STEEP = 2;

/** A picture on the grid on which coefficients are found. */
export interface EdgeGuide {
  readonly width: number;
  readonly height: number;
  /** In pixels of the picture: the distance of two points of the grid. */
  readonly factor: number;
  /** Red, green and blue from 0 to 1, [height, width, 3]. */
  readonly colours: Float32Array;
}

/**
 * A coarse mask at the size of the picture, its borders moved to the picture's edges.
 *
 * @param coarse of any size; values from 0 to 1
 */
export function alongEdges(coarse: Mask, picture: Picture): Mask {
  return maskOfPatch(patchAlongEdges(coarse, picture, edgeGuide(picture)), picture);
}

export function edgeGuide({ width, height, data }: Picture): EdgeGuide {
  const factor = Math.max(1, Math.ceil(Math.max(width, height) / COARSE));
  const grid = { width: Math.ceil(width / factor), height: Math.ceil(height / factor) };
  const colours = new Float32Array(3 * grid.width * grid.height);
  for (let y = 0, i = 0; y < grid.height; y++) {
    const row = Math.min(height - 1, y * factor + (factor >> 1)) * width;
    for (let x = 0; x < grid.width; x++, i += 3) {
      const at = 4 * (row + Math.min(width - 1, x * factor + (factor >> 1)));
      for (let c = 0; c < 3; c++) colours[i + c] = data[at + c]! / 255;
    }
  }
  return { ...grid, factor, colours };
}

/** As `alongEdges`, for a guide that is kept. */
export function patchAlongEdges(coarse: Mask, picture: Picture, guide: EdgeGuide): MaskPatch {
  const reach = Math.max(1, Math.round(REACH * Math.max(guide.width, guide.height)));
  // Two means, one after the other, carry the mask no farther than this.
  const mask = onGrid(coarse, guide, 2 * reach + 1);
  if (!mask) return { box: { x: 0, y: 0, width: 0, height: 0 }, levels: new Uint8Array(0) };
  const { box, values } = mask;
  const { small, axis } = projected(guide, mask);
  const mean = (plane: Float32Array) => boxMean(plane, box, 1, reach);
  const product = (a: Float32Array, b: Float32Array) => {
    const out = new Float32Array(a.length);
    for (let i = 0; i < out.length; i++) out[i] = a[i]! * b[i]!;
    return out;
  };
  const [meanG, meanM] = [mean(small), mean(values)];
  const [meanGM, meanGG] = [mean(product(small, values)), mean(product(small, small))];
  const slope = new Float32Array(values.length);
  const offset = new Float32Array(values.length);
  for (let i = 0; i < values.length; i++) {
    const [g, m] = [meanG[i]!, meanM[i]!];
    slope[i] = (meanGM[i]! - g * m) / (meanGG[i]! - g * g + FAINT);
    offset[i] = m - slope[i]! * g;
  }
  return apply({ box, small, slope: mean(slope), offset: mean(offset) }, axis, picture, guide);
}

/** A mask on a part of the guide's grid. */
interface GridMask {
  readonly box: Box;
  /** [box.height, box.width] */
  readonly values: Float32Array;
}

/** What of a mask is not 0, and so many points of the grid around it. */
function onGrid({ width, height, data }: Mask, grid: EdgeGuide, margin: number): GridMask | undefined {
  const nearest = (length: number, of: number) =>
    Int32Array.from({ length }, (_, i) => Math.min(of - 1, Math.floor((i / length) * of)));
  const [columns, lines] = [nearest(grid.width, width), nearest(grid.height, height)];
  let [left, top, right, bottom] = [grid.width, grid.height, -1, -1];
  for (let y = 0; y < grid.height; y++) {
    const line = lines[y]! * width;
    for (let x = 0; x < grid.width; x++) {
      if (data[line + columns[x]!] === 0) continue;
      if (x < left) left = x;
      if (x > right) right = x;
      if (top === grid.height) top = y;
      bottom = y;
    }
  }
  if (right < 0) return undefined;
  const [x, y] = [Math.max(0, left - margin), Math.max(0, top - margin)];
  const box = {
    ...{ x, y },
    width: Math.min(grid.width, right + margin + 1) - x,
    height: Math.min(grid.height, bottom + margin + 1) - y,
  };
  const values = new Float32Array(box.width * box.height);
  for (let v = 0, i = 0; v < box.height; v++) {
    const line = lines[y + v]! * width;
    for (let u = 0; u < box.width; u++, i++) values[i] = data[line + columns[x + u]!]!;
  }
  return { box, values };
}

/** The direction in colour along which inside and outside of the mask differ most, for levels from 0 to 255. */
type Axis = readonly [r: number, g: number, b: number];

/** The guide's colours in the box as one value: how far they lie along the axis. */
function projected(
  { width, colours }: EdgeGuide,
  { box, values }: GridMask,
): { small: Float32Array; axis: Axis } {
  const [inside, outside] = [new Float64Array(4), new Float64Array(4)];
  for (let y = 0, i = 0; y < box.height; y++) {
    let at = 3 * ((box.y + y) * width + box.x);
    for (let x = 0; x < box.width; x++, i++, at += 3) {
      const sums = values[i]! > 0.5 ? inside : outside;
      for (let c = 0; c < 3; c++) sums[c]! += colours[at + c]!;
      sums[3]!++;
    }
  }
  const mean = (sums: Float64Array, c: number) => sums[c]! / Math.max(1, sums[3]!);
  const direction = [0, 1, 2].map((c) => mean(inside, c) - mean(outside, c));
  const length = Math.hypot(...direction);
  // Where both are of one colour on average, brightness has to do.
  const [r, g, b] = (length > 0.05 ? direction.map((d) => d / length) : [0.58, 0.58, 0.58]) as [
    number,
    number,
    number,
  ];
  const small = new Float32Array(values.length);
  for (let y = 0, i = 0; y < box.height; y++) {
    let at = 3 * ((box.y + y) * width + box.x);
    for (let x = 0; x < box.width; x++, i++, at += 3)
      small[i] = r * colours[at]! + g * colours[at + 1]! + b * colours[at + 2]!;
  }
  return { small, axis: [r / 255, g / 255, b / 255] };
}

/** What a colour's place along the axis is multiplied by, and what is added, at the points of a part of the grid. */
interface Coefficients {
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

function apply(coefficients: Coefficients, axis: Axis, picture: Picture, guide: EdgeGuide): MaskPatch {
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
