import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  borderMask,
  changeCanvas,
  cropOf,
  expansionOf,
  isCanvasOf,
  keptBox,
  parseCrop,
  parseSides,
} from "./canvas.ts";
import { cropPicture, type Picture, samePicture } from "./picture.ts";

const size = { width: 40, height: 24 };
const pictureOf = (
  width: number,
  height: number,
  colour: (x: number, y: number) => readonly number[],
): Picture => {
  const data = new Uint8ClampedArray(4 * width * height);
  for (let i = 0; i < width * height; i++) data.set(colour(i % width, Math.floor(i / width)), 4 * i);
  return { width, height, data };
};
const noise = pictureOf(40, 24, (x, y) => [
  (x * 37 + y * 11) % 256,
  (x * 5 + y * 91) % 256,
  (x * y) % 256,
  255,
]);

describe("a crop", () => {
  it("is the window of the picture, byte for byte", () => {
    const canvas = cropOf(size, { x: 3, y: 5, width: 20, height: 9 });
    expect(
      samePicture(changeCanvas(noise, canvas), cropPicture(noise, { x: 3, y: 5, width: 20, height: 9 })),
    ).toBe(true);
  });

  it("lies in the picture, leaves something out, and is no speck", () => {
    for (const box of [
      { x: -1, y: 0, width: 10, height: 10 },
      { x: 31, y: 0, width: 10, height: 10 },
      { x: 0, y: 0, width: 40, height: 24 },
      { x: 0, y: 0, width: 7, height: 10 },
      { x: 0.5, y: 0, width: 10, height: 10 },
      { x: 0, y: Number.NaN, width: 10, height: 10 },
    ]) {
      expect(() => cropOf(size, box), JSON.stringify(box)).toThrow(
        expect.objectContaining({ code: "option.invalid" }),
      );
    }
  });
});

describe("an expansion", () => {
  it("takes pixels and shares of the picture", () => {
    expect(expansionOf(size, { left: "25%", top: 3, bottom: "50 %" })).toEqual({
      ...{ kind: "expand", x: -10, y: -3, width: 50, height: 39 },
    });
    expect(parseSides("left:25%,top:64")).toEqual({ left: "25%", top: "64" });
    expect(expansionOf(size, parseSides("8"))).toMatchObject({ x: -8, y: -8, width: 56, height: 40 });
    expect(parseCrop("1, 2,30,4")).toEqual({ x: 1, y: 2, width: 30, height: 4 });
    for (const text of ["", "up:3", "left:-3", "3,4", "left:3px"])
      expect(() => parseSides(text), text).toThrow();
    for (const text of ["1,2,3", "a,b,c,d", "1,2,3,-4"]) expect(() => parseCrop(text), text).toThrow();
  });

  it("adds room, and no more than a picture may have", () => {
    const code = (code: string) => expect.objectContaining({ code });
    expect(() => expansionOf(size, {})).toThrow(code("option.invalid"));
    expect(() => expansionOf(size, { left: 0, top: "0%" })).toThrow(code("option.invalid"));
    for (const room of [-1, 0.5, "x", Number.POSITIVE_INFINITY]) {
      expect(() => expansionOf(size, { left: room })).toThrow(code("option.invalid"));
    }
    expect(() => expansionOf(size, { left: 8_000, top: 8_000 })).toThrow(code("image.too-large"));
    expect(() => expansionOf(size, { left: 10_000_000 })).toThrow(code("image.too-large"));
  });

  it("keeps the picture byte for byte, whatever the room, and its mask is all the rest", () => {
    const room = fc.integer({ min: 0, max: 30 });
    fc.assert(
      fc.property(room, room, room, room, (left, top, right, bottom) => {
        fc.pre(left + top + right + bottom > 0);
        const canvas = expansionOf(size, { left, top, right, bottom });
        expect(isCanvasOf(size, canvas)).toBe(true);
        const expanded = changeCanvas(noise, canvas);
        const place = { x: left, y: top, ...size };
        expect(samePicture(cropPicture(expanded, place), noise)).toBe(true);
        expect(keptBox(size, canvas)).toEqual({ x: 0, y: 0, ...size });
        const mask = borderMask(size, canvas);
        expect(mask.data.filter((m) => m === 0)).toHaveLength(size.width * size.height);
        expect(mask.data.every((m) => Object.is(Math.fround(Math.round(m * 255) / 255), m))).toBe(true);
        expect(mask.data[0]! > 0).toBe(left + top > 0);
        for (let y = 0; y < size.height; y++) expect(mask.data[(y + top) * canvas.width + left]).toBe(0);
      }),
      { numRuns: 25 },
    );
  });

  it("goes on from the edge: what has one colour keeps it, and bands of a side go on as bands", () => {
    const red = pictureOf(40, 24, () => [200, 30, 10, 128]);
    const all = changeCanvas(red, expansionOf(size, { left: 17, top: 9, right: 40, bottom: 3 }));
    expect(
      samePicture(
        all,
        pictureOf(97, 36, () => [200, 30, 10, 128]),
      ),
    ).toBe(true);
    const bands = pictureOf(40, 24, (_, y) => (y < 12 ? [0, 0, 255, 255] : [0, 128, 0, 255]));
    const wide = changeCanvas(bands, expansionOf(size, { left: 20 }));
    const at = (x: number, y: number) => [...wide.data.slice(4 * (y * 60 + x), 4 * (y * 60 + x) + 4)];
    for (const x of [0, 10, 19]) {
      expect(at(x, 0)).toEqual([0, 0, 255, 255]);
      expect(at(x, 23)).toEqual([0, 128, 0, 255]);
    }
    // As sharp as they are.
    for (const x of [0, 19]) {
      expect(at(x, 11)).toEqual([0, 0, 255, 255]);
      expect(at(x, 12)).toEqual([0, 128, 0, 255]);
    }
  });

  it("leaves out, farther from the picture, what is thin along its edge", () => {
    const post = pictureOf(40, 24, (x) => (x === 20 ? [255, 0, 0, 255] : [0, 0, 255, 255]));
    const tall = changeCanvas(post, expansionOf(size, { top: 20 }));
    const at = (y: number) => [...tall.data.slice(4 * (40 * y + 20), 4 * (40 * y + 20) + 4)];
    expect(at(19)).toEqual([255, 0, 0, 255]);
    expect(at(0)).toEqual([0, 0, 255, 255]);
  });

  it("has no jump where its parts meet", () => {
    const smooth = pictureOf(40, 24, (x, y) => [3 * x, 5 * y, 2 * (x + y), 255]);
    const wide = changeCanvas(smooth, expansionOf(size, parseSides("30")));
    let largest = 0;
    for (let y = 0; y < wide.height; y++) {
      for (let x = 1; x < wide.width; x++) {
        for (let k = 0; k < 3; k++) {
          const i = 4 * (y * wide.width + x) + k;
          largest = Math.max(largest, Math.abs(wide.data[i]! - wide.data[i - 4]!));
        }
      }
    }
    expect(largest).toBeLessThanOrEqual(8);
  });

  it("does not take up the colour of what is transparent", () => {
    const half = pictureOf(40, 24, (x) => (x < 20 ? [255, 0, 0, 0] : [0, 0, 255, 255]));
    const tall = changeCanvas(half, expansionOf(size, { top: 20 }));
    for (let i = 0; i < 40 * 20; i++) {
      const [red, , blue, alpha] = tall.data.slice(4 * i, 4 * i + 4);
      if (alpha! > 0) expect([red, blue]).toEqual([0, 255]);
    }
  });
});

describe("a canvas of a file", () => {
  it("is one that could have been made", () => {
    for (const canvas of [
      { kind: "crop", x: 0, y: 0, width: 41, height: 24 },
      { kind: "crop", x: 0, y: 0, width: 40, height: 24 },
      { kind: "expand", x: 1, y: 0, width: 60, height: 24 },
      { kind: "expand", x: 0, y: 0, width: 39, height: 30 },
      { kind: "expand", x: -5, y: 0, width: 44, height: 24 },
    ] as const) {
      expect(isCanvasOf(size, canvas), JSON.stringify(canvas)).toBe(false);
    }
  });
});
