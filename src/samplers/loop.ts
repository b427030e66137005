/** What all samplers share: one call of the denoiser a level, one event a step. */
import type { Tensor } from "../tensor/tensor.ts";
import type { Denoise, NoiseLevel, Schedule, StepEvent } from "./types.ts";

/** x and x̂₀ at `level` → x at `arrival`. */
export type Advance = (
  x: Tensor,
  denoised: Tensor,
  level: NoiseLevel,
  arrival: NoiseLevel,
  step: number,
) => Tensor;

export async function walk(
  denoise: Denoise,
  start: Tensor,
  schedule: Schedule,
  advance: Advance,
  onStep?: (event: StepEvent) => void | Promise<void>,
): Promise<Tensor> {
  let x = start;
  const steps = schedule.levels.length;
  for (const [step, level] of schedule.levels.entries()) {
    const denoised = await denoise(x, level, step);
    x = advance(x, denoised, level, schedule.arrivals[step]!, step);
    await onStep?.({ step, steps, level, x, denoised });
  }
  return x;
}
