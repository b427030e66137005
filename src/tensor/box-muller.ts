/**
 * Box–Muller on blocks of 16, rounding for rounding as torch's vector units compute it on x86 (aten,
 * normal_fill_16_AVX2): the logarithm, sine and cosine are the single-precision ones of Moshier's Cephes library,
 * with every multiply-add fused. With Math.log and Math.cos a sixth of the values would differ in the last place.
 */
export const BLOCK = 16;

const { fround } = Math;

/** a·b + c with one rounding: the product of two float32 is exact in a double. */
const fused = (a: number, b: number, c: number): number => fround(a * b + c);
/** A polynomial by Horner's rule, highest power first. */
const polynomial = (coefficients: readonly number[], x: number): number =>
  coefficients.reduce((sum, coefficient) => fused(sum, x, coefficient));

const floats = (...values: number[]): readonly number[] => values.map(fround);
const LOG = floats(
  7.0376836292e-2,
  -1.151461031e-1,
  1.167699874e-1,
  -1.2420140846e-1,
  1.4249322787e-1,
  -1.6668057665e-1,
  2.0000714765e-1,
  -2.4999993993e-1,
  3.3333331174e-1,
);
const COSINE = floats(2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2);
const SINE = floats(-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1);
// log 2 and π/4 as sums of numbers with few bits, so that their multiples are exact.
const LOG_2_HIGH = fround(0.693359375);
const LOG_2_LOW = fround(-2.1219444e-4);
const MINUS_QUARTER_PI = floats(-0.78515625, -2.4187564849853516e-4, -3.774894977445941e-8);
const FOUR_OVER_PI = fround(4 / Math.PI);
const HALF_ROOT = fround(Math.SQRT1_2);
const TWO_PI = fround(2 * Math.PI);

const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

/** log x for x in (0, 1]. */
function log(x: number): number {
  float[0] = x;
  let exponent = (bits[0]! >>> 23) - 126;
  bits[0] = (bits[0]! & 0x007fffff) | 0x3f000000; // the mantissa, in [0.5, 1)
  let m = float[0]!;
  if (m < HALF_ROOT) {
    exponent -= 1;
    m = fround(fround(m - 1) + m);
  } else m = fround(m - 1);
  const square = fround(m * m);
  const cubic = fround(polynomial(LOG, m) * m);
  const tail = fused(-square, 0.5, fused(cubic, square, fround(exponent * LOG_2_LOW)));
  return fused(exponent, LOG_2_HIGH, fround(m + tail));
}

/** [sin x, cos x] for x in [0, 2π). */
function sineAndCosine(x: number): readonly [number, number] {
  const octant = (Math.trunc(fround(x * FOUR_OVER_PI)) + 1) & ~1;
  const rest = MINUS_QUARTER_PI.reduce((left, part) => fused(octant, part, left), x);
  const square = fround(rest * rest);
  const quartic = fround(polynomial(COSINE, square) * square);
  const cosine = fround(fused(quartic, square, -fround(square * 0.5)) + 1);
  const sine = fused(fround(polynomial(SINE, square) * square), rest, rest);
  const [s, c] = octant & 2 ? [cosine, sine] : [sine, cosine];
  return [octant & 4 ? -s : s, (octant - 2) & 4 ? c : -c];
}

/** Turns 16 uniforms of [0, 1) in place into normals: the first eight give the radii, the last eight the angles. */
export function boxMuller(values: Float32Array, start: number): void {
  for (let i = start; i < start + BLOCK / 2; i++) {
    const radius = fround(Math.sqrt(fround(-2 * log(fround(1 - values[i]!)))));
    const [sine, cosine] = sineAndCosine(fround(TWO_PI * values[i + BLOCK / 2]!));
    values[i] = radius * cosine;
    values[i + BLOCK / 2] = radius * sine;
  }
}
