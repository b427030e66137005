/**
 * Pillow's resize of 8-bit pictures, bit for bit: weights in fixed point, and bytes again after each axis. Networks that
 * look at pictures were trained and measured on what Pillow gave them. Across comes first, as before Pillow 13, which
 * goes down first where the height shrinks much more than the width.
 */
import { type Filter, taps } from "./resize.ts";

/** Pillow's weights have so many bits behind the point. */
const ONE = 2 ** 22;

/** Planes of bytes, one after the other. */
export interface BytePlanes {
  /** [channels, height, width] */
  readonly data: Uint8ClampedArray;
  readonly height: number;
  readonly width: number;
}

/** Resizes every plane to height × width. */
export function resizeBytes(planes: BytePlanes, height: number, width: number, filter: Filter): BytePlanes {
  const across = width === planes.width ? planes.data : alongWidth(planes, width, filter);
  if (height === planes.height) return { data: across, height, width };
  return { data: alongHeight({ data: across, height: planes.height, width }, height, filter), height, width };
}

function alongWidth({ data, width: from }: BytePlanes, to: number, filter: Filter): Uint8ClampedArray {
  const columns = fixedTaps(from, to, filter);
  const rows = data.length / from;
  const out = new Uint8ClampedArray(rows * to);
  for (let row = 0; row < rows; row++) {
    for (let x = 0; x < to; x++) {
      const { first, weights } = columns[x]!;
      out[row * to + x] = weighed(data, row * from + first, 1, weights);
    }
  }
  return out;
}

function alongHeight(planes: BytePlanes, to: number, filter: Filter): Uint8ClampedArray {
  const { data, height: from, width } = planes;
  const lines = fixedTaps(from, to, filter);
  const channels = data.length / (from * width);
  const out = new Uint8ClampedArray(channels * to * width);
  for (let row = 0; row < channels * to; row++) {
    const { first, weights } = lines[row % to]!;
    const start = (Math.floor(row / to) * from + first) * width;
    for (let x = 0; x < width; x++) out[row * width + x] = weighed(data, start + x, width, weights);
  }
  return out;
}

/** Half a unit is added and the rest cut off, as Pillow rounds; the array clamps. */
function weighed(data: Uint8ClampedArray, start: number, step: number, weights: Float64Array): number {
  let sum = ONE / 2;
  for (let k = 0; k < weights.length; k++) sum += weights[k]! * data[start + k * step]!;
  return Math.floor(sum / ONE);
}

function fixedTaps(from: number, to: number, filter: Filter) {
  return taps(from, to, filter).map(({ first, weights }) => ({
    first,
    weights: weights.map((w) => Math.trunc(w * ONE + Math.sign(w) * 0.5)),
  }));
}
