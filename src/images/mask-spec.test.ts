import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isEmilieError } from "../errors.ts";
import { checkMask, invertMask, type Mask, maskFromBox, pictureFromMask } from "./mask.ts";
import { makeMask, parseMaskSpec } from "./mask-spec.ts";
import { blankPicture } from "./picture.ts";
import { maskFromEllipse, maskFromPolygon, type Point } from "./shapes.ts";

const size = { width: 12, height: 8 };
const sum = ({ data }: Mask) => data.reduce((a, b) => a + b, 0);

describe("shapes", () => {
  it("a rectangle as polygon is the box, whichever way it turns", () => {
    const corners: Point[] = [
      [2, 1],
      [9, 1],
      [9, 6],
      [2, 6],
    ];
    const box = maskFromBox(12, 8, { x: 2, y: 1, width: 7, height: 5 });
    expect(maskFromPolygon(12, 8, corners)).toEqual(box);
    expect(maskFromPolygon(12, 8, corners.toReversed())).toEqual(box);
  });

  it("a pixel is in a polygon where its centre is, by the crossings to its left (even-odd)", () => {
    const point = fc.tuple(
      fc.double({ min: -5, max: 17, noNaN: true }),
      fc.double({ min: -5, max: 13, noNaN: true }),
    );
    fc.assert(
      fc.property(fc.array(point, { minLength: 3, maxLength: 9 }), (corners) => {
        const inside = (px: number, py: number) => {
          let odd = false;
          corners.forEach(([x0, y0], i) => {
            const [x1, y1] = corners[(i + 1) % corners.length]!;
            if (y0 <= py !== y1 <= py && x0 + ((py - y0) / (y1 - y0)) * (x1 - x0) <= px) odd = !odd;
          });
          return odd ? 1 : 0;
        };
        const expected = Array.from({ length: 96 }, (_, i) =>
          inside((i % 12) + 0.5, Math.floor(i / 12) + 0.5),
        );
        if (expected.includes(1)) expect([...maskFromPolygon(12, 8, corners).data]).toEqual(expected);
        else expect(() => maskFromPolygon(12, 8, corners)).toThrow(/covers no pixel/);
      }),
    );
  });

  it("an ellipse has its area, and may reach out of the picture", () => {
    const mask = maskFromEllipse(200, 100, { x: 100, y: 50, radiusX: 80, radiusY: 30 });
    expect(Math.abs(sum(mask) / (Math.PI * 80 * 30) - 1)).toBeLessThan(0.01);
    expect(sum(maskFromEllipse(12, 8, { x: 0, y: 0, radiusX: 100, radiusY: 100 }))).toBe(96);
    expect(() => maskFromEllipse(12, 8, { x: 40, y: 4, radiusX: 3, radiusY: 3 })).toThrow(/covers no pixel/);
    expect(() => maskFromEllipse(12, 8, { x: 4, y: 4, radiusX: 0, radiusY: 3 })).toThrow(/above 0/);
  });
});

describe("masks in words", () => {
  const files: Record<string, Mask> = { "roof.png": maskFromBox(12, 8, { x: 0, y: 0, width: 6, height: 8 }) };
  const readFile = async (name: string) => {
    const picture = pictureFromMask(files[name]!);
    // The alpha says the right half.
    for (let i = 0; i < 96; i++) picture.data[4 * i + 3] = i % 12 >= 6 ? 255 : 0;
    return picture;
  };
  const make = (text: string) => makeMask(parseMaskSpec(text), size, { readFile }) as Promise<Mask>;

  it("are shapes, files, alphas, inverted and soft", async () => {
    expect(await make("auto")).toBe("auto");
    expect(await make("box:2,1,7,5")).toEqual(await make("poly:2,1,9,1,9,6,2,6"));
    expect(sum(await make("ellipse: 6, 4, 1.5, 1.5"))).toBe(4);
    // White only where it is transparent: what is opaque is black, so the shape is in the alpha alone, and which half of it?
    await expect(make("roof.png")).rejects.toMatchObject({ code: "mask.ambiguous" });
    expect(sum(await make("white:roof.png"))).toBe(0);
    expect(await make("alpha:roof.png")).toEqual(maskFromBox(12, 8, { x: 6, y: 0, width: 6, height: 8 }));
    expect(await make("invert:alpha:roof.png")).toEqual(files["roof.png"]);
    expect(await make("alpha:invert:file:roof.png")).toEqual(files["roof.png"]);
    expect(await make("invert:box:2,1,7,5")).toEqual(invertMask(await make("box:2,1,7,5")));
    const [hard, soft] = [await make("box:2,1,7,5"), await make("soft:2:box:2,1,7,5")];
    soft.data.forEach((m, i) => void expect(m > 0).toBe(hard.data[i]! > 0));
    expect(soft.data.some((m) => m > 0 && m < 1)).toBe(true);
    const levels = soft.data.map((m) => m * 255);
    expect(levels.every((level) => Math.abs(level - Math.round(level)) < 1e-4)).toBe(true);
    const hash = "ab".repeat(32);
    const held = new Map([[hash, hard]]);
    expect(await makeMask(parseMaskSpec(`sha256:${hash}`), size, { readFile, held })).toBe(hard);
    await expect(make(`sha256:${hash}`)).rejects.toMatchObject({ code: "option.invalid" });
  });

  it.each([
    ["", /name is missing/],
    ["box:1,2,3", /expected box:x,y,width,height/],
    ["box:1,2,3,4.5", /whole pixels/],
    ["box:1,2,3,x", /expected box/],
    ["poly:1,2,3,4", /expected poly/],
    ["poly:1,2,3,4,5", /expected poly/],
    ["ellipse:1,2,3", /the centre and two radii/],
    ["invert:", /name is missing/],
    ["invert:auto", /auto stands alone/],
    ["alpha:box:1,2,3,4", /only a picture file/],
    ["white:poly:1,1,5,1,5,5", /only a picture file/],
    ["fit:box:1,2,3,4", /only a picture file/],
    ["alpha:stretch:roof.png", /two readings/],
    ["soft:99999:box:1,2,3,4", /0 to 10000/],
    ["sha256:12", /64 hex digits/],
  ])("%j is refused, saying what was expected", (text, message) => {
    expect(() => parseMaskSpec(text)).toThrow(expect.objectContaining({ code: "option.invalid" }));
    expect(() => parseMaskSpec(text)).toThrow(message);
  });

  it("of any words are a valid mask or a typed error", async () => {
    const number = fc.oneof(
      fc.integer({ min: -20, max: 20 }).map(String),
      fc.constantFrom("", "x", "1e9", "0.5"),
    );
    const words = fc
      .tuple(
        fc.array(
          fc.constantFrom("invert:", "alpha:", "white:", "stretch:", "fit:", "soft:3:", "soft:.:", "soft:"),
          { maxLength: 3 },
        ),
        fc.constantFrom("box:", "poly:", "ellipse:", "file:", "sha256:", ""),
        fc.oneof(
          fc.array(number, { maxLength: 9 }).map((n) => n.join(",")),
          fc.constantFrom("roof.png", "auto"),
        ),
      )
      .map(([before, kind, rest]) => before.join("") + kind + rest);
    await fc.assert(
      fc.asyncProperty(words, async (text) => {
        try {
          const spec = parseMaskSpec(text);
          if (spec.kind === "file" && !files[spec.name]) return;
          const mask = await makeMask(spec, size, { readFile });
          if (typeof mask === "string") expect(text).toBe(mask);
          else checkMask(mask);
        } catch (error) {
          expect(isEmilieError(error), `${text}: ${error}`).toBe(true);
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe("a mask along edges", () => {
  it("is named by a point on a thing or a box around it, and needs the picture", async () => {
    const picture = blankPicture(40, 40, [20, 60, 160, 255]);
    for (let y = 10; y < 30; y++)
      for (let x = 10; x < 30; x++) picture.data.set([220, 60, 40, 255], 4 * (y * 40 + x));
    const sources = { readFile: () => Promise.reject(new Error("no file is read")) };
    for (const words of ["at:20,20", "around:8,8,24,24"]) {
      const mask = await makeMask(parseMaskSpec(words), picture, sources);
      const covered = (mask as Mask).data.reduce((sum, value) => sum + (value > 0.5 ? 1 : 0), 0);
      expect(Math.abs(covered - 400)).toBeLessThan(45);
      await expect(makeMask(parseMaskSpec(words), { width: 40, height: 40 }, sources)).rejects.toThrow(
        /follows the edges of a picture/,
      );
    }
    expect(() => parseMaskSpec("at:1")).toThrow(/at:x,y, a point on the thing/);
    await expect(makeMask(parseMaskSpec("at:40,2"), picture, sources)).rejects.toMatchObject({
      code: "option.invalid",
    });
  });
});
