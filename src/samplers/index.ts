/** The samplers by name. */
import { dpmSolver } from "./dpm-solver.ts";
import { pndm } from "./pndm.ts";
import { ddim, ddpm, euler, eulerAncestral, flowEuler, heun, lcm, tcd } from "./steps.ts";
import type { Sampler, SamplerName } from "./types.ts";
import { unipc } from "./unipc.ts";

/** Every sampler by its name: pure functions over a denoiser (see Sampler). */
export const samplers: Readonly<Record<SamplerName, Sampler>> = {
  ddim,
  ddpm,
  euler,
  "euler-ancestral": eulerAncestral,
  "dpm++2m": dpmSolver,
  "dpm++2m-karras": dpmSolver,
  unipc,
  heun,
  pndm,
  lcm,
  tcd,
  "flow-euler": flowEuler,
};

export const samplerNames = Object.keys(samplers) as readonly SamplerName[];

export { betaQuantile } from "./beta-quantile.ts";
export type { SchedulerConfig } from "./config.ts";
export { contiguous, invertDdim } from "./ddim-inversion.ts";
export { modelInput, toDenoised } from "./denoiser.ts";
export { distilledSteps } from "./distilled.ts";
export { timeOf } from "./edm.ts";
export { isFlow } from "./flow.ts";
export { noised, scheduleFrom, stepwise } from "./partial.ts";
export {
  callsOf,
  checkDefaults,
  createSchedule,
  defaultSampler,
  type ScheduleOptions,
  samplerName,
  usableSamplers,
} from "./schedule.ts";
export type * from "./types.ts";
