import { describe, expect, it } from "vitest";
import { groupColours } from "./colour-groups.ts";
import { fitColourTransform } from "./colour-transform.ts";
import { unmix } from "./colour-unmixing.ts";
import { transferDetail } from "./detail-transfer.ts";
import { compareInsideOutside } from "./difference.ts";
import { fromModelImage, toModelImage } from "./model-image.ts";
import type { Picture } from "./picture.ts";

const SIDE = 256;
const SMALL = 32;
const COLOURS = [
  [196, 64, 60],
  [150, 48, 46],
  [110, 170, 220],
  [90, 140, 70],
  [240, 238, 230],
  [50, 52, 60],
] as const;

/** Six colours, three of them meeting everywhere: more than one affine transform can tell apart. A house, its roof and its shade. */
function surface(x: number, y: number): number {
  const [u, v] = [x / SIDE, y / SIDE];
  if (v > 0.35 && v < 0.6 && Math.abs(u - 0.5) < v - 0.3) return u < 0.55 ? 0 : 1;
  if (v >= 0.6 && v < 0.8 && u > 0.3 && u < 0.7) return Math.floor(24 * u) % 4 === 0 ? 5 : 4;
  return v < 0.7 ? 2 : 3;
}

function drawn(colourOf: (of: number) => readonly number[]): Picture {
  const data = new Uint8ClampedArray(4 * SIDE * SIDE).fill(255);
  for (let p = 0; p < SIDE * SIDE; p++) {
    const colour = colourOf(surface(p % SIDE, Math.floor(p / SIDE)));
    for (let c = 0; c < 3; c++) data[4 * p + c] = colour[c]!;
  }
  return { width: SIDE, height: SIDE, data };
}

const picture = drawn((of) => COLOURS[of]!);
const blue = [[60, 90, 200] as const, [46, 68, 152] as const];
const truth = drawn((of) => blue[of] ?? COLOURS[of]!);
const image = (one: Picture) => toModelImage(one, SMALL, SMALL);
const interleaved = (one: Picture) => {
  const { data } = image(one);
  const n = SMALL * SMALL;
  return Float32Array.from(data, (_, i) => data[(i % 3) * n + Math.floor(i / 3)]! / 2 + 0.5);
};
const small = { width: SMALL, height: SMALL };
const box = { x: 0, y: 0, width: SMALL, height: SMALL };

describe("groupColours", () => {
  it("finds the colours that are there, each by itself", () => {
    const groups = groupColours(picture, small, box);
    expect(groups.size).toBe(COLOURS.length);
    const cells = COLOURS.map((colour) => groups.cellOfBytes(Uint8ClampedArray.from(colour), 0));
    expect(new Set(cells.map((cell) => groups.first[cell])).size).toBe(COLOURS.length);
    for (const cell of cells) expect(groups.share[cell]!).toBeLessThan(0.05);
    for (const colour of COLOURS) {
      const floats = Float32Array.from(colour, (v) => v / 255);
      expect(groups.cellOf(floats, 0)).toBe(groups.cellOfBytes(Uint8ClampedArray.from(colour), 0));
    }
  });

  it("leaves transparent pixels out", () => {
    const clear = { ...picture, data: picture.data.map((value, i) => (i % 4 === 3 ? 0 : value)) };
    expect(groupColours(clear, small, box).size).toBe(0);
    const edited = interleaved(truth);
    const { coarse } = fitColourTransform(edited, edited, small);
    expect(unmix(clear, { before: edited, after: edited, small }, coarse, box, 1)).toBeUndefined();
  });
});

describe("unmix", () => {
  it("explains a recolour of two of six surfaces better than the transform that it begins with", () => {
    const [before, after] = [interleaved(picture), interleaved(truth)];
    const { coarse } = fitColourTransform(before, after, small);
    const { explained, changes } = unmix(picture, { before, after, small }, coarse, box, 1)!;
    const left = after.reduce((sum, value, i) => sum + (value - explained[i]!) ** 2, 0);
    const change = after.reduce((sum, value, i) => sum + (value - before[i]!) ** 2, 0);
    expect(left).toBeLessThan(0.03 * change);
    expect(changes.every(Number.isFinite)).toBe(true);
  });

  it("keeps the borders of what was recoloured, which enlarging loses", () => {
    const [reconstruction, edited] = [image(picture), image(truth)];
    const { picture: result, carried } = transferDetail(picture, { reconstruction, edited });
    const plain = fromModelImage(edited, SIDE, SIDE, picture);
    const psnr = (one: Picture) => compareInsideOutside(one, truth).inside.psnr;
    expect(psnr(result)).toBeGreaterThan(psnr(plain) + 8);
    expect(carried).toBeGreaterThan(0.95);
  });
});
