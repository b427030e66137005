import { expect, it } from "vitest";
import { tensor } from "../tensor/tensor.ts";
import type { Grid } from "./colour-transform.ts";
import { freeOf, nothingBrought, squaresOf } from "./detail-history.ts";
import { thingsBrought } from "./detail-transfer.ts";
import type { Mask } from "./mask.ts";

/** Sizes at which published editors work, and pictures of other shapes. */
const SIZES: readonly Grid[] = [128, 256, 512, 768, 1024].flatMap((side) => [
  { width: side, height: side },
  { width: side, height: (side * 3) / 4 },
  { width: side / 8, height: side },
]);

it.each(SIZES)("$width×$height has at most 32 squares along a side, and each pixel lies in one", (small) => {
  const { width, height } = squaresOf(small);
  expect(Math.max(width, height)).toBe(32);
  expect(Math.min(width, height)).toBeGreaterThan(0);
  const isFree = (brought: Mask, value: number) => freeOf(brought, small).every((free) => free === value);
  const none = nothingBrought(small);
  expect(isFree(none, 1)).toBe(true);
  expect(isFree({ ...none, data: none.data.fill(1) }, 0)).toBe(true);
});

const small = { width: 128, height: 96 };
/** Where the thing is, in pixels: on whole squares, which have four. */
const isThing = (x: number, y: number) => x >= 40 && x < 64 && y >= 20 && y < 44;

/** Sky over a meadow, [3, 96, 128], with a square thing in it or not. */
function drawing(hasThing: boolean) {
  const { width, height } = small;
  const data = new Float32Array(3 * width * height);
  for (let c = 0; c < 3; c++) {
    for (let p = 0; p < width * height; p++) {
      const [x, y] = [p % width, Math.floor(p / width)];
      const [thing, sky, meadow] = [
        [0.9, -0.8, -0.7],
        [-0.2, 0.2, 0.8],
        [-0.4, 0.5, -0.5],
      ].map((colour) => colour[c]!) as [number, number, number];
      data[c * width * height + p] = hasThing && isThing(x, y) ? thing : y < 60 ? sky : meadow;
    }
  }
  return tensor(data, [3, height, width]);
}

it.each([
  ["brought", false],
  ["removed", true],
])("what a turn %s is remembered in the squares where it is, and nowhere else", (_, isThereBefore) => {
  const [before, after] = [drawing(isThereBefore), drawing(!isThereBefore)];
  const { width, height, data } = thingsBrought({ reconstruction: before, edited: after });
  expect({ width, height }).toEqual(squaresOf(small));
  data.forEach((value, at) => {
    const [x, y] = [4 * (at % width), 4 * Math.floor(at / width)];
    expect([x, y, value]).toEqual([x, y, isThing(x, y) ? 1 : 0]);
  });
});

it("a turn that was allowed elsewhere adds nothing to what earlier ones brought", () => {
  const earlier = nothingBrought(small);
  earlier.data[5] = 1;
  const turn = { reconstruction: drawing(false), edited: drawing(true), brought: earlier };
  expect(thingsBrought({ ...turn, mask: { ...small, data: new Float32Array(128 * 96) } })).toEqual(earlier);
  expect(thingsBrought(turn).data.reduce((sum, one) => sum + one, 0)).toBe(37);
});
