import fc from "fast-check";
import sharp from "sharp";
import { describe, expect, it } from "vitest";
import { encodePng, readPicture } from "./codec.node.ts";
import { blankPicture } from "./picture.ts";
import { readPngText, writePngText } from "./png-text.ts";

const png = await encodePng(blankPicture(5, 3, [10, 200, 30, 255]));

describe("text in PNG files", () => {
  it("comes back as it was written, whatever the text, and leaves the pixels alone", async () => {
    const keyword = fc.stringMatching(/^[a-zA-Z0-9_-]{1,79}$/).filter((k) => k !== "__proto__");
    const text = fc.string({ unit: "grapheme", maxLength: 400 });
    await fc.assert(
      fc.asyncProperty(fc.dictionary(keyword, text, { maxKeys: 4 }), async (entries) => {
        const written = writePngText(png, entries);
        expect(readPngText(written)).toEqual({ ...entries });
        expect(await readPicture(written)).toEqual(await readPicture(png));
      }),
      { numRuns: 40 },
    );
  });

  it("is replaced, not doubled, when written again", () => {
    const twice = writePngText(writePngText(png, { emilie: "first" }), { emilie: "second" });
    expect(readPngText(twice)).toEqual({ emilie: "second" });
    expect(twice.length).toBe(writePngText(png, { emilie: "second" }).length);
  });

  it("is written with checksums that libpng accepts and text that it reads", async () => {
    const written = writePngText(png, { Description: "Grüße, make it winter" });
    const { comments } = await sharp(written, { failOn: "warning" }).metadata();
    expect(comments).toEqual([{ keyword: "Description", text: "Grüße, make it winter" }]);
  });

  it("reads the tEXt chunks of other programs", () => {
    // keyword "Title", zero, text; the checksum was computed with Python's zlib.crc32.
    const chunk = [0, 0, 0, 8, ...latin1("tEXtTitle\0Hi"), 0xff, 0x0f, 0xa7, 0x7d];
    const whole = new Uint8Array([...png.slice(0, 33), ...chunk, ...png.slice(33)]);
    expect(readPngText(whole)).toEqual({ Title: "Hi" });
  });

  it("refuses files that are cut off, files that are not PNG, and keywords that PNG does not allow", () => {
    expect(() => readPngText(png.slice(0, -4))).toThrow(/cut off/);
    expect(() => readPngText(new TextEncoder().encode("GIF89a"))).toThrow(/Expected a PNG/);
    for (const keyword of ["", " a", "a ", "a  b", "x".repeat(80), "日本"]) {
      expect(() => writePngText(png, { [keyword]: "" })).toThrow(/keyword/);
    }
  });
});

function latin1(text: string): number[] {
  return Array.from(text, (letter) => letter.charCodeAt(0));
}
