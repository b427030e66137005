/**
 * Where an edit may happen: m in [0, 1], 1 = may change, 0 = must stay. On the picture a mask is cut exactly; on the
 * latent grid (8 times coarser for SD 1.x) every cell that it touches may change.
 */
import { EmilieError } from "../errors.ts";
import { type Tensor, tensor } from "../tensor/tensor.ts";
import type { Box, Picture } from "./picture.ts";
import { type Filter, resizePlanes } from "./resize.ts";

export type { Box } from "./picture.ts";

/** Where a picture may change. */
export interface Mask {
  /** In pixels. */
  readonly width: number;
  /** In pixels. */
  readonly height: number;
  /** Row-major, [height, width], each value in [0, 1]. */
  readonly data: Float32Array;
}

/** The mask that a picture paints: white = edit, black = keep, grey in between; transparent counts as black. */
export function maskFromPicture(picture: Picture): Mask {
  const { width, height, data } = picture;
  const mask = new Float32Array(width * height);
  for (let i = 0; i < mask.length; i++) {
    // Rec. 709 luma in 256ths, so that a grey of level v gives exactly v.
    const luma = (54 * data[4 * i]! + 183 * data[4 * i + 1]! + 19 * data[4 * i + 2]!) / 256;
    mask[i] = (luma / 255) * (data[4 * i + 3]! / 255);
  }
  return { width, height, data: mask };
}

/** The mask that a picture's alpha makes: opaque = edit, transparent = keep. Colours do not matter. */
export function maskFromAlpha({ width, height, data }: Picture): Mask {
  const mask = new Float32Array(width * height);
  for (let i = 0; i < mask.length; i++) mask[i] = data[4 * i + 3]! / 255;
  return { width, height, data: mask };
}

/** Edits what the mask keeps, and keeps what it edits. */
export function invertMask(mask: Mask): Mask {
  return { ...mask, data: mask.data.map((m) => 1 - m) };
}

/** The mask as a picture, white = edit; the way back of {@link maskFromPicture} to 8 bits. */
export function pictureFromMask(mask: Mask): Picture {
  const data = new Uint8ClampedArray(mask.data.length * 4).fill(255);
  for (let i = 0; i < mask.data.length; i++) {
    const value = mask.data[i]! * 255;
    data[4 * i] = value;
    data[4 * i + 1] = value;
    data[4 * i + 2] = value;
  }
  return { width: mask.width, height: mask.height, data };
}

/** A mask that is 1 in the box and 0 elsewhere. Throws mask.invalid unless the box lies in the picture. */
export function maskFromBox(width: number, height: number, box: Box): Mask {
  const numbers = [box.x, box.y, box.width, box.height];
  const inside = box.x >= 0 && box.y >= 0 && box.x + box.width <= width && box.y + box.height <= height;
  if (!numbers.every(Number.isInteger) || box.width < 1 || box.height < 1 || !inside) {
    throw new EmilieError(
      "mask.invalid",
      `A mask box x,y,width,height must lie inside the ${width}×${height} picture and contain at least one pixel, got ${numbers}.`,
    );
  }
  const data = new Float32Array(width * height);
  for (let y = box.y; y < box.y + box.height; y++) {
    data.fill(1, y * width + box.x, y * width + box.x + box.width);
  }
  return { width, height, data };
}

/** The smallest box around what the mask leaves open; undefined for an empty mask. */
export function boxOfMask({ width, height, data }: Mask): Box | undefined {
  let [left, top, right, bottom] = [width, height, -1, -1];
  for (let y = 0; y < height; y++) {
    const row = data.subarray(y * width, (y + 1) * width);
    const first = row.findIndex((m) => m > 0);
    if (first < 0) continue;
    left = Math.min(left, first);
    right = Math.max(
      right,
      row.findLastIndex((m) => m > 0),
    );
    top = Math.min(top, y);
    bottom = y;
  }
  if (right < 0) return undefined;
  return { x: left, y: top, width: right - left + 1, height: bottom - top + 1 };
}

/** What of the mask lies in a box. */
export function cropMask({ width, data }: Mask, box: Box): Mask {
  const out = new Float32Array(box.width * box.height);
  for (let y = 0; y < box.height; y++) {
    const from = (box.y + y) * width + box.x;
    out.set(data.subarray(from, from + box.width), y * box.width);
  }
  return { width: box.width, height: box.height, data: out };
}

/**
 * What of a mask, which lies at `place` in some plane, lies in another box of it; 0 beyond the mask. Crops and expansions give every
 * picture of a session a place in one plane.
 */
export function moveMask(mask: Mask, place: Pick<Box, "x" | "y">, to: Box): Mask {
  const [x, y] = [to.x - place.x, to.y - place.y];
  if (x === 0 && y === 0 && to.width === mask.width && to.height === mask.height) return mask;
  const data = new Float32Array(to.width * to.height);
  const [first, end] = [Math.max(0, -x), Math.min(to.width, mask.width - x)];
  for (let row = Math.max(0, -y); row < Math.min(to.height, mask.height - y) && first < end; row++) {
    const start = (row + y) * mask.width + first + x;
    data.set(mask.data.subarray(start, start + end - first), row * to.width + first);
  }
  return { width: to.width, height: to.height, data };
}

/** Throws mask.invalid unless the mask has as many values as pixels, each a number in [0, 1]. All zero is allowed. */
export function checkMask(mask: Mask): void {
  const { width, height, data } = mask;
  if (!(width >= 1 && height >= 1) || data.length !== width * height) {
    throw new EmilieError(
      "mask.invalid",
      `A mask needs one value per pixel, got ${data.length} values for ${width}×${height} pixels.`,
    );
  }
  const bad = data.find((value) => !(value >= 0 && value <= 1));
  if (bad !== undefined) {
    throw new EmilieError("mask.invalid", `Mask values lie in [0, 1] (0 = keep, 1 = edit), got ${bad}.`);
  }
}

/** True where nothing may change: such an edit returns its parent. */
export function isEmptyMask(mask: Mask): boolean {
  return mask.data.every((value) => value === 0);
}

/** Resizes a mask; values stay in [0, 1]. An axis that shrinks is averaged by area, one that grows is interpolated. */
export function resizeMask(mask: Mask, width: number, height: number): Mask {
  if (width === mask.width && height === mask.height) return mask;
  const filter = (from: number, to: number): Filter => (to < from ? "area" : "linear");
  const planes = tensor(mask.data, [1, mask.height, mask.width]);
  const rows = resizePlanes(planes, mask.height, width, filter(mask.width, width));
  const { data } = resizePlanes(rows, height, width, filter(mask.height, height));
  return { width, height, data: data.map((value) => Math.min(1, Math.max(0, value))) };
}

/**
 * The mask on the latent grid, [1, height, width]: each cell takes the largest value under its footprint, so what the
 * mask touches may change in the latent, and the composite cuts the picture exactly. Soft values are kept.
 */
export function maskToLatent(mask: Mask, height: number, width: number): Tensor {
  const rows = footprints(mask.height, height);
  const columns = footprints(mask.width, width);
  const out = new Float32Array(height * width);
  rows.forEach(([top, bottom], j) => {
    columns.forEach(([left, right], i) => {
      let largest = 0;
      for (let y = top; y < bottom; y++) {
        for (let x = left; x < right; x++) largest = Math.max(largest, mask.data[y * mask.width + x]!);
      }
      out[j * width + i] = largest;
    });
  });
  return tensor(out, [1, height, width]);
}

/** For each cell, the pixels [start, end) that its footprint covers, wholly or in part. */
function footprints(pixels: number, cells: number): [number, number][] {
  return Array.from({ length: cells }, (_, i) => [
    Math.floor((i * pixels) / cells),
    Math.ceil(((i + 1) * pixels) / cells),
  ]);
}
