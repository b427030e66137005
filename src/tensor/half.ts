/** Half precision: IEEE 754's binary16, as its 16 bits. A sign, 5 bits of exponent (bias 15), 10 bits of fraction. */

/** The largest number that fp16 holds. From 65520 on, numbers round to infinity. */
export const LARGEST_HALF = 65504;

let table: Float32Array | undefined;

/** Every fp16 value, by its bits. */
function halves(): Float32Array {
  table ??= Float32Array.from({ length: 1 << 16 }, (_, bits) => {
    const sign = bits & 0x8000 ? -1 : 1;
    const exponent = (bits >> 10) & 0x1f;
    const fraction = bits & 0x3ff;
    if (exponent === 0) return sign * fraction * 2 ** -24;
    if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
    return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
  });
  return table;
}

/** fp16 → fp32, exactly. */
export function fromHalf(bits: Uint16Array): Float32Array {
  const values = halves();
  const result = new Float32Array(bits.length);
  // A loop: Float32Array.from with a function takes forty times as long, and SDXL has 2.6 billion of them.
  for (let i = 0; i < bits.length; i++) result[i] = values[bits[i]!]!;
  return result;
}

/** fp32 → the nearest fp16, to even where two are as near. Too large becomes infinite, too small (below 2⁻²⁵) zero. */
export function toHalf(values: Float32Array): Uint16Array {
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const result = new Uint16Array(values.length);
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    const sign = (word >>> 16) & 0x8000;
    const size = word & 0x7fffffff;
    if (size >= 0x47800000) {
      // 65536 and more; a NaN keeps a bit of its fraction.
      result[i] = sign | (size > 0x7f800000 ? 0x7e00 : 0x7c00);
    } else if (size >= 0x38800000) {
      // Normal: another bias, and 13 bits less. A carry out of the fraction belongs in the exponent.
      result[i] = sign | ((size - 0x38000000 + 0xfff + ((size >>> 13) & 1)) >>> 13);
    } else {
      result[i] = sign | nearestEven(Math.abs(values[i]!) * 2 ** 24);
    }
  }
  return result;
}

/** Subnormal numbers are multiples of 2⁻²⁴. */
function nearestEven(x: number): number {
  const below = Math.floor(x);
  const rest = x - below;
  return rest > 0.5 || (rest === 0.5 && below % 2 === 1) ? below + 1 : below;
}
