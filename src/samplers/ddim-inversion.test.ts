import { describe, expect, test } from "vitest";
import { createNoise } from "../tensor/noise.ts";
import { relativeError } from "../tensor/ops.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { contiguous, createSchedule, type Denoise, invertDdim, samplers, scheduleFrom } from "./index.ts";

const CONFIG = { _class_name: "DDIMScheduler", beta_schedule: "scaled_linear", clip_sample: false };
const scheduleOf = (steps: number) => contiguous(createSchedule(CONFIG, { sampler: "ddim", steps }));

/** E[x₀ | x] of data that is N(μ, s²): its ODE is known, x − αμ grows in proportion to √(α²s² + σ²). */
const [MU, S] = [0.6, 0.4];
const gaussian: Denoise = async (x, { alpha, sigma }) => ({
  data: x.data.map((v) => (MU * sigma ** 2 + S ** 2 * alpha * v) / (alpha ** 2 * S ** 2 + sigma ** 2)),
  shape: x.shape,
});
const z0 = {
  data: createNoise(4)
    .randn([4, 6, 6])
    .data.map((v) => MU + S * v),
  shape: [4, 6, 6],
};

describe("DDIM backwards", () => {
  test("there and back returns to the picture, the nearer the more steps there are", async () => {
    const errors = [];
    for (const steps of [10, 40, 160]) {
      const schedule = scheduleOf(steps);
      const [start] = await invertDdim(gaussian, z0, schedule);
      errors.push(relativeError(await samplers.ddim(gaussian, start!, schedule, createNoise(0)), z0));
    }
    expect(errors[0]).toBeLessThan(0.3);
    expect(errors[1]).toBeLessThan(errors[0]! / 2);
    expect(errors[2]).toBeLessThan(errors[1]! / 2);
    expect(errors[2]).toBeLessThan(0.02);
  });

  test("follows the ODE: what it arrives at is the noise that belongs to the picture", async () => {
    const schedule = scheduleOf(500);
    const inverted = await invertDdim(gaussian, z0, schedule);
    expect(inverted).toHaveLength(schedule.levels.length);
    for (const at of [0, 100, 400]) {
      const { alpha, sigma } = schedule.levels[at]!;
      const growth = Math.sqrt((alpha * S) ** 2 + sigma ** 2) / S;
      const exact = z0.data.map((v) => alpha * MU + growth * (v - MU));
      expect(relativeError(inverted[at]!, { data: exact, shape: z0.shape })).toBeLessThan(0.02);
    }
  });

  test("each step is the exact way back of DDIM's, given the same ε", async () => {
    const still: Denoise = async (x, { alpha, sigma }) => ({
      data: x.data.map((v, i) => (v - sigma * Math.sin(i)) / alpha),
      shape: x.shape,
    });
    const schedule = scheduleFrom(scheduleOf(7), 2);
    const inverted = await invertDdim(still, z0, schedule);
    const states: Tensor[] = [];
    await samplers.ddim(still, inverted[0]!, schedule, createNoise(0), ({ x }) => {
      states.push(x);
      const expected = inverted[states.length] ?? z0;
      expect(relativeError(x, expected)).toBeLessThan(1e-5);
    });
    expect(states).toHaveLength(5);
  });

  test("a contiguous schedule has no gaps where the steps do not divide the training timesteps", () => {
    const plain = createSchedule(CONFIG, { sampler: "ddim", steps: 7 });
    const { levels, arrivals } = contiguous(plain);
    expect(levels).toEqual(plain.levels);
    expect(arrivals.slice(0, -1)).toEqual(levels.slice(1));
    expect(arrivals.at(-1)).toEqual(plain.arrivals.at(-1));
  });
});
