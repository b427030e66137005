import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { encodePng, readPicture, writePicture } from "./codec.node.ts";
import { blankPicture, type Picture, samePicture } from "./picture.ts";
import { readPngText } from "./png-text.ts";

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
