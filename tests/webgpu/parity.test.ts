/** Whole edits on WebGPU, held to the latents that WebAssembly gives; and that no software adapter is taken for a card. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
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

/** Relative L2 of condition, edited latent and picture. */
const BAR = 1e-2;

/** In software a UNet call takes seconds, so the pictures are small and the steps few. */
const edits = [
  { name: "a tiny checkpoint", checkpoint: "/tests/fixtures/parity/sd1/checkpoint", side: 16, steps: 2 },
  { name: "picturebook", checkpoint: "/models/picturebook", side: 64, steps: 2 },
];
const picture = "/tests/fixtures/parity/sd1/picture-0.png";

function load(checkpoint: string, device: WebLoadOptions["device"]): Promise<EditModel> {
  return loadModel(new URL(checkpoint, location.href).href, { device });
}

async function encodeEditDecode(model: EditModel, side: number, steps: number): Promise<Tensor[]> {
  const opened = await readPicture(await (await fetch(picture)).blob());
  const size = workingSize(opened.width, opened.height, side, model.stride);
  const t0 = performance.now();
  const condition = await model.encodeImage(toModelImage(opened, size.width, size.height));
  const t1 = performance.now(); console.log("enc", t1 - t0); await model.encodeText("make it winter"); console.log("text", performance.now() - t1);
  const { c } = await edit(model, condition, [{ instruction: "make it winter" }], { seed: 7, steps, onProgress: ({step}) => console.log("step", step, performance.now() - t1) } as any);
  const t2 = performance.now();
  const decoded = await model.decodeLatent(c);
  console.log(`${model.device?.name} ${size.width}×${size.height}: encode ${t1 - t0} edit ${t2 - t1} decode ${performance.now() - t2}`);
  return [condition, c, decoded];
}

describe.skipIf(!adapter)("on WebGPU", () => {
  it.each(edits)("an edit of $name gives WebAssembly's latents", async ({ checkpoint, side, steps }) => {
    const [wasm, webgpu] = [await load(checkpoint, "wasm"), await load(checkpoint, "webgpu")];
    expect(webgpu.device).toBeUndefined();
    const expected = await encodeEditDecode(wasm, side, steps);
    const actual = await encodeEditDecode(webgpu, side, steps);
    expect(webgpu.device).toEqual({ name: "webgpu" });
    const distances = actual.map((part, i) => relativeError(part, expected[i]!));
    console.log(`condition, edit, picture: ${distances.map((d) => d.toExponential(1))}`);
    expect(Math.max(...distances)).toBeLessThan(BAR);
    await Promise.all([wasm.dispose(), webgpu.dispose()]);
  });
});
