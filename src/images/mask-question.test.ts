import { describe, expect, it } from "vitest";
import { encodeAs, encodePng, readPicture } from "./codec.node.ts";
import { boxOfMask, maskFromPicture } from "./mask.ts";
import { type MaskPictureOptions, maskOfPicture } from "./mask-question.ts";
import { makeMask, parseMaskSpec } from "./mask-spec.ts";
import type { Picture } from "./picture.ts";
import { sharp } from "./sharp.node.ts";

const SIDE = 96;
type Rgba = readonly [number, number, number, number];
const draw = (at: (x: number, y: number) => Rgba, side = SIDE): Picture => {
  const data = new Uint8ClampedArray(side * side * 4);
  for (let y = 0; y < side; y++) for (let x = 0; x < side; x++) data.set(at(x, y), 4 * (y * side + x));
  return { width: side, height: side, data };
};
const disc = (x: number, y: number) => Math.hypot(x - 50, y - 40) < 20;
const level = (v: number): Rgba => [v, v, v, 255];
const grey = (at: (x: number, y: number) => number) => draw((x, y) => level(at(x, y)));
const clean = grey((x, y) => (disc(x, y) ? 255 : 0));
const photo = draw((x, y) => [(x * 7 + y * 3) % 256, (x * x + y) % 256, (y * 11) % 256, 255]);
const greyPhoto = grey((x, y) => 40 + ((x * x * 3 + y * 7 + x * y) % 170));
const layer = (inside: Rgba, outside: Rgba) => draw((x, y) => (disc(x, y) ? inside : outside));

const read = (picture: Picture, options: MaskPictureOptions = {}) =>
  maskOfPicture(picture, {
    called: "The mask m.png",
    word: (a) => `${a.invert ? "invert:" : ""}${a.channel}:m.png`,
    ...options,
  });
const asked = (picture: Picture, options?: MaskPictureOptions) => {
  try {
    return read(picture, options).warnings.join(" ");
  } catch (error) {
    return `${(error as { code: string }).code}: ${(error as Error).message}`;
  }
};

describe("masks that can be meant", () => {
  it.each<[string, Picture]>([
    ["white on black", clean],
    ["a soft border", grey((x, y) => Math.max(0, Math.min(255, (26 - Math.hypot(x - 50, y - 40)) * 16)))],
    ["a gradient", grey((x) => Math.round((x * 255) / (SIDE - 1)))],
    ["a weak ground that somebody chose", grey((x, y) => (disc(x, y) ? 255 : 40))],
    ["white paint on a transparent layer", layer([255, 255, 255, 255], [0, 0, 0, 0])],
    ["smoothed edges", grey((x, y) => Math.max(0, Math.min(255, (20.5 - Math.hypot(x - 50, y - 40)) * 255)))],
  ])("%s is read exactly as it is, without a word", (_, picture) => {
    const { mask, warnings } = read(picture);
    expect(warnings).toEqual([]);
    expect(mask).toEqual(maskFromPicture(picture));
  });

  it.each<[string, Picture]>([
    ["black of (1,1,1)", grey((x, y) => (disc(x, y) ? 255 : 1))],
    ["black of (5,5,5) with some of 0", grey((x, y) => (disc(x, y) ? 255 : x < 4 ? 0 : 5))],
    ["white of 254", grey((x, y) => (disc(x, y) ? 254 : 0))],
    ["the levels of video", grey((x, y) => (disc(x, y) ? 235 : 16))],
  ])("%s opens what white on black opens, and that is said", (_, picture) => {
    const { mask, warnings } = read(picture);
    expect(mask).toEqual(maskFromPicture(clean));
    expect(warnings).toEqual([expect.stringMatching(/not quite black and white/)]);
  });

  it.each([
    ["jpeg", 90],
    ["jpeg", 50],
    ["webp", 40],
    ["avif", 40],
  ] as const)("compressed by %s at %i it opens nothing beside its edges", async (format, quality) => {
    const bytes = await encodeAs(sharp(await encodePng(clean)), format, quality).toBuffer();
    const { mask } = read(await readPicture(bytes));
    const box = boxOfMask(mask)!;
    expect(box.x).toBeGreaterThan(26);
    expect(box.x + box.width).toBeLessThan(75);
    let wrong = 0;
    mask.data.forEach((m, i) => {
      if (Math.abs(m - maskFromPicture(clean).data[i]!) > 0.5) wrong++;
    });
    expect(wrong).toBeLessThan(20);
  });

  it("of one level say that they name no place", () => {
    expect(read(grey(() => 255)).warnings).toEqual([
      expect.stringMatching(/same everywhere.*as without a mask/),
    ]);
    expect(read(grey(() => 128)).warnings).toEqual([expect.stringMatching(/same everywhere.*50 %/)]);
    expect(read(grey(() => 1)).mask.data.every((m) => m === 0)).toBe(true);
  });

  it("of a half say that the edit is half done, and how it is done whole", () => {
    const { mask, warnings } = read(grey((x, y) => (disc(x, y) ? 128 : 0)));
    expect(Math.max(...mask.data)).toBeCloseTo(0.5, 2);
    expect(warnings).toEqual([expect.stringMatching(/level 128.*stretch:m\.png/)]);
  });
});

describe("masks that cannot be meant as they are", () => {
  it.each<[string, Picture, RegExp]>([
    [
      "the picture with a hole",
      draw(
        (x, y) =>
          [
            ...photo.data.slice(4 * (y * SIDE + x), 4 * (y * SIDE + x) + 3),
            disc(x, y) ? 0 : 255,
          ] as unknown as Rgba,
      ),
      /transparent part.*invert:alpha:m\.png if.* alpha:m\.png if/,
    ],
    ["a flat drawing with a hole", layer([0, 0, 0, 0], [200, 60, 40, 255]), /transparent part/],
    [
      "a white sheet with a hole",
      layer([0, 0, 0, 0], [255, 255, 255, 255]),
      /white sheet.*invert:alpha:m\.png if.* alpha:m\.png if/,
    ],
    ["a black sheet with a hole", layer([0, 0, 0, 0], [0, 0, 0, 255]), /alpha alone/],
    ["a black shape on nothing", layer([0, 0, 0, 255], [0, 0, 0, 0]), /alpha alone/],
    ["nothing at all", draw(() => [0, 0, 0, 0]), /transparent everywhere/],
    ["a photograph", photo, /colours.*stretch:m\.png if.* white:m\.png if/],
    ["a grey photograph", greyPhoto, /photograph/],
    ["a red shape on black", layer([255, 0, 0, 255], [0, 0, 0, 255]), /colours/],
    ["zeros and ones", grey((x, y) => (disc(x, y) ? 1 : 0)), /levels from 0 to 1 of 255.*stretch:m\.png/],
  ])("%s is answered with a question", (_, picture, message) => {
    expect(asked(picture)).toMatch(/^mask\.ambiguous/);
    expect(asked(picture)).toMatch(message);
  });

  it("the picture that is edited is no mask of itself, also where it is grey and flat", () => {
    const flat = grey((x) => (x < 40 ? 90 : 200));
    expect(asked(flat)).not.toMatch(/ambiguous/);
    expect(asked(flat, { original: flat })).toMatch(
      /^mask\.ambiguous: The mask m\.png is the picture itself/,
    );
  });

  it("an alpha that is opaque everywhere says nothing, in OpenAI's way round too", () => {
    for (const invert of [false, true])
      expect(asked(clean, { channel: "alpha", invert })).toMatch(
        /^mask\.ambiguous.*no transparent part.*white:m\.png/,
      );
    expect(
      asked(
        grey(() => 0),
        { channel: "alpha" },
      ),
    ).toMatch(/same everywhere/);
  });

  it("every answer that is proposed is taken, and edits what it says", async () => {
    const files: Record<string, Picture> = {
      "hole.png": layer([0, 0, 0, 0], [200, 60, 40, 255]),
      "ones.png": grey((x, y) => (disc(x, y) ? 1 : 0)),
      "red.png": layer([255, 0, 0, 255], [0, 0, 0, 255]),
      "photo.png": photo,
    };
    const make = (words: string) =>
      makeMask(parseMaskSpec(words), clean, { readFile: async (name) => files[name]! });
    for (const name of Object.keys(files)) {
      const error = await make(name).then(
        () => null,
        (e: Error) => e,
      );
      const answers = [...error!.message.matchAll(/(\S+\.png) if/g)].map(([, words]) => words!);
      expect(answers.length, name).toBe(2);
      for (const words of answers) expect(await make(words), words).toBeTypeOf("object");
    }
    const expected = { width: SIDE, height: SIDE, data: maskFromPicture(clean).data };
    expect(await make("invert:alpha:hole.png")).toEqual(expected);
    expect(await make("stretch:ones.png")).toEqual(expected);
    expect(await make("stretch:red.png")).toEqual(expected);
    // A question about an inverted mask proposes inverted ones.
    await expect(make("invert:ones.png")).rejects.toThrow(/invert:stretch:ones\.png/);
  });

  it("a mask that is rotated by 90° is refused, and stretched with fit:", async () => {
    const lying = { width: 96, height: 64, data: clean.data.slice(0, 96 * 64 * 4) };
    const make = (words: string) =>
      makeMask(parseMaskSpec(words), { width: 64, height: 96 }, { readFile: async () => lying });
    await expect(make("m.png")).rejects.toThrow(/is rotated by 90°.*fit:m\.png/);
    expect(await make("fit:m.png")).toMatchObject({ width: 64, height: 96 });
  });

  it("a shape that covers no pixel is a slip", async () => {
    for (const words of ["ellipse:900,900,4,4", "poly:200,200,300,200,300,300"])
      await expect(
        makeMask(parseMaskSpec(words), clean, { readFile: async () => clean }),
      ).rejects.toMatchObject({ code: "mask.invalid" });
  });
});
