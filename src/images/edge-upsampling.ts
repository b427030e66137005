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
  const whole = new Float32Array(guide.width * guide.height);
  for (let y = 0; y < guide.height; y++) {
    for (let x = 0; x < guide.width; x++)
      whole[y * guide.width + x] = sample(coarse, x / guide.width, y / guide.height);
  }
  // Two means, one after the other, carry the mask no farther than this.
  const box = boxAround(whole, guide, 2 * reach + 1);
  if (!box) return { box: { x: 0, y: 0, width: 0, height: 0 }, levels: new Uint8Array(0) };
  const mask = cut(whole, guide.width, 1, box);
  const { small, axis } = projected(cut(guide.colours, guide.width, 3, box), mask);
  const mean = (values: Float32Array) => boxMean(values, box, 1, reach);
  const product = (a: Float32Array, b: Float32Array) => {
    const out = new Float32Array(a.length);
    for (let i = 0; i < out.length; i++) out[i] = a[i]! * b[i]!;
    return out;
  };
  const [meanG, meanM] = [mean(small), mean(mask)];
  const [meanGM, meanGG] = [mean(product(small, mask)), mean(product(small, small))];
  const slope = new Float32Array(mask.length);
  const offset = new Float32Array(mask.length);
  for (let i = 0; i < mask.length; i++) {
    slope[i] = (meanGM[i]! - meanG[i]! * meanM[i]!) / (meanGG[i]! - meanG[i]! ** 2 + FAINT);
    offset[i] = meanM[i]! - slope[i]! * meanG[i]!;
  }
  return apply({ box, slope: mean(slope), offset: mean(offset) }, axis, picture, guide);
}

function sample({ width, height, data }: Mask, u: number, v: number): number {
  return data[
    Math.min(height - 1, Math.floor(v * height)) * width + Math.min(width - 1, Math.floor(u * width))
  ]!;
}

function boxAround(mask: Float32Array, { width, height }: EdgeGuide, margin: number): Box | undefined {
  let [left, top, right, bottom] = [width, height, -1, -1];
  for (let i = 0, y = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      if (mask[i] === 0) continue;
      if (x < left) left = x;
      if (x > right) right = x;
      if (top === height) top = y;
      bottom = y;
    }
  }
  if (right < 0) return undefined;
  const [x, y] = [Math.max(0, left - margin), Math.max(0, top - margin)];
  return {
    ...{ x, y },
    width: Math.min(width, right + margin + 1) - x,
    height: Math.min(height, bottom + margin + 1) - y,
  };
}

function cut(values: Float32Array, stride: number, channels: number, box: Box): Float32Array {
  const out = new Float32Array(channels * box.width * box.height);
  for (let y = 0; y < box.height; y++) {
    const from = channels * ((box.y + y) * stride + box.x);
    out.set(values.subarray(from, from + channels * box.width), channels * y * box.width);
  }
  return out;
}

/** The direction in colour along which inside and outside of the mask differ most, for levels from 0 to 255. */
type Axis = readonly [r: number, g: number, b: number];

/** Colours as one value: how far they lie along the axis. */
function projected(colours: Float32Array, mask: Float32Array): { small: Float32Array; axis: Axis } {
  const sums = new Float64Array(6);
  const counts = [0, 0];
  for (let i = 0; i < mask.length; i++) {
    const side = mask[i]! > 0.5 ? 1 : 0;
    counts[side]!++;
    for (let c = 0; c < 3; c++) sums[3 * side + c]! += colours[3 * i + c]!;
  }
  const mean = (c: number, side: number) => sums[3 * side + c]! / Math.max(1, counts[side]!);
  const direction = [0, 1, 2].map((c) => mean(c, 1) - mean(c, 0));
  const length = Math.hypot(...direction);
  // Where both are of one colour on average, brightness has to do.
  const [r, g, b] = (length > 0.05 ? direction.map((d) => d / length) : [0.58, 0.58, 0.58]) as [
    number,
    number,
    number,
  ];
  const small = new Float32Array(mask.length);
  for (let i = 0; i < small.length; i++)
    small[i] = r * colours[3 * i]! + g * colours[3 * i + 1]! + b * colours[3 * i + 2]!;
  return { small, axis: [r / 255, g / 255, b / 255] };
}

interface Coefficients {
  /** On the guide's grid. */
  readonly box: Box;
  readonly slope: Float32Array;
  readonly offset: Float32Array;
}

function apply(coefficients: Coefficients, axis: Axis, picture: Picture, guide: EdgeGuide): MaskPatch {
  const { box: coarse, slope, offset } = coefficients;
  const [sx, sy] = [guide.width / picture.width, guide.height / picture.height];
  const box = inPicture(coarse, picture, sx, sy);
  const levels = new Uint8Array(box.width * box.height);
  const columns = new Int32Array(box.width);
  const parts = new Float32Array(box.width);
  for (let x = 0; x < box.width; x++) {
    const at = Math.min(coarse.width - 1, Math.max(0, (box.x + x + 0.5) * sx - 0.5 - coarse.x));
    columns[x] = Math.max(0, Math.min(coarse.width - 2, Math.floor(at)));
    parts[x] = at - columns[x]!;
  }
  // Between which values every colour lies along the axis.
  const low = 255 * axis.reduce((sum, a) => sum + Math.min(0, a), 0);
  const high = 255 * axis.reduce((sum, a) => sum + Math.max(0, a), 0);
  const [r, g, b] = axis;
  const [certain, never] = [0.5 + 0.5 / STEEP, 0.5 - 0.5 / STEEP];
  const [slopes, offsets] = [new Float32Array(coarse.width + 1), new Float32Array(coarse.width + 1)];
  for (let y = 0; y < box.height; y++) {
    const at = Math.min(coarse.height - 1, Math.max(0, (box.y + y + 0.5) * sy - 0.5 - coarse.y));
    const [above, part] = [Math.floor(at), at - Math.floor(at)];
    const below = Math.min(coarse.height - 1, above + 1);
    for (let x = 0; x < coarse.width; x++) {
      const [i, j] = [above * coarse.width + x, below * coarse.width + x];
      slopes[x] = slope[i]! + part * (slope[j]! - slope[i]!);
      offsets[x] = offset[i]! + part * (offset[j]! - offset[i]!);
    }
    slopes[coarse.width] = slopes[coarse.width - 1]!;
    offsets[coarse.width] = offsets[coarse.width - 1]!;
    const row = y * box.width;
    for (let x = 0; x < box.width; ) {
      const k = columns[x]!;
      let end = x + 1;
      while (end < box.width && columns[end] === k) end++;
      const [s0, s1, o0, o1] = [slopes[k]!, slopes[k + 1]!, offsets[k]!, offsets[k + 1]!];
      const least = Math.min(o0 + Math.min(s0 * low, s0 * high), o1 + Math.min(s1 * low, s1 * high));
      const most = Math.max(o0 + Math.max(s0 * low, s0 * high), o1 + Math.max(s1 * low, s1 * high));
      // Far from the mask's border no colour would decide otherwise.
      if (least >= certain) levels.fill(255, row + x, row + end);
      else if (most > never) {
        let i = 4 * ((box.y + y) * picture.width + box.x + x);
        for (let u = x; u < end; u++, i += 4) {
          const p = parts[u]!;
          const along = r * picture.data[i]! + g * picture.data[i + 1]! + b * picture.data[i + 2]!;
          const value = ((s0 + p * (s1 - s0)) * along + o0 + p * (o1 - o0) - 0.5) * STEEP + 0.5;
          levels[row + u] = value <= 0 ? 0 : value >= 1 ? 255 : Math.round(value * 255);
        }
      }
      x = end;
    }
  }
  return { box, levels };
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
