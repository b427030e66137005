/**
 * The contract of all samplers, after k-diffusion: a sampler is a pure function over a denoiser, a start x and a
 * schedule. The denoiser returns x̂₀, so guidance and gradient control are wrappers and previews come for free.
 */
import type { NoiseSource } from "../tensor/noise.ts";
import type { Tensor } from "../tensor/tensor.ts";

export type { NoiseSource } from "../tensor/noise.ts";

/** The meaning of a network's raw output: ε̂, v̂ = a·ε − s·x₀, x̂₀ itself, or a rectified flow's ε − x₀. */
export type PredictionType = "epsilon" | "v_prediction" | "sample" | "flow_prediction";

/**
 * How a dynamic shift of noise levels follows from the picture's size: linearly in its tokens, or as FLUX.2 has fitted it to tokens and steps. "given" is linear too, and
 * without a dynamic shift the levels are 1 … 1/n for every scheduler, as DreamLite's pipelines give them.
 */
export type TimeShift = "linear" | "empirical" | "given";

/**
 * One point of a schedule: x = alpha·x₀ + sigma·ε at this level. Variance-preserving samplers (DDIM, DDPM, DPM-Solver++,
 * UniPC, PNDM, LCM, TCD) have alpha² + sigma² = 1; Euler and Heun samplers work with alpha = 1, rectified flow with alpha + sigma = 1.
 */
export interface NoiseLevel {
  /** The timestep the UNet is told; fractional for Karras sigmas. */
  readonly t: number;
  /** How noisy it is, from 0 to 1, where t is no timestep of a thousand; absent: t / trainSteps. */
  readonly fraction?: number;
  /** Share of the picture. */
  readonly alpha: number;
  /** Share of the noise. */
  readonly sigma: number;
  /** The model is a rectified flow: it was trained on x as it is, whatever alpha² + sigma² is. */
  readonly flow?: true;
  /**
   * A consistency model's answer f = skip·x + out·x̂₀ takes the place of x̂₀ at this level (LCM, arXiv 2310.04378, equation 9): the network
   * was trained to be right as f, so f is what gradient control acts on and what a preview shows.
   */
  readonly boundary?: Boundary;
  /** Of an arrival: the less noisy level that TCD goes to first, from where noise leads up to this one. */
  readonly via?: Pick<NoiseLevel, "alpha" | "sigma">;
}

/** What makes a consistency model's f of x and x̂₀: skip·x + out·x̂₀. */
export interface Boundary {
  /** Share of x. */
  readonly skip: number;
  /** Share of x̂₀. */
  readonly out: number;
}

/** x at a noise level → x̂₀, in the scaled units of z₀. */
export type Denoise = (x: Tensor, level: NoiseLevel, step: number) => Promise<Tensor>;

/** The way of a sampler from noise to a picture; relevance() takes one from createSchedule. */
export interface Schedule {
  /** Whose way it is. */
  readonly sampler: SamplerName;
  /** One level per step, noisiest first. */
  readonly levels: readonly NoiseLevel[];
  /**
   * Where each step arrives: mostly the next level (DDIM steps by ⌊T/n⌋ instead), and sigma = 0 after the last one
   * unless the configuration ends above it (set_alpha_to_one = false, final_sigmas_type = "sigma_min").
   */
  readonly arrivals: readonly NoiseLevel[];
  /** The standard deviation that the first noise is multiplied with (diffusers' init_noise_sigma). */
  readonly initSigma: number;
  /** Timesteps the model was trained with (1000), for the threshold control's t/T. */
  readonly trainSteps: number;
  /** What the checkpoint's configuration says beside. */
  readonly options: SamplerOptions;
}

/** What the configuration says to particular samplers; the others do not look at it. */
export interface SamplerOptions {
  /** DDIM, DDPM, Heun: x̂₀ is clipped to [−clip, clip] (clip_sample, made for pixels). */
  readonly clip?: number;
  /** DDPM's variance_type. */
  readonly variance?: "fixed_small" | "fixed_large";
  /** DPM-Solver++ (up to 3), UniPC: solver_order. */
  readonly order?: 1 | 2 | 3;
  /** DPM-Solver++, UniPC: the last step is of first order. */
  readonly firstOrderLast?: boolean;
  /** DPM-Solver++ of order 3: the step before the last is of second order. */
  readonly secondOrderBefore?: boolean;
  /** DPM-Solver++: the stochastic differential equation instead of the ordinary one ("sde-dpmsolver++"); flow: fresh noise at every step. */
  readonly stochastic?: boolean;
  /** DPM-Solver++: solver_type "heun" in the place of "midpoint". */
  readonly heun?: boolean;
  /** UniPC's disable_corrector: steps whose result is not corrected. */
  readonly uncorrected?: readonly number[];
}

/** A sampler by its name, as --sampler and recipes have it. */
export type SamplerName =
  | "ddim"
  | "ddpm"
  | "euler"
  | "euler-ancestral"
  | "dpm++2m"
  | "dpm++2m-karras"
  | "unipc"
  | "heun"
  | "pndm"
  | "lcm"
  | "tcd"
  | "flow-euler";

/** A finished step of a sampler. */
export interface StepEvent {
  /** Which one, from 0. */
  readonly step: number;
  /** Of how many. */
  readonly steps: number;
  /** The noise level that it started from. */
  readonly level: NoiseLevel;
  /** Where in the latent x and x̂₀ lie, in a session above the model's native size; absent: they are all of it. */
  readonly window?: {
    readonly x: number;
    readonly y: number;
    readonly width: number;
    readonly height: number;
  };
  /** After the step, [channels, h, w], in the units of z₀. */
  readonly x: Tensor;
  /** x̂₀ of this step, [channels, h, w]: decode it for a preview. */
  readonly denoised: Tensor;
}

/** Hears of every step, and is awaited; "keep" ends the run there, with x̂₀ as the result. */
export type StepListener =
  | ((event: StepEvent) => void | Promise<void>)
  | ((event: StepEvent) => "keep" | undefined | Promise<"keep" | undefined>);

/**
 * Takes x from schedule.levels[0] to the last arrival. Pure: no argument is changed, state between steps is local.
 * `denoise` is called once for each level, in order, and a second time within a step by Heun (all but the last) and PNDM (the first);
 * whatever it throws ends the run. `onStep` is awaited.
 */
export type Sampler = (
  denoise: Denoise,
  x: Tensor,
  schedule: Schedule,
  noise: NoiseSource,
  onStep?: StepListener,
) => Promise<Tensor>;
