/**
 * scheduler_config.json of any diffusers scheduler, read for a sampler as diffusers' `from_config` reads it: a key that
 * is absent has the default of the sampler's own class, not of the class that wrote the file. What is not implemented
 * is an error naming key and value, never ignored.
 */
import { EmilieError } from "../errors.ts";
import type { SamplerName } from "./types.ts";

export type SchedulerConfig = Readonly<Record<string, unknown>>;

/** The samplers that share one diffusers class. */
export type Family =
  | "ddim"
  | "ddpm"
  | "euler"
  | "euler-ancestral"
  | "dpm"
  | "unipc"
  | "heun"
  | "pndm"
  | "lcm"
  | "tcd"
  | "flow";

export const FAMILIES: Readonly<Record<SamplerName, Family>> = {
  ddim: "ddim",
  ddpm: "ddpm",
  euler: "euler",
  "euler-ancestral": "euler-ancestral",
  "dpm++2m": "dpm",
  "dpm++2m-karras": "dpm",
  unipc: "unipc",
  heun: "heun",
  pndm: "pndm",
  lcm: "lcm",
  tcd: "tcd",
  "flow-euler": "flow",
};

/**
 * Each scheduler class (variance-preserving, discrete time; the EDM ones: edm.ts; rectified flow: flow.ts), and the sampler that runs
 * in its place. Classes without a counterpart here get the nearest: a deterministic multistep or higher-order solver of
 * the same ODE is DPM-Solver++ 2M, a stochastic one Euler ancestral.
 */
const DEFAULT_SAMPLERS: Readonly<Record<string, SamplerName>> = {
  DDIMScheduler: "ddim",
  DDPMScheduler: "ddpm",
  EulerDiscreteScheduler: "euler",
  EulerAncestralDiscreteScheduler: "euler-ancestral",
  DPMSolverMultistepScheduler: "dpm++2m",
  UniPCMultistepScheduler: "unipc",
  PNDMScheduler: "pndm",
  LMSDiscreteScheduler: "dpm++2m",
  HeunDiscreteScheduler: "heun",
  DPMSolverSinglestepScheduler: "dpm++2m",
  KDPM2DiscreteScheduler: "dpm++2m",
  DEISMultistepScheduler: "dpm++2m",
  KDPM2AncestralDiscreteScheduler: "euler-ancestral",
  DPMSolverSDEScheduler: "euler-ancestral",
  SASolverScheduler: "dpm++2m",
  DDIMParallelScheduler: "ddim",
  DDPMParallelScheduler: "ddpm",
  DDIMInverseScheduler: "ddim",
  DPMSolverMultistepInverseScheduler: "dpm++2m",
  LCMScheduler: "lcm",
  TCDScheduler: "tcd",
  EDMEulerScheduler: "euler",
  EDMDPMSolverMultistepScheduler: "dpm++2m",
  FlowMatchEulerDiscreteScheduler: "flow-euler",
  FlowMatchHeunDiscreteScheduler: "flow-euler",
};

/** Keys that one of these classes has. Any other key must be off (null or false). */
const KNOWN_KEYS = new Set(
  `algorithm_type beta_end beta_schedule beta_start clip_sample clip_sample_range corrector_order disable_corrector
  dynamic_thresholding_ratio euler_at_final final_sigmas_type flow_shift interpolation_type lambda_min_clipped
  original_inference_steps predict_epsilon predictor_order tau_func tensor_format timestep_scaling
  lower_order_final noise_sampler_seed num_train_timesteps predict_x0 prediction_type rescale_betas_zero_snr
  sample_max_value set_alpha_to_one shift_terminal sigma_max sigma_min skip_prk_steps solver_order solver_p solver_type
  steps_offset thresholding time_shift_type timestep_spacing timestep_type trained_betas use_beta_sigmas
  use_dynamic_shifting use_exponential_sigmas use_flow_sigmas use_karras_sigmas use_lu_lambdas variance_type`.split(
    /\s+/,
  ),
);

const OFF = [false];
const ABSENT: readonly unknown[] = [null];
/** Keys of which only these values are implemented: those of the process itself, and those each class reads. */
const PROCESS_VALUES = {
  predict_epsilon: [true], // of 2022, before prediction_type
  use_flow_sigmas: OFF,
  use_dynamic_shifting: OFF,
  shift_terminal: ABSENT,
};
const FAMILY_VALUES: Readonly<Record<Family, Readonly<Record<string, readonly unknown[]>>>> = {
  ddim: { thresholding: OFF },
  ddpm: { thresholding: OFF, variance_type: ["fixed_small", "fixed_large"] },
  euler: {
    interpolation_type: ["linear"],
    timestep_type: ["discrete"],
    sigma_min: ABSENT,
    sigma_max: ABSENT,
  },
  "euler-ancestral": {},
  dpm: {
    thresholding: OFF,
    use_lu_lambdas: OFF,
    algorithm_type: ["dpmsolver++", "sde-dpmsolver++", "deis"], // diffusers reads DEIS's as dpmsolver++, its solver types as midpoint
    solver_type: ["midpoint", "heun", "logrho", "bh1", "bh2"],
    solver_order: [2, 1, 3],
    variance_type: ["fixed_small", "fixed_small_log", "fixed_large", "fixed_large_log"],
  },
  unipc: {
    thresholding: OFF,
    predict_x0: [true],
    solver_p: ABSENT,
    solver_type: ["bh2", "midpoint", "heun", "logrho"], // the last three are read as bh2
    solver_order: [2, 1],
    lower_order_final: [true], // without it, the second order divides by zero at sigma = 0
    sigma_min: ABSENT,
    sigma_max: ABSENT,
  },
  heun: { rescale_betas_zero_snr: OFF }, // diffusers' class does not have it, and would start at an infinite sigma
  // Its linear multistep part alone, on ε and over timesteps that lie as far apart as its steps go.
  pndm: {
    skip_prk_steps: [true],
    prediction_type: ["epsilon"],
    timestep_spacing: ["leading"],
    rescale_betas_zero_snr: OFF,
  },
  lcm: { thresholding: OFF, clip_sample: OFF },
  tcd: { thresholding: OFF },
  flow: {}, // flow.ts has its own
};

/** A diffusers class's defaults of its noise schedule, where they are not these. */
export const BETA_DEFAULTS = { start: 0.0001, end: 0.02, kind: "linear" } as const;
const STABLE_DIFFUSION = { start: 0.00085, end: 0.012, kind: "scaled_linear" } as const;
const FAMILY_BETAS: Partial<Record<Family, BetaDefaults>> = {
  heun: { ...STABLE_DIFFUSION, kind: "linear" },
  lcm: STABLE_DIFFUSION,
  tcd: STABLE_DIFFUSION,
};

/** What the betas are where a configuration does not say. */
export interface BetaDefaults {
  readonly start: number;
  readonly end: number;
  readonly kind: "linear" | "scaled_linear";
}

export const betaDefaultsOf = (family: Family): BetaDefaults => FAMILY_BETAS[family] ?? BETA_DEFAULTS;

/**
 * The sampler that a checkpoint's scheduler configuration asks for, or the nearest one (see DEFAULT_SAMPLERS), whether it can do
 * what the other keys ask for or not.
 *
 * @throws EmilieError "checkpoint.unsupported" for a class that is not known.
 */
export function statedSampler(config: SchedulerConfig): SamplerName {
  const name = config._class_name;
  const sampler = typeof name === "string" ? DEFAULT_SAMPLERS[name] : undefined;
  if (sampler === undefined) throw unsupported("_class_name", name, Object.keys(DEFAULT_SAMPLERS));
  return sampler === "dpm++2m" && config.use_karras_sigmas === true ? "dpm++2m-karras" : sampler;
}

export function unsupported(key: string, value: unknown, expected: readonly unknown[]): EmilieError {
  return new EmilieError(
    "checkpoint.unsupported",
    `scheduler_config.json: ${key} is ${JSON.stringify(value) ?? String(value)}; implemented: ${expected.map((v) => JSON.stringify(v)).join(", ")}.`,
  );
}

/** Of these, diffusers takes one at most. */
const SPACINGS = ["use_karras_sigmas", "use_exponential_sigmas", "use_beta_sigmas"];

/** Rejects what the given sampler cannot do. */
export function checkConfig(config: SchedulerConfig, sampler: SamplerName): void {
  if (sampler === "flow-euler") {
    throw new EmilieError(
      "checkpoint.unsupported",
      `scheduler_config.json: _class_name is ${JSON.stringify(config._class_name)}, which is no rectified flow.`,
    );
  }
  if (config._class_name !== undefined) statedSampler(config);
  if (SPACINGS.filter((key) => config[key] === true).length > 1) {
    throw unsupported(SPACINGS.join(" and "), true, ["one of them"]);
  }
  const family = FAMILIES[sampler];
  const implemented: Readonly<Record<string, readonly unknown[]>> = {
    ...PROCESS_VALUES,
    ...FAMILY_VALUES[family],
  };
  // Absent, it is false in the class's own files.
  if (family === "pndm" && config._class_name === "PNDMScheduler" && config.skip_prk_steps == null) {
    throw unsupported("skip_prk_steps", undefined, [true]);
  }
  for (const [key, value] of Object.entries(config)) {
    if (key.startsWith("_") || value === null) continue; // null is what an absent key is
    if (!KNOWN_KEYS.has(key) && value !== false) throw unsupported(key, value, [false, null]);
    const values = implemented[key];
    if (values && !values.includes(value)) throw unsupported(key, value, values);
  }
}

/** Typed access to the keys, absent and null ones being the given default. */
export function reader(config: SchedulerConfig) {
  const given = (key: string): unknown => config[key] ?? undefined;
  return {
    number(key: string, otherwise: number): number {
      const value = given(key);
      if (value === undefined) return otherwise;
      if (typeof value !== "number" || Number.isNaN(value)) throw unsupported(key, value, ["a number"]);
      return value;
    },
    flag(key: string, otherwise: boolean): boolean {
      const value = given(key);
      if (value === undefined) return otherwise;
      if (typeof value !== "boolean") throw unsupported(key, value, [true, false]);
      return value;
    },
    choice<const T extends string>(key: string, values: readonly T[], otherwise: NoInfer<T>): T {
      const value = given(key);
      if (value === undefined) return otherwise;
      const found = values.find((candidate) => candidate === value);
      if (found === undefined) throw unsupported(key, value, values);
      return found;
    },
    numbers(key: string): readonly number[] | undefined {
      const value = given(key);
      if (value === undefined) return undefined;
      if (!Array.isArray(value) || !value.every((item) => Number.isFinite(item))) {
        throw unsupported(key, value, ["a list of numbers"]);
      }
      return value as number[];
    },
  };
}

export type ConfigReader = ReturnType<typeof reader>;
