/** The way from the original to here as an animated GIF. */
import { applyPalette, GIFEncoder, quantize } from "gifenc";
import type { Picture } from "../../../src/web.ts";

/** All pictures have one size. `seconds` each; the last one stays three times as long. */
export function encodeGif(pictures: readonly Picture[], seconds: number): Blob {
  const gif = GIFEncoder();
  pictures.forEach(({ width, height, data }, i) => {
    const palette = quantize(data, 256);
    const delay = 1000 * seconds * (i === pictures.length - 1 ? 3 : 1);
    gif.writeFrame(applyPalette(data, palette), width, height, { palette, delay, repeat: 0 });
  });
  gif.finish();
  return new Blob([gif.bytes()], { type: "image/gif" });
}
