/** The noise levels of a run on a picture with condition latent c. */
import { createSchedule, type SamplerName } from "../samplers/index.ts";
import type { Schedule } from "../samplers/types.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { EditModel } from "./edit-model.ts";

type Scheduled = Pick<EditModel, "schedulerConfig" | "factor" | "timeShift">;

/** @throws EmilieError as createSchedule does */
export function scheduleOf(
  model: Scheduled,
  c: Tensor,
  options: { readonly sampler: SamplerName; readonly steps: number },
): Schedule {
  const { schedulerConfig, timeShift } = model;
  return createSchedule(schedulerConfig, { ...options, tokens: tokensOf(model, c), timeShift });
}

/** Rectified flows shift their noise levels by the size of the picture, counted in tokens of 16 × 16 pixels, independently of the latent's resolution. */
function tokensOf({ factor }: Scheduled, { shape: [, h = 0, w = 0] }: Tensor): number {
  return h * w * (factor / 16) ** 2;
}
