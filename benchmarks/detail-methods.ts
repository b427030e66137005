/**
 * Other ways to bring an edit at the model's size to a picture's own, for the table in docs/results/detail.md. All take the
 * picture, what the model makes of it ([3, h, w], about −1 to 1) and the edit, and give a picture of the first one's size.
 *
 * - guided: the guided filter with three channels (He, Sun and Tang, "Guided image filtering", TPAMI 2013), r = 2, ε = 1e-3.
 * - grid: affine transforms in a bilateral grid of 16×16×8 (Chen, Adams, Wadhwa and Hasinoff, "Bilateral guided upsampling", 2016).
 * - poisson: the picture's gradients under the edit's colours (Pérez, Gangnet and Blake, "Poisson image editing", 2003), screened.
 */
import { applyTransform, boxMean, fitInBoxes } from "../src/images/colour-transform.ts";
import { fromModelImage } from "../src/images/model-image.ts";
import type { Picture } from "../src/images/picture.ts";
import { RowEnlarger } from "../src/images/resize-rows.ts";
import type { Tensor } from "../src/tensor/tensor.ts";

export type Method = (picture: Picture, before: Tensor, edited: Tensor) => Picture;

const gridOf = ({ shape }: Tensor) => ({ height: shape[1]!, width: shape[2]! });

/** [3, h, w] in −1 to 1 → [h, w, 3] in 0 to 1. */
function interleaved({ data }: Tensor): Float32Array {
  const n = data.length / 3;
  return Float32Array.from(data, (_, i) => data[(i % 3) * n + Math.floor(i / 3)]! / 2 + 0.5);
}

/** [h, w, 3] in 0 to 1 of a picture without transparency, and back. */
const coloursOf = ({ data }: Picture) =>
  Float32Array.from(
    { length: (data.length / 4) * 3 },
    (_, i) => data[4 * Math.floor(i / 3) + (i % 3)]! / 255,
  );
function pictureOf({ width, height }: Picture, colours: Float32Array): Picture {
  const data = new Uint8ClampedArray(4 * width * height).fill(255);
  for (let i = 0; i < colours.length; i++) data[4 * Math.floor(i / 3) + (i % 3)] = 255 * colours[i]!;
  return { width, height, data };
}

export const enlarged: Method = (picture, _, edited) =>
  fromModelImage(edited, picture.width, picture.height, picture);

export const guided: Method = (picture, before, edited) => {
  const grid = gridOf(edited);
  const none = new Float32Array(12 * grid.width * grid.height);
  const fit = fitInBoxes(interleaved(before), interleaved(edited), grid, 2, 1e-3, none);
  const rows = new RowEnlarger(boxMean(fit, grid, 12, 2), grid, picture, 12, "linear");
  const colours = coloursOf(picture);
  for (let y = 0; y < picture.height; y++) {
    const row = colours.subarray(3 * y * picture.width, 3 * (y + 1) * picture.width);
    row.set(applyTransform(rows.row(y), row));
  }
  return pictureOf(picture, colours);
};

const CELLS = { x: 16, y: 16, z: 8 };
const PRIOR = 1e-3;
const luma = (c: Float32Array, at: number) => 0.299 * c[at]! + 0.587 * c[at + 1]! + 0.114 * c[at + 2]!;

export const bilateralGrid: Method = (picture, before, edited) => {
  const { width: w, height: h } = gridOf(edited);
  const [from, to] = [interleaved(before), interleaved(edited)];
  const { x: nx, y: ny, z: nz } = CELLS;
  // Of every cell: the 4×4 moments of (r, g, b, 1), and the 3×4 of the edit with them.
  const sums = new Float64Array(28 * nx * ny * nz);
  corners(w, h, from, (p, cell, weight) => {
    const one = [from[3 * p]!, from[3 * p + 1]!, from[3 * p + 2]!, 1];
    for (let i = 0; i < 4; i++) {
      for (let j = 0; j < 4; j++)
        sums[28 * cell + 4 * i + j] = sums[28 * cell + 4 * i + j]! + weight * one[i]! * one[j]!;
      for (let c = 0; c < 3; c++) {
        const at = 28 * cell + 16 + 4 * c + i;
        sums[at] = sums[at]! + weight * to[3 * p + c]! * one[i]!;
      }
    }
  });
  const whole = new Float64Array(28);
  for (let i = 0; i < sums.length; i++) whole[i % 28] = whole[i % 28]! + sums[i]!;
  const base = solveCell(whole, 0, [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0], 1e-3 * w * h);
  const smooth = blurCells(sums);
  const ridge = (PRIOR * w * h) / (nx * ny * nz);
  const maps = new Float64Array(12 * nx * ny * nz);
  for (let cell = 0; cell < nx * ny * nz; cell++)
    maps.set(solveCell(smooth, 28 * cell, base, ridge), 12 * cell);
  const colours = coloursOf(picture);
  const out = new Float32Array(colours.length);
  corners(picture.width, picture.height, colours, (p, cell, weight) => {
    for (let c = 0; c < 3; c++) {
      let value = maps[12 * cell + 4 * c + 3]!;
      for (let k = 0; k < 3; k++) value += maps[12 * cell + 4 * c + k]! * colours[3 * p + k]!;
      out[3 * p + c] = out[3 * p + c]! + weight * value;
    }
  });
  return pictureOf(picture, out);
};

/** The eight cells around each pixel, with their trilinear weights. */
function corners(
  w: number,
  h: number,
  colours: Float32Array,
  visit: (p: number, cell: number, weight: number) => void,
): void {
  const { x: nx, y: ny, z: nz } = CELLS;
  const place = (at: number, n: number) => Math.min(1, Math.max(0, at)) * (n - 1);
  for (let p = 0; p < w * h; p++) {
    const x = place(((p % w) + 0.5) / w, nx);
    const y = place((Math.floor(p / w) + 0.5) / h, ny);
    const z = place(luma(colours, 3 * p), nz);
    const [x0, y0, z0] = [
      Math.min(nx - 2, Math.floor(x)),
      Math.min(ny - 2, Math.floor(y)),
      Math.min(nz - 2, Math.floor(z)),
    ];
    for (let corner = 0; corner < 8; corner++) {
      const [dx, dy, dz] = [corner & 1, (corner >> 1) & 1, corner >> 2];
      const weight = Math.abs(1 - dx - (x - x0)) * Math.abs(1 - dy - (y - y0)) * Math.abs(1 - dz - (z - z0));
      if (weight > 0) visit(p, ((z0 + dz) * ny + y0 + dy) * nx + x0 + dx, weight);
    }
  }
}

/** By [1 4 1]/6 along each axis, about a Gaussian with a deviation of 0.6 cells. */
function blurCells(sums: Float64Array): Float64Array {
  let now = sums;
  const sizes = [CELLS.x, CELLS.y, CELLS.z];
  [1, CELLS.x, CELLS.x * CELLS.y].forEach((step, axis) => {
    now = now.map((value, i) => {
      const along = Math.floor(i / 28 / step) % sizes[axis]!;
      const left = along > 0 ? now[i - 28 * step]! : value;
      const right = along < sizes[axis]! - 1 ? now[i + 28 * step]! : value;
      return (left + 4 * value + right) / 6;
    });
  });
  return now;
}

/** The 3×4 transform of a cell, drawn towards `base`; Gaussian elimination on a 4×4 matrix that the ridge keeps regular. */
function solveCell(sums: Float64Array, at: number, base: ArrayLike<number>, ridge: number): Float64Array {
  const rows = [0, 1, 2, 3].map((i) => [
    ...[0, 1, 2, 3].map((j) => sums[at + 4 * i + j]! + (i === j ? ridge : 0)),
    ...[0, 1, 2].map((c) => sums[at + 16 + 4 * c + i]! + ridge * base[4 * c + i]!),
  ]);
  for (let k = 0; k < 4; k++) {
    for (let i = 0; i < 4; i++) {
      if (i === k) continue;
      const factor = rows[i]![k]! / rows[k]![k]!;
      for (let j = k; j < 7; j++) rows[i]![j] = rows[i]![j]! - factor * rows[k]![j]!;
    }
  }
  return Float64Array.from(
    { length: 12 },
    (_, i) => rows[i % 4]![4 + Math.floor(i / 4)]! / rows[i % 4]![i % 4]!,
  );
}

/** argmin |∇f − ∇picture|² + λ |f − enlarged|², λ the square of the ratio of the sizes, by successive over-relaxation. */
export const poisson: Method = (picture, before, edited) => {
  const { width, height } = picture;
  const own = coloursOf(picture);
  const data = coloursOf(enlarged(picture, before, edited));
  const lambda = (edited.shape[2]! / width) ** 2;
  const f = data.slice();
  for (let round = 0; round < 50; round++) {
    for (let p = 0, at = 0; p < width * height; p++) {
      const [x, y] = [p % width, Math.floor(p / width)];
      const [left, right] = [x > 0 ? -3 : 0, x < width - 1 ? 3 : 0];
      const [up, down] = [y > 0 ? -3 * width : 0, y < height - 1 ? 3 * width : 0];
      // At a border the neighbour is the pixel itself, which adds nothing: f and its gradient are its own.
      for (let c = 0; c < 3; c++, at++) {
        const around = f[at + left]! + f[at + right]! + f[at + up]! + f[at + down]!;
        const source = own[at + left]! + own[at + right]! + own[at + up]! + own[at + down]!;
        const now = (lambda * data[at]! + around + 4 * own[at]! - source) / (lambda + 4);
        f[at] = f[at]! + 1.6 * (now - f[at]!);
      }
    }
  }
  return pictureOf(picture, f);
};
