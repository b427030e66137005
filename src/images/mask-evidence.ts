/** What a picture that is given as a mask looks like: the facts that mask-question.ts judges by. */
import type { Picture } from "./picture.ts";

export interface Evidence {
  /** "shape": opaque in one part and transparent in another. */
  readonly alpha: "opaque" | "transparent" | "shape";
  /** The brightness of what is visible, 0 to 255. */
  readonly brightness: { readonly lowest: number; readonly highest: number };
  /** Of one colour and opacity everywhere. */
  readonly uniform: boolean;
  /** More than a trace of colour in what is visible. */
  readonly colours: boolean;
  /** Greys all over that change from pixel to pixel, as in a photograph and not in a gradient. */
  readonly texture: boolean;
  /** How many visible pixels are not black. */
  readonly open: number;
  /** All white where it is opaque, and what is transparent is a hole: it hardly touches the border, or it is the smaller part. */
  readonly sheet: boolean;
}

/** Red, green and blue of a grey differ by less, also after a conversion between profiles. */
const COLOUR = 32;
/** Neighbours in a gradient continue it to within so many levels. */
const ROUGH = 6;

export function lookAt({ width, height, data }: Picture): Evidence {
  const grey = new Uint8Array(width * height);
  let [visible, coloured, lit, lowest, highest, border, borderOpen] = [0, 0, 0, 255, 0, 0, 0];
  for (let i = 0; i < grey.length; i++) {
    const [r, g, b, a] = [data[4 * i]!, data[4 * i + 1]!, data[4 * i + 2]!, data[4 * i + 3]!];
    const [x, y] = [i % width, Math.floor(i / width)];
    const edge = x === 0 || y === 0 || x === width - 1 || y === height - 1;
    if (edge) border++;
    if (edge && a >= 128) borderOpen++;
    if (a < 128) continue;
    visible++;
    const level = Math.round((54 * r + 183 * g + 19 * b) / 256);
    grey[i] = level;
    lowest = Math.min(lowest, level);
    highest = Math.max(highest, level);
    if (level > 8) lit++;
    if (Math.max(r, g, b) - Math.min(r, g, b) > COLOUR) coloured++;
  }
  const share = visible / grey.length;
  return {
    alpha: share === 1 ? "opaque" : visible === 0 ? "transparent" : "shape",
    brightness: visible === 0 ? { lowest: 0, highest: 0 } : { lowest, highest },
    uniform: data.every((value, i) => value === data[i % 4]),
    colours: coloured > 0.002 * visible || coloured > 0.05 * lit,
    texture: isTextured(grey, width, height),
    open: lit,
    sheet: lit > 0.98 * visible && (borderOpen > 0.9 * border || share > 0.5),
  };
}

function isTextured(grey: Uint8Array, width: number, height: number): boolean {
  let [middle, rough, inside] = [0, 0, 0];
  for (let y = 1; y < height - 1; y++) {
    for (let x = 1; x < width - 1; x++) {
      const i = y * width + x;
      inside++;
      const level = grey[i]!;
      if (level <= 24 || level >= 231) continue;
      middle++;
      const across = grey[i - 1]! + grey[i + 1]! - 2 * level;
      const down = grey[i - width]! + grey[i + width]! - 2 * level;
      if (Math.max(Math.abs(across), Math.abs(down)) > ROUGH) rough++;
    }
  }
  return middle > 0.2 * inside && rough > 0.15 * middle;
}
