import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Tensor } from "../tensor/tensor.ts";
import { crop, paste, resolveWindow, windowOf } from "./window.ts";

/** A grid, a box that is open in it, and a window's settings. */
const cases = fc
  .record({ w: fc.integer({ min: 1, max: 40 }), h: fc.integer({ min: 1, max: 40 }) })
  .chain(({ w, h }) =>
    fc.record({
      w: fc.constant(w),
      h: fc.constant(h),
      x: fc.integer({ min: 0, max: w - 1 }),
      y: fc.integer({ min: 0, max: h - 1 }),
      wide: fc.integer({ min: 1, max: 12 }),
      high: fc.integer({ min: 1, max: 12 }),
      margin: fc.integer({ min: 0, max: 6 }),
      least: fc.integer({ min: 1, max: 16 }),
      multiple: fc.constantFrom(1, 2, 4, 8),
    }),
  );

function boxMask(w: number, h: number, x: number, y: number, wide: number, high: number): Tensor {
  const inside = (i: number) =>
    i % w >= x && i % w < x + wide && Math.floor(i / w) >= y && Math.floor(i / w) < y + high;
  return { data: Float32Array.from({ length: w * h }, (_, i) => (inside(i) ? 0.5 : 0)), shape: [1, h, w] };
}

describe("windowOf", () => {
  it("holds the mask and its margin, inside the picture, with sides that fit the UNet", () => {
    fc.assert(
      fc.property(cases, ({ w, h, x, y, wide, high, margin, least, multiple }) => {
        const mask = boxMask(w, h, x, y, wide, high);
        const window = windowOf(mask, { margin, least }, multiple);
        if (!window) {
          // Only where there is next to nothing to save.
          const side = (size: number, length: number) =>
            Math.min(size, Math.ceil(Math.max(least, length + 2 * margin) / multiple) * multiple);
          const area = side(w, Math.min(wide, w - x)) * side(h, Math.min(high, h - y));
          expect(area).toBeGreaterThanOrEqual(0.8 * w * h);
          return;
        }
        for (const [start, length, size, first, count] of [
          [window.x, window.width, w, x, Math.min(wide, w - x)],
          [window.y, window.height, h, y, Math.min(high, h - y)],
        ] as const) {
          expect(start).toBeGreaterThanOrEqual(0);
          expect(start + length).toBeLessThanOrEqual(size);
          expect(start).toBeLessThanOrEqual(Math.max(0, first - margin));
          expect(start + length).toBeGreaterThanOrEqual(Math.min(size, first + count + margin));
          expect(length === size || (length % multiple === 0 && length >= least)).toBe(true);
        }
      }),
    );
  });

  it("is none around nothing, and none where the mask is everywhere", () => {
    const settings = { margin: 1, least: 1 };
    expect(windowOf(boxMask(9, 9, 0, 0, 0, 0), settings, 2)).toBeUndefined();
    expect(windowOf(boxMask(9, 9, 0, 0, 9, 9), settings, 2)).toBeUndefined();
  });
});

describe("crop and paste", () => {
  it("undo each other, and leave alone what lies outside", () => {
    fc.assert(
      fc.property(cases, ({ w, h, x, y, wide, high }) => {
        const window = { x, y, width: Math.min(wide, w - x), height: Math.min(high, h - y) };
        const whole = { data: Float32Array.from({ length: 3 * w * h }, (_, i) => i), shape: [3, h, w] };
        const before = whole.data.slice();
        const part = crop(whole, window);
        expect(part.shape).toEqual([3, window.height, window.width]);
        expect(paste(whole, part, window)).toEqual(whole);
        const minus = { ...part, data: part.data.map((v) => -1 - v) };
        const pasted = paste(whole, minus, window);
        expect(crop(pasted, window)).toEqual(minus);
        const changed = pasted.data.filter((v, i) => v !== whole.data[i]).length;
        expect(changed).toBe(part.data.length);
        expect(whole.data).toEqual(before);
      }),
    );
  });
});

describe("resolveWindow", () => {
  const model = { nativeSize: 128, factor: 8 };
  it("fills in numbers, as a recipe records them", () => {
    expect(resolveWindow(model)).toBe("off");
    expect(resolveWindow(model, { margin: 3 })).toEqual({ margin: 3, least: 8 });
    expect(resolveWindow(model, { margin: 0, least: 5 })).toEqual({ margin: 0, least: 5 });
    expect(resolveWindow(model, "auto")).toBe("off");
  });

  it.each([{ margin: -1 }, { margin: 1.5 }, { margin: 1, least: 0 }, {}, "on"])("refuses %j", (option) => {
    expect(() => resolveWindow(model, option as never)).toThrow(/"auto", "off", or a margin/);
  });
});
