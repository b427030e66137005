/** Pictures as one value a pixel, for what is measured on them. */
import type { Picture } from "./picture.ts";

/** One value a pixel, row by row. */
export interface Plane {
  readonly width: number;
  readonly height: number;
  readonly data: Float32Array;
}

/** Rec. 709 luma, 0 to 255. */
export function luminance({ width, height, data }: Picture): Plane {
  const plane = new Float32Array(width * height);
  for (let i = 0; i < plane.length; i++)
    plane[i] = (54 * data[4 * i]! + 183 * data[4 * i + 1]! + 19 * data[4 * i + 2]!) / 256;
  return { width, height, data: plane };
}

/** Means over squares of `factor` pixels; what is left at the right and lower edge is left out. */
export function boxMeans(plane: Plane, factor: number): Plane {
  if (factor === 1) return plane;
  const [width, height] = [Math.floor(plane.width / factor), Math.floor(plane.height / factor)];
  const data = new Float32Array(width * height);
  for (let y = 0; y < height * factor; y++) {
    const row = Math.floor(y / factor) * width;
    for (let x = 0; x < width * factor; x++)
      data[row + Math.floor(x / factor)]! += plane.data[y * plane.width + x]!;
  }
  for (let i = 0; i < data.length; i++) data[i]! /= factor * factor;
  return { width, height, data };
}
