/** What all samplers share: the loop over the levels, one event a step, and ending early. */
import type { NoiseSource } from "../tensor/noise.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Denoise, NoiseLevel, Sampler, Schedule } from "./types.ts";

/** x and x̂₀ at `level` → x at `arrival`. Nothing that it is given is changed. */
export type Step = (
  x: Tensor,
  denoised: Tensor,
  level: NoiseLevel,
  arrival: NoiseLevel,
  step: number,
) => Tensor | Promise<Tensor>;

/**
 * A sampler from its step.
 *
 * @param make called once a run, with the schedule's options, where noise is drawn from, the number of the last step, and the denoiser for
 *   steps that call it again; what a multistep solver remembers lives in its closure
 */
export function sampler(
  make: (options: Schedule["options"], noise: NoiseSource, last: number, denoise: Denoise) => Step,
): Sampler {
  return async (denoise, start, { levels, arrivals, options }, noise, onStep) => {
    const advance = make(options, noise, levels.length - 1, denoise);
    let x = start;
    for (const [step, level] of levels.entries()) {
      const denoised = await denoise(x, level, step);
      x = await advance(x, denoised, level, arrivals[step]!, step);
      const answer = await onStep?.({ step, steps: levels.length, level, x, denoised });
      if (answer === "keep" && step + 1 < levels.length) return denoised;
    }
    return x;
  };
}
