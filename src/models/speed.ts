/**
 * About how long an edit takes, from its operations and one measured matrix product. The shares are those of docs/results/speed.md, measured on two cores
 * of an AMD EPYC with AVX-512 VNNI; a processor without 8-bit products gains less by int8.
 */
import type { Precision } from "../checkpoint/derived.ts";

/** Operations of an edit in FLOP: of all calls of the denoiser, and of encoding and decoding the picture. */
export interface EditOperations {
  readonly denoise: number;
  readonly picture: number;
}

/** Operations per second, of those that a matrix product in fp32 reaches: 0.82 in a UNet's call; int8 is 2.6 times as fast, Winograd's convolution 2.4 times. */
const SHARE: Readonly<Record<Precision, { readonly denoise: number; readonly picture: number }>> = {
  fp32: { denoise: 0.82, picture: 0.95 },
  "fp32-fast": { denoise: 1.05, picture: 2.3 },
  int8: { denoise: 2.1, picture: 2.3 },
  // Blocks of four bits are unpacked on the way: slower than int8, faster than fp32.
  int4: { denoise: 1.3, picture: 2.3 },
  fp16: { denoise: 0.82, picture: 0.95 },
};
/** Seconds, where a matrix product in fp32 does `flopsPerSecond`. */
export function secondsOfEdit(
  { denoise, picture }: EditOperations,
  precision: Precision,
  flopsPerSecond: number,
): number {
  const share = SHARE[precision];
  return denoise / (share.denoise * flopsPerSecond) + picture / (share.picture * flopsPerSecond);
}
