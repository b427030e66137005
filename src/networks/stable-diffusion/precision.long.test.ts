/** Every form of a layer in every precision, against the fp32 graph; and a whole UNet, from a checkpoint that diffusers wrote. */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import type { Precision } from "../../checkpoint/derived.ts";
import { writeSafetensors } from "../../checkpoint/safetensors.ts";
import { listSideFiles } from "../../checkpoint/side-list.node.ts";
import { folderSource } from "../../checkpoint/source.node.ts";
import { mappedStorage } from "../../checkpoint/storage.node.ts";
import { dryPlacement } from "../../checkpoint/storage.ts";
import { openWeights } from "../../checkpoint/weights.ts";
import { Graph, type Value } from "../../graph/graph.ts";
import { fromChannelsFirst, toChannelsFirst } from "../../graph/layout.ts";
import type { EditModel } from "../../method/edit-model.ts";
import { checkpointFolder, type LoadOptions, loadModel } from "../../models/load.node.ts";
import { loadModel as loadInBrowser, type WebLoadOptions } from "../../models/load.web.ts";
import { publicModelName } from "../../models/open.node.ts";
import { createNodeEngine } from "../../runtime/node.ts";
import { sizeOf, type Tensor, tensor } from "../../tensor/tensor.ts";
import * as vae from "../autoencoder-kl/layers.ts";
import { conv2d, groupNorm, imageToTokens, linear, linearPart, tokensToImage } from "../layers/layers.ts";
import { downsample, resnetBlock, upsample } from "../layers/resnet.ts";
import { Scope, WeightReader } from "../layers/scope.ts";
import { transformer2d } from "./transformer.ts";

const TINY = resolve(import.meta.dirname, "../../../tests/fixtures/parity/sd1/checkpoint");
const LORA = resolve(import.meta.dirname, "../../../tests/fixtures/lora");

const engine = createNodeEngine({ threads: 1 });
const folder = mkdtempSync(join(tmpdir(), "emilie-precision-"));
const models: EditModel[] = [];
afterAll(async () => {
  for (const model of models) await model.dispose();
  await engine.dispose();
  rmSync(folder, { recursive: true, force: true });
});

const wave = (shape: readonly number[], scale = 1): Tensor =>
  tensor(
    Float32Array.from({ length: sizeOf(shape) }, (_, i) => scale * Math.sin(1.3 * i * i + 0.2 * i)),
    shape,
  );

/** ‖a − b‖ / ‖b‖ */
function difference(a: Tensor, b: Tensor): number {
  expect(a.shape).toEqual(b.shape);
  const squares = (values: Float32Array) => values.reduce((sum, v) => sum + v * v, 0);
  return Math.sqrt(squares(a.data.map((v, i) => v - b.data[i]!)) / squares(b.data));
}

type Build = (s: Scope, x: Value) => Value;

/** What `build` makes of x in a precision; pictures are given and returned as [b, c, h, w]. */
async function run(name: string, x: Tensor, build: Build, precision: Precision): Promise<Tensor> {
  const source = folderSource(folder);
  const whole: Build = (s, value) => {
    const y = build(s, x.shape.length === 4 ? fromChannelsFirst(s, value) : value);
    return y.shape.length === 4 ? toChannelsFirst(s, y) : y;
  };
  const layout = precision === "fp32" ? "nchw" : "nhwc";
  const dry = (reader: WeightReader) => {
    const graph = new Graph(name, "fused", layout);
    whole(new Scope(graph, reader, "layer"), graph.input("x", x.shape));
    return reader;
  };
  if (!existsSync(join(folder, name))) {
    const none = { folder: name, tensors: new Map(), files: [], release: async () => {} };
    const needed = [...dry(new WeightReader(none)).needed];
    const values = needed.map(([key, dims]) => [key, wave(dims, 1 / Math.sqrt(sizeOf(dims.slice(1))))]);
    mkdirSync(join(folder, name));
    writeFileSync(join(folder, name, "model.safetensors"), writeSafetensors(Object.fromEntries(values)));
  }
  const table = await openWeights(source, name, "model");
  const { derivations, plain } = dry(new WeightReader(dryPlacement(table, precision)));
  const needs = precision === "fp32" ? undefined : { precision, derived: derivations, plain };
  const weights = await mappedStorage(join(folder, "cache")).place(source, table, undefined, needs);
  const graph = new Graph(name, "fused", layout);
  const reader = new WeightReader(weights);
  graph.output("y", whole(new Scope(graph, reader, "layer"), graph.input("x", x.shape)));
  reader.finish();
  const session = await engine.createSession(graph.encode(), { root: weights.root, files: weights.files });
  const { y } = await session.run({ x });
  await session.release();
  return y!;
}

const text = wave([3, 24]);
const attention = { heads: 2, layers: 1, groups: 4, linearProjection: false, onlyCrossAttention: false };
const norm = { groups: 4, eps: 1e-6 };
const time = (s: Scope) => s.graph.constant(wave([1, 8]).data, [1, 8]);

/** Name, shape of what goes in, and the layer. A picture of 34 × 36 is one that F(4×4) does not divide. */
const forms: readonly (readonly [string, readonly number[], Build])[] = [
  ["linear", [6, 16], (s, x) => linear(s, x, 12)],
  ["linear without bias", [6, 16], (s, x) => linear(s, x, 12, { bias: false })],
  ["linear of one row", [1, 16], (s, x) => linear(s, x, 12, { guarded: true })],
  ["a part of a linear", [6, 16], (s, x) => linearPart(s, x, 12, [4, 12])],
  ["3×3", [1, 8, 6, 5], (s, x) => conv2d(s, x, 12)],
  ["3×3 on a large picture", [1, 8, 34, 36], (s, x) => conv2d(s, x, 12)],
  ["3×3 guarded", [1, 8, 6, 5], (s, x) => conv2d(s, x, 12, { guarded: true })],
  ["3×3 with a residual", [1, 8, 6, 5], (s, x) => conv2d(s, x, 8, { residual: x })],
  ["1×1", [1, 8, 6, 5], (s, x) => conv2d(s, x, 12, { kernel: 1 })],
  ["5×5", [1, 8, 6, 5], (s, x) => conv2d(s, x, 12, { kernel: 5 })],
  ["downsample", [1, 8, 6, 8], (s, x) => downsample(s, x, 1)],
  ["downsample, padded on one side", [1, 8, 6, 8], (s, x) => downsample(s, x, 0)],
  ["upsample", [1, 8, 3, 5], (s, x) => upsample(s, x)],
  ["upsample to an odd size", [1, 8, 3, 5], (s, x) => upsample(s, x, [5, 9])],
  ["group norm", [1, 8, 6, 5], (s, x) => groupNorm(s, x, 4, 1e-5)],
  ["pixels to tokens", [1, 8, 6, 5], (s, x) => imageToTokens(s, x, 12, "conv")],
  ["tokens to pixels", [30, 8], (s, x) => tokensToImage(s, x, 12, [6, 5], "linear")],
  ["resnet block", [1, 8, 6, 5], (s, x) => resnetBlock(s, x, 8, { groups: 4, eps: 1e-5, time: time(s) })],
  ["resnet block with a shortcut", [1, 8, 6, 5], (s, x) => resnetBlock(s, x, 12, { groups: 4, eps: 1e-5 })],
  [
    "transformer",
    [1, 8, 6, 5],
    (s, x) => transformer2d(s, x, s.graph.constant(text.data, text.shape), attention),
  ],
  [
    "transformer that spares keys",
    [1, 8, 6, 5],
    (s, x) => transformer2d(s, x, s.graph.constant(text.data, text.shape), { ...attention, keysFrom: 30 }),
  ],
  ["VAE's 1×1", [1, 8, 6, 5], (s, x) => vae.conv1x1(s, x, 4, 12)],
  ["VAE's 3×3", [1, 3, 6, 5], (s, x) => vae.conv(s, x, 12)],
  ["VAE's last", [1, 8, 6, 5], (s, x) => vae.activatedConv(s.at("norm"), s, x, 4, { ...norm, all: 12 })],
  ["VAE's block", [1, 8, 6, 5], (s, x) => vae.resnetBlock(s, x, 8, norm)],
  ["VAE's block in several bands", [1, 8, 490, 480], (s, x) => vae.resnetBlock(s, x, 12, norm)],
  ["VAE's downsample", [1, 8, 7, 9], (s, x) => vae.downsample(s, x)],
  ["VAE's downsample in several bands", [1, 8, 240, 242], (s, x) => vae.downsample(s, x)],
  ["VAE's upsample", [1, 8, 3, 5], (s, x) => vae.upsample(s, x)],
  ["VAE's upsample in several bands", [1, 8, 250, 240], (s, x) => vae.upsample(s, x)],
];

it("sparing keys changes nothing where the pixels it leaves out are like those that it keeps", async () => {
  const [h, w, channels] = [4, 6, 8];
  const small = wave([channels, h / 2, w / 2]).data;
  const data = Float32Array.from({ length: channels * h * w }, (_, i) => {
    const [c, y, x] = [Math.floor(i / (h * w)), Math.floor(i / w) % h, i % w];
    return small[(c * (h / 2) + Math.floor(y / 2)) * (w / 2) + Math.floor(x / 2)]!;
  });
  const doubled = { data, shape: [1, channels, h, w] };
  const from = (keysFrom: number, x: Tensor) =>
    run(
      "sparing",
      x,
      (s, v) => transformer2d(s, v, s.graph.constant(text.data, text.shape), { ...attention, keysFrom }),
      "fp32",
    );
  expect(difference(await from(h * w, doubled), await from(h * w + 1, doubled))).toBeLessThan(1e-6);
  const any = wave([1, channels, h, w]);
  expect(difference(await from(h * w, any), await from(h * w + 1, any))).toBeGreaterThan(1e-4);
});

describe.each([
  ["fp32-fast", 1e-5, 2e-5],
  ["int8", 2e-2, 6e-2],
] as const)("%s is fp32 within %d of its norm:", (precision, tolerance, ofUNet) => {
  it.each(forms)("%s", async (name, shape, build) => {
    const x = wave(shape);
    const exact = await run(name, x, build, "fp32");
    expect(difference(await run(name, x, build, precision), exact)).toBeLessThan(tolerance);
  });

  it("a whole UNet, at the size it was trained at and at others", async () => {
    const [exact, model] = [await open(TINY), await open(TINY, { precision })];
    const hidden = await exact.encodeText("make it winter");
    for (const [h, w] of [
      [8, 8],
      [6, 10],
      [32, 34],
    ] as const) {
      const input = { z: wave([4, h, w]), c: wave([4, h, w], 0.5), text: hidden };
      const [[a], [b]] = [await model.denoise([input], 500), await exact.denoise([input], 500)];
      expect(difference(a!, b!)).toBeLessThan(ofUNet);
    }
  });
});

it("pictures that lie one after the other keep to themselves", async () => {
  const both = wave([2, 8, 6, 4]);
  const half = sizeOf(both.shape) / 2;
  const build: Build = (s, x) => conv2d(s, groupNorm(s.at("norm"), x, 4, 1e-5), 8);
  const part = (x: Tensor, i: number) => tensor(x.data.slice(i * half, (i + 1) * half), [1, 8, 6, 4]);
  const alone = [
    await run("two", part(both, 0), build, "fp32"),
    await run("two", part(both, 1), build, "fp32"),
  ];
  const together = await run("two", both, build, "fp32-fast");
  for (const i of [0, 1]) expect(difference(part(together, i), alone[i]!)).toBeLessThan(1e-5);
});

it("the group norm of pixels that are rows keeps its digits where the mean is large", async () => {
  const x = { ...wave([1, 8, 6, 5]), data: wave([1, 8, 6, 5]).data.map((v) => 1000 + v) };
  const build: Build = (s, value) => groupNorm(s, value, 4, 1e-5);
  const [a, b] = [await run("offset", x, build, "fp32-fast"), await run("offset", x, build, "fp32")];
  expect(difference(a, b)).toBeLessThan(1e-3);
});

async function open(name: string, options: LoadOptions = {}): Promise<EditModel> {
  const model = await loadModel(name, { threads: 1, cache: join(folder, "models"), ...options });
  models.push(model);
  return model;
}

async function unetOf(model: EditModel): Promise<Tensor> {
  const input = {
    z: wave([4, 8, 8]),
    c: wave([4, 8, 8], 0.5),
    text: await model.encodeText("make it winter"),
  };
  return (await model.denoise([input], 500))[0]!;
}

describe("a model's precision", () => {
  it("is in its name and its fingerprint, fp32 in neither", async () => {
    const [plain, fp32, int8] = [
      await open(TINY),
      await open(TINY, { precision: "fp32" }),
      await open(TINY, { precision: "int8" }),
    ];
    expect(fp32).toMatchObject({ id: TINY, fingerprint: plain.fingerprint });
    expect(int8.id).toBe(`${TINY} in int8`);
    const fast = await open(`${TINY} in fp32-fast`);
    expect(new Set([plain, int8, fast].map(({ fingerprint }) => fingerprint)).size).toBe(3);
    const byName = await open(int8.id);
    expect(byName.fingerprint).toBe(int8.fingerprint);
    expect((await unetOf(byName)).data).toEqual((await unetOf(int8)).data);
    expect((await open(int8.id, { precision: "fp32" })).fingerprint).toBe(plain.fingerprint);
    expect(publicModelName(int8.id)).toBe("checkpoint in int8");
    expect(publicModelName("owner/name in fp32-fast")).toBe("owner/name in fp32-fast");
  });

  it("must be a known one", async () => {
    await expect(open(TINY, { precision: "int2" as Precision })).rejects.toMatchObject({
      code: "option.invalid",
      message: expect.stringMatching(/"int2".*fp32, fp32-fast, int8, int4/),
    });
    await expect(open(TINY, { precision: "int4" })).rejects.toMatchObject({
      code: "option.invalid",
      message: expect.stringMatching(/no precision int4.*"int8"/),
    });
  });

  it("is never fp32-fast in a browser", async () => {
    const options = { precision: "fp32-fast" } as unknown as WebLoadOptions;
    await expect(loadInBrowser("http://127.0.0.1/model", options)).rejects.toMatchObject({
      code: "option.invalid",
      message: expect.stringMatching(/"fp32-fast"; in a browser there are fp32, fp16, int8, int4/),
    });
  });

  it("works with half-precision weights, of which only what stays fp32 is copied", async () => {
    const cache = join(folder, "halves");
    const model = await open("picturebook", { precision: "int8", cache });
    const input = {
      z: wave([4, 16, 16]),
      c: wave([4, 16, 16], 0.5),
      text: await model.encodeText("make it winter"),
    };
    const [a] = await model.denoise([input], 500);
    const [b] = await (await open("picturebook", { cache })).denoise([input], 500);
    expect(difference(a!, b!)).toBeLessThan(0.05);
    const files = await listSideFiles(cache);
    const of = (kind: string) => files.find((file) => /unet-/.test(file.file) && file.kind === kind)!;
    expect(of("int8")).toMatchObject({ model: "picturebook in int8" });
    expect(of("int8").bytes).toBeLessThan(0.45 * of("f32").bytes);
  });

  it("holds for weights with a LoRA merged in", async () => {
    const lora = [{ file: join(LORA, "kohya.safetensors"), weight: 2 }];
    const [without, exact] = [await unetOf(await open(TINY)), await unetOf(await open(TINY, { lora }))];
    for (const [precision, tolerance] of [
      ["fp32-fast", 1e-5],
      ["int8", 0.05],
    ] as const) {
      const made = await unetOf(await open(TINY, { lora, precision }));
      expect(difference(made, exact)).toBeLessThan(tolerance);
      expect(difference(made, without)).toBeGreaterThan(2 * difference(made, exact));
    }
  });
});

describe("derived weights", () => {
  const sideFiles = (cache: string) => readdirSync(cache).filter((name) => name.endsWith(".safetensors"));

  it("are made once, also by two at the same time, and made again where they are damaged", async () => {
    const cache = join(folder, "once");
    const [first, second] = await Promise.all(
      [0, 1].map(() => open(TINY, { precision: "int8", cache }).then(unetOf)),
    );
    expect(second!.data).toEqual(first!.data);
    const [file] = sideFiles(cache);
    expect(readdirSync(cache)).toEqual([file]);
    expect(file).toMatch(/^unet-[0-9a-f]{32}\.int8\.safetensors$/);
    truncateSync(join(cache, file!), 1000);
    expect((await unetOf(await open(TINY, { precision: "int8", cache }))).data).toEqual(first!.data);
    expect(readdirSync(cache)).toEqual([file]);
    await open(TINY, { precision: "fp32-fast", cache });
    expect(sideFiles(cache).length).toBe(2);
  });

  it("lie in a temporary folder where the cache cannot be written, and go with the model", async () => {
    const model = await open(checkpointFolder(TINY), {
      precision: "int8",
      cache: join(TINY, "model_index.json"),
    });
    expect(sizeOf((await unetOf(model)).shape)).toBe(4 * 8 * 8);
    await model.dispose();
  });
});
