/** Pictures in a real browser: its own decoder and encoder, and the arithmetic's unit tests once more. */
import { describe, expect, it } from "vitest";
import { encodePng, readPicture } from "../../src/images/codec.web.ts";
import { embedXmp } from "../../src/images/embed-xmp.ts";
import { type Picture, samePicture } from "../../src/images/picture.ts";
import { readPngText } from "../../src/images/png-text.ts";
import { writeXmp } from "../../src/images/xmp.ts";
import "../../src/images/composite.test.ts";
import "../../src/images/difference.test.ts";
import "../../src/images/mask.test.ts";
import "../../src/images/model-image.test.ts";
import "../../src/images/resize.test.ts";

const opaque: Picture = {
  width: 31,
  height: 17,
  data: Uint8ClampedArray.from({ length: 31 * 17 * 4 }, (_, i) => (i % 4 === 3 ? 255 : (i * 89) % 256)),
};

describe("picture files in the browser", () => {
  it("keep every byte of an opaque picture, and carry text", async () => {
    const png = await encodePng(opaque, { metadata: { emilie: '{"seed":"7"}' } });
    expect(readPngText(png)).toEqual({ emilie: '{"seed":"7"}' });
    expect(samePicture(await readPicture(png), opaque)).toBe(true);
    expect(samePicture(await readPicture(new Blob([png])), opaque)).toBe(true);
  });

  it("keep alpha, and colours under it closely", async () => {
    const data = opaque.data.map((value, i) => (i % 4 === 3 ? 128 : value));
    const read = await readPicture(await encodePng({ ...opaque, data }));
    data.forEach((value, i) => {
      expect(Math.abs(read.data[i]! - value)).toBeLessThanOrEqual(i % 4 === 3 ? 0 : 2);
    });
  });

  it("are refused with a reason when they are none", async () => {
    const error = { code: "image.unreadable" };
    await expect(readPicture(new Uint8Array([1, 2, 3]))).rejects.toMatchObject(error);
    const png = await encodePng(opaque);
    await expect(readPicture(png.slice(0, 40))).rejects.toMatchObject(error);
  });
});

describe("XMP in files that a canvas wrote", () => {
  it.each(["image/jpeg", "image/webp"])("%s decodes to the same pixels with it", async (type) => {
    const canvas = new OffscreenCanvas(37, 22);
    const context = canvas.getContext("2d")!;
    for (let x = 0; x < 37; x++) {
      context.fillStyle = `rgb(${6 * x} ${255 - 6 * x} 90)`;
      context.fillRect(x, 0, 1, 22);
    }
    const blob = await canvas.convertToBlob({ type, quality: 0.9 });
    expect(blob.type).toBe(type);
    const xmp = writeXmp({ system: "emilie", own: { recipe: "abc" } });
    const changed = embedXmp(new Uint8Array(await blob.arrayBuffer()), xmp);
    expect(new TextDecoder().decode(changed)).toContain(xmp);
    expect(await readPicture(changed)).toEqual(await readPicture(blob));
  });
});
