/** Damaged masks overlap with what they were as much as was asked, and are worse in the way that was asked. */
import { describe, expect, it } from "vitest";
import type { Mask } from "../../../src/images/mask.ts";
import { DAMAGES, damageMask, overlap } from "./mask-damage.ts";

const [width, height] = [64, 48];
const disc: Mask = {
  width,
  height,
  data: Float32Array.from({ length: width * height }, (_, i) =>
    ((i % width) - 30) ** 2 + (Math.floor(i / width) - 22) ** 2 < 144 ? 1 : 0,
  ),
};
const size = ({ data }: Mask) => data.reduce((sum, m) => sum + m, 0);
const within = (a: Mask, b: Mask) => a.data.every((m, i) => m <= b.data[i]!);

describe("damaged masks", () => {
  it.each(DAMAGES.flatMap((damage) => [0.8, 0.6, 0.4].map((iou) => ({ damage, iou }))))(
    "$damage at $iou",
    ({ damage, iou }) => {
      const worse = damageMask(disc, damage, iou, 3);
      expect(worse.data.every((m) => m === 0 || m === 1)).toBe(true);
      expect(Math.abs(overlap(worse.data, disc.data) - iou)).toBeLessThan(0.04);
      expect(damageMask(disc, damage, iou, 3)).toEqual(worse);
      expect(within(disc, worse)).toBe(damage === "dilate");
      expect(within(worse, disc)).toBe(damage === "erode" || damage === "holes");
    },
  );

  it("erosion keeps the middle, holes do not; a shift keeps the size", () => {
    const middle = 22 * width + 30;
    expect(damageMask(disc, "erode", 0.4, 0).data[middle]).toBe(1);
    const hollow = [0, 1, 2, 3, 4, 5].map((seed) => damageMask(disc, "holes", 0.4, seed).data[middle]);
    expect(hollow).toContain(0);
    expect(size(damageMask(disc, "shift", 0.6, 1))).toBe(size(disc));
  });

  it("an overlap of 1 is the mask, and a mask of nothing or of everything breaks nothing", () => {
    for (const damage of DAMAGES) {
      expect(damageMask(disc, damage, 1, 0)).toEqual(disc);
      for (const value of [0, 1]) {
        const flat = { width, height, data: new Float32Array(width * height).fill(value) };
        expect(damageMask(flat, damage, 0.6, 0).data.every((m) => m === 0 || m === 1)).toBe(true);
      }
    }
  });
});
