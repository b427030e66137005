import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { tensor } from "../tensor/tensor.ts";
import { fromModelImage, toModelImage, workingSize } from "./model-image.ts";
import { blankPicture, type Picture } from "./picture.ts";

describe("workingSize", () => {
  it.each([
    [512, 512, 512, 8, 512, 512],
    [4000, 3000, 512, 8, 512, 384],
    [3000, 4000, 512, 64, 384, 512],
    [1920, 1080, 512, 8, 512, 288],
    [40, 30, 128, 8, 128, 96],
    [10000, 10, 256, 8, 256, 8],
    [100, 67, 128, 32, 128, 96],
  ])("brings %i×%i at native size %i, multiple %i to %i×%i", (w, h, native, multiple, width, height) => {
    expect(workingSize(w, h, native, multiple)).toEqual({ width, height });
  });

  it("always gives positive multiples, the longer side near the native size, the aspect within half a multiple", () => {
    const side = fc.integer({ min: 1, max: 9000 });
    const native = fc.integer({ min: 8, max: 1024 });
    fc.assert(
      fc.property(side, side, native, fc.constantFrom(8, 16, 32, 64), (w, h, size, multiple) => {
        const { width, height } = workingSize(w, h, size, multiple);
        expect([width % multiple, height % multiple]).toEqual([0, 0]);
        expect(Math.min(width, height)).toBeGreaterThanOrEqual(multiple);
        const longer = Math.max(width, height);
        expect(Math.abs(longer - Math.max(multiple, size))).toBeLessThanOrEqual(multiple / 2);
        const exactShorter = (longer * Math.min(w, h)) / Math.max(w, h);
        expect(Math.abs(Math.min(width, height) - Math.max(multiple, exactShorter))).toBeLessThanOrEqual(
          multiple / 2,
        );
      }),
    );
  });

  it("refuses sizes that are not positive whole numbers", () => {
    expect(() => workingSize(0, 5, 512)).toThrow(/0×5/);
    expect(() => workingSize(5, 5, Number.NaN)).toThrow(/NaN/);
  });
});

describe("the model's image", () => {
  it("is v/127.5 − 1 in channel order when the size is right, and comes back bit for bit", () => {
    const pixel = fc.uint8Array({ minLength: 4 * 15, maxLength: 4 * 15 });
    fc.assert(
      fc.property(pixel, (bytes) => {
        const data = Uint8ClampedArray.from(bytes, (value, i) => (i % 4 === 3 ? 255 : value));
        const picture: Picture = { width: 5, height: 3, data };
        const image = toModelImage(picture, 5, 3);
        expect(image.shape).toEqual([3, 3, 5]);
        for (let i = 0; i < 45; i++) {
          expect(image.data[i]).toBe(Math.fround(data[4 * (i % 15) + Math.floor(i / 15)]! / 127.5 - 1));
        }
        expect(fromModelImage(image, 5, 3, picture)).toEqual(picture);
      }),
      { numRuns: 50 },
    );
  });

  it("stays in [-1, 1] at hard edges when resized", () => {
    const data = Uint8ClampedArray.from({ length: 4 * 64 }, (_, i) =>
      i % 4 === 3 || (i >> 4) % 2 ? 255 : 0,
    );
    for (const size of [5, 8, 20]) {
      const image = toModelImage({ width: 8, height: 8, data }, size, size);
      expect(Math.max(...image.data.map(Math.abs))).toBeLessThanOrEqual(1);
    }
  });

  it("is rounded to 8 bits like np.round: clamped, halves to even", () => {
    // For these x, 255·(x/2 + 1/2) is exactly 64.5, 65.5, 253.5 and 254.5 in 32-bit floats; the levels are NumPy's.
    const values = [
      -0.4941176474094391, -0.48627451062202454, 0.9882351756095886, 0.996078372001648, 1.4, -1.1,
    ];
    const image = tensor([...values, ...values, ...values], [3, 1, 6]);
    const { data } = fromModelImage(image, 6, 1, blankPicture(6, 1));
    expect(Array.from({ length: 6 }, (_, i) => data[4 * i])).toEqual([64, 66, 254, 254, 255, 0]);
  });

  it("shows the model transparent parts on white, and takes the white out again", () => {
    const data = Uint8ClampedArray.from([200, 40, 90, 128, 1, 2, 3, 0, 10, 20, 30, 255]);
    const picture: Picture = { width: 3, height: 1, data };
    const image = toModelImage(picture, 3, 1);
    expect(image.data[1]).toBe(1); // the transparent pixel is white
    const back = fromModelImage(image, 3, 1, picture);
    data.forEach((value, i) => {
      expect(Math.abs(back.data[i]! - value)).toBeLessThanOrEqual(1);
    });
    expect([...back.data.slice(4, 8)]).toEqual([1, 2, 3, 0]);
  });

  it("has the size asked for, and refuses a decoder's NaN", () => {
    const image = tensor(new Float32Array(3 * 16 * 8).fill(0.5), [3, 16, 8]);
    const picture = fromModelImage(image, 33, 70, blankPicture(33, 70));
    expect([picture.width, picture.height, picture.data.length]).toEqual([33, 70, 33 * 70 * 4]);
    expect([...picture.data.slice(0, 4)]).toEqual([191, 191, 191, 255]);
    image.data[7] = Number.NaN;
    expect(() => fromModelImage(image, 33, 70, blankPicture(33, 70))).toThrow(/not numbers/);
  });
});
