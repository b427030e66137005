import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { tensor } from "../tensor/tensor.ts";
import { type Filter, resizePlanes } from "./resize.ts";

/** [1, 5, 7] of tenths. */
const small = tensor(
  Array.from({ length: 35 }, (_, i) => (((i % 7) * 7 + Math.floor(i / 7) * 13) % 11) / 10),
  [1, 5, 7],
);

/** The first values of Pillow's resize of `small`, mode F. */
const pillow: [Filter, number, number, number[]][] = [
  ["lanczos", 2, 3, [0.39891, 0.59525, 0.43706, 0.44165, 0.47676, 0.57984]],
  ["cubic", 6, 9, [-0.04052, 0.49619, 0.5277, 0.40321, 1.03322, 0.71048, 0.28994, 0.4021, 0.96828, 0.10527]],
  ["linear", 6, 9, [0, 0.46667, 0.52222, 0.45556, 1, 0.68889, 0.37778, 0.43333, 0.9, 0.15, 0.61667]],
];

describe("resizePlanes", () => {
  it.each(pillow)("%s to %i×%i agrees with Pillow", (filter, height, width, expected) => {
    const { data } = resizePlanes(small, height, width, filter);
    for (const [i, value] of expected.entries()) expect(data[i]).toBeCloseTo(value, 4);
  });

  it("shrinks with lanczos and grows with cubic, each axis for itself", () => {
    const mixed = resizePlanes(small, 2, 9);
    const byHand = resizePlanes(resizePlanes(small, 5, 9, "cubic"), 2, 9, "lanczos");
    expect(mixed.data).toEqual(byHand.data);
  });

  it("averages by area exactly", () => {
    const line = tensor([1, 2, 3], [1, 1, 3]);
    const { data } = resizePlanes(line, 1, 2, "area");
    expect(data[0]).toBeCloseTo((1 + 0.5 * 2) / 1.5, 6);
    expect(data[1]).toBeCloseTo((0.5 * 2 + 3) / 1.5, 6);
  });

  it("keeps a constant constant, planes apart, and the mean by area, at any size", () => {
    const side = fc.integer({ min: 1, max: 40 });
    const filter = fc.constantFrom<(Filter | undefined)[]>(undefined, "lanczos", "cubic", "linear", "area");
    fc.assert(
      fc.property(side, side, side, side, filter, (h, w, newH, newW, f) => {
        const planes = tensor(
          Float32Array.from({ length: 2 * h * w }, (_, i) => (i < h * w ? 0.25 : -1)),
          [2, h, w],
        );
        const { data, shape } = resizePlanes(planes, newH, newW, f);
        expect(shape).toEqual([2, newH, newW]);
        data.forEach((value, i) => {
          expect(value).toBeCloseTo(i < newH * newW ? 0.25 : -1, 5);
        });
        const ramp = tensor(
          Float32Array.from({ length: h * w }, (_, i) => Math.sin(i)),
          [1, h, w],
        );
        const mean = (values: Float32Array) => values.reduce((sum, value) => sum + value, 0) / values.length;
        expect(mean(resizePlanes(ramp, newH, newW, "area").data)).toBeCloseTo(mean(ramp.data), 5);
      }),
      { numRuns: 60 },
    );
  });

  it("returns the planes themselves when the size is right", () => {
    expect(resizePlanes(small, 5, 7).data).toBe(small.data);
  });
});
