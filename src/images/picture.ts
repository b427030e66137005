/** A picture as people see it: 8-bit sRGB with straight alpha, the same in Node and in the browser. */
import { EmilieError } from "../errors.ts";

/** Pixels in memory. */
export interface Picture {
  /** In pixels. */
  readonly width: number;
  /** In pixels. */
  readonly height: number;
  /** Row-major RGBA, 0 to 255, alpha not multiplied in: [height, width, 4]. */
  readonly data: Uint8ClampedArray;
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

/** True when two pictures have the same size and the same bytes. */
export function samePicture(a: Picture, b: Picture): boolean {
  if (a.width !== b.width || a.height !== b.height) return false;
  return a.data.every((value, i) => value === b.data[i]);
}

export function isOpaque(picture: Picture): boolean {
  for (let i = 3; i < picture.data.length; i += 4) if (picture.data[i] !== 255) return false;
  return true;
}

/** Throws image.too-large for more than {@link MAX_PICTURE_PIXELS}, before anything that big is decoded. */
export function checkPixelCount(width: number, height: number, name: string): void {
  if (width * height > MAX_PICTURE_PIXELS) {
    const limit = MAX_PICTURE_PIXELS / 1e6;
    const given = ((width * height) / 1e6).toFixed(1);
    throw new EmilieError(
      "image.too-large",
      `${name} has ${width}×${height} pixels (${given} megapixels); at most ${limit} megapixels can be read. Scale it down first.`,
    );
  }
}
