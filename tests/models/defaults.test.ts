/** What an edit does when it is told nothing: one resolution for folders, single files, inspect and edit. On real, tiny checkpoints. */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { edit } from "../../src/method/edit.ts";
import { resolveOptions } from "../../src/method/options.ts";
import { presetOf, presetsOf } from "../../src/method/presets.ts";
import { loadModel } from "../../src/models/load.node.ts";
import { openCheckpoint } from "../../src/models/open.node.ts";
import { readCheckpoint } from "../../src/networks/stable-diffusion/checkpoint.ts";
import { createSchedule, usableSamplers } from "../../src/samplers/index.ts";
import { createNoise } from "../../src/tensor/noise.ts";
import { emilie } from "../support/command-line.ts";

const at = (path: string) => fileURLToPath(new URL(`../fixtures/parity/${path}`, import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), "emilie-defaults-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

type Json = Record<string, unknown>;
/** A copy of a folder's checkpoint whose scheduler, and words of its own, are others. */
function folderWith(name: string, scheduler: Json, own?: Json): string {
  const folder = join(scratch, name);
  cpSync(at("sd1/checkpoint"), folder, { recursive: true });
  const file = join(folder, "scheduler/scheduler_config.json");
  const before: Json = JSON.parse(readFileSync(file, "utf8"));
  writeFileSync(file, JSON.stringify({ ...before, ...scheduler }));
  if (own) writeFileSync(join(folder, "emilie.json"), JSON.stringify(own));
  return folder;
}

describe("a single file and a folder of the same family", () => {
  // As the repositories of these checkpoints hold them.
  const common = {
    beta_end: 0.012,
    beta_schedule: "scaled_linear",
    beta_start: 0.00085,
    clip_sample: false,
    interpolation_type: "linear",
    num_train_timesteps: 1000,
    prediction_type: "epsilon",
    set_alpha_to_one: false,
    skip_prk_steps: true,
    steps_offset: 1,
    trained_betas: null,
  };
  const published: [string, Json][] = [
    [
      "ldm1/checkpoint.safetensors",
      { _class_name: "EulerAncestralDiscreteScheduler", _diffusers_version: "0.12.0.dev0", ...common },
    ],
    [
      "ldm2/checkpoint.safetensors",
      { _class_name: "EulerAncestralDiscreteScheduler", ...common, prediction_type: "v_prediction" },
    ],
    [
      "cosxl/checkpoint.safetensors",
      {
        _class_name: "EDMEulerScheduler",
        prediction_type: "v_prediction",
        sigma_data: 1.0,
        sigma_max: 120.0,
        sigma_min: 0.002,
        sigma_schedule: "exponential",
      },
    ],
  ];
  it.each(published)("%s: every sampler, and every preset, takes the same way", async (file, config) => {
    const { scheduler, own } = await readCheckpoint(openCheckpoint(at(file)));
    expect(usableSamplers(scheduler)).toEqual(usableSamplers(config));
    for (const sampler of usableSamplers(config)) {
      for (const steps of [1, 8, 20]) {
        const [ours, theirs] = [scheduler, config].map((one) => createSchedule(one, { sampler, steps }));
        expect(ours).toEqual(theirs);
      }
    }
    const facts = (schedulerConfig: Json) => ({ defaults: own.defaults, schedulerConfig });
    expect(presetsOf(facts(scheduler))).toEqual(presetsOf(facts(config)));
    for (const preset of presetsOf(facts(config))) {
      const of = (schedulerConfig: Json) => presetOf(facts(schedulerConfig), preset);
      expect(of(scheduler)).toEqual(of(config));
    }
  });

  it("SDXL's says that timesteps are leading", async () => {
    const xl = { _class_name: "EulerDiscreteScheduler", ...common, timestep_spacing: "leading" };
    // The same tensors without what marks them as EDM.
    const file = join(scratch, "xl.safetensors");
    const bytes = readFileSync(at("cosxl/checkpoint.safetensors"));
    const size = Number(bytes.readBigUInt64LE(0));
    const header = bytes.toString("utf8", 8, 8 + size).replaceAll("edm_vpred.", "abc_vpred.");
    bytes.write(header, 8, "utf8");
    writeFileSync(file, bytes);
    cpSync(at("cosxl/checkpoint.emilie.json"), join(scratch, "xl.emilie.json"));
    const { scheduler } = await readCheckpoint(openCheckpoint(file, { tokenizer: at("sdxl/checkpoint") }));
    for (const sampler of usableSamplers(xl)) {
      const [ours, theirs] = [scheduler, xl].map((config) => createSchedule(config, { sampler, steps: 20 }));
      expect(ours).toEqual(theirs);
    }
  });
});

describe("inspect says what edit does", () => {
  const folders: [string, () => string][] = [
    ["as published", () => at("sd1/checkpoint")],
    [
      "of its own words",
      () =>
        folderWith("own", {}, { defaults: { steps: 3, sampler: "ddim", textGuidance: 1, imageGuidance: 1 } }),
    ],
    [
      "with one of two guidances",
      () => folderWith("one", {}, { defaults: { steps: 4, textGuidance: 3, imageGuidance: 1 } }),
    ],
    ["of few timesteps", () => folderWith("few", { num_train_timesteps: 30 })],
    [
      "with a scheduler that it cannot have",
      () => folderWith("instead", { _class_name: "DDIMScheduler", thresholding: true }),
    ],
    [
      "of LCM",
      () =>
        folderWith("lcm", {
          _class_name: "LCMScheduler",
          original_inference_steps: 50,
          timestep_scaling: 10,
        }),
    ],
  ];
  it.each(folders)("a checkpoint %s", async (_, folderOf) => {
    const folder = folderOf();
    const { code, stdout, stderr } = await emilie("inspect", folder, "--json");
    expect(code, stderr).toBe(0);
    const facts = JSON.parse(stdout);
    const model = await loadModel(folder, { threads: 1 });
    try {
      const c = createNoise(3).randn([model.latentChannels, 2, 2]);
      for (const stated of facts.presets) {
        const { preset, calls, ...settings } = stated;
        expect(resolveOptions(model, { preset })).toMatchObject(settings);
        const before = model.calls.denoise;
        await edit(model, c, [{ instruction: "make it red" }], { preset });
        expect(model.calls.denoise - before).toBe(calls);
      }
      const { preset: _, ...balanced } = facts.presets.find((one: Json) => one.preset === "balanced");
      expect(facts).toMatchObject(balanced);
      expect(resolveOptions(model)).toMatchObject({ steps: facts.steps, sampler: facts.sampler });
      const [{ flops }] = facts.sizes;
      expect(flops.edit).toBe(facts.calls * flops.unet + flops.decode);
    } finally {
      await model.dispose();
    }
  });

  it("and what is done otherwise than a checkpoint says, or that nothing can be done, at load already", async () => {
    const { stdout } = await emilie("inspect", join(scratch, "instead"));
    expect(stdout).toMatch(/thresholding is true.*default sampler is euler, and not ddim/);
    const flow = folderWith("flow", { use_flow_sigmas: true });
    const refused = { code: "checkpoint.unsupported", message: expect.stringMatching(/use_flow_sigmas/) };
    await expect(loadModel(flow)).rejects.toMatchObject(refused);
    const inspected = await emilie("inspect", flow);
    expect(inspected.code).toBe(1);
    expect(inspected.stderr).toMatch(/use_flow_sigmas/);
    const wrong = folderWith("wrong", { thresholding: true }, { defaults: { sampler: "ddim" } });
    await expect(loadModel(wrong)).rejects.toMatchObject({
      message: expect.stringMatching(/thresholding.*these can: euler, euler-ancestral, heun, pndm\./),
    });
  });
});

describe("guidance weights", () => {
  it("below 1 the picture's is refused with what to set instead; so is what is no number, or beyond 100", async () => {
    const facts = {
      ...(await loadModel(at("sd1/checkpoint"), { threads: 1 }).then(async (model) => {
        await model.dispose();
        return {
          defaults: model.defaults,
          schedulerConfig: model.schedulerConfig,
          factor: model.factor,
          stride: model.stride,
        };
      })),
    } as Parameters<typeof resolveOptions>[0];
    for (const imageGuidance of [0.99, 0, -1, 101, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => resolveOptions(facts, { imageGuidance })).toThrow(
        /from 1 to 100 .*set both guidances to 1/,
      );
    }
    for (const textGuidance of [-101, 101, Number.NaN]) {
      expect(() => resolveOptions(facts, { textGuidance })).toThrow(
        /text guidance must be a number from -100 to 100/,
      );
    }
    expect(resolveOptions(facts, { imageGuidance: 1, textGuidance: -2 })).toMatchObject({
      imageGuidance: 1,
      textGuidance: -2,
    });
  });
});
