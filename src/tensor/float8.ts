/**
 * Numbers of eight bits (Micikevicius et al., arXiv 2209.05433): E4M3 has no infinity, and NaN only where all bits but the sign are set; E5M2 is the upper half of a
 * half-precision number.
 */
import { fromHalf } from "./half.ts";

export type Float8 = "F8_E4M3" | "F8_E5M2";

function e4m3(bits: number): number {
  const [exponent, fraction] = [(bits >> 3) & 0xf, bits & 0x7];
  const sign = bits & 0x80 ? -1 : 1;
  if (exponent === 0xf && fraction === 0x7) return Number.NaN;
  return sign * (exponent === 0 ? (fraction / 8) * 2 ** -6 : (1 + fraction / 8) * 2 ** (exponent - 7));
}

const TABLES: Readonly<Record<Float8, Float32Array>> = {
  F8_E4M3: Float32Array.from({ length: 256 }, (_, bits) => e4m3(bits)),
  F8_E5M2: fromHalf(Uint16Array.from({ length: 256 }, (_, bits) => bits << 8)),
};

export function fromFloat8(type: Float8, bytes: Uint8Array): Float32Array {
  const table = TABLES[type];
  const values = new Float32Array(bytes.length);
  for (let i = 0; i < bytes.length; i++) values[i] = table[bytes[i]!]!;
  return values;
}
