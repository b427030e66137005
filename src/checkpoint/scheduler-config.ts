/**
 * scheduler_config.json, as far as it can be read without knowing the sampler: an object whose numbers are numbers, and lie
 * where a schedule can be made of them. What a sampler implements of it, samplers/config.ts says.
 */
import { z } from "zod";
import { asObject, epsilon, parseConfig } from "./parse-config.ts";
import { type CheckpointSource, readJson } from "./source.ts";

/** Schedules have a thousand timesteps; each one is computed. */
const MOST_TIMESTEPS = 2 ** 16;

const timesteps = z.int().min(2).max(MOST_TIMESTEPS);
const beta = z.number().min(0).lt(1);
const sigma = z.number().positive().max(1e6);
/** The exponent of a shift. */
const shift = z.number().min(-20).max(20);
const order = z.int().min(1).max(4);
/** Finite or not, as Python writes "no limit". */
const any = z.custom<number>(
  (value) => typeof value === "number" && !Number.isNaN(value),
  "expected a number",
);

const schema = z
  .looseObject({
    num_train_timesteps: timesteps,
    original_inference_steps: z.int().positive().max(MOST_TIMESTEPS),
    steps_offset: z.int().min(0).max(MOST_TIMESTEPS),
    beta_start: beta,
    beta_end: beta,
    trained_betas: z.array(beta).min(2).max(MOST_TIMESTEPS),
    sigma_min: sigma,
    sigma_max: sigma,
    sigma_data: sigma,
    rho: z.number().positive().max(100),
    solver_order: order,
    clip_sample_range: sigma,
    sample_max_value: sigma,
    dynamic_thresholding_ratio: epsilon,
    timestep_scaling: z.number().positive().max(1e6),
    flow_shift: sigma,
    shift: sigma,
    base_shift: shift,
    max_shift: shift,
    shift_terminal: z.number().min(0).lt(1),
    base_image_seq_len: timesteps,
    max_image_seq_len: timesteps,
    lambda_min_clipped: any,
    disable_corrector: z.array(z.int().min(0)).max(MOST_TIMESTEPS),
    prediction_type: z.string(),
    beta_schedule: z.string(),
    timestep_spacing: z.string(),
  })
  .partial();

export type SchedulerConfig = Readonly<Record<string, unknown>>;

/** Checks a scheduler's configuration, and returns it as it is. Throws "checkpoint.malformed" or "checkpoint.unsupported". */
export function parseSchedulerConfig(
  json: unknown,
  path = "scheduler/scheduler_config.json",
): SchedulerConfig {
  const config = asObject(json, path);
  parseConfig(config, path, schema);
  return config;
}

export const readSchedulerConfig = async (source: CheckpointSource): Promise<SchedulerConfig> =>
  parseSchedulerConfig(await readJson(source, "scheduler/scheduler_config.json"));
