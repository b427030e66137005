import { type Mask, maskToLatent, type Tensor } from "../library.ts";
/** The person's mask on the latent grid as Blended Latent Diffusion makes it, for the methods that take a hard one. */

/** From here on a mask counts as "may change". */
export const HARD = 0.5;

/** The mask made hard: 1 where it is at least a half, else 0. */
export function hardMask(mask: Mask): Mask {
  return { ...mask, data: mask.data.map((m) => (m >= HARD ? 1 : 0)) };
}

/**
 * The mask at the size of a latent c [channels, h, w]: each cell takes the pixel at its centre, and is 1 from a half on.
 * [1, h, w]. A mask so thin that no centre lies in it would leave nothing to edit, and the method no chance: then every
 * cell that it touches is taken.
 */
export function latentMask(mask: Mask, c: Tensor): Tensor {
  const [, h, w] = c.shape as [number, number, number];
  const hard = hardMask(mask);
  const at = (i: number, cells: number, pixels: number) => Math.floor(((i + 0.5) * pixels) / cells);
  const data = Float32Array.from({ length: h * w }, (_, i) => {
    const [y, x] = [at(Math.floor(i / w), h, mask.height), at(i % w, w, mask.width)];
    return hard.data[y * mask.width + x]!;
  });
  return data.some((m) => m === 1) ? { data, shape: [1, h, w] } : maskToLatent(hard, h, w);
}

/** Every cell within `radius` cells of the mask, diagonals too: dilation by a square of 2·radius + 1. */
export function dilate({ data, shape }: Tensor, radius: number): Tensor {
  const [, h, w] = shape as [number, number, number];
  const grown = data.map((_, i) => {
    const [y, x] = [Math.floor(i / w), i % w];
    for (let v = Math.max(0, y - radius); v <= Math.min(h - 1, y + radius); v++) {
      for (let u = Math.max(0, x - radius); u <= Math.min(w - 1, x + radius); u++) {
        if (data[v * w + u]! > 0) return 1;
      }
    }
    return 0;
  });
  return { data: grown, shape };
}

/** Whether no cell of the mask has all its eight neighbours in it, so that erosion by a 3×3 square leaves nothing. */
export function isThin({ data, shape }: Tensor): boolean {
  const outside = dilate({ data: data.map((m) => 1 - m), shape }, 1);
  return outside.data.every((m) => m === 1);
}
