/**
 * Schedules of rectified flows: x = (1 − σ)·x₀ + σ·ε for σ from 1 down to 0, and the network is told σ·T (Liu et al., arXiv 2209.03003; Esser et al.,
 * arXiv 2403.03206, for the shift; diffusers' FlowMatchEulerDiscreteScheduler and the pipelines that call it).
 */
import { EmilieError } from "../errors.ts";
import { type ConfigReader, reader, type SchedulerConfig, unsupported } from "./config.ts";
import type { NoiseLevel, SamplerName, Schedule, TimeShift } from "./types.ts";

const MAX_STEPS = 1000;

export const isFlow = (config: SchedulerConfig): boolean => /^FlowMatch/.test(String(config._class_name));

/** What a schedule of a rectified flow depends on beside its configuration. */
export interface FlowOptions {
  readonly steps: number;
  /** Picture tokens of 16 × 16 pixels that the denoiser sees, for a dynamic shift. Default: max_image_seq_len. */
  readonly tokens?: number;
  /** Default "linear". */
  readonly timeShift?: TimeShift;
}

const KEYS = new Set(
  `num_train_timesteps shift use_dynamic_shifting base_shift max_shift base_image_seq_len max_image_seq_len invert_sigmas shift_terminal
  use_karras_sigmas use_exponential_sigmas use_beta_sigmas time_shift_type stochastic_sampling prediction_type`.split(
    /\s+/,
  ),
);
const OFF = [false];
const VALUES: Readonly<Record<string, readonly unknown[]>> = {
  invert_sigmas: OFF,
  use_karras_sigmas: OFF,
  use_exponential_sigmas: OFF,
  use_beta_sigmas: OFF,
  time_shift_type: ["exponential", "linear"],
  prediction_type: ["flow_prediction"],
};

function check(config: SchedulerConfig): void {
  for (const [key, value] of Object.entries(config)) {
    if (key.startsWith("_") || value === null) continue;
    if (!KEYS.has(key) && value !== false) throw unsupported(key, value, [null]);
    const values = VALUES[key];
    if (values && !values.includes(value)) throw unsupported(key, value, values);
  }
}

/** μ of a dynamic shift, linear in the number of tokens (diffusers' calculate_shift). */
function linearMu(read: ConfigReader, tokens: number): number {
  const [least, most] = [read.number("base_image_seq_len", 256), read.number("max_image_seq_len", 4096)];
  const [base, max] = [read.number("base_shift", 0.5), read.number("max_shift", 1.15)];
  if (!(most > least)) throw unsupported("max_image_seq_len", most, [`above base_image_seq_len = ${least}`]);
  return base + ((max - base) / (most - least)) * (tokens - least);
}

/** μ as FLUX.2 has fitted it: a line over the tokens at 10 steps and one at 200, and between them by the steps; only the latter for large pictures. */
export function empiricalMu(tokens: number, steps: number): number {
  const at200 = 0.00016927 * tokens + 0.45666666;
  if (tokens > 4300) return at200;
  const at10 = 8.73809524e-5 * tokens + 1.89833333;
  return at200 + ((at200 - at10) / 190) * (steps - 200);
}

/** `count` values from one to the other, both included. */
function evenly(from: number, to: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => (count > 1 ? from + ((to - from) * i) / (count - 1) : from));
}

/** σ of each step. Models with a dynamic shift are given 1 … 1/n, which is shifted; the others what their own shift makes of 1 … 1/T. */
function sigmasOf(read: ConfigReader, trainSteps: number, options: FlowOptions): number[] {
  const { steps, tokens = read.number("max_image_seq_len", 4096), timeShift = "linear" } = options;
  if (!read.flag("use_dynamic_shifting", false)) {
    const shift = read.number("shift", 1);
    const shifted = (sigma: number) => (shift * sigma) / (1 + (shift - 1) * sigma);
    // The pipelines of FLUX.2 and DreamLite give their own sigmas to any scheduler.
    if (timeShift !== "linear") return evenly(1, 1 / steps, steps).map(shifted);
    // diffusers shifts the range of its timesteps, and then the timesteps in it.
    return evenly(shifted(1), shifted(1 / trainSteps), steps).map(shifted);
  }
  const mu = timeShift === "empirical" ? empiricalMu(tokens, steps) : linearMu(read, tokens);
  const kind = read.choice("time_shift_type", ["exponential", "linear"], "exponential");
  const weight = kind === "exponential" ? Math.exp(mu) : mu;
  return evenly(1, 1 / steps, steps).map((sigma) => weight / (weight + 1 / sigma - 1));
}

/** Stretched so that the last σ is `end`. */
function endingAt(sigmas: readonly number[], end: number): number[] {
  const stretch = (1 - sigmas.at(-1)!) / (1 - end);
  if (stretch === 0) throw unsupported("shift_terminal", `${end} with one step`, [null]);
  return sigmas.map((sigma) => 1 - (1 - sigma) / stretch);
}

/**
 * @throws EmilieError "checkpoint.unsupported" for a key or value that is not implemented, and for samplers of other processes; "option.invalid" for the
 *   number of steps
 */
export function flowSchedule(config: SchedulerConfig, sampler: SamplerName, options: FlowOptions): Schedule {
  if (sampler !== "flow-euler") {
    throw new EmilieError(
      "checkpoint.unsupported",
      `scheduler_config.json: _class_name is ${JSON.stringify(config._class_name)}, a rectified flow, which has other noise levels than ${sampler} goes through.`,
    );
  }
  check(config);
  const { steps } = options;
  if (!Number.isInteger(steps) || steps < 1 || steps > MAX_STEPS) {
    throw new EmilieError("option.invalid", `steps must be an integer from 1 to ${MAX_STEPS}; got ${steps}.`);
  }
  const read = reader(config);
  const trainSteps = read.number("num_train_timesteps", 1000);
  const end = read.number("shift_terminal", 0);
  const own = sigmasOf(read, trainSteps, options);
  const sigmas = (end === 0 ? own : endingAt(own, end)).map(Math.fround);
  const levels = sigmas.map((sigma): NoiseLevel => {
    return { t: Math.fround(sigma * trainSteps), alpha: 1 - sigma, sigma, flow: true };
  });
  return {
    sampler,
    trainSteps,
    levels,
    arrivals: [...levels.slice(1), { t: 0, alpha: 1, sigma: 0, flow: true }],
    initSigma: 1,
    options: { stochastic: read.flag("stochastic_sampling", false) },
  };
}
