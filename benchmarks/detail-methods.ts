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
  for (let p = 0; p < w * h; p++) {
    const at = [((p % w) + 0.5) / w, (Math.floor(p / w) + 0.5) / h, luma(colours, 3 * p)];
    const place = [nx, ny, nz].map((n, k) => Math.min(1, Math.max(0, at[k]!)) * (n - 1));
    const low = [nx, ny, nz].map((n, k) => Math.min(n - 2, Math.floor(place[k]!)));
    for (let corner = 0; corner < 8; corner++) {
      const d = [corner & 1, (corner >> 1) & 1, corner >> 2];
      const weight = d.reduce((product, one, k) => product * Math.abs(1 - one - (place[k]! - low[k]!)), 1);
      if (weight > 0) visit(p, ((low[2]! + d[2]!) * ny + low[1]! + d[1]!) * nx + low[0]! + d[0]!, weight);
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
  const source = coloursOf(picture);
  const data = coloursOf(enlarged(picture, before, edited));
  const lambda = (edited.shape[2]! / width) ** 2;
  const f = data.slice();
  for (let round = 0; round < 60; round++) {
    for (let p = 0; p < width * height; p++) {
      const around = [
        p % width > 0 ? -1 : 0,
        p % width < width - 1 ? 1 : 0,
        p >= width ? -width : 0,
        p < width * (height - 1) ? width : 0,
      ];
      for (let c = 0, at = 3 * p; c < 3; c++, at++) {
        let [sum, n] = [lambda * data[at]!, lambda];
        for (const d of around) {
          if (d === 0) continue;
          sum += f[at + 3 * d]! + source[at]! - source[at + 3 * d]!;
          n++;
        }
        f[at] = f[at]! + 1.6 * (sum / n - f[at]!);
      }
    }
  }
  return pictureOf(picture, f);
};
