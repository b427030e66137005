import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { afterAll, afterEach, beforeEach, describe, expect, it } from "vitest";
import { readFloat32 } from "../../checkpoint/convert.ts";
import { readSafetensorsHeader, writeSafetensors } from "../../checkpoint/safetensors.ts";
import { folderSource } from "../../checkpoint/source.node.ts";
import type { EditModel } from "../../method/edit-model.ts";
import { checkpointFolder, loadModel } from "../../models/load.node.ts";
import { sizeOf, type Tensor, tensor, zeros } from "../../tensor/tensor.ts";

/** A tiny checkpoint that diffusers wrote: fp32, SD 1.x layout. */
const TINY = resolve(import.meta.dirname, "../../../tests/fixtures/parity/sd1/checkpoint");

const wave = (shape: readonly number[]): Tensor =>
  tensor(
    Float32Array.from({ length: sizeOf(shape) }, (_, i) => Math.sin(i)),
    shape,
  );
const z = wave([4, 8, 8]);

const models: EditModel[] = [];
async function open(folder: string, options: Parameters<typeof loadModel>[1] = {}): Promise<EditModel> {
  const model = await loadModel(folder, { threads: 1, ...options });
  models.push(model);
  return model;
}
afterAll(async () => {
  for (const model of models) await model.dispose();
});

describe("a model", () => {
  it("counts the runs of each network, and encodes a text once", async () => {
    const model = await open(TINY);
    expect(model.calls).toEqual({ encodeImage: 0, decodeLatent: 0, encodeText: 0, denoise: 0 });
    const text = await model.encodeText("make it winter");
    expect(await model.encodeText("make it winter")).toBe(text);
    const side = 8 * model.factor;
    const c = await model.encodeImage(wave([3, side, side]));
    expect(c.shape).toEqual([4, 8, 8]);
    expect((await model.decodeLatent(c)).shape).toEqual([3, side, side]);
    const outputs = await model.denoise(
      [
        { z, c, text },
        { z, c: zeros(c.shape), text },
      ],
      500.5,
    );
    expect(outputs.map((o) => o.shape)).toEqual([z.shape, z.shape]);
    expect(outputs[0]!.data).not.toEqual(outputs[1]!.data);
    expect(model.calls).toEqual({ encodeImage: 1, decodeLatent: 1, encodeText: 1, denoise: 2 });
  });

  it("gives the same numbers again after other sizes had their turn, and with low memory", async () => {
    for (const memory of ["normal", "low"] as const) {
      const model = await open(TINY, { memory });
      const text = await model.encodeText("");
      const [first] = await model.denoise([{ z, c: z, text }], 7);
      for (const side of [4, 6, 10]) {
        const other = wave([4, side, 5]);
        expect((await model.denoise([{ z: other, c: other, text }], 7))[0]!.shape).toEqual([4, side, 5]);
      }
      await model.decodeLatent(z);
      const [again] = await model.denoise([{ z, c: z, text }], 7);
      expect(again!.data).toEqual(first!.data);
    }
  });

  it("stops before the next run when its signal is aborted", async () => {
    const model = await open(TINY);
    const text = await model.encodeText("");
    const input = { z, c: z, text };
    await expect(model.denoise([input], 1, { signal: AbortSignal.abort("why") })).rejects.toMatchObject({
      code: "aborted",
      cause: "why",
    });
    const controller = new AbortController();
    const running = model.denoise(Array(200).fill(input), 1, { signal: controller.signal });
    setTimeout(() => controller.abort(), 10);
    await expect(running).rejects.toMatchObject({ code: "aborted" });
    expect(model.calls.denoise).toBeLessThan(200);
    const fresh = AbortSignal.abort();
    await expect(model.encodeText("new", { signal: fresh })).rejects.toMatchObject({ code: "aborted" });
    await expect(model.decodeLatent(z, { signal: fresh })).rejects.toMatchObject({ code: "aborted" });
    expect((await model.denoise([input], 1))[0]!.shape).toEqual(z.shape);
  });

  it("refuses every call after it was disposed", async () => {
    const model = await open(TINY);
    const text = await model.encodeText("");
    const pending = model.denoise([{ z, c: z, text }], 1);
    const rejected = expect(pending).rejects.toMatchObject({ code: "disposed" });
    await model.dispose();
    await rejected;
    const calls = [
      () => model.encodeText(""),
      () => model.encodeImage(wave([3, 64, 64])),
      () => model.decodeLatent(z),
      () => model.denoise([{ z, c: z, text }], 1),
    ];
    for (const call of calls) await expect(call()).rejects.toMatchObject({ code: "disposed" });
    await model.dispose();
  });

  it("says which shape it expected", async () => {
    const model = await open(TINY);
    const text = await model.encodeText("");
    const bad = { code: "option.invalid" };
    await expect(model.encodeImage(wave([3, 63, 64]))).rejects.toMatchObject(bad);
    await expect(model.encodeImage(wave([1, 64, 64]))).rejects.toMatchObject(bad);
    await expect(model.decodeLatent(wave([4, 8]))).rejects.toMatchObject(bad);
    await expect(model.denoise([{ z, c: wave([4, 8, 9]), text }], 1)).rejects.toMatchObject(bad);
    await expect(model.denoise([{ z, c: z, text: { hidden: wave([77, 5]) } }], 1)).rejects.toMatchObject(bad);
  });
});

describe("a checkpoint", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "emilie-editor-"));
    cpSync(TINY, folder, { recursive: true });
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  function editJson(path: string, change: Record<string, unknown>): void {
    const file = join(folder, path);
    writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, "utf8")), ...change }));
  }

  /** Rewrites the tensors of a file: a new name, or null to leave one out; extra ones are added. */
  async function editTensors(
    path: string,
    rename: (name: string) => string | null,
    extra: Readonly<Record<string, Tensor>> = {},
  ): Promise<void> {
    const source = folderSource(folder);
    const tensors: Record<string, Tensor> = {};
    for (const [name, ref] of (await readSafetensorsHeader(source, path)).tensors) {
      const to = rename(name);
      if (to === null) continue;
      const values: number[] = [];
      for await (const part of readFloat32(source, name, { ...ref, file: path })) values.push(...part);
      tensors[to] = tensor(values, ref.shape);
    }
    writeFileSync(join(folder, path), writeSafetensors({ ...tensors, ...extra }));
  }

  const unet = "unet/diffusion_pytorch_model.safetensors";
  const vae = "vae/diffusion_pytorch_model.safetensors";
  const text = "text_encoder/model.safetensors";

  it("whose tensors do not fit is refused with all of them named", async () => {
    const gone = "conv_out.bias";
    await editTensors(unet, (name) => (name === gone || name === "conv_in.bias" ? null : name), {
      "conv_in.bias": wave([3]),
      "controlnet.weight": wave([2]),
    });
    await expect(loadModel(folder)).rejects.toMatchObject({
      code: "checkpoint.missing",
      message: expect.stringMatching(
        /unet\/.*"conv_in.bias" should have shape \[\d+\], but has \[3\].*"conv_out.bias".*missing.*"controlnet.weight"/,
      ),
    });
  });

  it("with the names of older diffusers and transformers gives the same numbers", async () => {
    const before = await open(TINY);
    const names = [
      ["to_q", "query"],
      ["to_k", "key"],
      ["to_v", "value"],
      ["to_out.0", "proj_attn"],
    ];
    // Whichever way the checkpoint has them, this is the other.
    let renamed = 0;
    await editTensors(vae, (name) => {
      const pair = names.find((both) => both.some((part) => name.includes(`attentions.0.${part}.`)));
      if (!pair) return name;
      renamed++;
      const [now, other] = name.includes(`.${pair[0]}.`) ? pair : [...pair].reverse();
      return name.replace(now!, other!);
    });
    expect(renamed).toBe(16);
    const prefix = "text_model.";
    await editTensors(text, (name) => {
      if (name.endsWith("position_ids")) return null;
      return name.startsWith(prefix) ? name.slice(prefix.length) : prefix + name;
    });
    const after = await open(folder);
    expect((await after.decodeLatent(z)).data).toEqual((await before.decodeLatent(z)).data);
    expect((await after.encodeText("a")).hidden.data).toEqual((await before.encodeText("a")).hidden.data);
    expect(after.fingerprint).not.toBe(before.fingerprint);
  });

  /** Writes a value over the last of a tensor's. */
  async function poison(path: string, name: string, value: number): Promise<void> {
    const { tensors } = await readSafetensorsHeader(folderSource(folder), path);
    const { offset, length } = tensors.get(name)!;
    const bytes = readFileSync(join(folder, path));
    bytes.writeFloatLE(value, offset + length - 4);
    writeFileSync(join(folder, path), bytes);
  }

  it("with a weight that is no number is found out by the first result, which names it", async () => {
    await poison(unet, "mid_block.resnets.0.conv1.bias", Number.NaN);
    await poison(vae, "decoder.conv_in.weight", Number.POSITIVE_INFINITY);
    const model = await open(folder);
    const text = await model.encodeText("");
    await expect(model.denoise([{ z, c: z, text }], 500)).rejects.toMatchObject({
      code: "checkpoint.malformed",
      message: expect.stringMatching(/unet\/.*"mid_block.resnets.0.conv1.bias" is NaN/),
    });
    await expect(model.decodeLatent(z)).rejects.toMatchObject({
      code: "checkpoint.malformed",
      message: expect.stringMatching(/vae\/.*"decoder.conv_in.weight" is (Infinity|NaN)/),
    });
    expect((await model.encodeImage(wave([3, 16, 16]))).shape).toEqual([4, 8, 8]);
    const input = { data: new Float32Array(z.data.length).fill(Number.NaN), shape: z.shape };
    await expect((await open(TINY)).decodeLatent(input)).rejects.toMatchObject({
      code: "runtime.failed",
      message: expect.stringMatching(/all of its weights are finite/),
    });
  });

  it("whose weights are integers is refused with the tensor's name", async () => {
    const file = join(folder, text);
    const bytes = readFileSync(file);
    const length = Number(bytes.readBigUInt64LE(0));
    const header = JSON.parse(bytes.toString("utf8", 8, 8 + length));
    const name = Object.keys(header).find((key) => key.endsWith("final_layer_norm.weight"))!;
    header[name].dtype = "I32";
    const changed = Buffer.from(JSON.stringify(header).padEnd(length));
    writeFileSync(file, Buffer.concat([bytes.subarray(0, 8), changed, bytes.subarray(8 + length)]));
    await expect(loadModel(folder, { threads: 1, cache: join(folder, "cache") })).rejects.toMatchObject({
      code: "checkpoint.unsupported",
      message: expect.stringMatching(/final_layer_norm.weight" is stored as I32/),
    });
  });

  it("that cannot edit is refused with the reason", async () => {
    editJson("unet/config.json", { in_channels: 4 });
    await expect(loadModel(folder)).rejects.toMatchObject({
      code: "checkpoint.unsupported",
      message: expect.stringMatching(/in_channels 4.*instruction checkpoint/),
    });
  });

  it("of another family or with another component is refused", async () => {
    editJson("model_index.json", { _class_name: "StableDiffusion3Pipeline" });
    await expect(loadModel(folder)).rejects.toThrow(/"_class_name" is "StableDiffusion3Pipeline"/);
    editJson("model_index.json", {
      _class_name: "StableDiffusionPipeline",
      vae: ["diffusers", "AutoencoderTiny"],
    });
    await expect(loadModel(folder)).rejects.toThrow(/"vae" is \["diffusers","AutoencoderTiny"\]/);
  });

  it("whose scheduler predicts something unknown is refused", async () => {
    editJson("scheduler/scheduler_config.json", { prediction_type: "flow" });
    await expect(loadModel(folder)).rejects.toThrow(/prediction_type"? is "flow"/);
  });

  it("states its own defaults and native size in emilie.json", async () => {
    const plain = await open(TINY);
    expect(plain.defaults).toEqual({});
    const sampleSize = JSON.parse(readFileSync(join(TINY, "unet/config.json"), "utf8")).sample_size;
    expect(plain.nativeSize).toBe(sampleSize * plain.factor);
    const own = { defaults: { steps: 12, textGuidance: 2.5 }, nativeSize: 128 };
    writeFileSync(join(folder, "emilie.json"), JSON.stringify(own));
    const model = await open(folder);
    expect([model.defaults, model.nativeSize]).toEqual([own.defaults, 128]);
    writeFileSync(join(folder, "emilie.json"), JSON.stringify({ defaults: { stpes: 3 } }));
    await expect(loadModel(folder)).rejects.toThrow(/emilie.json/);
  });

  it("has a fingerprint of its weights, wherever it lies", async () => {
    const [a, b] = [await open(TINY), await open(folder)];
    expect(b.fingerprint).toBe(a.fingerprint);
    const bytes = readFileSync(join(folder, unet));
    bytes.writeFloatLE(bytes.readFloatLE(bytes.length - 4) + 1, bytes.length - 4);
    writeFileSync(join(folder, unet), bytes);
    expect((await open(folder)).fingerprint).not.toBe(a.fingerprint);
  });

  it("is found by its folder, or by the name of one that ships", async () => {
    expect(checkpointFolder(folder)).toBe(folder);
    expect(checkpointFolder("picturebook")).toMatch(/models.picturebook$/);
    expect(() => checkpointFolder(join(dirname(folder), "nowhere"))).toThrow(
      expect.objectContaining({ code: "checkpoint.missing" }),
    );
  });
});
