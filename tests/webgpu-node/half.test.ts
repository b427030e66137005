/**
 * Half precision on onnxruntime-node's WebGPU: operators at the largest model's sizes, one run of the UNet, and whole edits, held to
 * what the processor gives in fp32. Sums are kept in half precision too, which is what most of the error is.
 */
import { join, resolve } from "node:path";
import * as ort from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { attention as attend } from "../../src/graph/attention.ts";
import { type Dialect, Graph, type Site, type Value } from "../../src/graph/graph.ts";
import type { FloatType } from "../../src/graph/onnx.ts";
import * as ops from "../../src/graph/ops.ts";
import { toModelImage, workingSize } from "../../src/images/model-image.ts";
import { edit, type LoadOptions, loadModel, readPicture } from "../../src/index.ts";
import { selfCheck } from "../../src/runtime/self-check.ts";
import { createNoise } from "../../src/tensor/noise.ts";
import { relativeError } from "../../src/tensor/ops.ts";
import { sizeOf, type Tensor } from "../../src/tensor/tensor.ts";
import { missing, missingHalf } from "./vulkan.ts";

/** Relative L2 of an operator, and of the UNet; of an edit's latent and picture, which are many runs one after the other. */
const [BAR, EDIT_BAR] = [3e-2, 6e-2];

const root = resolve(import.meta.dirname, "../..");
const tiny = join(root, "tests/fixtures/parity/sd1/checkpoint");
const klein = join(root, "tests/fixtures/flux2/klein/checkpoint");
const common = { graphOptimizationLevel: "disabled", logSeverityLevel: 4 } as const;
const webgpu = { ...common, executionProviders: ["webgpu"] };
const cpu = { ...common, executionProviders: ["cpu"] };

/** Makes a constant of that shape, of the size that keeps what it is multiplied with. */
type Constant = (shape: readonly number[]) => Value;
type Build = (at: Site, x: Value, k: Constant) => Value;

const around = { padding: [1, 1, 1, 1] as const };
const conv =
  (out: number): Build =>
  (at, x, k) =>
    ops.conv2d(at, x, k([out, x.shape[1]!, 3, 3]), k([out]), around);
const norm: Build = (at, x, k) =>
  ops.groupNorm(at, x, k([x.shape[1]!, 1, 1]), k([x.shape[1]!, 1, 1]), 32, 1e-5);
const attention =
  (keys: number): Build =>
  (at, x, k) => {
    const context = k([keys, x.shape[1]!]);
    return attend(at, x, context, context, { heads: 8 });
  };

const operators: readonly [string, readonly number[], Build][] = [
  ["conv 3×3 of 320 channels", [1, 320, 16, 16], conv(64)],
  ["conv 3×3 of 2560 channels", [1, 2560, 8, 8], conv(64)],
  ["linear of 1280", [64, 1280], (at, x, k) => ops.gemm(at, x, k([640, 1280]), { transB: true })],
  ["linear of 5120", [64, 5120], (at, x, k) => ops.gemm(at, x, k([640, 5120]), { transB: true })],
  ["attention to a text", [128, 320], attention(77)],
  ["attention of 4096 keys", [128, 320], attention(4096)],
  ["group norm", [1, 320, 64, 64], norm],
  [
    "group norm of values far from zero",
    [1, 320, 32, 32],
    (at, x, k) => norm(at, ops.add(at, x, at.graph.constant([30], [1], x.type)), k),
  ],
  [
    "group norm of large values",
    [1, 320, 32, 32],
    (at, x, k) => norm(at, ops.mul(at, x, at.graph.constant([3000], [1], x.type)), k),
  ],
  ["layer norm", [64, 1280], (at, x, k) => ops.layerNorm(at, x, k([1280]), k([1280]), 1e-5)],
  ["silu", [64, 1280], (at, x) => ops.silu(at, x)],
  ["gelu", [64, 1280], (at, x) => ops.gelu(at, x)],
];

async function run(
  options: ort.InferenceSession.SessionOptions,
  dialect: Dialect,
  float: FloatType,
  shape: readonly number[],
  build: Build,
): Promise<Tensor> {
  const noise = createNoise(7);
  const graph = new Graph("op", dialect);
  const at = { graph, path: "op" };
  const { data } = noise.randn(shape);
  const constant: Constant = (sides) => {
    // Weights keep a size, and rows that are looked up are as they come.
    const scale = sides.length === 4 || sides[0] === 640 ? Math.sqrt(sizeOf(sides.slice(1))) : 1;
    return graph.constant(
      noise.randn(sides).data.map((v) => v / scale),
      sides,
      float,
    );
  };
  const x = ops.cast(at, graph.input("x", shape), float);
  graph.output("y", ops.cast(at, build(at, x, constant), "float32"));
  const session = await ort.InferenceSession.create(graph.encode(), options);
  const { y } = await session.run({ x: new ort.Tensor("float32", data, shape) });
  const result = { data: (await y!.getData()) as Float32Array, shape: [...y!.dims] };
  await session.release();
  return result;
}

/** The UNet at three timesteps, an edit's latent and its picture. */
async function outcome(name: string, side: number, options: LoadOptions) {
  const model = await loadModel(name, options);
  try {
    const opened = await readPicture(join(root, "examples/cottage.png"));
    const { width, height } = workingSize(opened.width, opened.height, side, model.stride);
    const c = await model.encodeImage(toModelImage(opened, width, height));
    const input = { z: createNoise(3).randn(c.shape), c, text: await model.encodeText("make it winter") };
    const noises: Tensor[] = [];
    for (const t of [999, 500, 50]) noises.push((await model.denoise([input], t))[0]!);
    const edited = await edit(model, c, [{ instruction: "make it winter" }], { seed: 7, steps: 2 });
    return { noises, edited: [edited.c, await model.decodeLatent(edited.c)], device: model.device };
  } finally {
    await model.dispose();
  }
}

const shown = (errors: readonly number[]) => errors.map((e) => e.toExponential(1)).join(", ");

describe.skipIf(missingHalf)("in half precision on WebGPU in Node", () => {
  it("the plain dialect passes the trial", () =>
    selfCheck(
      ort,
      { dialect: "plain", float: "float16", options: webgpu },
      { dialect: "fused", options: cpu },
    ));

  it.each(operators)("%s", async (name, shape, build) => {
    const expected = await run(cpu, "fused", "float32", shape, build);
    const error = relativeError(await run(webgpu, "plain", "float16", shape, build), expected);
    console.log(`${name}: ${shown([error])}`);
    expect(error).toBeLessThan(BAR);
  });

  it.each([
    ["a tiny checkpoint", tiny, 16],
    ["picturebook", "picturebook", 64],
    ["FLUX.2 klein in small", klein, 96],
  ])("an edit of %s is near what fp32 gives", async (what, name, side) => {
    const expected = await outcome(name, side, { device: "cpu" });
    const actual = await outcome(name, side, { device: "webgpu", precision: "fp16" });
    expect(actual.device).toEqual({ name: "webgpu" });
    const noises = actual.noises.map((noise, i) => relativeError(noise, expected.noises[i]!));
    const edited = actual.edited.map((part, i) => relativeError(part, expected.edited[i]!));
    console.log(
      `${what}: the UNet at 999, 500 and 50 differs by ${shown(noises)}; latent and picture by ${shown(edited)}`,
    );
    expect(Math.max(...noises)).toBeLessThan(BAR);
    expect(Math.max(...edited)).toBeLessThan(EDIT_BAR);
    expect(Math.min(...noises)).toBeGreaterThan(1e-5); // not fp32 after all
  });
});

it.skipIf(missing !== null || missingHalf === null)(
  "a card without half precision is refused, with what to do",
  async () => {
    await expect(outcome(tiny, 16, { device: "webgpu", precision: "fp16" })).rejects.toMatchObject({
      code: "runtime.missing",
      message: expect.stringMatching(/does not support half precision.*"fp32"/),
    });
  },
);
