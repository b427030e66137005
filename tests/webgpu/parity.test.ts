/** Whole edits on WebGPU, held to the latents that WebAssembly gives; and that no software adapter is taken for a card. */
import { describe, expect, it } from "vitest";
import { workingSize } from "../../src/images/model-image.ts";
import { relativeError } from "../../src/tensor/ops.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import {
  type EditModel,
  edit,
  loadModel,
  readPicture,
  toModelImage,
  type WebLoadOptions,
} from "../../src/web.ts";
import { adapter } from "./adapter.ts";

/** Relative L2 of condition, edited latent and picture. In software it is 1e-5; cards round less well. */
const BAR = 1e-3;

interface Work {
  readonly name: string;
  readonly checkpoint: string;
  readonly picture: string;
  readonly side: number;
  readonly steps: number;
}

/** In software each kind of convolution takes a second to compile, so the pictures are small and the steps few. */
const tiny: Work = {
  name: "a tiny checkpoint",
  checkpoint: "/tests/fixtures/parity/sd1/checkpoint",
  picture: "/tests/fixtures/parity/sd1/picture-0.png",
  side: 16,
  steps: 2,
};
const picturebook: Work = {
  name: "picturebook",
  checkpoint: "/models/picturebook",
  picture: "/examples/cottage.png",
  side: 64,
  steps: 2,
};
/** Its sizes are as small as the tiny checkpoint's. */
const klein: Work = {
  name: "FLUX.2 klein in small",
  checkpoint: "/tests/fixtures/flux2/klein/checkpoint",
  picture: "/tests/fixtures/flux2/klein/picture-0-0.png",
  side: 96,
  steps: 2,
};

const dreamlite: Work = {
  name: "DreamLite in small",
  checkpoint: "/tests/fixtures/dreamlite/mobile/checkpoint",
  picture: "/tests/fixtures/dreamlite/mobile/picture-0.png",
  side: 32,
  steps: 2,
};

/** In half precision every product rounds at the fourth digit. */
const HALF_BAR = 6e-2;

/** Weights of eight or four bits. */
const ROUNDED_BAR = 0.2;

function load(
  { checkpoint }: Work,
  device: WebLoadOptions["device"],
  precision?: WebLoadOptions["precision"],
): Promise<EditModel> {
  return loadModel(new URL(checkpoint, location.href).href, { device, precision });
}

/** The condition, the edited latent and its picture. */
async function encodeEditDecode(model: EditModel, { picture, side, steps }: Work): Promise<Tensor[]> {
  const opened = await readPicture(await (await fetch(picture)).blob());
  const { width, height } = workingSize(opened.width, opened.height, side, model.stride);
  const condition = await model.encodeImage(toModelImage(opened, width, height));
  const { c } = await edit(model, condition, [{ instruction: "make it winter" }], { seed: 7, steps });
  return [condition, c, await model.decodeLatent(c)];
}

async function withWasm(work: Work): Promise<Tensor[]> {
  const model = await load(work, "wasm");
  const results = await encodeEditDecode(model, work);
  expect(model.device).toEqual({ name: "wasm" });
  await model.dispose();
  return results;
}

describe.skipIf(!adapter)("on WebGPU", () => {
  it.each([tiny, klein, dreamlite, picturebook])(
    "an edit of $name gives WebAssembly's latents",
    async (work) => {
      const expected = await withWasm(work);
      const model = await load(work, "webgpu");
      expect(model.device).toBeUndefined();
      const actual = await encodeEditDecode(model, work);
      expect(model.device).toEqual({ name: "webgpu" });
      await model.dispose();
      const errors = actual.map((part, i) => relativeError(part, expected[i]!));
      console.log(
        `${work.name}: condition, latent and picture differ by ${errors.map((e) => e.toExponential(1))}`,
      );
      expect(Math.max(...errors)).toBeLessThan(BAR);
    },
  );

  // A card multiplies rounded weights out and rounds nothing else; a processor rounds what they are multiplied with, too.
  it.each(["int8", "int4"] as const)("an edit of DreamLite in small in %s is near it", async (precision) => {
    const expected = await withWasm(dreamlite);
    const model = await load(dreamlite, "webgpu", precision);
    const actual = await encodeEditDecode(model, dreamlite);
    expect(model.device).toEqual({ name: "webgpu" });
    await model.dispose();
    const errors = actual.map((part, i) => relativeError(part, expected[i]!));
    console.log(`${dreamlite.name} in ${precision}: they differ by ${errors.map((e) => e.toExponential(1))}`);
    expect(Math.max(...errors)).toBeLessThan(ROUNDED_BAR);
    expect(Math.max(...errors)).toBeGreaterThan(1e-6);
  });

  const half = adapter?.features.has("shader-f16");

  it.skipIf(!half).each([tiny, klein, picturebook])("an edit of $name in fp16 is near it", async (work) => {
    const expected = await withWasm(work);
    const model = await load(work, "webgpu", "fp16");
    const actual = await encodeEditDecode(model, work);
    expect(model.device).toEqual({ name: "webgpu" });
    await model.dispose();
    const errors = actual.map((part, i) => relativeError(part, expected[i]!));
    console.log(`${work.name} in fp16: they differ by ${errors.map((e) => e.toExponential(1))}`);
    expect(Math.max(...errors)).toBeLessThan(HALF_BAR);
  });

  it.skipIf(half)("fp16 is refused where the adapter has no half precision", async () => {
    const model = await load(tiny, "webgpu", "fp16");
    await expect(encodeEditDecode(model, tiny)).rejects.toMatchObject({
      code: "runtime.missing",
      message: expect.stringMatching(/does not support half precision.*"fp32"/),
    });
    await model.dispose();
  });

  it.skipIf(!adapter?.info.isFallbackAdapter)("auto leaves an adapter without a card alone", async () => {
    const expected = await withWasm(tiny);
    const model = await load(tiny, "auto");
    expect(await encodeEditDecode(model, tiny)).toEqual(expected);
    expect(model.device).toEqual({ name: "wasm", reason: expect.stringMatching(/on the processor/) });
    await model.dispose();
  });
});
