/**
 * A diffusers scheduler configuration plus a number of steps → the noise levels that a sampler visits
 * (set_timesteps of the six diffusers schedulers).
 */
import { EmilieError } from "../errors.ts";
import { cumulativeAlphas } from "./betas.ts";
import {
  type ConfigReader,
  checkConfig,
  defaultSampler,
  FAMILIES,
  type Family,
  reader,
  type SchedulerConfig,
  unsupported,
} from "./config.ts";
import { edmSchedule, isEdm } from "./edm.ts";
import { karrasSigmas, sigmaAt, sigmasOf, timestepOf } from "./sigmas.ts";
import { timestepsOf } from "./timesteps.ts";
import type { NoiseLevel, SamplerName, SamplerOptions, Schedule } from "./types.ts";

/** With zero terminal SNR σ would be infinite at the end; this ᾱ (float16's smallest number) stands in for 0. */
const SMALLEST_ALPHA_BAR = 2 ** -24;
/** Below this many steps diffusers' multistep solvers end with a step of first order. */
const FEW_STEPS = 15;
const CLEAN: NoiseLevel = { t: 0, alpha: 1, sigma: 0 };
const SPACINGS = ["leading", "linspace", "trailing"] as const;

export interface ScheduleOptions {
  /** Default: the configuration's own, or the nearest to it (defaultSampler). */
  readonly sampler?: SamplerName;
  /** UNet calls, 1 to num_train_timesteps. */
  readonly steps: number;
}

/**
 * The noise levels of a run.
 *
 * @param config scheduler_config.json of a diffusers checkpoint. A configuration of class X may be used with sampler Y:
 *   keys that are absent have the default of Y's class, as with diffusers' from_config, with one exception: x̂₀ is
 *   clipped only where clip_sample is true in the file, or the file is of Y's own class, whose default it is. (diffusers
 *   would also clip with, say, an Euler configuration in DDIM; latents do not fit into [−1, 1].)
 * @throws EmilieError "checkpoint.unsupported" naming the key and value that is not implemented; "option.invalid" for a
 *   number of steps that the configuration cannot make.
 */
export function createSchedule(config: SchedulerConfig, { sampler, steps }: ScheduleOptions): Schedule {
  const name = sampler ?? defaultSampler(config);
  if (isEdm(config)) return edmSchedule(config, name, steps);
  checkConfig(config, name);
  const read = reader(config);
  const alphaBars = cumulativeAlphas(read);
  const trainSteps = alphaBars.length;
  if (!Number.isInteger(steps) || steps < 1 || steps > trainSteps) {
    throw new EmilieError(
      "option.invalid",
      `steps must be an integer from 1 to ${trainSteps}; got ${steps}.`,
    );
  }
  const family = FAMILIES[name];
  checkZeroSnr(read, family);
  const plan =
    family === "ddim" || family === "ddpm"
      ? byAlphaBars(read, family, alphaBars, steps)
      : bySigmas(read, name, alphaBars, steps);
  return { sampler: name, trainSteps, options: optionsOf(read, config, family, plan.levels.length), ...plan };
}

type Plan = Pick<Schedule, "levels" | "arrivals" | "initSigma">;

/** DDIM and DDPM: levels straight from ᾱ. */
function byAlphaBars(read: ConfigReader, family: Family, alphaBars: Float32Array, steps: number): Plan {
  const trainSteps = alphaBars.length;
  const timesteps = timestepsOf({
    spacing: read.choice("timestep_spacing", SPACINGS, "leading"),
    steps,
    trainSteps,
    offset: read.number("steps_offset", 0),
    grid: "rounded",
    end: trainSteps,
  });
  const level = (t: number): NoiseLevel => {
    const bar = alphaBars[t];
    if (bar === undefined) throw tooManySteps(steps, t, trainSteps);
    return { t, alpha: Math.sqrt(bar), sigma: Math.sqrt(1 - bar) };
  };
  const levels = timesteps.map(level);
  if (family === "ddpm") return { levels, arrivals: [...levels.slice(1), CLEAN], initSigma: 1 };
  // DDIM goes ⌊T/n⌋ timesteps down, which need not be where the next step starts.
  const stride = Math.floor(trainSteps / steps);
  const last = read.flag("set_alpha_to_one", true) ? CLEAN : { ...level(0), t: 0 };
  return { levels, arrivals: timesteps.map((t) => (t >= stride ? level(t - stride) : last)), initSigma: 1 };
}

/** The Euler samplers, DPM-Solver++ and UniPC: levels by σ. */
function bySigmas(read: ConfigReader, name: SamplerName, alphaBars: Float32Array, steps: number): Plan {
  const family = FAMILIES[name];
  const euler = family === "euler" || family === "euler-ancestral";
  const zeroSnr = read.flag("rescale_betas_zero_snr", false);
  const bars = zeroSnr ? alphaBars.with(-1, SMALLEST_ALPHA_BAR) : alphaBars;
  const train = sigmasOf(bars);
  const spacing = read.choice("timestep_spacing", SPACINGS, "linspace");
  const end = family === "dpm" ? clippedEnd(read, bars) : bars.length;
  const grid = euler ? "exact" : "multistep";
  let timesteps = timestepsOf({
    spacing,
    steps,
    trainSteps: bars.length,
    offset: read.number("steps_offset", 0),
    grid,
    end,
  });
  const beyond = timesteps.find((t, i) => t < 0 || t >= bars.length || t === timesteps[i - 1]);
  if (beyond !== undefined) throw tooManySteps(steps, beyond, bars.length);
  let sigmas = timesteps.map((t) => sigmaAt(train, t));
  if (usesKarras(read, name)) {
    // Euler spans the sigmas it would have visited, the others all that the model was trained with.
    const [smallest, largest] = euler ? [sigmas.at(-1)!, sigmas[0]!] : [train[0]!, train.at(-1)!];
    sigmas = karrasSigmas(smallest, largest, steps);
    timesteps = sigmas.map((sigma) => wholeTimestep(timestepOf(train, sigma), read, family));
  }
  sigmas = sigmas.map(Math.fround);
  const toLevel = (sigma: number, t: number): NoiseLevel => {
    const alpha = euler ? 1 : 1 / Math.sqrt(sigma * sigma + 1);
    return { t, alpha, sigma: sigma * alpha };
  };
  const levels = sigmas.map((sigma, i) => toLevel(sigma, timesteps[i]!));
  const last = family !== "euler-ancestral" && endsAtSmallest(read) ? toLevel(train[0]!, 0) : CLEAN;
  const largest = Math.max(...sigmas);
  const initSigma = !euler ? 1 : spacing === "leading" ? Math.sqrt(largest * largest + 1) : largest;
  return { levels, arrivals: [...levels.slice(1), last], initSigma };
}

function usesKarras(read: ConfigReader, name: SamplerName): boolean {
  if (FAMILIES[name] === "dpm") return name === "dpm++2m-karras";
  return name !== "euler-ancestral" && read.flag("use_karras_sigmas", false);
}

/** The timestep told to the UNet with Karras sigmas: Euler's is fractional, the multistep solvers' a whole one. */
function wholeTimestep(t: number, read: ConfigReader, family: Family): number {
  if (family === "euler") return Math.fround(t);
  const cosine = read.choice("beta_schedule", ["linear", "scaled_linear", "squaredcos_cap_v2"], "linear");
  return family === "dpm" && cosine === "squaredcos_cap_v2" ? Math.trunc(t) : Math.round(t);
}

/** DPM-Solver++'s lambda_min_clipped: timesteps with log(α/σ) below it are not visited. */
function clippedEnd(read: ConfigReader, bars: Float32Array): number {
  const lowest = read.number("lambda_min_clipped", Number.NEGATIVE_INFINITY);
  return bars.filter((bar) => Math.log(Math.sqrt(bar)) - Math.log(Math.sqrt(1 - bar)) >= lowest).length;
}

function endsAtSmallest(read: ConfigReader): boolean {
  return read.choice("final_sigmas_type", ["zero", "sigma_min"], "zero") === "sigma_min";
}

function checkZeroSnr(read: ConfigReader, family: Family): void {
  const prediction = read.choice("prediction_type", ["epsilon", "v_prediction", "sample"], "epsilon");
  if (!read.flag("rescale_betas_zero_snr", false) || prediction !== "epsilon") return;
  // At zero SNR x is all noise: ε says nothing about x₀, and x̂₀ = (x − σ·ε) / 0.
  if (family === "ddim" || family === "ddpm") {
    throw unsupported("rescale_betas_zero_snr", "true with epsilon prediction", ["v_prediction", "sample"]);
  }
}

function optionsOf(
  read: ConfigReader,
  config: SchedulerConfig,
  family: Family,
  steps: number,
): SamplerOptions {
  switch (family) {
    case "ddim":
    case "ddpm": {
      const own = config._class_name === (family === "ddim" ? "DDIMScheduler" : "DDPMScheduler");
      const clip = read.flag("clip_sample", own) ? read.number("clip_sample_range", 1) : undefined;
      if (family === "ddim") return { clip };
      return { clip, variance: read.choice("variance_type", ["fixed_small", "fixed_large"], "fixed_small") };
    }
    case "dpm": {
      const few = read.flag("lower_order_final", true) && steps < FEW_STEPS;
      const firstOrderLast = few || read.flag("euler_at_final", false) || !endsAtSmallest(read);
      return { order: read.number("solver_order", 2) === 1 ? 1 : 2, firstOrderLast };
    }
    case "unipc":
      if (endsAtSmallest(read) && read.flag("use_karras_sigmas", false)) {
        throw unsupported("final_sigmas_type", "sigma_min with use_karras_sigmas", ["zero"]); // diffusers: 0 / 0
      }
      return {
        order: read.number("solver_order", 2) === 1 ? 1 : 2,
        firstOrderLast: true,
        uncorrected: read.numbers("disable_corrector") ?? [],
      };
    default:
      return {};
  }
}

function tooManySteps(steps: number, t: number, trainSteps: number): EmilieError {
  return new EmilieError(
    "option.invalid",
    `${steps} steps with this checkpoint's timestep_spacing and steps_offset visit timestep ${t}, twice or ` +
      `outside of the model's range of 0 to ${trainSteps - 1}; take fewer steps.`,
  );
}
