/** Where two pictures differ, and by how much. */
import type { Picture } from "../../../src/web.ts";

/** Small differences are made visible: shown eight times as strong. Black means: the same. */
export const GAIN = 8;

export function difference(a: Picture, b: Picture): Picture {
  const data = new Uint8ClampedArray(a.data.length);
  for (let i = 0; i < data.length; i += 4) {
    for (let c = 0; c < 3; c++) data[i + c] = GAIN * Math.abs(a.data[i + c]! - b.data[i + c]!);
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
