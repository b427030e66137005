/** Sinusoidal encodings of a number: a timestep, a size, a guidance scale (diffusers' Timesteps, embeddings.py). */

/** The frequencies of `half` sines, and as many cosines. */
export function frequenciesOf(half: number, shift: number): Float32Array {
  // Rounded to fp32 where torch rounds: at t = 999 a last bit here is the fifth digit of the sine.
  const logPeriod = Math.fround(-Math.log(10000));
  return Float32Array.from({ length: half }, (_, i) =>
    Math.exp(Math.fround(Math.fround(logPeriod * i) / (half - shift))),
  );
}
