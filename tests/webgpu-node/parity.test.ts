/** Whole edits on onnxruntime-node's WebGPU, held to what its processor gives; and that software is not taken for a card. */
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import * as ort from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { toModelImage, workingSize } from "../../src/images/model-image.ts";
import { type EditModel, edit, type LoadOptions, loadModel, readPicture } from "../../src/index.ts";
import { type Candidate, selfCheck } from "../../src/runtime/self-check.ts";
import { relativeError } from "../../src/tensor/ops.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import { missing } from "./vulkan.ts";

/** Relative L2 of condition, edited latent and picture. In software it is 1e-5; cards round less well. */
const BAR = 1e-3;

const root = resolve(import.meta.dirname, "../..");

interface Work {
  readonly name: string;
  readonly checkpoint: string;
  readonly picture: string;
  /** Pictures are small and steps few: in software each kind of convolution takes seconds to compile. */
  readonly side: number;
  readonly steps: number;
}

const tiny: Work = {
  name: "a tiny checkpoint",
  checkpoint: join(root, "tests/fixtures/parity/sd1/checkpoint"),
  picture: join(root, "tests/fixtures/parity/sd1/picture-0.png"),
  side: 16,
  steps: 2,
};
const picturebook: Work = {
  name: "picturebook",
  checkpoint: "picturebook",
  picture: join(root, "examples/cottage.png"),
  side: 64,
  steps: 2,
};
const klein: Work = {
  name: "FLUX.2 klein in small",
  checkpoint: join(root, "tests/fixtures/flux2/klein/checkpoint"),
  picture: join(root, "tests/fixtures/flux2/klein/picture-0-0.png"),
  side: 64,
  steps: 2,
};

const dreamlite: Work = {
  name: "DreamLite in small",
  checkpoint: join(root, "tests/fixtures/dreamlite/mobile/checkpoint"),
  picture: join(root, "tests/fixtures/dreamlite/mobile/picture-0.png"),
  side: 32,
  steps: 2,
};

/** The condition, the edited latent and its picture. */
async function encodeEditDecode(model: EditModel, { picture, side, steps }: Work): Promise<Tensor[]> {
  const opened = await readPicture(picture);
  const { width, height } = workingSize(opened.width, opened.height, side, model.stride);
  const condition = await model.encodeImage(toModelImage(opened, width, height));
  const { c } = await edit(model, condition, [{ instruction: "make it winter" }], { seed: 7, steps });
  return [condition, c, await model.decodeLatent(c)];
}

async function on(device: LoadOptions["device"], work: Work) {
  const model = await loadModel(work.checkpoint, { device });
  try {
    return { results: await encodeEditDecode(model, work), device: model.device };
  } finally {
    await model.dispose();
  }
}

const common = { graphOptimizationLevel: "disabled", logSeverityLevel: 3 } as const;
const processor: Candidate = { dialect: "fused", options: { ...common, executionProviders: ["cpu"] } };
const card = (dialect: Candidate["dialect"]): Candidate => ({
  dialect,
  options: { ...common, executionProviders: ["webgpu"] },
});

describe.skipIf(missing)("on WebGPU in Node", () => {
  it("the plain dialect passes the trial", () => selfCheck(ort, card("plain"), processor));

  // Fails once the provider is right: then the plain dialect has had its day.
  it("what the provider gets wrong in the fused one is seen", async () => {
    await expect(selfCheck(ort, card("fused"), processor)).rejects.toThrow(
      /self-test: its results differ from the CPU's by 0\.\d+/,
    );
  });

  it.each([tiny, klein, dreamlite, picturebook])(
    "an edit of $name gives the processor's latents",
    async (work) => {
      const expected = await on("cpu", work);
      expect(expected.device).toEqual({ name: "cpu" });
      const actual = await on("webgpu", work);
      expect(actual.device).toEqual({ name: "webgpu" });
      const errors = actual.results.map((part, i) => relativeError(part, expected.results[i]!));
      console.log(
        `${work.name}: condition, latent and picture differ by ${errors.map((e) => e.toExponential(1)).join(", ")}`,
      );
      expect(Math.max(...errors)).toBeLessThan(BAR);
    },
  );

  it.skipIf(existsSync("/dev/dri") || existsSync("/dev/nvidia0") || process.platform !== "linux")(
    "auto leaves a Vulkan in software alone",
    async () => {
      const { results, device } = await on("auto", tiny);
      expect(device).toEqual({ name: "cpu", reason: expect.stringMatching(/No GPU was found/) });
      expect(results).toEqual((await on("cpu", tiny)).results);
    },
  );
});
