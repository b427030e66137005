/** A picture as people see it: 8-bit sRGB with straight alpha, the same in Node and in the browser. */
import { EmilieError } from "../errors.ts";
import { MAX_PICTURE_SIDE } from "../limits.ts";

/** Pixels in memory. */
export interface Picture {
  /** In pixels. */
  readonly width: number;
  /** In pixels. */
  readonly height: number;
  /** Row-major RGBA, 0 to 255, alpha not multiplied in: [height, width, 4]. */
  readonly data: Uint8ClampedArray;
}

/** A box in pixels of the picture; x and y from the upper left corner. */
export interface Box {
  /** Columns from the left, 0 or more. */
  readonly x: number;
  /** Rows from the top, 0 or more. */
  readonly y: number;
  /** Columns, 1 or more. */
  readonly width: number;
  /** Rows, 1 or more. */
  readonly height: number;
}

/** The most pixels a picture may have: beyond this one decoded RGBA copy alone takes over a quarter of a gigabyte. */
export const MAX_PICTURE_PIXELS = 64_000_000;

/** A picture of one colour. `fill` is RGBA, 0 to 255; white when not given. */
export function blankPicture(
  width: number,
  height: number,
  fill: readonly [number, number, number, number] = [255, 255, 255, 255],
): Picture {
  const data = new Uint8ClampedArray(width * height * 4);
  for (let i = 0; i < data.length; i += 4) data.set(fill, i);
  return { width, height, data };
}

/** A copy of what lies in a box of the picture. */
export function cropPicture({ width, data }: Picture, box: Box): Picture {
  const out = new Uint8ClampedArray(box.width * box.height * 4);
  for (let y = 0; y < box.height; y++) {
    const from = 4 * ((box.y + y) * width + box.x);
    out.set(data.subarray(from, from + 4 * box.width), 4 * y * box.width);
  }
  return { width: box.width, height: box.height, data: out };
}

/** A copy of the picture with the part's pixels from (x, y) on. */
export function pastePicture(picture: Picture, part: Picture, { x, y }: Pick<Box, "x" | "y">): Picture {
  const data = picture.data.slice();
  for (let row = 0; row < part.height; row++) {
    const to = 4 * ((y + row) * picture.width + x);
    data.set(part.data.subarray(4 * row * part.width, 4 * (row + 1) * part.width), to);
  }
  return { width: picture.width, height: picture.height, data };
}

/** True when two pictures have the same size and the same bytes. */
export function samePicture(a: Picture, b: Picture): boolean {
  if (a.width !== b.width || a.height !== b.height) return false;
  return a.data.every((value, i) => value === b.data[i]);
}

export function isOpaque(picture: Picture): boolean {
  for (let i = 3; i < picture.data.length; i += 4) if (picture.data[i] !== 255) return false;
  return true;
}

/** True where no pixel shows anything. */
export function isTransparent(picture: Picture): boolean {
  for (let i = 3; i < picture.data.length; i += 4) if (picture.data[i] !== 0) return false;
  return true;
}

/** Throws image.too-large for more than {@link MAX_PICTURE_PIXELS}, or a side that no camera has, before anything is decoded. */
export function checkPixelCount(width: number, height: number, name: string): void {
  if (Math.max(width, height) > MAX_PICTURE_SIDE) {
    throw new EmilieError(
      "image.too-large",
      `${name} has ${width}×${height} pixels; a side may have at most ${MAX_PICTURE_SIDE}. Cut or scale it first.`,
    );
  }
  if (width * height > MAX_PICTURE_PIXELS) {
    const limit = MAX_PICTURE_PIXELS / 1e6;
    const given = ((width * height) / 1e6).toFixed(1);
    throw new EmilieError(
      "image.too-large",
      `${name} has ${width}×${height} pixels (${given} megapixels); at most ${limit} megapixels can be read. Scale it down first.`,
    );
  }
}
