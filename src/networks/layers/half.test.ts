/**
 * fp16 on the processor, whose provider runs the graphs for cards too: it computes most operators in fp32 between half-precision values,
 * so this holds the graph and its weights, and not a card's rounding, which tests/webgpu-node has.
 */
import { cpSync, existsSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { safetensorsHeader } from "../../checkpoint/safetensors.ts";
import { listSideFiles } from "../../checkpoint/side-list.node.ts";
import { folderSource } from "../../checkpoint/source.node.ts";
import { mappedStorage } from "../../checkpoint/storage.node.ts";
import type { Needs, PlacedWeights, WeightStorage } from "../../checkpoint/storage.ts";
import { fetchedStorage } from "../../checkpoint/storage.web.ts";
import { openWeights } from "../../checkpoint/weights.ts";
import type { EditModel } from "../../method/edit-model.ts";
import { checkpointFolder, type LoadOptions, loadModel } from "../../models/load.node.ts";
import { loadModel as loadInBrowser } from "../../models/load.web.ts";
import { openLora } from "../../models/open.node.ts";
import type { Engine } from "../../runtime/engine.ts";
import { createNodeEngine } from "../../runtime/node.ts";
import { fromHalf, toHalf } from "../../tensor/half.ts";
import { relativeError } from "../../tensor/ops.ts";
import { sizeOf, type Tensor, tensor } from "../../tensor/tensor.ts";
import { createEditModel } from "../stable-diffusion/editor.ts";

const FIXTURES = resolve(import.meta.dirname, "../../../tests/fixtures");
const TINY = join(FIXTURES, "parity/sd1/checkpoint");
const LORA = join(FIXTURES, "lora/kohya.safetensors");

const root = mkdtempSync(join(tmpdir(), "emilie-half-"));
const cache = join(root, "cache");
const models: EditModel[] = [];
afterAll(async () => {
  for (const model of models) await model.dispose();
  rmSync(root, { recursive: true, force: true });
});

/** The processor as what is given the graphs for cards. */
function asCard(): Engine {
  const engine = createNodeEngine({ threads: 1 });
  return {
    wantsPlain: true,
    createSession: (model, options = {}) => engine.createSession(options.plain ?? model, options),
    dispose: () => engine.dispose(),
  };
}

async function inHalf(name: string, engine: Engine, lora: readonly string[] = []): Promise<EditModel> {
  const source = { ...folderSource(checkpointFolder(name)), id: `${name} in fp16` };
  const loras = lora.map((file) => openLora({ file }));
  const model = await createEditModel(source, engine, {
    storage: mappedStorage(cache),
    precision: "fp16",
    loras,
  });
  models.push(model);
  return model;
}

async function inSingle(name: string, options: LoadOptions = {}): Promise<EditModel> {
  const model = await loadModel(name, { threads: 1, cache, ...options });
  models.push(model);
  return model;
}

const wave = (shape: readonly number[], scale = 1): Tensor =>
  tensor(
    Float32Array.from({ length: sizeOf(shape) }, (_, i) => scale * Math.sin(1.3 * i * i + 0.2 * i)),
    shape,
  );

const TIMES = [999, 500, 50];

async function noises(model: EditModel): Promise<Tensor[]> {
  const text = await model.encodeText("make it winter");
  const input = { z: wave([4, 8, 8]), c: wave([4, 8, 8], 0.5), text };
  const results: Tensor[] = [];
  for (const t of TIMES) results.push((await model.denoise([input], t))[0]!);
  return results;
}

/** The largest difference over the timesteps. */
async function difference(a: EditModel, b: EditModel): Promise<number> {
  const [left, right] = [await noises(a), await noises(b)];
  return Math.max(...left.map((noise, i) => relativeError(noise, right[i]!)));
}

describe("a UNet in half precision", () => {
  it.each([TINY, "picturebook"])("gives what it gives in fp32 to about three digits: %s", async (name) => {
    const error = await difference(await inHalf(name, asCard()), await inSingle(name));
    expect(error).toBeLessThan(1e-2);
    expect(error).toBeGreaterThan(1e-5); // not fp32 after all
  });

  it("is computed in fp32 where a processor takes over, with the same weights", async () => {
    expect(
      await difference(await inHalf(TINY, createNodeEngine({ threads: 1 })), await inSingle(TINY)),
    ).toBeLessThan(2e-3);
    // Its files are in half precision: nothing is rounded at all.
    const shipped = await inHalf("picturebook", createNodeEngine({ threads: 1 }));
    expect(await difference(shipped, await inSingle("picturebook"))).toBeLessThan(1e-5);
  });

  it("holds for weights with a LoRA merged in", async () => {
    const [without, merged] = [await inSingle(TINY), await inSingle(TINY, { lora: [{ file: LORA }] })];
    const half = await inHalf(TINY, asCard(), [LORA]);
    expect(await difference(half, merged)).toBeLessThan(1e-2);
    expect(await difference(half, without)).toBeGreaterThan(2 * (await difference(half, merged)));
  });
});

/** A UNet's folder with one file of the tensor "a". */
function writeUNet(name: string, type: "F32" | "F16" | "BF16", values: Float32Array): string {
  const folder = join(root, name);
  const words = new Uint16Array(new Uint32Array(values.buffer).map((word) => word >>> 16));
  const bytes = { F32: values, F16: toHalf(values), BF16: words }[type];
  const header = safetensorsHeader([["a", { type, shape: [values.length] }]]);
  cpSync(join(TINY, "scheduler"), join(folder, "unet"), { recursive: true });
  writeFileSync(
    join(folder, "unet/model.safetensors"),
    Buffer.concat([header, new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)]),
  );
  return folder;
}

const needs: Needs = { precision: "fp16", derived: [], plain: new Set(["a"]) };

async function place(folder: string, storage: WeightStorage): Promise<PlacedWeights> {
  const source = folderSource(folder);
  return storage.place(source, await openWeights(source, "unet", "model"), undefined, needs);
}

async function valuesOf({ tensors, files, root: from }: PlacedWeights): Promise<number[]> {
  const { location, offset, shape, type } = tensors.get("a")!;
  expect(type).toBe("F16");
  const load = files.find((file) => file.location === location)!.load;
  const bytes = load
    ? ((await load()) as Uint8Array).slice(offset, offset + 2 * sizeOf(shape))
    : await folderSource(from!).read(location, offset, 2 * sizeOf(shape));
  return [...fromHalf(new Uint16Array(bytes.slice().buffer))];
}

describe("weights for it", () => {
  const values = Float32Array.of(1, 0.1, -65504, 2 ** -14);
  const rounded = [...fromHalf(toHalf(values))];

  it.each(["F32", "BF16"] as const)("are made of %s once, and kept", async (type) => {
    const folder = writeUNet(type, type, Float32Array.of(1, 0.5, -3, 2 ** -14));
    const storage = mappedStorage(join(folder, "cache"));
    expect(await valuesOf(await place(folder, storage))).toEqual([1, 0.5, -3, 2 ** -14]);
    const made = readdirSync(join(folder, "cache"));
    expect(made).toEqual([expect.stringMatching(/^unet-[0-9a-f]{32}\.fp16\.safetensors$/)]);
    await place(folder, storage);
    expect(readdirSync(join(folder, "cache"))).toEqual(made);
  });

  it("are used where they lie in files that are in half precision", async () => {
    const folder = writeUNet("in-place", "F16", values);
    const weights = await place(folder, mappedStorage(join(folder, "cache")));
    expect(await valuesOf(weights)).toEqual(rounded);
    expect(weights.files.map((file) => join(weights.root!, file.location))).toEqual([
      join(folder, "unet/model.safetensors"),
    ]);
    expect(existsSync(join(folder, "cache"))).toBe(false);
  });

  it.each(["F32", "F16"] as const)("come in half precision in a browser: of %s", async (type) => {
    const folder = writeUNet(`web-${type}`, type, values);
    expect(await valuesOf(await place(folder, fetchedStorage()))).toEqual(rounded);
  });

  it.each([
    ["F32", 65520],
    ["BF16", 65536],
  ] as const)("are refused where a number in %s is larger than half precision holds", async (type, large) => {
    const folder = writeUNet(`large-${type}`, type, Float32Array.of(1, large));
    for (const storage of [mappedStorage(join(folder, "cache")), fetchedStorage()]) {
      await expect(place(folder, storage).then(valuesOf)).rejects.toMatchObject({
        code: "checkpoint.unsupported",
        message: expect.stringMatching(new RegExp(`"a" has the value ${large}, .*65504.*"fp32"`)),
      });
    }
  });

  it("are the checkpoint's own half-precision files where it has both", async () => {
    const both = join(root, "both");
    cpSync(TINY, both, { recursive: true });
    const [full, half] = ["", ".fp16"].map((variant) =>
      join(both, `unet/diffusion_pytorch_model${variant}.safetensors`),
    );
    renameSync(await halved(full!), half!);
    const before = (await listSideFiles(cache)).length;
    const model = await inHalf(both, asCard());
    expect((await listSideFiles(cache)).length).toBe(before);
    expect(await difference(model, await inSingle(TINY))).toBeLessThan(1e-2);
  });
});

/** A copy of a file of fp32 tensors in half precision. */
async function halved(path: string): Promise<string> {
  const source = folderSource(resolve(path, ".."));
  const { tensors } = await openWeights(source, ".", "diffusion_pytorch_model");
  const header = safetensorsHeader([...tensors].map(([name, { shape }]) => [name, { type: "F16", shape }]));
  const parts = await Promise.all(
    [...tensors.values()].map(async ({ file, offset, length }) => {
      const bytes = await source.read(file, offset, length);
      return new Uint8Array(toHalf(new Float32Array(bytes.slice().buffer)).buffer);
    }),
  );
  writeFileSync(`${path}.half`, Buffer.concat([header, ...parts]));
  return `${path}.half`;
}

describe("fp16", () => {
  it.each(["cpu", "cuda", undefined] as const)("is refused on the device %s", async (device) => {
    await expect(inSingle(TINY, { device, precision: "fp16" })).rejects.toMatchObject({
      code: "option.invalid",
      message: expect.stringMatching(/GPUs.*--device auto/),
    });
  });

  it("is refused on WebAssembly", async () => {
    await expect(loadInBrowser("http://127.0.0.1/model", { precision: "fp16" })).rejects.toMatchObject({
      code: "option.invalid",
      message: expect.stringMatching(/device is wasm.*"auto"/),
    });
  });

  it("leaves int8 to the processor", async () => {
    await expect(inSingle(TINY, { device: "auto", precision: "int8" })).rejects.toMatchObject({
      code: "option.invalid",
      message: expect.stringMatching(/for the CPU; on a GPU there are fp32 and fp16/),
    });
  });

  it.skipIf(process.platform !== "linux" || existsSync("/dev/dri") || existsSync("/dev/nvidia0"))(
    "goes on in fp32 on the processor where auto finds no card, and says so",
    async () => {
      const model = await inSingle(`${TINY} in fp16`, { device: "auto" });
      const single = await inSingle(TINY);
      expect(await difference(model, single)).toBeLessThan(2e-3);
      expect(model.device).toEqual({
        name: "cpu",
        reason: expect.stringMatching(/No GPU was found.* Instead of fp16.*in fp32/),
      });
      expect(model.id).toBe(`${TINY} in fp16`);
      expect(model.fingerprint).not.toBe(single.fingerprint);
      const kept = expect.objectContaining({ kind: "fp16", model: `${TINY} in fp16` });
      expect(await listSideFiles(cache)).toContainEqual(kept);
    },
  );
});
