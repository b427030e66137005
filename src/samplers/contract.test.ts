/** What holds for every sampler. Number for number agreement with diffusers is tests/parity/samplers.test.ts. */
import { describe, expect, test } from "vitest";
import { createNoise } from "../tensor/noise.ts";
import { relativeError, scale } from "../tensor/ops.ts";
import type { Tensor } from "../tensor/tensor.ts";
import {
  createSchedule,
  type Denoise,
  type NoiseLevel,
  type SchedulerConfig,
  samplerNames,
  samplers,
} from "./index.ts";
import type { SamplerName, StepEvent } from "./types.ts";

/** As Stable Diffusion repositories have it, but ending at sigma = 0 with every sampler that can (TCD ends at its first level). */
const CONFIG = {
  _class_name: "PNDMScheduler",
  beta_start: 0.00085,
  beta_end: 0.012,
  beta_schedule: "scaled_linear",
  clip_sample: false,
  set_alpha_to_one: true,
  skip_prk_steps: true,
  steps_offset: 1,
};
const FLOW = { _class_name: "FlowMatchEulerDiscreteScheduler" };
const configOf = (sampler: SamplerName, config: object = CONFIG): SchedulerConfig => ({
  ...(sampler === "flow-euler" ? FLOW : config),
});
/** Calls of the denoiser in a step of a run that ends at sigma = 0. */
const callsIn = (sampler: SamplerName, step: number, steps: number) => {
  const twice = sampler === "heun" ? step < steps - 1 : sampler === "pndm" && step === 0 && steps > 1;
  return twice ? 2 : 1;
};
const SHAPE = [4, 5, 3];

function begin(
  sampler: SamplerName,
  steps: number,
  config: object = CONFIG,
  shape: readonly number[] = SHAPE,
) {
  const schedule = createSchedule(configOf(sampler, config), { sampler, steps });
  const noise = createNoise(5);
  return { schedule, noise, x: scale(noise.randn(shape), schedule.initSigma) };
}

/** A denoiser that depends on everything it is given, in a smooth way. */
const wavy: Denoise = async (x, level, step) => ({
  data: x.data.map(
    (value, i) => Math.tanh(value / Math.hypot(level.alpha, level.sigma)) + Math.sin(i + step + level.t),
  ),
  shape: x.shape,
});

describe.each(samplerNames)("%s", (name) => {
  const run = samplers[name];

  test.each([1, 2, 3, 20])(
    "%i steps: one call of the denoiser a level, in order, a second one where the sampler says so, and one event a step",
    async (steps) => {
      const { schedule, noise, x } = begin(name, steps);
      const calls: [NoiseLevel, number][] = [];
      const events: StepEvent[] = [];
      const result = await run(
        async (x, level, step) => {
          calls.push([level, step]);
          return wavy(x, level, step);
        },
        x,
        schedule,
        noise,
        (event) => {
          events.push(event);
        },
      );
      expect(schedule.levels).toHaveLength(steps);
      const expected = schedule.levels.flatMap((level, step): [NoiseLevel, number][] =>
        [level, schedule.arrivals[step]!].slice(0, callsIn(name, step, steps)).map((at) => [at, step]),
      );
      expect(calls).toEqual(expected);
      expect(events.map(({ step, steps, level }) => ({ step, steps, level }))).toEqual(
        schedule.levels.map((level, step) => ({ step, steps, level })),
      );
      for (const { x, denoised } of events) {
        expect(x.data.every(Number.isFinite) && denoised.data.every(Number.isFinite)).toBe(true);
        expect([x.shape, denoised.shape]).toEqual([SHAPE, SHAPE]);
      }
      expect(result).toEqual(events.at(-1)!.x);
    },
  );

  test("levels fall, from mostly noise to less; steps arrive where sigma is 0", () => {
    const { schedule } = begin(name, 20);
    const noisiness = schedule.levels.map(({ alpha, sigma }) => sigma / alpha);
    for (const [i, value] of noisiness.entries()) if (i > 0) expect(value).toBeLessThan(noisiness[i - 1]!);
    expect(noisiness[0]).toBeGreaterThan(10);
    if (name === "tcd") expect(schedule.arrivals.at(-1)!.sigma).toBeCloseTo(Math.sqrt(0.00085), 6);
    else expect(schedule.arrivals.at(-1)).toMatchObject({ t: 0, alpha: 1, sigma: 0 });
    const scales = schedule.levels.map(({ alpha, sigma, flow }) =>
      flow ? alpha + sigma : alpha === 1 ? 1 : Math.hypot(alpha, sigma),
    );
    for (const value of scales) expect(value).toBeCloseTo(1, 6);
  });

  test.each([1, 2, 3, 20])(
    "%i steps: a denoiser that always says x₀ is ended on, to the last bit",
    async (steps) => {
      const { schedule, noise, x } = begin(name, steps);
      const target = createNoise(99).randn(SHAPE);
      const result = await run(async () => target, x, schedule, noise);
      // PNDM extrapolates ε, which is the same at every step but for rounding; TCD ends on x₀ and the noise of its last level.
      if (name === "pndm") expect(relativeError(result, target)).toBeLessThan(2e-5);
      else if (name === "tcd") expect(relativeError(result, target)).toBeLessThan(0.05);
      else expect(result.data).toEqual(target.data);
    },
  );

  test("the same seed gives the same bits, and another seed does not", async () => {
    const results = [];
    for (const seed of [7, 7, 8]) {
      const schedule = createSchedule(configOf(name), { sampler: name, steps: 6 });
      const noise = createNoise(seed);
      results.push(await run(wavy, scale(noise.randn(SHAPE), schedule.initSigma), schedule, noise));
    }
    expect(results[1]!.data).toEqual(results[0]!.data);
    expect(results[2]!.data).not.toEqual(results[0]!.data);
  });

  test("neither x, nor x̂₀, nor the schedule is changed", async () => {
    const { schedule, noise, x } = begin(name, 6);
    const kept: [Tensor, Float32Array][] = [[x, x.data.slice()]];
    const before = structuredClone(schedule);
    await run(
      async (x, level, step) => {
        const denoised = await wavy(x, level, step);
        kept.push([x, x.data.slice()], [denoised, denoised.data.slice()]);
        return denoised;
      },
      x,
      schedule,
      noise,
    );
    for (const [{ data }, copy] of kept) expect(data).toEqual(copy);
    expect(schedule).toEqual(before);
  });

  test("state does not leak from run to run", async () => {
    const { schedule, x } = begin(name, 6);
    const both = await Promise.all([1, 1].map((seed) => run(wavy, x, schedule, createNoise(seed))));
    expect(both[0]!.data).toEqual(both[1]!.data);
  });

  test("what the denoiser or the observer throws ends the run at once", async () => {
    const { schedule, noise, x } = begin(name, 6);
    let calls = 0;
    const failing: Denoise = async (x, level, step) => {
      calls++;
      if (step === 2) throw new Error("stopped by the denoiser");
      return wavy(x, level, step);
    };
    await expect(run(failing, x, schedule, noise)).rejects.toThrow("stopped by the denoiser");
    expect(calls).toBe(callsIn(name, 0, 6) + callsIn(name, 1, 6) + 1);
    const observer = async ({ step }: StepEvent) => {
      if (step === 1) throw new Error("stopped by the observer");
    };
    await expect(run(wavy, x, schedule, noise, observer)).rejects.toThrow("stopped by the observer");
  });
});

/**
 * Data that is N(μ, s²) has the exact denoiser E[x₀|x] = (μσ² + s²αx) / D², D² = α²s² + σ², and a known result from
 * x ~ N(0, initSigma²): along the ODE each value goes to μ + s·(x − αμ)/D, along the SDE to a draw of q(x₀|x).
 */
const [MU, S] = [0.6, 0.4];
const variance = ({ alpha, sigma }: NoiseLevel): number => alpha ** 2 * S ** 2 + sigma ** 2;
const gaussian: Denoise = async (x, level) => ({
  data: x.data.map((v) => (MU * level.sigma ** 2 + S ** 2 * level.alpha * v) / variance(level)),
  shape: x.shape,
});
const TRAILING = { ...CONFIG, timestep_spacing: "trailing" };

/** A model of many steps sampled as a distilled one: LCM and TCD end elsewhere than the equation. */
const solvers = samplerNames.filter((name) => name !== "lcm" && name !== "tcd");
describe.each(solvers)("Gaussian data with %s", (name) => {
  const stochastic = name === "ddpm" || name === "euler-ancestral";

  test("mean and variance are the analytic ones", async () => {
    const spaced = name === "pndm" ? CONFIG : TRAILING;
    const { schedule, noise, x } = begin(name, 500, spaced, [4, 32, 32]);
    const level = schedule.levels[0]!;
    const gain = stochastic ? (S ** 2 * level.alpha) / variance(level) : S / Math.sqrt(variance(level));
    const drawn = stochastic ? (S * level.sigma) / Math.sqrt(variance(level)) : 0;
    const { data } = await samplers[name](gaussian, x, schedule, noise);
    const mean = data.reduce((sum, v) => sum + v, 0) / data.length;
    const std = Math.sqrt(data.reduce((sum, v) => sum + (v - mean) ** 2, 0) / data.length);
    // Four standard errors of 4096 values.
    expect(Math.abs(mean - (MU - gain * level.alpha * MU))).toBeLessThan(0.025);
    expect(Math.abs(std / Math.hypot(gain * schedule.initSigma, drawn) - 1)).toBeLessThan(0.05);
  });

  test.skipIf(stochastic)("each value follows the ODE, more closely with more steps", async () => {
    const [few, many] = await Promise.all(
      [10, 80].map(async (steps) => {
        const { schedule, noise, x } = begin(name, steps, name === "pndm" ? CONFIG : TRAILING, [4, 8, 8]);
        const level = schedule.levels[0]!;
        const { data } = await samplers[name](gaussian, x, schedule, noise);
        const end = x.data.map((v) => MU + (S * (v - level.alpha * MU)) / Math.sqrt(variance(level)));
        return relativeError({ data, shape: x.shape }, { data: end, shape: x.shape });
      }),
    );
    expect(few).toBeLessThan(0.2);
    expect(many).toBeLessThan(few! / 4);
  });
});

/** In other units, DDIM is Euler's method and DDPM is Euler ancestral: the same noise must give the same picture. */
test.each([
  ["ddim", "euler"],
  ["ddpm", "euler-ancestral"],
] as const)("%s and %s are one method", async (preserving, exploding) => {
  const results = [];
  for (const name of [preserving, exploding]) {
    const { schedule, noise } = begin(name, 20, TRAILING);
    const { alpha } = createSchedule(TRAILING, { sampler: preserving, steps: 20 }).levels[0]!;
    const x = scale(noise.randn(SHAPE), name === exploding ? 1 / alpha : 1);
    results.push(await samplers[name](gaussian, x, schedule, noise));
  }
  expect(relativeError(results[1]!, results[0]!)).toBeLessThan(1e-5);
});
