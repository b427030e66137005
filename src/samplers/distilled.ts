/**
 * Schedules of the samplers for distilled models, LCM and TCD: of the timesteps that the model was distilled on (original_inference_steps), evenly spaced ones
 * from the noisiest down (diffusers' LCMScheduler and TCDScheduler).
 */
import { EmilieError } from "../errors.ts";
import { type ConfigReader, unsupported } from "./config.ts";
import type { NoiseLevel, Schedule } from "./types.ts";

/** What a file that says nothing was distilled on. */
const ORIGINAL_STEPS = 50;
/** σ_data of the boundary condition (LCM, appendix A). */
const SIGMA_DATA = 0.5;
/** TCD's γ: how much of the way a step goes further down before noise is added. diffusers calls it eta. */
const GAMMA = 0.3;

/** The most steps that a model takes with these samplers. */
export function distilledSteps(config: Readonly<Record<string, unknown>>): number {
  return Number(config.original_inference_steps ?? ORIGINAL_STEPS);
}

/** The levels and arrivals of LCM or TCD. */
export function distilledPlan(
  read: ConfigReader,
  family: "lcm" | "tcd",
  alphaBars: Float32Array,
  steps: number,
): Pick<Schedule, "levels" | "arrivals" | "initSigma"> {
  const trainSteps = alphaBars.length;
  const original = read.number("original_inference_steps", ORIGINAL_STEPS);
  if (original > trainSteps) {
    throw unsupported("original_inference_steps", original, [`at most num_train_timesteps = ${trainSteps}`]);
  }
  if (steps > original) {
    throw new EmilieError(
      "option.invalid",
      `steps must be an integer from 1 to ${original} with the sampler ${family}, as many as the model was distilled on ` +
        `(original_inference_steps); got ${steps}.`,
    );
  }
  const apart = Math.floor(trainSteps / original);
  const at = (t: number) => ({ alpha: Math.sqrt(alphaBars[t]!), sigma: Math.sqrt(1 - alphaBars[t]!) });
  const timesteps = Array.from(
    { length: steps },
    (_, i) => (original - Math.floor(i * (original / steps))) * apart - 1,
  );
  if (family === "tcd") {
    const levels = timesteps.map((t): NoiseLevel => ({ t, ...at(t) }));
    const arrivals = [...levels.slice(1), { t: 0, ...at(0) }];
    return {
      levels,
      arrivals: arrivals.map((level) => ({ ...level, via: at(Math.floor((1 - GAMMA) * level.t)) })),
      initSigma: 1,
    };
  }
  const scaling = read.number("timestep_scaling", 10);
  const levels = timesteps.map((t): NoiseLevel => {
    const scaled = t * scaling;
    const sum = scaled ** 2 + SIGMA_DATA ** 2;
    return { t, ...at(t), boundary: { skip: SIGMA_DATA ** 2 / sum, out: scaled / Math.sqrt(sum) } };
  });
  return { levels, arrivals: [...levels.slice(1), { t: 0, alpha: 1, sigma: 0 }], initSigma: 1 };
}
