/**
 * Schedules of models trained in the formulation of Karras et al. (arXiv 2206.00364), continuous in σ: CosXL. With σ_data = 1
 * and v prediction its preconditioning is the v prediction of any other model, c_skip = 1/(σ²+1), c_out = −σ/√(σ²+1),
 * c_in = 1/√(σ²+1), so only the levels differ: σ between two bounds, and the UNet is told ¼·ln σ (diffusers'
 * EDMEulerScheduler and EDMDPMSolverMultistepScheduler).
 */
import { EmilieError } from "../errors.ts";
import { linspace } from "./betas.ts";
import { type ConfigReader, reader, type SchedulerConfig, unsupported } from "./config.ts";
import { karrasSigmas } from "./sigmas.ts";
import type { NoiseLevel, SamplerName, Schedule } from "./types.ts";

const MAX_STEPS = 1000;
/** Samplers that work with alpha = 1, as diffusers' two EDM classes do; the others want alpha² + sigma² = 1. */
const EXPLODING: readonly SamplerName[] = ["euler", "euler-ancestral", "heun", "dpm++2m", "dpm++2m-karras"];
/** Samplers over the timesteps that a model was trained with, of which a continuous one has none. */
const OVER_TIMESTEPS: readonly SamplerName[] = ["pndm", "lcm", "tcd", "flow-euler"];
/** Below this many steps diffusers' solver ends with a step of first order. */
const FEW_STEPS = 15;

export const isEdm = (config: SchedulerConfig): boolean => /^EDM/.test(String(config._class_name));

const KEYS = new Set(
  `sigma_min sigma_max sigma_data sigma_schedule num_train_timesteps prediction_type rho final_sigmas_type solver_order
  thresholding dynamic_thresholding_ratio sample_max_value algorithm_type solver_type lower_order_final euler_at_final`.split(
    /\s+/,
  ),
);
const VALUES: Readonly<Record<string, readonly unknown[]>> = {
  sigma_data: [1],
  prediction_type: ["v_prediction"],
  thresholding: [false],
  algorithm_type: ["dpmsolver++"],
  solver_type: ["midpoint"],
  solver_order: [2, 1],
};

function check(config: SchedulerConfig): void {
  for (const [key, value] of Object.entries(config)) {
    if (key.startsWith("_") || value === null) continue;
    if (!KEYS.has(key)) throw unsupported(key, value, [null]);
    const values = VALUES[key];
    if (values && !values.includes(value)) throw unsupported(key, value, values);
  }
  // Absent, these two have defaults that are not implemented.
  for (const key of ["sigma_data", "prediction_type"]) {
    if (config[key] === undefined) throw unsupported(key, undefined, VALUES[key]!);
  }
}

function sigmasOf(read: ConfigReader, steps: number): number[] {
  const [low, high] = [read.number("sigma_min", 0.002), read.number("sigma_max", 80)];
  if (!(low > 0 && high > low)) {
    throw unsupported("sigma_max", `${high} with sigma_min ${low}`, ["0 < sigma_min < sigma_max"]);
  }
  if (read.choice("sigma_schedule", ["karras", "exponential"], "karras") === "karras") {
    return karrasSigmas(low, high, steps, read.number("rho", 7));
  }
  if (steps === 1) return [high];
  return [...linspace(Math.log(low), Math.log(high), steps)].map(Math.exp).reverse();
}

export function edmSchedule(config: SchedulerConfig, sampler: SamplerName, steps: number): Schedule {
  if (OVER_TIMESTEPS.includes(sampler)) {
    throw new EmilieError(
      "checkpoint.unsupported",
      `scheduler_config.json: _class_name is ${JSON.stringify(config._class_name)}, whose noise levels are continuous; ${sampler} goes over trained timesteps.`,
    );
  }
  check(config);
  if (!Number.isInteger(steps) || steps < 1 || steps > MAX_STEPS) {
    throw new EmilieError("option.invalid", `steps must be an integer from 1 to ${MAX_STEPS}; got ${steps}.`);
  }
  const read = reader(config);
  const exploding = EXPLODING.includes(sampler);
  const toLevel = (value: number): NoiseLevel => {
    const sigma = Math.fround(value);
    const alpha = exploding ? 1 : 1 / Math.hypot(sigma, 1);
    // The fraction is that of a cosine schedule, α = cos(πt/2), which is what CosXL's levels are drawn from.
    const fraction = (2 / Math.PI) * Math.atan(sigma);
    return { t: Math.fround(Math.log(sigma) / 4), fraction, alpha, sigma: sigma * alpha };
  };
  const levels = sigmasOf(read, steps).map(toLevel);
  const toZero = read.choice("final_sigmas_type", ["zero", "sigma_min"], "zero") === "zero";
  const last = toZero ? { t: levels.at(-1)!.t, fraction: 0, alpha: 1, sigma: 0 } : levels.at(-1)!;
  const firstOrderLast =
    toZero ||
    read.flag("euler_at_final", false) ||
    (read.flag("lower_order_final", true) && steps < FEW_STEPS);
  return {
    sampler,
    trainSteps: read.number("num_train_timesteps", 1000),
    levels,
    arrivals: [...levels.slice(1), last],
    initSigma: exploding ? Math.hypot(read.number("sigma_max", 80), 1) : 1,
    options: { order: read.number("solver_order", 2) === 1 ? 1 : 2, firstOrderLast, uncorrected: [] },
  };
}

/** How noisy a level is on the scale of the training timesteps, 0 to T: t itself, or what comes nearest to it. */
export function timeOf(level: NoiseLevel, trainSteps: number): number {
  return level.fraction === undefined ? level.t : level.fraction * trainSteps;
}
