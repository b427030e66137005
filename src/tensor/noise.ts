/**
 * Gaussian noise as torch's CPU generator draws it, so that a seed means the same picture as in diffusers.
 *
 * The generator is MT19937 (Matsumoto and Nishimura 1998). Torch turns its 32-bit words into normals in two ways
 * (aten DistributionTemplates.h): 16 values or more come from 24-bit uniforms through a Box–Muller transform on blocks
 * of 16, in float32; fewer come one by one from 53-bit uniforms in double precision, the second of a pair being kept
 * for the next such draw. Both equal torch's numbers bit for bit on x86 with AVX2 or AVX-512; torch itself differs by
 * some units in the last place on machines without.
 */
import { EmilieError } from "../errors.ts";
import { BLOCK, boxMuller } from "./box-muller.ts";
import { sizeOf, type Tensor } from "./tensor.ts";

const STATE_WORDS = 624;
const SHIFT = 397;

/** MT19937's words, 32 bits each, seeded with one word. */
function createMersenneTwister(seed: number): () => number {
  const state = new Uint32Array(STATE_WORDS);
  state[0] = seed;
  for (let i = 1; i < STATE_WORDS; i++) {
    const last = state[i - 1]!;
    state[i] = Math.imul(1812433253, last ^ (last >>> 30)) + i;
  }
  let next = STATE_WORDS;

  function twist(): void {
    for (let i = 0; i < STATE_WORDS; i++) {
      const joined = (state[i]! & 0x80000000) | (state[(i + 1) % STATE_WORDS]! & 0x7fffffff);
      const mixed = (joined >>> 1) ^ (joined & 1 ? 0x9908b0df : 0);
      state[i] = state[(i + SHIFT) % STATE_WORDS]! ^ mixed;
    }
    next = 0;
  }

  return () => {
    if (next === STATE_WORDS) twist();
    let word = state[next++]!;
    word ^= word >>> 11;
    word ^= (word << 7) & 0x9d2c5680;
    word ^= (word << 15) & 0xefc60000;
    return (word ^ (word >>> 18)) >>> 0;
  };
}

/** The largest seed: torch takes 64 bits. Seeds over 2⁵³ − 1 are bigints, and strings of digits in JSON. */
export const MAX_SEED = 2n ** 64n - 1n;
/** The range in words, for messages. */
export const SEED_RANGE = "a whole number from 0 to 18446744073709551615 (2^64 - 1)";

/** Gaussian noise, number for number what torch.randn draws from a CPU generator of the same seed. */
export interface NoiseSource {
  /** Independent normals of mean 0 and variance 1. Draws go on where the last one stopped. */
  randn(shape: readonly number[]): Tensor;
}

/**
 * A noise source that equals `torch.Generator("cpu").manual_seed(seed)`. Its state carries on from draw to draw, also
 * between draws of less than 16 values and larger ones, as torch's does.
 *
 * @param seed any integer that torch.manual_seed takes: 64 bits, of which torch's generator uses the lower 32.
 * @throws EmilieError "option.invalid" where the seed is not an integer.
 */
export function createNoise(seed: number | bigint): NoiseSource {
  if (typeof seed === "number" && !Number.isSafeInteger(seed)) {
    throw new EmilieError("option.invalid", `A seed is an integer below 2^53 (or a bigint); got ${seed}.`);
  }
  const word = createMersenneTwister(Number(BigInt.asUintN(32, BigInt(seed))));
  let kept: number | undefined; // the second normal of a pair drawn in double precision

  const uniform24 = (): number => (word() & 0xffffff) * 2 ** -24;
  const uniform53 = (): number => {
    const high = word() & 0x1fffff;
    return (high * 2 ** 32 + word()) * 2 ** -53;
  };

  function drawBlocks(values: Float32Array): void {
    for (let i = 0; i < values.length; i++) values[i] = uniform24();
    let i = 0;
    for (; i + BLOCK <= values.length; i += BLOCK) boxMuller(values, i);
    if (i === values.length) return;
    // What does not fill a block: the last 16 values are drawn anew, over normals that are already there.
    const start = values.length - BLOCK;
    for (let j = start; j < values.length; j++) values[j] = uniform24();
    boxMuller(values, start);
  }

  function drawOne(): number {
    if (kept !== undefined) {
      const value = kept;
      kept = undefined;
      return value;
    }
    const angle = 2 * Math.PI * uniform53();
    const radius = Math.sqrt(-2 * Math.log1p(-uniform53()));
    kept = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  }

  return {
    randn(shape) {
      const data = new Float32Array(sizeOf(shape));
      if (data.length >= BLOCK) drawBlocks(data);
      else for (let i = 0; i < data.length; i++) data[i] = drawOne();
      return { data, shape };
    },
  };
}
