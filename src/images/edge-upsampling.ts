/**
 * A coarse mask brought to a picture's size along the picture's edges: a guided filter (He et al., 2013) whose coefficients are found
 * small, and applied to the picture's own pixels (He and Sun, "Fast Guided Filter", 2015), where they decide anything.
 */
import { boxMean } from "./colour-transform.ts";
import { type Axis, levelsAlong } from "./edge-levels.ts";
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
  return levelsAlong({ box, small, slope: mean(slope), offset: mean(offset) }, axis, picture, guide);
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

/** The guide's colours in the box as one value: how far they lie in the direction in which inside and outside of the mask differ most. */
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
