/** What is computed of a part of a picture is bit for bit what the whole would give there. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { composite, compositePart } from "./composite.ts";
import { type Box, boxOfMask, cropMask, type Mask, maskFromBox } from "./mask.ts";
import { fromModelImage, fromModelPart, toModelImage, toModelPart } from "./model-image.ts";
import { cropPicture, type Picture, pastePicture, samePicture } from "./picture.ts";

function noise(width: number, height: number, seed: number): Picture {
  const data = Uint8ClampedArray.from(
    { length: width * height * 4 },
    (_, i) => Math.imul(i + 1, seed * 2654435761) >>> 24,
  );
  return { width, height, data };
}

const side = fc.integer({ min: 8, max: 48 });
const share = fc.double({ min: 0, max: 0.99, noNaN: true });
const cases = fc.record({
  width: side,
  height: side,
  w: side,
  h: side,
  seed: fc.integer({ min: 1, max: 99 }),
});

function boxIn(width: number, height: number, [x, y, w, h]: readonly number[]): Box {
  const [left, top] = [Math.floor(x! * width), Math.floor(y! * height)];
  return {
    x: left,
    y: top,
    width: 1 + Math.floor(w! * (width - left)),
    height: 1 + Math.floor(h! * (height - top)),
  };
}
const places = fc.array(share, { minLength: 4, maxLength: 4 });

function cropPlanes({ data, shape }: ReturnType<typeof toModelImage>, box: Box): number[] {
  const [channels, h, w] = shape as [number, number, number];
  const out: number[] = [];
  for (let channel = 0; channel < channels; channel++)
    for (let y = box.y; y < box.y + box.height; y++)
      for (let x = box.x; x < box.x + box.width; x++) out.push(data[(channel * h + y) * w + x]!);
  return out;
}

describe("a part of a picture", () => {
  it("is prepared for the encoder as in the whole, shrunk, enlarged or as it is", () => {
    fc.assert(
      fc.property(cases, places, fc.boolean(), ({ width, height, w, h, seed }, place, own) => {
        const picture = noise(width, height, seed);
        const size = own ? { width, height } : { width: w, height: h };
        const box = boxIn(size.width, size.height, place);
        const part = toModelPart(picture, size, box);
        expect(part.shape).toEqual([3, box.height, box.width]);
        expect([...part.data]).toEqual(cropPlanes(toModelImage(picture, size.width, size.height), box));
      }),
      { numRuns: 60 },
    );
  });

  it("is made of a decoded image as in the whole", () => {
    fc.assert(
      fc.property(cases, places, ({ width, height, w, h, seed }, place) => {
        const picture = noise(width, height, seed);
        const image = toModelImage(noise(w, h, seed + 1), w, h);
        const box = boxIn(width, height, place);
        const part = fromModelPart(image, { x: 0, y: 0 }, { width: w, height: h }, picture, box);
        const whole = fromModelImage(image, width, height, picture);
        expect(samePicture(part, cropPicture(whole, box))).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  it("is laid over its parent as the whole would be", () => {
    fc.assert(
      fc.property(cases, places, share, ({ width, height, seed }, place, softness) => {
        const [parent, edited] = [noise(8 * width, 8 * height, seed), noise(8 * width, 8 * height, seed + 1)];
        const hard = maskFromBox(8 * width, 8 * height, boxIn(8 * width, 8 * height, place));
        const mask: Mask = { ...hard, data: hard.data.map((m, i) => (i % 3 ? m : m * softness)) };
        const part = compositePart(parent, mask, (box) => cropPicture(edited, box));
        expect(samePicture(part, composite(parent, edited, mask))).toBe(true);
      }),
      { numRuns: 30 },
    );
  });

  it("has a smallest box, and comes back where it was cut out", () => {
    fc.assert(
      fc.property(cases, places, ({ width, height, seed }, place) => {
        const picture = noise(width, height, seed);
        const box = boxIn(width, height, place);
        const mask = maskFromBox(width, height, box);
        expect(boxOfMask(mask)).toEqual(box);
        expect(cropMask(mask, box).data.every((m) => m === 1)).toBe(true);
        expect(samePicture(pastePicture(picture, cropPicture(picture, box), box), picture)).toBe(true);
      }),
    );
    expect(boxOfMask({ width: 2, height: 2, data: new Float32Array(4) })).toBeUndefined();
  });
});
