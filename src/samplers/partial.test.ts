import { describe, expect, test } from "vitest";
import { createNoise } from "../tensor/noise.ts";
import { combine, scale } from "../tensor/ops.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { createSchedule, type Denoise, noised, samplers, scheduleFrom, stepwise } from "./index.ts";
import type { SamplerName } from "./types.ts";

const CONFIG = { _class_name: "DDIMScheduler", beta_schedule: "scaled_linear", clip_sample: false };
const SHAPE = [4, 5, 3];
const wavy: Denoise = async (x, level, step) => ({
  data: x.data.map((value, i) => Math.tanh(value) + Math.sin(i + step + level.t)),
  shape: x.shape,
});
const begin = (sampler: SamplerName, steps: number) => {
  const schedule = createSchedule(CONFIG, { sampler, steps });
  return { schedule, x: scale(createNoise(5).randn(SHAPE), schedule.initSigma) };
};
const keep = (x: Tensor) => x;

describe("scheduleFrom", () => {
  test("has the later steps, and what a first part left is where it goes on", async () => {
    const { schedule, x } = begin("ddim", 8);
    const rest = scheduleFrom(schedule, 5);
    expect(rest.levels).toEqual(schedule.levels.slice(5));
    expect(rest.arrivals).toEqual(schedule.arrivals.slice(5));
    const states: Tensor[] = [];
    const smooth: Denoise = async (x) => scale(x, 0.5);
    const whole = await samplers.ddim(smooth, x, schedule, createNoise(0), (event) => {
      states.push(event.x);
    });
    const end = await samplers.ddim(smooth, states[4]!, rest, createNoise(0));
    expect(end.data).toEqual(whole.data);
  });

  test("from the first step on it is the schedule, from beyond the last one it has no steps", async () => {
    const { schedule, x } = begin("ddim", 4);
    expect(scheduleFrom(schedule, 0)).toEqual(schedule);
    expect(await samplers.ddim(wavy, x, scheduleFrom(schedule, 4), createNoise(0))).toBe(x);
  });

  test("UniPC's uncorrected steps move along", () => {
    const { schedule } = begin("unipc", 6);
    const marked = { ...schedule, options: { ...schedule.options, uncorrected: [3, 4] } };
    expect(scheduleFrom(marked, 3).options.uncorrected).toEqual([0, 1]);
  });
});

test("noised: a denoiser that knows the picture comes back to it from any level", async () => {
  for (const sampler of ["ddim", "ddpm", "euler", "euler-ancestral", "dpm++2m", "unipc"] as const) {
    const schedule = scheduleFrom(createSchedule(CONFIG, { sampler, steps: 6 }), 4);
    const z0 = createNoise(1).randn(SHAPE);
    const x = noised(z0, schedule.levels[0]!, createNoise(2).randn(SHAPE));
    const result = await samplers[sampler](async () => z0, x, schedule, createNoise(3));
    expect(result.data).toEqual(z0.data);
  }
});

describe("stepwise", () => {
  test.each(["ddim", "ddpm", "euler", "euler-ancestral"] as const)(
    "%s: with nothing done between the steps it is the whole run, bit for bit",
    async (name) => {
      const { schedule, x } = begin(name, 7);
      const whole = await samplers[name](wavy, x, schedule, createNoise(3));
      const parts = await stepwise(samplers[name], wavy, x, schedule, createNoise(3), keep);
      expect(parts.data).toEqual(whole.data);
    },
  );

  test.each(["dpm++2m", "unipc"] as const)(
    "%s: without its memory it takes the steps of DDIM",
    async (name) => {
      const { schedule, x } = begin(name, 7);
      const parts = await stepwise(samplers[name], wavy, x, schedule, createNoise(3), keep);
      const ddim = await samplers.ddim(wavy, x, { ...schedule, options: {} }, createNoise(3));
      for (const [i, value] of parts.data.entries()) expect(value).toBeCloseTo(ddim.data[i]!, 4);
    },
  );

  test("x goes on as it was changed, and is told where it arrived", async () => {
    const { schedule, x } = begin("ddim", 4);
    const seen: Tensor[] = [];
    const arrived: unknown[] = [];
    const watch: Denoise = async (x, level, step) => {
      seen.push(x);
      return wavy(x, level, step);
    };
    const handed: Tensor[] = [];
    const result = await stepwise(samplers.ddim, watch, x, schedule, createNoise(0), (x, arrival, step) => {
      arrived.push([arrival, step]);
      handed.push(combine([2, x]));
      return handed.at(-1)!;
    });
    expect(seen).toEqual([x, ...handed.slice(0, -1)]);
    expect(result).toBe(handed.at(-1));
    expect(arrived).toEqual(schedule.arrivals.map((arrival, step) => [arrival, step]));
  });
});
