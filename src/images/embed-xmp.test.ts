/** Files that sharp wrote, given a packet and read back by sharp: the packet is there, and the pixels are what they were. */
import sharp, { type Sharp } from "sharp";
import { expect, it } from "vitest";
import { isEmilieError } from "../errors.ts";
import { readXmp } from "./codec.node.ts";
import { embedXmp } from "./embed-xmp.ts";
import { MAX_XMP_BYTES, writeXmp } from "./xmp.ts";

const [width, height] = [37, 22];
const pixels = (alpha: number) =>
  Buffer.from(Array.from({ length: width * height * 4 }, (_, i) => (i % 4 === 3 ? alpha : (i * 31) % 256)));
const image = (alpha = 255) => {
  const raw = sharp(pixels(alpha), { raw: { width, height, channels: 4 } });
  return alpha === 255 ? raw.removeAlpha() : raw;
};
const xmp = writeXmp({
  system: "emilie with picturebook",
  prompt: "mach es <Winter> ❄",
  own: { path: "abc" },
});

it.each([
  ["JPEG", () => image().jpeg()],
  ["JPEG with JFIF's segment", () => image().jpeg(), (file: Uint8Array) => withJfif(file)],
  ["WebP", () => image().webp()],
  ["WebP without loss", () => image().webp({ lossless: true })],
  ["WebP with alpha", () => image(90).webp()],
  ["WebP without loss, with alpha", () => image(90).webp({ lossless: true })],
] as [string, () => Sharp, ((file: Uint8Array) => Uint8Array)?][])(
  "%s takes a packet of odd or even length",
  async (_, encode, change = (file) => file) => {
    const file = change(new Uint8Array(await encode().toBuffer()));
    const before = await sharp(file).raw().toBuffer({ resolveWithObject: true });
    for (const packet of [xmp, `${xmp} `]) {
      const changed = embedXmp(file, packet);
      expect(await readXmp(changed)).toBe(packet);
      const after = await sharp(changed).raw().toBuffer({ resolveWithObject: true });
      expect(after.info).toEqual(before.info);
      expect(after.data.equals(before.data)).toBe(true);
    }
  },
);

it("refuses other files, and more than a segment holds", async () => {
  const [png, jpeg] = [await image().png().toBuffer(), await image().jpeg().toBuffer()];
  const attempts = [
    () => embedXmp(png, xmp),
    () => embedXmp(new Uint8Array(), xmp),
    () => embedXmp(jpeg, "x".repeat(MAX_XMP_BYTES + 1)),
  ];
  for (const attempt of attempts) {
    let thrown: unknown;
    try {
      attempt();
    } catch (error) {
      thrown = error;
    }
    expect(isEmilieError(thrown) && thrown.code).toBe("image.unreadable");
  }
  expect(await readXmp(embedXmp(jpeg, "x".repeat(MAX_XMP_BYTES)))).toHaveLength(MAX_XMP_BYTES);
});

/** As browsers write it; sharp leaves the segment out. */
function withJfif(file: Uint8Array): Uint8Array {
  const segment = [0xff, 0xe0, 0, 16, ...Buffer.from("JFIF\0"), 1, 1, 0, 0, 1, 0, 1, 0, 0];
  return Uint8Array.from([...file.subarray(0, 2), ...segment, ...file.subarray(2)]);
}
