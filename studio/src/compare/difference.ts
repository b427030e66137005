/** Where two pictures differ, and by how much. */
import type { Picture } from "../../../src/web.ts";

/** The largest change of a channel as a grey; black is the same. The root makes one level of 255 visible as 16. */
export function difference(a: Picture, b: Picture): Picture {
  const data = new Uint8ClampedArray(a.data.length);
  for (let i = 0; i < data.length; i += 4) {
    let largest = 0;
    for (let at = i; at < i + 4; at++) largest = Math.max(largest, Math.abs(a.data[at]! - b.data[at]!));
    data.fill(Math.sqrt(255 * largest), i, i + 3);
    data[i + 3] = 255;
  }
  return { width: a.width, height: a.height, data };
}

export function changedPixels(a: Picture, b: Picture): number {
  const [x, y] = [a, b].map(({ data }) => new Uint32Array(data.buffer, data.byteOffset, data.length / 4));
  let changed = 0;
  for (let i = 0; i < x!.length; i++) if (x![i] !== y![i]) changed++;
  return changed;
}
