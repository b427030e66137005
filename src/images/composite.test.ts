import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { composite } from "./composite.ts";
import { distanceTo } from "./distance.ts";
import { feather } from "./feather.ts";
import { type Mask, maskFromBox } from "./mask.ts";
import { blankPicture, type Picture, samePicture } from "./picture.ts";

/** Masks made of boxes and specks, some soft. */
const shapes = fc
  .record({
    width: fc.integer({ min: 1, max: 40 }),
    height: fc.integer({ min: 1, max: 40 }),
    boxes: fc.array(fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 5, maxLength: 5 }), {
      maxLength: 4,
    }),
  })
  .map(({ width, height, boxes }): Mask => {
    const data = new Float32Array(width * height);
    for (const [left, top, right, bottom, value] of boxes) {
      for (let y = Math.floor(top! * height); y < (top! + bottom! / 2) * height && y < height; y++) {
        for (let x = Math.floor(left! * width); x < (left! + right! / 2) * width && x < width; x++) {
          data[y * width + x] = value! > 0.3 ? 1 : value! * 3;
        }
      }
    }
    return { width, height, data };
  });

function noise(width: number, height: number, seed: number): Picture {
  const data = Uint8ClampedArray.from(
    { length: width * height * 4 },
    (_, i) => (i * seed * 2654435761) >>> 24,
  );
  return { width, height, data };
}

describe("distanceTo", () => {
  it("is the distance to the nearest target", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 14 }),
        fc.array(fc.boolean(), { minLength: 1, maxLength: 120 }),
        (width, flags) => {
          const height = Math.ceil(flags.length / width);
          const targets = Uint8Array.from({ length: width * height }, (_, i) => Number(flags[i] ?? false));
          distanceTo(targets, width, height).forEach((distance, i) => {
            let nearest = Number.POSITIVE_INFINITY;
            targets.forEach((target, k) => {
              if (!target) return;
              nearest = Math.min(
                nearest,
                Math.hypot((i % width) - (k % width), Math.floor(i / width) - Math.floor(k / width)),
              );
            });
            expect(distance).toBe(Math.fround(nearest));
          });
        },
      ),
    );
  });
});

describe("feather", () => {
  const width = fc.double({ min: 1.5, max: 9, noNaN: true });

  it("softens only inside: 0 stays 0, nothing grows, what is deep keeps its value", () => {
    fc.assert(
      fc.property(shapes, width, (mask, featherPx) => {
        const soft = feather(mask, featherPx);
        const depth = distanceTo(
          Uint8Array.from(mask.data, (value) => (value === 0 ? 1 : 0)),
          mask.width,
          mask.height,
        );
        mask.data.forEach((value, i) => {
          expect(soft.data[i]).toBeLessThanOrEqual(value);
          if (value > 0) expect(soft.data[i]).toBeGreaterThan(0);
          if (depth[i]! >= featherPx) expect(soft.data[i]).toBe(value);
        });
      }),
    );
  });

  it("lets every part of a mask, however thin, reach its value near by", () => {
    fc.assert(
      fc.property(shapes, width, (mask, featherPx) => {
        const soft = feather(mask, featherPx);
        const whole = mask.data.map((value, i) => (value > 0 && soft.data[i] === value ? 1 : 0));
        const toWhole = distanceTo(Uint8Array.from(whole), mask.width, mask.height);
        mask.data.forEach((value, i) => {
          // √2: the largest disc in a right corner touches both sides, and its centre, the first whole value, lies that much further.
          if (value > 0) expect(toWhole[i]).toBeLessThan(Math.SQRT2 * featherPx + 1);
        });
      }),
      { examples: [[maskFromBox(40, 40, { x: 0, y: 0, width: 5, height: 5 }), 4.626]] },
    );
  });

  it("edits a thin post as fully as the house beside it", () => {
    const data = maskFromBox(60, 60, { x: 5, y: 5, width: 30, height: 50 }).data;
    maskFromBox(60, 60, { x: 35, y: 30, width: 20, height: 3 }).data.forEach((value, i) => {
      if (value) data[i] = 1;
    });
    const soft = feather({ width: 60, height: 60, data }, 8);
    for (let x = 45; x < 53; x++) expect(soft.data[31 * 60 + x]).toBe(1); // the post's middle line
    expect(soft.data[31 * 60 + 19]).toBe(1); // the middle of the house
    expect(soft.data[20 * 60 + 5]).toBeLessThan(0.1); // the border of the house
  });

  it("does not soften at the edge of the picture, nor a mask that has no border", () => {
    const full = maskFromBox(9, 9, { x: 0, y: 0, width: 9, height: 9 });
    expect(feather(full, 4).data).toEqual(full.data);
    const left = feather(maskFromBox(20, 9, { x: 0, y: 0, width: 10, height: 9 }), 4);
    expect(left.data[0]).toBe(1);
    expect(left.data[9]).toBeLessThan(1);
  });
});

describe("composite", () => {
  it("shows the parent bit for bit where the mask is 0, whatever the feather", () => {
    fc.assert(
      fc.property(shapes, fc.double({ min: 0, max: 12, noNaN: true }), (mask, featherPx) => {
        const parent = noise(mask.width, mask.height, 3);
        const edited = noise(mask.width, mask.height, 7);
        const result = composite(parent, edited, mask, { featherPx });
        mask.data.forEach((value, i) => {
          const pixel = (picture: Picture) => [...picture.data.slice(4 * i, 4 * i + 4)];
          if (value === 0) expect(pixel(result)).toEqual(pixel(parent));
          if (value === 1 && featherPx <= 1) expect(pixel(result)).toEqual(pixel(edited));
        });
      }),
    );
  });

  it("is the edit for a full mask and the parent for an empty one", () => {
    const parent = noise(30, 20, 3);
    const edited = noise(30, 20, 7);
    const full = maskFromBox(30, 20, { x: 0, y: 0, width: 30, height: 20 });
    expect(samePicture(composite(parent, edited, full), edited)).toBe(true);
    const empty = { ...full, data: new Float32Array(600) };
    expect(samePicture(composite(parent, edited, empty), parent)).toBe(true);
  });

  it("blends by a soft mask, and resizes a mask of another size", () => {
    const black = blankPicture(4, 4, [0, 0, 0, 255]);
    const white = blankPicture(4, 4);
    const half = { width: 2, height: 2, data: new Float32Array(4).fill(0.5) };
    const result = composite(black, white, half);
    expect([...result.data.slice(0, 4)]).toEqual([128, 128, 128, 255]);
  });

  it("refuses an edit of another size", () => {
    const mask = maskFromBox(4, 4, { x: 0, y: 0, width: 1, height: 1 });
    expect(() => composite(blankPicture(4, 4), blankPicture(5, 4), mask)).toThrow(/4×4.*5×4/);
  });
});
