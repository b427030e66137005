import { describe, expect, it } from "vitest";
import { drawText, textWidth, wrapText } from "./draw.ts";
import { maskFromBox } from "./mask.ts";
import { blankPicture, type Picture, samePicture } from "./picture.ts";
import { strip } from "./strip.ts";

const red = blankPicture(60, 40, [255, 0, 0, 255]);
const blue = blankPicture(60, 40, [0, 0, 255, 255]);

/** How many pixels have about this colour, and the box around them. */
function find(picture: Picture, [r, g, b]: readonly [number, number, number]) {
  const found = {
    count: 0,
    left: Number.POSITIVE_INFINITY,
    right: -1,
    top: Number.POSITIVE_INFINITY,
    bottom: -1,
  };
  for (let i = 0; i < picture.width * picture.height; i++) {
    const [red = 0, green = 0, blue = 0] = picture.data.subarray(4 * i, 4 * i + 3);
    if (Math.abs(red - r) + Math.abs(green - g) + Math.abs(blue - b) > 12) continue;
    const [x, y] = [i % picture.width, Math.floor(i / picture.width)];
    found.count++;
    found.left = Math.min(found.left, x);
    found.right = Math.max(found.right, x);
    found.top = Math.min(found.top, y);
    found.bottom = Math.max(found.bottom, y);
  }
  return found;
}

describe("strip", () => {
  it("shows the frames from left to right at one height, in their colours and aspect", () => {
    const sheet = strip([
      { picture: red, caption: "original" },
      { picture: blue, caption: "make it blue" },
    ]);
    const [first, second] = [find(sheet, [255, 0, 0]), find(sheet, [0, 0, 255])];
    expect(first.right).toBeLessThan(second.left);
    expect([first.top, first.bottom]).toEqual([second.top, second.bottom]);
    expect((first.right - first.left + 1) / (first.bottom - first.top + 1)).toBeCloseTo(1.5, 1);
    expect(sheet.data.every((value, i) => i % 4 !== 3 || value === 255)).toBe(true);
  });

  it("breaks many frames into rows of about equal length", () => {
    const frames = Array.from({ length: 12 }, (_, i) => ({
      picture: i === 11 ? blue : red,
      caption: `${i}`,
    }));
    const last = find(strip(frames), [0, 0, 255]);
    const all = find(strip(frames), [255, 0, 0]);
    expect(last.top).toBeGreaterThan(all.top + 2 * (last.bottom - last.top)); // the third of three rows
    expect(Math.abs(last.right - all.right)).toBeLessThanOrEqual(1); // four in each
  });

  it("shows in small where an edit was allowed: the parent in colour there, pale elsewhere", () => {
    const mask = maskFromBox(60, 40, { x: 0, y: 0, width: 30, height: 40 });
    const plain = strip([
      { picture: red, caption: "a" },
      { picture: blue, caption: "b" },
    ]);
    const masked = strip([
      { picture: red, caption: "a" },
      { picture: blue, caption: "b", mask },
    ]);
    const reds = find(masked, [255, 0, 0]).count - find(plain, [255, 0, 0]).count;
    expect(reds).toBeGreaterThan(1500); // about half of a view of 108 × 72 pixels
    expect(reds).toBeLessThan(5000);
    expect(find(masked, [224, 49, 110]).count).toBeGreaterThan(60); // the line along the mask
  });

  it("names the parent of a branch", () => {
    const frames = (parent?: number) => [
      { picture: red, caption: "original" },
      { picture: red, caption: "one" },
      { picture: red, caption: "two", parent },
    ];
    expect(samePicture(strip(frames(1)), strip(frames()))).toBe(true);
    expect(strip(frames(0)).height).toBeGreaterThan(strip(frames()).height);
  });

  it("needs a frame", () => {
    expect(() => strip([])).toThrow(/at least one/);
  });
});

describe("captions", () => {
  it("keep every word, in lines that fit", () => {
    const text = "paint the roof blue, and Donaudampfschifffahrtsgesellschaftskapitänsmützen too";
    for (const width of [60, 150, 400]) {
      const lines = wrapText(text, 20, width);
      expect(lines.join("").replaceAll(" ", "")).toBe(text.replaceAll(" ", ""));
      for (const line of lines) expect(textWidth(line, 20)).toBeLessThanOrEqual(width);
    }
    expect(wrapText("", 20, 100)).toEqual([]);
  });

  it("are drawn as wide as they are measured, accents too, and other scripts in Latin letters", () => {
    const ink = (text: string) => {
      const paper = blankPicture(300, 60);
      drawText(paper, text, 10, 40, 30, [0, 0, 0]);
      return find(paper, [0, 0, 0]);
    };
    const word = ink("Winter");
    expect(word.right - word.left).toBeGreaterThan(textWidth("Winter", 30) - 8);
    expect(word.right - word.left).toBeLessThan(textWidth("Winter", 30));
    expect(ink("é").top).toBeLessThan(ink("e").top - 3);
    // Whatever fonts a machine has, and no boxes.
    for (const [text, spelled] of [
      ["сделай зиму", "sdelay zimu"],
      ["日本", "RiBen"],
      ["Ελληνικά", "Ellinika"],
      ["한국어", "HanGugEo"],
      ["❄️", ":snowflake:"],
      ["a\u202eb\u0007c", "abc"],
      ["\ue000", "?"],
      ["ștrasse", "strasse"],
    ] as const) {
      expect(ink(text), text).toEqual(ink(spelled));
      expect(textWidth(text, 30)).toBe(textWidth(spelled, 30));
    }
    expect(textWidth("Straße", 30)).toBe(textWidth("Strasse", 30));
  });
});
