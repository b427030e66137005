/**
 * A diffusers scheduler configuration plus a number of steps → the noise levels that a sampler visits
 * (set_timesteps of the diffusers schedulers).
 */
import { EmilieError } from "../errors.ts";
import { cumulativeAlphas } from "./betas.ts";
import {
  betaDefaultsOf,
  type ConfigReader,
  checkConfig,
  FAMILIES,
  type Family,
  reader,
  type SchedulerConfig,
  statedSampler,
  unsupported,
} from "./config.ts";
import { distilledPlan } from "./distilled.ts";
import { edmSchedule, isEdm } from "./edm.ts";
import { type FlowOptions, flowSchedule, isFlow } from "./flow.ts";
import { type SigmaSpacing, sigmaAt, sigmasOf, spacedSigmas, timestepOf } from "./sigmas.ts";
import { timestepsOf } from "./timesteps.ts";
import type { NoiseLevel, SamplerName, SamplerOptions, Schedule } from "./types.ts";

/** With zero terminal SNR σ would be infinite at the end; this ᾱ (float16's smallest number) stands in for 0. */
const SMALLEST_ALPHA_BAR = 2 ** -24;
/** Below this many steps diffusers' multistep solvers end with a step of first order. */
const FEW_STEPS = 15;
const CLEAN: NoiseLevel = { t: 0, alpha: 1, sigma: 0 };
const SPACINGS = ["leading", "linspace", "trailing"] as const;

export interface ScheduleOptions extends FlowOptions {
  /** Default: the configuration's own, or the nearest to it (defaultSampler). */
  readonly sampler?: SamplerName;
  /** From 1 to num_train_timesteps. */
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
export function createSchedule(config: SchedulerConfig, options: ScheduleOptions): Schedule {
  const name = options.sampler ?? defaultSampler(config);
  try {
    return scheduleFor(config, name, options);
  } catch (error) {
    if (!(error instanceof EmilieError) || error.code !== "checkpoint.unsupported") throw error;
    const others = usableSamplers(config);
    const instead =
      others.length > 0
        ? `; these can: ${others.join(", ")}.`
        : ", nor can any other; use another scheduler_config.json.";
    throw new EmilieError(error.code, `${error.message} So the sampler ${name} cannot run with it${instead}`);
  }
}

/** The samplers that can do what a configuration asks of them. */
export function usableSamplers(config: SchedulerConfig): readonly SamplerName[] {
  return (Object.keys(FAMILIES) as SamplerName[]).filter((name) => refusalOf(config, name) === null);
}

function refusalOf(config: SchedulerConfig, name: SamplerName): EmilieError | null {
  try {
    scheduleFor(config, name, { steps: 2 });
    return null;
  } catch (error) {
    if (error instanceof EmilieError && error.code === "checkpoint.unsupported") return error;
    if (error instanceof EmilieError) return null; // another number of steps may do
    throw error;
  }
}

/** In what order a sampler is looked for where the one that a configuration states cannot do what it asks for. */
const NEXT_BEST: readonly SamplerName[] = ["dpm++2m", "unipc", "euler", "ddim", "euler-ancestral"];

/**
 * The sampler of a configuration: what it states, or the nearest that there is and that can do what it asks for.
 *
 * @throws EmilieError "checkpoint.unsupported" where no sampler can
 */
export function defaultSampler(config: SchedulerConfig): SamplerName {
  const stated = statedSampler(config);
  const refusal = refusalOf(config, stated);
  if (!refusal) return stated;
  const next = NEXT_BEST.find((name) => refusalOf(config, name) === null);
  if (!next) throw refusal;
  return next;
}

/**
 * What a checkpoint's own edit needs, tried before anything is computed.
 *
 * @param own what the checkpoint says beside its configuration (emilie.json)
 * @returns what is done otherwise than the configuration says, in sentences
 * @throws EmilieError "checkpoint.unsupported" or "option.invalid" naming the samplers that work
 */
export function checkDefaults(
  config: SchedulerConfig,
  own: { readonly sampler?: string; readonly steps?: number },
): string[] {
  const sampler = own.sampler === undefined ? defaultSampler(config) : samplerName(own.sampler);
  const { trainSteps } = createSchedule(config, { sampler, steps: own.steps ?? 1 });
  if (own.steps !== undefined && own.steps > trainSteps) throw tooManySteps(own.steps, own.steps, trainSteps);
  if (own.sampler !== undefined) return [];
  const stated = statedSampler(config);
  const why = refusalOf(config, stated);
  return why ? [`${why.message} So its default sampler is ${sampler}, and not ${stated}.`] : [];
}

/** How often a run calls the denoiser in each of its steps: Heun and PNDM take some steps in two calls. */
export function callsOf({ sampler, arrivals }: Schedule): number[] {
  return arrivals.map(({ sigma }, step) => {
    const again = sampler === "heun" || (sampler === "pndm" && step === 0 && arrivals.length > 1);
    return again && sigma > 0 ? 2 : 1;
  });
}

/** Reads a sampler's name. @throws EmilieError "option.invalid" listing the names there are. */
export function samplerName(name: string): SamplerName {
  if (Object.hasOwn(FAMILIES, name)) return name as SamplerName;
  throw new EmilieError(
    "option.invalid",
    `There is no sampler "${name}"; there are ${Object.keys(FAMILIES).join(", ")}.`,
  );
}

function scheduleFor(config: SchedulerConfig, name: SamplerName, options: FlowOptions): Schedule {
  const { steps } = options;
  if (isFlow(config)) return flowSchedule(config, name, options);
  if (isEdm(config)) return edmSchedule(config, name, steps);
  checkConfig(config, name);
  const read = reader(config);
  const family = FAMILIES[name];
  const alphaBars = cumulativeAlphas(read, betaDefaultsOf(family));
  const trainSteps = alphaBars.length;
  if (!Number.isInteger(steps) || steps < 1 || steps > trainSteps) {
    throw new EmilieError(
      "option.invalid",
      `steps must be an integer from 1 to ${trainSteps}; got ${steps}.`,
    );
  }
  checkZeroSnr(read, family);
  const plan = planOf(read, name, alphaBars, steps);
  return { sampler: name, trainSteps, options: optionsOf(read, config, family, plan.levels.length), ...plan };
}

type Plan = Pick<Schedule, "levels" | "arrivals" | "initSigma">;

function planOf(read: ConfigReader, name: SamplerName, alphaBars: Float32Array, steps: number): Plan {
  const family = FAMILIES[name];
  switch (family) {
    case "lcm":
    case "tcd":
      return distilledPlan(read, family, alphaBars, steps);
    case "ddim":
    case "ddpm":
    case "pndm":
      return byAlphaBars(read, family, alphaBars, steps);
    default:
      return bySigmas(read, name, alphaBars, steps);
  }
}

/** DDIM, DDPM and PNDM: levels straight from ᾱ. */
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
  const last = read.flag("set_alpha_to_one", family === "ddim") ? CLEAN : { ...level(0), t: 0 };
  return { levels, arrivals: timesteps.map((t) => (t >= stride ? level(t - stride) : last)), initSigma: 1 };
}

/** The Euler and Heun samplers, DPM-Solver++ and UniPC: levels by σ. */
function bySigmas(read: ConfigReader, name: SamplerName, alphaBars: Float32Array, steps: number): Plan {
  const family = FAMILIES[name];
  const euler = family === "euler" || family === "euler-ancestral" || family === "heun";
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
  const respaced = sigmaSpacing(read, name);
  if (respaced) {
    // Euler spans the sigmas it would have visited, the others all that the model was trained with.
    const [smallest, largest] = euler ? [sigmas.at(-1)!, sigmas[0]!] : [train[0]!, train.at(-1)!];
    sigmas = spacedSigmas(respaced, smallest, largest, steps);
    timesteps = sigmas.map((sigma) => wholeTimestep(timestepOf(train, sigma), read, family, respaced));
  }
  sigmas = sigmas.map(Math.fround);
  const toLevel = (sigma: number, t: number): NoiseLevel => {
    const alpha = euler ? 1 : 1 / Math.sqrt(sigma * sigma + 1);
    return { t, alpha, sigma: sigma * alpha };
  };
  const levels = sigmas.map((sigma, i) => toLevel(sigma, timesteps[i]!));
  const choosesEnd = family !== "euler-ancestral" && family !== "heun";
  const last = choosesEnd && endsAtSmallest(read) ? toLevel(train[0]!, 0) : CLEAN;
  const largest = Math.max(...sigmas);
  const initSigma = !euler ? 1 : spacing === "leading" ? Math.sqrt(largest * largest + 1) : largest;
  return { levels, arrivals: [...levels.slice(1), last], initSigma };
}

/** How sigmas are spaced, where not as the timesteps are. "dpm++2m" and "dpm++2m-karras" say themselves whether it is Karras's. */
function sigmaSpacing(read: ConfigReader, name: SamplerName): SigmaSpacing | null {
  const family = FAMILIES[name];
  if (family === "euler-ancestral") return null;
  if (family === "dpm" ? name === "dpm++2m-karras" : read.flag("use_karras_sigmas", false)) return "karras";
  if (read.flag("use_exponential_sigmas", false)) return "exponential";
  return read.flag("use_beta_sigmas", false) ? "beta" : null;
}

/** The timestep told to the UNet with sigmas spaced on their own: Euler's is fractional, the multistep solvers' a whole one. */
function wholeTimestep(t: number, read: ConfigReader, family: Family, spacing: SigmaSpacing): number {
  if (family === "euler" || family === "heun") return Math.fround(t);
  if (spacing !== "karras") return Math.trunc(t);
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
  if (["ddim", "ddpm", "lcm", "tcd"].includes(family)) {
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
    case "heun":
      return { clip: read.flag("clip_sample", false) ? read.number("clip_sample_range", 1) : undefined };
    case "dpm": {
      const few = read.flag("lower_order_final", true) && steps < FEW_STEPS;
      const firstOrderLast = few || read.flag("euler_at_final", false) || !endsAtSmallest(read);
      return {
        order: read.number("solver_order", 2) as 1 | 2 | 3,
        firstOrderLast,
        secondOrderBefore: read.flag("lower_order_final", true) && steps < FEW_STEPS,
        stochastic: config.algorithm_type === "sde-dpmsolver++",
        heun: config.solver_type === "heun",
      };
    }
    case "unipc":
      if (endsAtSmallest(read) && sigmaSpacing(read, "unipc")) {
        throw unsupported("final_sigmas_type", "sigma_min with spaced sigmas", ["zero"]); // diffusers: 0 / 0
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
