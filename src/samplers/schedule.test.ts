import { describe, expect, test } from "vitest";
import { isEmilieError } from "../errors.ts";
import {
  checkDefaults,
  createSchedule,
  defaultSampler,
  samplerName,
  samplerNames,
  usableSamplers,
} from "./index.ts";
import type { SamplerName } from "./types.ts";

/** The scheduler_config.json of the original InstructPix2Pix. */
const ORIGINAL = {
  _class_name: "EulerAncestralDiscreteScheduler",
  _diffusers_version: "0.10.0.dev0",
  beta_end: 0.012,
  beta_schedule: "scaled_linear",
  beta_start: 0.00085,
  clip_sample: false,
  num_train_timesteps: 1000,
  prediction_type: "epsilon",
  set_alpha_to_one: false,
  skip_prk_steps: true,
  steps_offset: 1,
  trained_betas: null,
};

function failure(call: () => unknown): { code: string; message: string } {
  try {
    call();
  } catch (error) {
    if (isEmilieError(error)) return { code: error.code, message: error.message };
    throw error;
  }
  throw new Error("nothing was thrown");
}

describe("createSchedule", () => {
  test("the original InstructPix2Pix: Euler ancestral on sigmas from 14.6 down, in k-diffusion's units", () => {
    const schedule = createSchedule(ORIGINAL, { steps: 100 });
    expect(schedule.sampler).toBe("euler-ancestral");
    expect(schedule.trainSteps).toBe(1000);
    expect(schedule.levels).toHaveLength(100);
    expect(schedule.levels[0]).toMatchObject({ t: 999, alpha: 1 });
    expect(schedule.levels[0]!.sigma).toBeCloseTo(14.6146, 3);
    expect(schedule.initSigma).toBe(schedule.levels[0]!.sigma);
    expect(schedule.levels.at(-1)!.sigma).toBeCloseTo(0.0292, 3);
  });

  test("set_alpha_to_one = false: DDIM ends at the first training level, not at 0", () => {
    const { arrivals } = createSchedule(ORIGINAL, { sampler: "ddim", steps: 20 });
    expect(arrivals.at(-1)).toMatchObject({ t: 0, alpha: expect.closeTo(Math.sqrt(1 - 0.00085), 6) });
  });

  test("zero terminal SNR: DDIM starts without any signal, the others a little above", () => {
    const config = {
      ...ORIGINAL,
      prediction_type: "v_prediction",
      timestep_spacing: "trailing",
      rescale_betas_zero_snr: true,
    };
    expect(createSchedule(config, { sampler: "ddim", steps: 10 }).levels[0]).toEqual({
      t: 999,
      alpha: 0,
      sigma: 1,
    });
    const { levels } = createSchedule(config, { sampler: "unipc", steps: 10 });
    expect(levels[0]!.alpha).toBeCloseTo(2 ** -12, 8);
    expect(createSchedule(config, { sampler: "euler", steps: 10 }).levels[0]!.sigma).toBeCloseTo(4096, 0);
  });

  test("clipping follows clip_sample, whose default is true in the file's own class only", () => {
    const clipOf = (config: Record<string, unknown>, sampler: SamplerName) =>
      createSchedule(config, { sampler, steps: 5 }).options.clip;
    expect(clipOf({ _class_name: "DDIMScheduler" }, "ddim")).toBe(1);
    expect(clipOf({ _class_name: "DDIMScheduler", clip_sample: false }, "ddim")).toBeUndefined();
    expect(clipOf({ _class_name: "EulerDiscreteScheduler" }, "ddim")).toBeUndefined();
    expect(
      clipOf({ _class_name: "EulerDiscreteScheduler", clip_sample: true, clip_sample_range: 3 }, "ddpm"),
    ).toBe(3);
  });

  test("any number of steps gives finite, falling levels, or an error that says to take fewer", () => {
    let made = 0;
    for (const sampler of usableSamplers(ORIGINAL)) {
      for (const timestep_spacing of sampler === "pndm" ? ["leading"] : ["leading", "linspace", "trailing"]) {
        for (const steps of [1, 2, 3, 6, 7, 11, 49, 99, 333, 334, 500, 501, 777, 998, 999, 1000]) {
          const build = () => createSchedule({ ...ORIGINAL, timestep_spacing }, { sampler, steps });
          let schedule: ReturnType<typeof build>;
          try {
            schedule = build();
          } catch (error) {
            expect(isEmilieError(error) && error.code).toBe("option.invalid");
            const distilled = sampler === "lcm" || sampler === "tcd";
            expect(steps).toBeGreaterThan(distilled ? 50 : 500);
            continue;
          }
          made++;
          expect(schedule.levels).toHaveLength(steps);
          let last = Number.POSITIVE_INFINITY;
          for (const { alpha, sigma } of schedule.levels) {
            expect(sigma / alpha).toBeLessThan(last);
            last = sigma / alpha;
          }
        }
      }
    }
    expect(made).toBeGreaterThan(250);
  });

  test.each([
    ["thresholding", true, "ddim"],
    ["beta_schedule", "sigmoid", "euler"],
    ["prediction_type", "flow_prediction", "ddim"],
    ["timestep_spacing", "random", "euler"],
    ["use_flow_sigmas", true, "ddim"],
    ["rescale_betas_zero_snr", "yes", "euler"],
    ["predict_epsilon", false, "ddim"],
    ["interpolation_type", "log_linear", "euler"],
    ["sigma_max", 80, "euler"],
    ["final_sigmas_type", "one", "euler"],
    ["variance_type", "learned_range", "ddpm"],
    ["algorithm_type", "sde-dpmsolver", "dpm++2m"],
    ["solver_type", "runge-kutta", "dpm++2m"],
    ["solver_order", 4, "dpm++2m"],
    ["solver_order", 3, "unipc"],
    ["use_lu_lambdas", true, "dpm++2m-karras"],
    ["solver_type", "bh1", "unipc"],
    ["predict_x0", false, "unipc"],
    ["lower_order_final", false, "unipc"],
    ["beta_start", "small", "ddim"],
    ["num_train_timesteps", 1, "ddim"],
    ["clip_sample", "no", "ddim"],
    ["a_key_of_tomorrow", 3, "ddim"],
    ["rescale_betas_zero_snr", true, "heun"],
    ["skip_prk_steps", false, "pndm"],
    ["prediction_type", "v_prediction", "pndm"],
    ["timestep_spacing", "trailing", "pndm"],
    ["clip_sample", true, "lcm"],
    ["thresholding", true, "tcd"],
    ["original_inference_steps", 2000, "lcm"],
  ] as const)("%s = %j is refused by name and value for %s", (key, value, sampler) => {
    const { code, message } = failure(() =>
      createSchedule({ ...ORIGINAL, [key]: value }, { sampler, steps: 5 }),
    );
    expect(code).toBe("checkpoint.unsupported");
    expect(message).toContain(key);
    expect(message).toContain(JSON.stringify(value));
  });

  test("what a sampler does not read cannot hinder it; unknown keys that are off neither", () => {
    const config = {
      ...ORIGINAL,
      solver_order: 4,
      algorithm_type: "sde-dpmsolver",
      a_key_of_tomorrow: null,
    };
    expect(createSchedule(config, { sampler: "euler", steps: 5 }).levels).toEqual(
      createSchedule(ORIGINAL, { sampler: "euler", steps: 5 }).levels,
    );
  });

  test("noise prediction with zero terminal SNR is refused where x̂₀ would be 0 / 0", () => {
    const config = { ...ORIGINAL, rescale_betas_zero_snr: true };
    expect(failure(() => createSchedule(config, { sampler: "ddim", steps: 5 })).message).toContain(
      "rescale_betas_zero_snr",
    );
  });

  test("trained betas of another length are refused", () => {
    const config = { ...ORIGINAL, trained_betas: [0.1, 0.2] };
    expect(failure(() => createSchedule(config, { steps: 2 })).message).toContain("trained_betas");
  });

  test.each([0, -1, 2.5, 1001, Number.NaN])("%s steps are refused", (steps) => {
    expect(failure(() => createSchedule(ORIGINAL, { steps })).code).toBe("option.invalid");
  });
});

describe("defaultSampler", () => {
  test.each([
    ["DDIMScheduler", "ddim"],
    ["DDPMScheduler", "ddpm"],
    ["EulerDiscreteScheduler", "euler"],
    ["EulerAncestralDiscreteScheduler", "euler-ancestral"],
    ["DPMSolverMultistepScheduler", "dpm++2m"],
    ["UniPCMultistepScheduler", "unipc"],
    ["PNDMScheduler", "dpm++2m"], // whose Runge-Kutta steps, its default, there are not
    ["KDPM2AncestralDiscreteScheduler", "euler-ancestral"],
    ["HeunDiscreteScheduler", "heun"],
    ["LCMScheduler", "lcm"],
    ["TCDScheduler", "tcd"],
    ["FlowMatchEulerDiscreteScheduler", "flow-euler"],
    ["FlowMatchHeunDiscreteScheduler", "flow-euler"],
  ])("%s → %s", (_class_name, sampler) => {
    expect(defaultSampler({ _class_name })).toBe(sampler);
  });

  test("a PNDM configuration without Runge-Kutta steps, as Stable Diffusion's are, is PNDM's", () => {
    expect(defaultSampler({ ...ORIGINAL, _class_name: "PNDMScheduler" })).toBe("pndm");
  });

  test("Karras sigmas of a DPM-Solver configuration are kept", () => {
    const config = { _class_name: "DPMSolverMultistepScheduler", use_karras_sigmas: true };
    expect(defaultSampler(config)).toBe("dpm++2m-karras");
  });

  test.each(["FlowMatchLCMScheduler", undefined])("%s is refused", (name) => {
    expect(failure(() => defaultSampler({ _class_name: name })).message).toContain("_class_name");
  });
});

describe("a configuration that its own sampler cannot do", () => {
  const thresholding = { ...ORIGINAL, _class_name: "DDIMScheduler", thresholding: true };

  test("has the nearest that can as its default, and says so", () => {
    expect(defaultSampler(thresholding)).toBe("euler");
    expect(checkDefaults(thresholding, {})).toEqual([
      expect.stringMatching(/thresholding is true.*default sampler is euler, and not ddim/),
    ]);
    expect(checkDefaults(ORIGINAL, {})).toEqual([]);
    const fifth = { ...ORIGINAL, _class_name: "DPMSolverMultistepScheduler", solver_order: 5 };
    expect(defaultSampler(fifth)).toBe("euler");
  });

  test("names those that can where another is asked for", () => {
    const { code, message } = failure(() => createSchedule(thresholding, { sampler: "ddpm", steps: 5 }));
    expect(code).toBe("checkpoint.unsupported");
    expect(message).toMatch(
      /thresholding is true.*the sampler ddpm cannot.*these can: euler, euler-ancestral, heun, pndm\./,
    );
    expect(failure(() => checkDefaults(thresholding, { sampler: "ddim" })).message).toMatch(
      /these can: euler/,
    );
    for (const sampler of usableSamplers(thresholding)) createSchedule(thresholding, { sampler, steps: 5 });
  });

  test("is refused at once where no sampler can, or the checkpoint's own words are wrong", () => {
    const flow = { ...ORIGINAL, use_flow_sigmas: true };
    expect(usableSamplers(flow)).toEqual([]);
    expect(failure(() => checkDefaults(flow, {})).message).toContain("use_flow_sigmas");
    expect(failure(() => createSchedule(flow, { sampler: "euler", steps: 2 })).message).toMatch(
      /nor can any other/,
    );
    expect(failure(() => checkDefaults(ORIGINAL, { sampler: "plms" })).message).toContain("dpm++2m-karras");
    expect(failure(() => checkDefaults(ORIGINAL, { steps: 5000 })).code).toBe("option.invalid");
  });

  test.each(["LCMScheduler", "TCDScheduler"])(
    "%s describes the same process, which every sampler but a flow's can run",
    (name) => {
      const config = { ...ORIGINAL, _class_name: name, original_inference_steps: 50, timestep_scaling: 10 };
      expect(usableSamplers(config)).toEqual(samplerNames.filter((other) => other !== "flow-euler"));
    },
  );
});

describe("a rectified flow", () => {
  const FLOW = { _class_name: "FlowMatchEulerDiscreteScheduler", num_train_timesteps: 1000, shift: 3 };
  const DYNAMIC = { ...FLOW, use_dynamic_shifting: true, base_shift: 0.5, max_shift: 1.15 };

  test("only its own sampler takes it, and takes nothing else; both say what fits", () => {
    expect(usableSamplers(FLOW)).toEqual(["flow-euler"]);
    for (const sampler of samplerNames) {
      if (sampler === "flow-euler") continue;
      const { code, message } = failure(() => createSchedule(FLOW, { sampler, steps: 4 }));
      expect(code).toBe("checkpoint.unsupported");
      expect(message).toMatch(/rectified flow.*these can: flow-euler\.$/);
    }
    expect(failure(() => createSchedule(ORIGINAL, { sampler: "flow-euler", steps: 4 })).message).toMatch(
      /EulerAncestralDiscreteScheduler.*no rectified flow.*these can: ddim, /,
    );
  });

  test("its levels are mixtures, from noise alone to the picture, and larger pictures stay noisy longer", () => {
    const sigmas = (tokens: number, timeShift: "linear" | "empirical") =>
      createSchedule(DYNAMIC, { steps: 4, tokens, timeShift }).levels.map(({ sigma }) => sigma);
    const { levels, arrivals, initSigma } = createSchedule(FLOW, { steps: 4 });
    expect(levels[0]).toMatchObject({ t: 1000, alpha: 0, sigma: 1 });
    for (const { alpha, sigma } of levels) expect(alpha + sigma).toBeCloseTo(1, 12);
    expect([initSigma, arrivals.at(-1)!.alpha, arrivals.at(-1)!.sigma]).toEqual([1, 1, 0]);
    for (const rule of ["linear", "empirical"] as const) {
      const [small, large] = [sigmas(256, rule), sigmas(4096, rule)];
      expect(small[0]).toBe(1);
      for (const i of [1, 2, 3]) expect(large[i]).toBeGreaterThan(small[i]!);
    }
    expect(sigmas(1024, "linear")).not.toEqual(sigmas(1024, "empirical"));
  });

  test.each([
    ["use_karras_sigmas", true],
    ["use_exponential_sigmas", true],
    ["use_beta_sigmas", true],
    ["invert_sigmas", true],
    ["time_shift_type", "cubic"],
    ["prediction_type", "epsilon"],
    ["shift", "three"],
    ["beta_start", 0.1],
    ["shift_terminal", "end"],
  ])("%s = %j is refused by name and value", (key, value) => {
    const { code, message } = failure(() => createSchedule({ ...FLOW, [key]: value }, { steps: 5 }));
    expect(code).toBe("checkpoint.unsupported");
    expect(message).toContain(key);
    expect(message).toContain(JSON.stringify(value));
  });
});

test("samplerName reads the names there are and lists them otherwise", () => {
  expect(samplerNames.map(samplerName)).toEqual(samplerNames);
  expect(failure(() => samplerName("plms"))).toMatchObject({
    code: "option.invalid",
    message: expect.stringContaining("dpm++2m-karras"),
  });
});
