import type { Picture } from "./library.ts";
/** Measures between pictures with a known truth, on 8-bit RGB as a saved file has it. */

/** Which pixels count, by their index in rows. */
export type Where = (pixel: number) => boolean;

/** Mean squared error over RGB, levels 0…255, where `where` is true (default: everywhere); NaN where that is nowhere. */
export function squaredError(a: Picture, b: Picture, where?: Where): number {
  return errors(a, b, where).squared;
}

/** Mean absolute and squared error over RGB, levels 0…255, and how many pixels counted. */
export function errors(
  a: Picture,
  b: Picture,
  where?: Where,
): { absolute: number; squared: number; pixels: number } {
  let [absolute, squared, pixels] = [0, 0, 0];
  for (let i = 0; i < a.width * a.height; i++) {
    if (where && !where(i)) continue;
    for (let k = 4 * i; k < 4 * i + 3; k++) {
      const delta = a.data[k]! - b.data[k]!;
      absolute += Math.abs(delta);
      squared += delta * delta;
    }
    pixels++;
  }
  return { absolute: absolute / (3 * pixels), squared: squared / (3 * pixels), pixels };
}

/** Peak signal-to-noise ratio in dB; Infinity for equal pictures. */
export function psnr(a: Picture, b: Picture, where?: Where): number {
  return psnrOf(squaredError(a, b, where));
}

/** The PSNR of a mean squared error. */
export const psnrOf = (squared: number): number => 10 * Math.log10(255 ** 2 / squared);

/** Energy of the discrete Laplacian of the luma: what blur takes away and noise adds. */
export function highFrequencyEnergy({ width, height, data }: Picture): number {
  const luma = Float32Array.from(
    { length: width * height },
    (_, i) => 0.299 * data[4 * i]! + 0.587 * data[4 * i + 1]! + 0.114 * data[4 * i + 2]!,
  );
  let sum = 0;
  for (let y = 1; y < height - 1; y++) {
    for (let x = 1; x < width - 1; x++) {
      const i = y * width + x;
      sum += (4 * luma[i]! - luma[i - 1]! - luma[i + 1]! - luma[i - width]! - luma[i + width]!) ** 2;
    }
  }
  return sum;
}

/**
 * The success rule of picturebook: inside the change mask, the squared error to the target is under a quarter of the
 * source's.
 */
export function succeeded(result: Picture, source: Picture, target: Picture, changed: Where): boolean {
  return squaredError(result, target, changed) < squaredError(source, target, changed) / 4;
}

export const mean = (values: readonly number[]): number =>
  values.reduce((sum, v) => sum + v, 0) / values.length;

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
