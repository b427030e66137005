/** Frames of an animation: all of one size, so that what was cropped stays as large as it was, in the middle of white. */
import type { Picture } from "../../../src/web.ts";

export function evenFrames(pictures: readonly Picture[]): Picture[] {
  const width = Math.max(...pictures.map((one) => one.width));
  const height = Math.max(...pictures.map((one) => one.height));
  return pictures.map((picture) => {
    if (picture.width === width && picture.height === height) return picture;
    const data = new Uint8ClampedArray(4 * width * height).fill(255);
    const [left, top] = [(width - picture.width) >> 1, (height - picture.height) >> 1];
    for (let y = 0; y < picture.height; y++) {
      const row = picture.data.subarray(4 * y * picture.width, 4 * (y + 1) * picture.width);
      data.set(row, 4 * ((y + top) * width + left));
    }
    return { width, height, data };
  });
}
