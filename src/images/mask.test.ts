import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  checkMask,
  isEmptyMask,
  type Mask,
  maskFromBox,
  maskFromPicture,
  maskToLatent,
  pictureFromMask,
  resizeMask,
} from "./mask.ts";

const side = fc.integer({ min: 1, max: 30 });
const anyMask: fc.Arbitrary<Mask> = fc.tuple(side, side).chain(([width, height]) =>
  fc
    .array(fc.oneof(fc.constant(0), fc.constant(1), fc.float({ min: 0, max: 1, noNaN: true })), {
      minLength: width * height,
      maxLength: width * height,
    })
    .map((values) => ({ width, height, data: Float32Array.from(values) })),
);

describe("masks", () => {
  it("are read from pictures: white edits, grey is soft, transparent keeps", () => {
    const data = Uint8ClampedArray.from([
      255, 255, 255, 255, 0, 0, 0, 255, 51, 51, 51, 255, 255, 255, 255, 0,
    ]);
    expect([...maskFromPicture({ width: 4, height: 1, data }).data]).toEqual([1, 0, Math.fround(0.2), 0]);
  });

  it("come back from the picture made of them, to 8 bits", () => {
    fc.assert(
      fc.property(anyMask, (mask) => {
        const back = maskFromPicture(pictureFromMask(mask));
        back.data.forEach((value, i) => {
          expect(Math.abs(value - mask.data[i]!)).toBeLessThanOrEqual(0.5 / 255 + 1e-6);
        });
      }),
    );
  });

  it("are refused with the wrong length or values outside [0, 1]; all zero is allowed", () => {
    expect(() => checkMask({ width: 2, height: 2, data: new Float32Array(3) })).toThrow(/3 values/);
    for (const bad of [Number.NaN, -0.1, 1.5, Number.POSITIVE_INFINITY]) {
      const mask = { width: 2, height: 1, data: Float32Array.of(0, bad) };
      expect(() => checkMask(mask)).toThrow(expect.objectContaining({ code: "mask.invalid" }));
    }
    const empty = { width: 2, height: 2, data: new Float32Array(4) };
    checkMask(empty);
    expect(isEmptyMask(empty)).toBe(true);
    expect(isEmptyMask(maskFromBox(2, 2, { x: 1, y: 1, width: 1, height: 1 }))).toBe(false);
  });

  it("are made from boxes that lie in the picture", () => {
    const mask = maskFromBox(4, 3, { x: 1, y: 1, width: 2, height: 2 });
    expect([...mask.data]).toEqual([0, 0, 0, 0, 0, 1, 1, 0, 0, 1, 1, 0]);
    for (const box of [
      { x: 3, y: 0, width: 2, height: 1 },
      { x: -1, y: 0, width: 2, height: 1 },
      { x: 0, y: 0, width: 0, height: 1 },
      { x: 0.5, y: 0, width: 1, height: 1 },
    ]) {
      expect(() => maskFromBox(4, 3, box)).toThrow(/inside the 4×3 picture/);
    }
  });

  it("stay in [0, 1] when resized, and all-0 and all-1 stay so", () => {
    fc.assert(
      fc.property(anyMask, side, side, (mask, width, height) => {
        checkMask(resizeMask(mask, width, height));
        const full = { ...mask, data: mask.data.map(() => 1) };
        expect(resizeMask(full, width, height).data.every((value) => value === 1)).toBe(true);
        const empty = { ...mask, data: mask.data.map(() => 0) };
        expect(isEmptyMask(resizeMask(empty, width, height))).toBe(true);
      }),
    );
  });
});

describe("maskToLatent", () => {
  it("takes the largest value under each cell, and stays 0 where the mask is 0", () => {
    fc.assert(
      fc.property(anyMask, side, side, (mask, h, w) => {
        const latent = maskToLatent(mask, h, w);
        expect(latent.shape).toEqual([1, h, w]);
        for (let j = 0; j < h; j++) {
          for (let i = 0; i < w; i++) {
            const under = [];
            for (let y = 0; y < mask.height; y++) {
              for (let x = 0; x < mask.width; x++) {
                // Pixel [x, x+1) meets cell [i, i+1)·width/w, compared in whole numbers.
                const meetsX = x * w < (i + 1) * mask.width && (x + 1) * w > i * mask.width;
                const meetsY = y * h < (j + 1) * mask.height && (y + 1) * h > j * mask.height;
                if (meetsX && meetsY) under.push(mask.data[y * mask.width + x]!);
              }
            }
            expect(latent.data[j * w + i]).toBe(Math.max(...under));
          }
        }
      }),
      { numRuns: 40 },
    );
  });

  it("opens the whole cell for a single pixel", () => {
    const mask = maskFromBox(32, 16, { x: 9, y: 15, width: 1, height: 1 });
    expect([...maskToLatent(mask, 2, 4).data]).toEqual([0, 0, 0, 0, 0, 1, 0, 0]);
  });
});
