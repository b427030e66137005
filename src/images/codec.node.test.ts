import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import fc from "fast-check";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { encodePng, readPicture, readXmp, writePicture } from "./codec.node.ts";
import { blankPicture, type Picture, samePicture } from "./picture.ts";
import { readPngText } from "./png-text.ts";
import { writeXmp } from "./xmp.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "emilie-codec-"));
});
afterAll(() => rm(folder, { recursive: true }));

/** Every byte value occurs, alpha too. */
const colourful: Picture = {
  width: 37,
  height: 23,
  data: Uint8ClampedArray.from({ length: 37 * 23 * 4 }, (_, i) => (i * 89 + (i >> 3)) % 256),
};

let colourfulPng: Uint8Array;
beforeAll(async () => {
  colourfulPng = await encodePng(colourful);
});

describe("picture files", () => {
  it("keeps every byte of a PNG, alpha included, and its text", async () => {
    const path = join(folder, "colourful.png");
    await writePicture(colourful, path, { metadata: { emilie: '{"seed":7}' } });
    expect(samePicture(await readPicture(path), colourful)).toBe(true);
    expect(readPngText(await readFile(path))).toEqual({ emilie: '{"seed":7}' });
  });

  it.each([".jpg", ".webp", ".avif", ".tiff"])("writes and reads %s", async (extension) => {
    const path = join(folder, `plain${extension}`);
    await writePicture(blankPicture(20, 10, [200, 100, 50, 255]), path);
    const read = await readPicture(path);
    expect([read.width, read.height]).toEqual([20, 10]);
    for (const [i, value] of [200, 100, 50, 255].entries())
      expect(Math.abs(read.data[i]! - value)).toBeLessThan(4);
  });

  it("leaves no temporary file behind, and replaces an old picture whole", async () => {
    const path = join(folder, "again.png");
    await writePicture(blankPicture(2, 2), path);
    await writePicture(colourful, path);
    expect(samePicture(await readPicture(path), colourful)).toBe(true);
    expect((await readdir(folder)).filter((name) => name.endsWith(".part"))).toEqual([]);
  });

  it("turns a photo upright as its EXIF says", async () => {
    // Left half red, right half blue, stored lying: orientation 6 turns it clockwise, so red comes to the top.
    const halves = await sharp(await encodePng(blankPicture(8, 8, [255, 0, 0, 255])))
      .extend({ right: 8, background: "#0000ff" })
      .withMetadata({ orientation: 6 })
      .png()
      .toBuffer();
    const read = await readPicture(halves);
    expect([read.width, read.height]).toEqual([8, 16]);
    expect([...read.data.slice(0, 3)]).toEqual([255, 0, 0]);
    expect([...read.data.slice(-4, -1)]).toEqual([0, 0, 255]);
  });

  it("makes grey, 16-bit and CMYK pictures 8-bit RGBA", async () => {
    const base = sharp(await encodePng(blankPicture(4, 4, [120, 120, 120, 255])));
    const grey = await readPicture(await base.clone().toColourspace("b-w").png().toBuffer());
    const deep = await readPicture(await base.clone().toColourspace("rgb16").png().toBuffer());
    const print = await readPicture(
      await base.clone().toColourspace("cmyk").jpeg({ quality: 100 }).toBuffer(),
    );
    // Printing inks do not reach every grey exactly.
    for (const [read, tolerance] of [
      [grey, 1],
      [deep, 1],
      [print, 16],
    ] as const) {
      expect(read.data.length).toBe(64);
      expect(read.data[3]).toBe(255);
      for (const value of read.data.slice(0, 3)) expect(Math.abs(value - 120)).toBeLessThanOrEqual(tolerance);
    }
  });

  it("converts colours from an embedded profile to sRGB", async () => {
    // In Display P3 this orange has a smaller red value than in sRGB: the file holds other numbers than are read.
    const p3 = await sharp({ create: { width: 2, height: 2, channels: 3, background: "#c86432" } })
      .withIccProfile("p3")
      .png()
      .toBuffer();
    const stored = await sharp(p3, { ignoreIcc: true }).raw().toBuffer();
    expect(stored[0]).toBeLessThan(197);
    const read = await readPicture(p3);
    for (const [i, value] of [200, 100, 50].entries())
      expect(Math.abs(read.data[i]! - value)).toBeLessThan(3);
  });

  it("says what is wrong with files that are missing, cut off, empty, or no picture", async () => {
    const noise = Uint8Array.from({ length: 4000 }, (_, i) => (i * i) % 251);
    const big = await encodePng({ ...colourful, data: colourful.data });
    const cut = join(folder, "cut.png");
    await writeFile(cut, big.slice(0, big.length / 2));
    const code = { code: "image.unreadable" };
    await expect(readPicture(join(folder, "nowhere.png"))).rejects.toMatchObject(code);
    await expect(readPicture(join(folder, "nowhere.png"))).rejects.toThrow(/There is no picture/);
    await expect(readPicture(cut)).rejects.toMatchObject(code);
    await expect(readPicture(noise)).rejects.toMatchObject(code);
    await expect(readPicture(new Uint8Array(0))).rejects.toMatchObject(code);
    await expect(readPicture(folder)).rejects.toMatchObject(code);
    const svg = new TextEncoder().encode('<svg xmlns="http://www.w3.org/2000/svg" width="4" height="4"/>');
    await expect(readPicture(svg)).rejects.toThrow(/Use PNG/);
  });

  it("refuses a picture of more than 64 megapixels before decoding it", async () => {
    const huge = await sharp({
      create: { width: 8001, height: 8000, channels: 3, background: "white" },
      limitInputPixels: false,
    })
      .png({ compressionLevel: 1 })
      .toBuffer();
    await expect(readPicture(huge)).rejects.toMatchObject({ code: "image.too-large" });
    await expect(readPicture(huge)).rejects.toThrow(/8001×8000/);
  });

  it("says what of a file is not in the picture: further frames, bits beyond 8, inks", async () => {
    const remarks = async (bytes: Uint8Array) => {
      const said: string[] = [];
      const picture = await readPicture(bytes, { onWarning: (message) => void said.push(message) });
      return { said, picture };
    };
    const frame = (fill: [number, number, number, number]) => encodePng(blankPicture(6, 5, fill));
    const frames = [await frame([250, 0, 0, 255]), await frame([0, 0, 250, 255])];
    for (const format of ["gif", "webp"] as const) {
      const animation = sharp(frames as Buffer[], { join: { animated: true } });
      const bytes = await (format === "gif"
        ? animation.gif()
        : animation.webp({ lossless: true })
      ).toBuffer();
      const { said, picture } = await remarks(bytes);
      expect(said).toEqual([expect.stringMatching(/animation \(2 frames\); the first one is edited/)]);
      expect([picture.width, picture.height, picture.data[0]! > 240, picture.data[2]! < 10]).toEqual([
        6,
        5,
        true,
        true,
      ]);
    }
    const deep = await sharp(frames[0]).toColourspace("rgb16").png().toBuffer();
    expect((await remarks(deep)).said).toEqual([expect.stringMatching(/more than 8 bits/)]);
    const print = await sharp(frames[0]).toColourspace("cmyk").jpeg().toBuffer();
    expect((await remarks(print)).said).toEqual([expect.stringMatching(/CMYK/)]);
    for (const format of ["png", "jpeg", "webp", "avif", "tiff"] as const) {
      const plain = await sharp(frames[0])[format]().toBuffer();
      expect((await remarks(plain)).said, format).toEqual([]);
    }
  });

  it("brings 16-bit grey with alpha, and greys with a profile, to 8-bit RGBA", async () => {
    const values = Uint16Array.from([0, 65535, 32896, 65535, 65535, 32896, 12593, 0]);
    const raw = { raw: { width: 2, height: 2, channels: 2 as const } };
    const bytes = await sharp(values, raw).toColourspace("grey16").png().toBuffer();
    const { data } = await readPicture(bytes);
    expect([...data.slice(0, 4), ...data.slice(8, 12)].map((v) => Math.round(v / 2))).toEqual(
      [0, 0, 0, 255, 255, 255, 255, 128].map((v) => Math.round(v / 2)),
    );
  });

  it("says of HEIC that it is HEIC, and what to do", async () => {
    // An AVIF whose codec and brand say HEVC: what a telephone writes, as far as a reader without the codec gets.
    const avif = await sharp({ create: { width: 16, height: 16, channels: 3, background: "red" } })
      .avif()
      .toBuffer();
    const heic = Buffer.from(
      avif
        .toString("latin1")
        .replaceAll("av01", "hvc1")
        .replaceAll("av1C", "hvcC")
        .replaceAll("avif", "heic"),
      "latin1",
    );
    await expect(readPicture(heic)).rejects.toMatchObject({ code: "image.unreadable" });
    await expect(readPicture(heic)).rejects.toThrow(/is HEIC.*JPEG/s);
  });

  it("refuses a decompression bomb by its header: a small file that claims to be huge", async () => {
    const small = Buffer.from(await encodePng(colourful));
    // Width and height in IHDR, and its checksum anew: 60,000 × 60,000 pixels in a few kB.
    small.writeUInt32BE(60_000, 16);
    small.writeUInt32BE(60_000, 20);
    small.writeUInt32BE(crc32(small.subarray(12, 29)), 29);
    const before = process.memoryUsage().arrayBuffers;
    await expect(readPicture(small)).rejects.toMatchObject({ code: "image.too-large" });
    await expect(readPicture(small)).rejects.toThrow(/60000×60000 pixels \(3600\.0 megapixels\); at most 64/);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(50e6);
  });

  it("reads any damage of a picture as a picture or a typed error", async () => {
    const formats = await Promise.all(
      (["png", "jpeg", "webp", "avif", "tiff"] as const).map((format) =>
        sharp(colourfulPng).toFormat(format).toBuffer(),
      ),
    );
    const damage = fc.record({
      file: fc.constantFrom(...formats),
      cut: fc.double({ min: 0, max: 1, noNaN: true }),
      flips: fc.array(
        fc.tuple(fc.double({ min: 0, max: 0.999, noNaN: true }), fc.integer({ min: 1, max: 255 })),
        { maxLength: 6 },
      ),
    });
    await fc.assert(
      fc.asyncProperty(damage, async ({ file, cut, flips }) => {
        const bytes = Buffer.from(file.subarray(0, Math.ceil(file.length * Math.max(cut, 0.02))));
        for (const [at, flip] of flips) bytes[Math.floor(at * bytes.length)]! ^= flip;
        try {
          const { width, height, data } = await readPicture(bytes);
          expect(data.length).toBe(4 * width * height);
        } catch (error) {
          expect((error as { code?: string }).code).toMatch(/^image\./);
        }
      }),
      { numRuns: 60 },
    );
  });

  it("writes with the quality asked for, and refuses one where it means nothing", async () => {
    for (const extension of ["jpg", "webp", "avif"]) {
      const sizes = [];
      for (const quality of [20, 95]) {
        await writePicture(colourful, join(folder, `q.${extension}`), { quality });
        sizes.push((await readFile(join(folder, `q.${extension}`))).length);
      }
      expect(sizes[0]!, extension).toBeLessThan(sizes[1]!);
    }
    for (const [name, quality] of [
      ["a.png", 90],
      ["a.tiff", 90],
      ["a.jpg", 0],
      ["a.jpg", 101],
      ["a.jpg", 50.5],
    ] as const) {
      const code = { code: "option.invalid" };
      await expect(writePicture(colourful, join(folder, name), { quality })).rejects.toMatchObject(code);
    }
  });

  it("keeps an XMP packet in every format, and nothing of the original's EXIF", async () => {
    const camera = await sharp(colourfulPng)
      .jpeg()
      .withExif({
        IFD0: { Make: "Camera", Copyright: "me" },
        IFD3: { GPSLatitudeRef: "N", GPSLatitude: "51/1 30/1 0/1" },
      })
      .toBuffer();
    expect((await sharp(camera).metadata()).exif).toBeDefined();
    const picture = await readPicture(camera);
    const xmp = writeXmp({ system: "a", prompt: 'paint <it> & "smile"\u0007 ü', own: { path: "QUJD" } });
    for (const extension of ["png", "jpg", "webp", "avif", "tiff"]) {
      await writePicture(picture, join(folder, `x.${extension}`), { xmp });
      const bytes = await readFile(join(folder, `x.${extension}`));
      const { exif, iptc, xmp: kept } = await sharp(bytes).metadata();
      expect([exif, iptc], extension).toEqual([undefined, undefined]);
      expect(kept!.toString("utf8"), extension).toBe(xmp);
      expect(await readXmp(bytes)).toBe(xmp);
    }
  });

  it("refuses extensions it does not write, and metadata where it would be lost", async () => {
    const code = { code: "option.invalid" };
    await expect(writePicture(colourful, join(folder, "x.bmp"))).rejects.toMatchObject(code);
    await expect(
      writePicture(colourful, join(folder, "x.jpg"), { metadata: { a: "b" } }),
    ).rejects.toMatchObject(code);
    await expect(writePicture(colourful, join(folder, "no/such/x.png"))).rejects.toMatchObject({
      code: "io.failed",
    });
  });
});
