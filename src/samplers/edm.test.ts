import { expect, test } from "vitest";
import { timeOf } from "./edm.ts";
import { createSchedule, defaultSampler, samplerNames } from "./index.ts";

const COSXL = {
  _class_name: "EDMEulerScheduler",
  sigma_min: 0.002,
  sigma_max: 120,
  sigma_data: 1,
  sigma_schedule: "exponential",
  prediction_type: "v_prediction",
};

test("goes from σ_max to σ_min in even steps of ln σ, telling the UNet a quarter of it, and ends on the picture", () => {
  const { levels, arrivals, initSigma } = createSchedule(COSXL, { steps: 5 });
  expect(levels.map(({ sigma }) => Math.log(sigma / 0.002) / Math.log(120 / 0.002))).toEqual(
    [1, 0.75, 0.5, 0.25, 0].map((value) => expect.closeTo(value, 5)),
  );
  for (const { t, sigma } of levels) expect(t).toBeCloseTo(Math.log(sigma) / 4, 5);
  expect(arrivals.at(-1)).toMatchObject({ alpha: 1, sigma: 0 });
  expect(initSigma).toBeCloseTo(Math.sqrt(120 ** 2 + 1), 6);
});

test("Karras spacing is there too, and one step starts at the top", () => {
  const karras = createSchedule({ ...COSXL, sigma_schedule: "karras", rho: 7 }, { steps: 3 });
  const middle = ((120 ** (1 / 7) + 0.002 ** (1 / 7)) / 2) ** 7;
  expect(karras.levels[1]!.sigma).toBeCloseTo(middle, 4);
  expect(createSchedule(COSXL, { steps: 1 }).levels[0]!.sigma).toBeCloseTo(120, 3);
});

test("every sampler has levels of it, and how noisy they are falls from nearly T to nearly 0", () => {
  const overTimesteps = ["pndm", "lcm", "tcd", "flow-euler"];
  for (const sampler of samplerNames) {
    if (overTimesteps.includes(sampler)) {
      expect(() => createSchedule(COSXL, { sampler, steps: 12 })).toThrow(/continuous.*these can: ddim/);
      continue;
    }
    const { levels, trainSteps, initSigma } = createSchedule(COSXL, { sampler, steps: 12 });
    const times = levels.map((level) => timeOf(level, trainSteps));
    expect(times, sampler).toEqual([...times].sort((a, b) => b - a));
    expect(times[0]! / trainSteps).toBeGreaterThan(0.99);
    expect(times.at(-1)! / trainSteps).toBeLessThan(0.01);
    const preserving = levels.every(({ alpha, sigma }) => Math.abs(Math.hypot(alpha, sigma) - 1) < 1e-6);
    expect(preserving, sampler).toBe(initSigma === 1);
  }
});

test("the class says which sampler", () => {
  expect(defaultSampler(COSXL)).toBe("euler");
  expect(defaultSampler({ ...COSXL, _class_name: "EDMDPMSolverMultistepScheduler" })).toBe("dpm++2m");
});

test.each([
  ["sigma_data", 0.5],
  ["sigma_data", undefined],
  ["prediction_type", "epsilon"],
  ["prediction_type", undefined],
  ["sigma_schedule", "linear"],
  ["sigma_min", 0],
  ["sigma_max", 0.001],
  ["solver_type", "heun"],
  ["s_churn", 3],
])("%s = %j is refused with its name", (key, value) => {
  expect(() => createSchedule({ ...COSXL, [key]: value }, { steps: 4 })).toThrow(
    expect.objectContaining({
      code: "checkpoint.unsupported",
      message: expect.stringContaining(key === "sigma_min" ? "sigma_max" : key),
    }),
  );
});
