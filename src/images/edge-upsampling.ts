/**
 * A coarse mask brought to a picture's size along the picture's edges: a guided filter (He et al., 2013) whose coefficients are found
 * small, and applied to the picture's own pixels (He and Sun, "Fast Guided Filter", 2015).
 */
import { boxMean } from "./colour-transform.ts";
import type { Mask } from "./mask.ts";
import type { Picture } from "./picture.ts";

/** Of the longer side: how far from the coarse mask's edge the picture's own is looked for. */
const REACH = 0.02;
/** Of the longer side: over how much a mask fades by default. */
export const SOFTNESS = 0.01;
/** In squared levels from 0 to 1: edges fainter than this are not followed. */
const FAINT = 0.0006;
/** Coefficients below this change no level of the mask. */
const NOTHING = 0.002;
/** Coefficients are found on at most so many pixels a side. */
const COARSE = 512;

/**
 * A coarse mask at the size of the picture, its borders moved to the picture's edges.
 *
 * @param coarse of any size; values from 0 to 1
 */
export function alongEdges(coarse: Mask, picture: Picture): Mask {
  const { width, height } = picture;
  const factor = Math.max(1, Math.ceil(Math.max(width, height) / COARSE));
  const grid = { width: Math.ceil(width / factor), height: Math.ceil(height / factor) };
  const guide = guideOf(picture, grid, coarse, factor);
  const mask = new Float32Array(grid.width * grid.height);
  for (let y = 0; y < grid.height; y++) {
    for (let x = 0; x < grid.width; x++)
      mask[y * grid.width + x] = sample(coarse, x / grid.width, y / grid.height);
  }
  const radius = Math.max(1, Math.round(REACH * Math.max(grid.width, grid.height)));
  const mean = (values: Float32Array) => boxMean(values, grid, 1, radius);
  const [meanG, meanM] = [mean(guide.small), mean(mask)];
  const [meanGM, meanGG] = [
    mean(guide.small.map((g, i) => g * mask[i]!)),
    mean(guide.small.map((g) => g * g)),
  ];
  const slope = new Float32Array(mask.length);
  const offset = new Float32Array(mask.length);
  for (let i = 0; i < mask.length; i++) {
    slope[i] = (meanGM[i]! - meanG[i]! * meanM[i]!) / (meanGG[i]! - meanG[i]! ** 2 + FAINT);
    offset[i] = meanM[i]! - slope[i]! * meanG[i]!;
  }
  return apply({ ...grid, slope: mean(slope), offset: mean(offset) }, guide.axis, picture);
}

function sample({ width, height, data }: Mask, u: number, v: number): number {
  return data[
    Math.min(height - 1, Math.floor(v * height)) * width + Math.min(width - 1, Math.floor(u * width))
  ]!;
}

/** The direction in colour along which inside and outside of the mask's border differ most. */
interface Axis {
  readonly r: number;
  readonly g: number;
  readonly b: number;
  readonly offset: number;
}

function guideOf(
  { width, height, data }: Picture,
  grid: { width: number; height: number },
  coarse: Mask,
  factor: number,
): { small: Float32Array; axis: Axis } {
  const [sums, counts] = [new Float64Array(6), [0, 0] as [number, number]];
  const colours = new Float32Array(3 * grid.width * grid.height);
  for (let y = 0; y < grid.height; y++) {
    for (let x = 0; x < grid.width; x++) {
      const at =
        4 *
        (Math.min(height - 1, y * factor + (factor >> 1)) * width +
          Math.min(width - 1, x * factor + (factor >> 1)));
      const i = y * grid.width + x;
      const side = sample(coarse, x / grid.width, y / grid.height) > 0.5 ? 1 : 0;
      counts[side]++;
      for (let c = 0; c < 3; c++) {
        colours[3 * i + c] = data[at + c]! / 255;
        sums[3 * side + c]! += data[at + c]! / 255;
      }
    }
  }
  const mean = (c: number, side: number) => sums[3 * side + c]! / Math.max(1, counts[side]!);
  const direction = [0, 1, 2].map((c) => mean(c, 1) - mean(c, 0));
  const length = Math.hypot(...direction);
  // Where both are of one colour on average, brightness has to do.
  const [r, g, b] = length > 0.05 ? direction.map((d) => d / length) : [0.58, 0.58, 0.58];
  const axis = { r: r! / 255, g: g! / 255, b: b! / 255, offset: 0 };
  const small = new Float32Array(grid.width * grid.height);
  for (let i = 0; i < small.length; i++)
    small[i] = r! * colours[3 * i]! + g! * colours[3 * i + 1]! + b! * colours[3 * i + 2]!;
  return { small, axis };
}

interface Coefficients {
  readonly width: number;
  readonly height: number;
  readonly slope: Float32Array;
  readonly offset: Float32Array;
}

function apply({ width, height, slope, offset }: Coefficients, axis: Axis, picture: Picture): Mask {
  const data = new Float32Array(picture.width * picture.height);
  const [sx, sy] = [width / picture.width, height / picture.height];
  const columns = new Int32Array(picture.width);
  const parts = new Float32Array(picture.width);
  for (let x = 0; x < picture.width; x++) {
    const at = Math.min(width - 1, Math.max(0, (x + 0.5) * sx - 0.5));
    columns[x] = Math.min(width - 2, Math.floor(at));
    parts[x] = width < 2 ? 0 : at - columns[x]!;
    if (width < 2) columns[x] = 0;
  }
  const [rowSlope, rowOffset] = [new Float32Array(width), new Float32Array(width)];
  for (let y = 0; y < picture.height; y++) {
    const at = Math.min(height - 1, Math.max(0, (y + 0.5) * sy - 0.5));
    const top = Math.floor(at);
    const [a, b] = [top * width, Math.min(height - 1, top + 1) * width];
    let [first, last] = [width, -1];
    for (let x = 0; x < width; x++) {
      rowSlope[x] = slope[a + x]! + (at - top) * (slope[b + x]! - slope[a + x]!);
      rowOffset[x] = offset[a + x]! + (at - top) * (offset[b + x]! - offset[a + x]!);
      // Far from the mask there is nothing but what rounding leaves.
      if (Math.abs(rowSlope[x]!) < NOTHING && rowOffset[x]! < NOTHING) continue;
      first = Math.min(first, x);
      last = x;
    }
    const end = Math.min(picture.width, Math.ceil((last + 2) / sx));
    for (let x = Math.max(0, Math.floor((first - 1) / sx)); x < end; x++) {
      const [k, part] = [columns[x]!, parts[x]!];
      const next = width < 2 ? 0 : k + 1;
      const s = rowSlope[k]! + part * (rowSlope[next]! - rowSlope[k]!);
      const o = rowOffset[k]! + part * (rowOffset[next]! - rowOffset[k]!);
      const i = y * picture.width + x;
      const g =
        axis.r * picture.data[4 * i]! + axis.g * picture.data[4 * i + 1]! + axis.b * picture.data[4 * i + 2]!;
      // Steeper about its middle: what is surely inside or outside is so wholly.
      const value = (s * g + o - 0.5) * 2 + 0.5;
      data[i] = value <= 0 ? 0 : value >= 1 ? 1 : Math.round(value * 255) / 255;
    }
  }
  return { width: picture.width, height: picture.height, data };
}
