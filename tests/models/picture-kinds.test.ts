/** Files of every kind of sample: read as they are meant, with what is lost said, or refused in words. Never another picture. */
import { crc32 } from "node:zlib";
import sharp from "sharp";
import { describe, expect, it } from "vitest";
import { readPictureFile } from "../../src/images/codec.node.ts";
import { type TiffSpec, tiff } from "../support/tiff.ts";

const ORANGE = [200, 100, 50, 255];
const DEEP = [/more than 8 bits/];
const PRINT = [/CMYK/];
/** Reds, greens, blues of 256 entries; entry 1 is orange. */
const palette = [200, 100, 50].flatMap((v) => Array.from({ length: 256 }, (_, i) => (i === 1 ? 257 * v : 0)));

const firstPixel = async (bytes: Uint8Array) => {
  const { picture, notes } = await readPictureFile(bytes);
  return { pixel: [...picture.data.slice(0, 4)], notes, picture };
};
const near = (pixel: number[], expected: readonly number[], tolerance = 1) =>
  pixel.forEach(
    (v, i) =>
      void expect(Math.abs(v - expected[i]!), `${pixel} for ${expected}`).toBeLessThanOrEqual(tolerance),
  );

describe("TIFF", () => {
  it.each<[string, TiffSpec, readonly number[], readonly RegExp[]]>([
    ["8-bit grey", { bits: 8, photometric: 1, pixel: [128] }, [128, 128, 128, 255], []],
    ["8-bit grey, white is zero", { bits: 8, photometric: 0, pixel: [55] }, [200, 200, 200, 255], []],
    ["1 bit, white is zero", { bits: 1, photometric: 0, pixel: [0] }, [255, 255, 255, 255], []],
    ["1 bit, black is zero", { bits: 1, photometric: 1, pixel: [0] }, [0, 0, 0, 255], []],
    ["4 bits", { bits: 4, photometric: 1, pixel: [0x88] }, [136, 136, 136, 255], []],
    [
      "16-bit grey, big-endian",
      { bits: 16, photometric: 1, pixel: [32896], bigEndian: true },
      [128, 128, 128, 255],
      DEEP,
    ],
    ["16-bit grey, white is zero", { bits: 16, photometric: 0, pixel: [13107] }, [204, 204, 204, 255], DEEP],
    ["16-bit RGB", { bits: 16, photometric: 2, pixel: [51400, 25700, 12850] }, ORANGE, DEEP],
    ["grey with alpha", { bits: 8, photometric: 1, pixel: [200, 128], extra: [2] }, [200, 200, 200, 128], []],
    [
      "grey with premultiplied alpha",
      { bits: 8, photometric: 1, pixel: [100, 128], extra: [1] },
      [199, 199, 199, 128],
      [],
    ],
    ["RGBA", { bits: 8, photometric: 2, pixel: [200, 100, 50, 128], extra: [2] }, [200, 100, 50, 128], []],
    [
      "RGBA, premultiplied",
      { bits: 8, photometric: 2, pixel: [100, 50, 25, 128], extra: [1] },
      [200, 100, 50, 128],
      [],
    ],
    [
      "16-bit RGBA, premultiplied",
      { bits: 16, photometric: 2, pixel: [25800, 12900, 6450, 32896], extra: [1] },
      [200, 100, 50, 128],
      DEEP,
    ],
    ["a palette", { bits: 8, photometric: 3, pixel: [1], palette }, ORANGE, []],
    [
      "a palette with alpha",
      { bits: 8, photometric: 3, pixel: [1, 128], palette, extra: [2] },
      [200, 100, 50, 128],
      [],
    ],
    ["CMYK", { bits: 8, photometric: 5, pixel: [0, 0, 0, 0] }, [255, 255, 255, 255], PRINT],
    [
      "16-bit CMYK with alpha",
      { bits: 16, photometric: 5, pixel: [0, 0, 0, 0, 65535], extra: [2] },
      [255, 255, 255, 255],
      [...DEEP, ...PRINT],
    ],
    ["16-bit Lab", { bits: 16, photometric: 8, pixel: [32896, 0, 0] }, [120, 120, 120, 255], DEEP],
    [
      "more channels than colours",
      { bits: 8, photometric: 2, pixel: [...ORANGE, 7], extra: [2, 0] },
      ORANGE,
      [/5 channels; the first 4/],
    ],
    [
      "transparent everywhere",
      { bits: 8, photometric: 2, pixel: [200, 100, 50, 0], extra: [0] },
      [200, 100, 50, 0],
      [/transparent everywhere/],
    ],
  ])("%s is read right", async (_, spec, expected, said) => {
    const { pixel, notes } = await firstPixel(tiff(spec));
    near(pixel, expected);
    expect(notes).toEqual(said.map((note) => expect.stringMatching(note)));
  });

  it("is turned upright as it says", async () => {
    const { picture } = await firstPixel(
      tiff({ bits: 8, photometric: 2, pixel: ORANGE.slice(0, 3), orientation: 6, width: 16, height: 8 }),
    );
    expect([picture.width, picture.height]).toEqual([8, 16]);
  });

  it.each<[string, TiffSpec, RegExp]>([
    [
      "float grey",
      { bits: 32, format: 3, photometric: 1, pixel: [0.5] },
      /floating-point samples of 32 bits/,
    ],
    ["float RGB", { bits: 32, format: 3, photometric: 2, pixel: [0.5, 0.5, 0.5] }, /floating-point samples/],
    [
      "float grey with alpha",
      { bits: 32, format: 3, photometric: 1, pixel: [0.5, 1], extra: [2] },
      /floating-point/,
    ],
    ["double grey", { bits: 64, format: 3, photometric: 1, pixel: [0.5] }, /8 or 16 bits are read/],
    ["signed 8-bit", { bits: 8, format: 2, photometric: 1, pixel: [64] }, /signed samples of 8 bits/],
    [
      "signed 16-bit grey",
      { bits: 16, format: 2, photometric: 1, pixel: [16384] },
      /signed samples of 16 bits/,
    ],
    [
      "signed 16-bit RGB",
      { bits: 16, format: 2, photometric: 2, pixel: [16384, 16384, 16384] },
      /signed samples/,
    ],
    ["signed 32-bit", { bits: 32, format: 2, photometric: 1, pixel: [2 ** 30] }, /signed samples of 32 bits/],
    [
      "unsigned 32-bit",
      { bits: 32, photometric: 2, pixel: [2 ** 31, 2 ** 31, 2 ** 31] },
      /samples of 32 bits.*8 or 16 unsigned bits/,
    ],
    ["raw sensor data", { bits: 16, photometric: 32803, pixel: [20000] }, /8 or 16 bits are read/],
    ["8-bit ICC Lab", { bits: 8, photometric: 9, pixel: [128, 148, 108] }, /8 or 16 bits are read/],
    ["a transparency mask", { bits: 8, photometric: 4, pixel: [128] }, /8 or 16 bits are read/],
  ])("%s is refused in words", async (_, spec, message) => {
    const read = readPictureFile(tiff(spec));
    await expect(read).rejects.toMatchObject({ code: "image.unreadable" });
    await expect(read).rejects.toThrow(message);
  });
});

const plain = () => sharp({ create: { width: 16, height: 16, channels: 3, background: "#c86432" } });
const chunk = (type: string, body: Buffer) => {
  const out = Buffer.alloc(12 + body.length);
  out.writeUInt32BE(body.length, 0);
  out.write(type, 4, "latin1");
  body.copy(out, 8);
  out.writeUInt32BE(crc32(out.subarray(4, 8 + body.length)), 8 + body.length);
  return out;
};
/** A PNG with a chunk before its pixels. */
const withChunk = (png: Buffer, type: string, ...values: number[]) =>
  Buffer.concat([png.subarray(0, 33), chunk(type, Buffer.from(values)), png.subarray(33)]);

describe("other formats", () => {
  it("10 and 12 bits of an AVIF are read, and said", async () => {
    for (const bitdepth of [10, 12] as const) {
      const { pixel, notes } = await firstPixel(await plain().avif({ bitdepth, quality: 90 }).toBuffer());
      near(pixel, ORANGE, 2);
      expect(notes).toEqual([expect.stringMatching(/more than 8 bits/)]);
    }
  });

  it("an HDR transfer without a profile is refused; SDR's own are read", async () => {
    const png = await plain().png().toBuffer();
    for (const transfer of [16, 18])
      await expect(readPictureFile(withChunk(png, "cICP", 9, transfer, 0, 1))).rejects.toThrow(
        /HDR \((PQ|HLG)\).*SDR/,
      );
    near((await firstPixel(withChunk(png, "cICP", 1, 13, 0, 1))).pixel, ORANGE, 0);
    // A file with a profile, whose colour box then holds code points in the profile's place.
    const avif = await plain().withIccProfile("p3").avif({ quality: 95 }).toBuffer();
    const at = avif.indexOf("colrrICC", 0, "latin1");
    expect(at).toBeGreaterThan(0);
    avif.write("nclx", at + 4, "latin1");
    for (const [i, code] of [9, 16, 9].entries()) avif.writeUInt16BE(code, at + 8 + 2 * i);
    await expect(readPictureFile(avif)).rejects.toThrow(/HDR \(PQ\)/);
  });

  it("a PNG's own gamma is followed, where neither sRGB nor a profile says otherwise", async () => {
    const png = await plain().png().toBuffer();
    const gamma = (value: number) => {
      const body = Buffer.alloc(4);
      body.writeUInt32BE(value);
      return [...body];
    };
    near((await firstPixel(withChunk(png, "gAMA", ...gamma(45455)))).pixel, ORANGE, 0);
    // Linear light: sRGB(200/255) = 229 and so on.
    near((await firstPixel(withChunk(png, "gAMA", ...gamma(100_000)))).pixel, [229, 168, 122, 255], 1);
    const told = withChunk(withChunk(png, "gAMA", ...gamma(100_000)), "sRGB", 0);
    near((await firstPixel(told)).pixel, ORANGE, 0);
  });

  it("an animated PNG is said to be one", async () => {
    const animated = withChunk(await plain().png().toBuffer(), "acTL", 0, 0, 0, 3, 0, 0, 0, 0);
    expect((await firstPixel(animated)).notes).toEqual([expect.stringMatching(/animation \(3 frames\)/)]);
  });

  it("palette, 1-bit and 16-bit PNG, grey and CMYK JPEG are read right", async () => {
    near((await firstPixel(await plain().png({ palette: true }).toBuffer())).pixel, ORANGE, 1);
    const deep = Uint16Array.from({ length: 1024 }, (_, i) => [51400, 25700, 12850, 32896][i % 4]!);
    const raw = sharp(deep, { raw: { width: 16, height: 16, channels: 4 } }).toColourspace("rgb16");
    near((await firstPixel(await raw.png().toBuffer())).pixel, [200, 100, 50, 128]);
    near(
      (await firstPixel(await plain().toColourspace("b-w").jpeg().toBuffer())).pixel,
      [128, 128, 128, 255],
      2,
    );
    const print = await firstPixel(await plain().toColourspace("cmyk").jpeg({ quality: 100 }).toBuffer());
    near(print.pixel, ORANGE, 32);
    expect(print.notes).toEqual([expect.stringMatching(/CMYK/)]);
  });
});
