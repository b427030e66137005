import { describe, expect, it } from "vitest";
import { compareInsideOutside } from "./difference.ts";
import { maskFromBox } from "./mask.ts";
import { blankPicture } from "./picture.ts";

const grey = blankPicture(4, 2, [100, 100, 100, 255]);
const left = maskFromBox(4, 2, { x: 0, y: 0, width: 2, height: 2 });

describe("compareInsideOutside", () => {
  it("counts what changed on each side of the mask", () => {
    const edited = blankPicture(4, 2, [100, 100, 100, 255]);
    edited.data[0] = 130; // red of the first pixel, inside
    const { inside, outside } = compareInsideOutside(grey, edited, left);
    expect(inside).toMatchObject({ changedPixels: 1, pixels: 4, mae: 30 / 12 });
    expect(inside.psnr).toBeCloseTo(10 * Math.log10(255 ** 2 / (900 / 12)), 10);
    expect(outside).toEqual({ changedPixels: 0, pixels: 4, mae: 0, psnr: Number.POSITIVE_INFINITY });
  });

  it("sees a change of alpha alone", () => {
    const edited = blankPicture(4, 2, [100, 100, 100, 255]);
    edited.data[15] = 254;
    expect(compareInsideOutside(grey, edited, left).outside.changedPixels).toBe(1);
  });

  it("has everything inside when there is no mask", () => {
    const { inside, outside } = compareInsideOutside(grey, blankPicture(4, 2));
    expect([inside.pixels, inside.changedPixels, outside.pixels]).toEqual([8, 8, 0]);
  });

  it("refuses pictures of different sizes", () => {
    expect(() => compareInsideOutside(grey, blankPicture(2, 4))).toThrow(/4×2 and 2×4/);
  });
});
