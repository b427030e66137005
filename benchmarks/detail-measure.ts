/** What the benchmarks of detail transfer measure: where, and with which interval. */
import { ssimMap } from "../packages/bench/src/ssim.ts";
import { boxOfMask, cropMask, type Mask } from "../src/images/mask.ts";
import { cropPicture, type Picture } from "../src/images/picture.ts";

/** Student's t for 95 %, two-sided, to a hundredth from 5 degrees of freedom on. */
const student = (df: number): number => 1.96 + 2.37 / df + 2.8 / df ** 2 + 2.5 / df ** 3;

/** The mean of paired differences with half of its interval (95 %, Student's t), and both as text. */
export function gainOf(gains: readonly number[]): { mean: number; half: number; text: string } {
  const mean = gains.reduce((sum, g) => sum + g, 0) / gains.length;
  const deviation = Math.sqrt(gains.reduce((sum, g) => sum + (g - mean) ** 2, 0) / (gains.length - 1));
  const half = (student(gains.length - 1) * deviation) / Math.sqrt(gains.length);
  return { mean, half, text: `${mean < 0 ? "−" : "+"}${Math.abs(mean).toFixed(2)} ± ${half.toFixed(2)}` };
}

/** Where the truth differs from the source by more than 4 levels, and 16 pixels around it where that is no edit of everything. */
export function changedIn(a: Picture, b: Picture): Mask {
  const { width, height } = a;
  const data = new Float32Array(width * height);
  for (let at = 0; at < a.data.length; at++) {
    if (Math.abs(a.data[at]! - b.data[at]!) > 4) data[at >> 2] = 1;
  }
  const share = data.reduce((sum, m) => sum + m, 0) / data.length;
  if (share >= 0.6) return { width, height, data };
  const grow = (from: Float32Array, step: number, length: number) => {
    const out = from.slice();
    for (let i = 0; i < from.length; i++) {
      if (from[i] === 0) continue;
      const along = Math.floor(i / step) % length;
      for (let k = -Math.min(16, along); k <= Math.min(16, length - 1 - along); k++) out[i + k * step] = 1;
    }
    return out;
  };
  return { width, height, data: grow(grow(data, 1, width), width, height) };
}

/** The mean of the SSIM map where the mask is. */
export function ssimIn(a: Picture, b: Picture, mask: Mask): number {
  const box = boxOfMask(mask)!;
  const map = ssimMap(cropPicture(a, box), cropPicture(b, box));
  const where = cropMask(mask, box).data;
  let [sum, n] = [0, 0];
  for (let i = 0; i < map.length; i++) {
    if (where[i] === 0) continue;
    sum += map[i]!;
    n++;
  }
  return sum / n;
}
