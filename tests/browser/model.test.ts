/** The engine in Chromium: the same checkpoints, graphs and numbers as on Node, by onnxruntime-web in a Worker. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readFloat32 } from "../../src/checkpoint/convert.ts";
import { readSafetensorsHeader } from "../../src/checkpoint/safetensors.ts";
import { webSource } from "../../src/checkpoint/source.web.ts";
import type { EditModel } from "../../src/method/edit-model.ts";
import { loadModel } from "../../src/models/load.web.ts";
import { relativeError } from "../../src/tensor/ops.ts";
import { type Tensor, tensor } from "../../src/tensor/tensor.ts";

/** Of the largest value: what WebAssembly may add to its own rounding. */
const BAR = 1e-3;

interface References {
  readonly text: { readonly prompts: readonly string[]; readonly hidden: string };
  readonly vae: readonly Record<"image" | "mode" | "latent" | "decoded", string>[];
  readonly unet: readonly (Record<"z" | "c" | "prompt" | "output", string> & { readonly timestep: number })[];
}

// sd1 has fp32 weights, odd has shards or half precision: between them both ways that weights reach the runtime.
describe.each(["sd1", "sd2", "deep", "odd"])("%s", (name) => {
  const base = `/tests/fixtures/parity/${name}`;
  const source = webSource(base);
  let model: EditModel;
  let references: References;
  let read: (name: string) => Promise<Tensor>;

  beforeAll(async () => {
    references = JSON.parse(await source.readText("references.json"));
    const { tensors } = await readSafetensorsHeader(source, "references.safetensors");
    read = async (key) => {
      const ref = { ...tensors.get(key)!, file: "references.safetensors" };
      const parts: Float32Array[] = [];
      for await (const part of readFloat32(source, key, ref)) parts.push(part);
      return tensor(
        parts.flatMap((part) => [...part]),
        ref.shape,
      );
    };
    model = await loadModel(`${base}/checkpoint`);
  });
  afterAll(() => model.dispose());

  it("encodes and decodes pictures, encodes text and predicts noise as diffusers does", async () => {
    const vae = references.vae[0]!;
    expectClose(await model.encodeImage(await read(vae.image)), await read(vae.mode));
    expectClose(await model.decodeLatent(await read(vae.latent)), await read(vae.decoded));
    const hidden = await read(references.text.hidden);
    const first = await model.encodeText(references.text.prompts[0]!);
    const size = first.hidden.data.length;
    expectClose(first.hidden, tensor(hidden.data.slice(0, size), first.hidden.shape));
    const { z, c, prompt, timestep, output } = references.unet[0]!;
    const input = { z: await read(z), c: await read(c), text: await model.encodeText(prompt) };
    const [noise] = await model.denoise([input], timestep);
    expectClose(noise!, await read(output));
  });
});

// sd1's weights are rounded on the way, odd's are half precision in their file.
it.each(["sd1", "odd"])("%s in fp16 goes on in fp32 where there is no card", async (name) => {
  const base = `/tests/fixtures/parity/${name}/checkpoint`;
  const [half, single] = [
    await loadModel(base, { id: name, device: "auto", precision: "fp16" }),
    await loadModel(base, { id: name }),
  ];
  expect(half.id).toBe(`${name} in fp16`);
  const outcome = async (model: EditModel) => {
    const wave = (scale: number) =>
      tensor(
        Float32Array.from({ length: 4 * 8 * 8 }, (_, i) => scale * Math.sin(1.3 * i * i)),
        [4, 8, 8],
      );
    const text = await model.encodeText("make it winter");
    return (await model.denoise([{ z: wave(1), c: wave(0.5), text }], 500))[0]!;
  };
  expect(relativeError(await outcome(half), await outcome(single))).toBeLessThan(2e-3);
  expect(half.device).toEqual({
    name: "wasm",
    reason: expect.stringMatching(/no WebGPU adapter.* Instead of fp16.*in fp32/),
  });
  await Promise.all([half.dispose(), single.dispose()]);
});

function expectClose(actual: Tensor, expected: Tensor): void {
  expect(actual.shape).toEqual(expected.shape);
  const distance = actual.data.map((v, i) => Math.abs(v - expected.data[i]!));
  const size = expected.data.reduce((largest, v) => Math.max(largest, Math.abs(v)), 0);
  expect(distance.every((d) => d <= BAR * size)).toBe(true);
}
