/** Every operator that the models use, at shapes of theirs: WebGPU in the plain dialect against WebAssembly in the fused. */
import { afterAll, describe, expect, it } from "vitest";
import { attention as attend } from "../../src/graph/attention.ts";
import { type Dialect, Graph, type Site, type Value } from "../../src/graph/graph.ts";
import * as ops from "../../src/graph/ops.ts";
import type { Engine } from "../../src/runtime/engine.ts";
import { createWebEngine } from "../../src/runtime/web.ts";
import { createNoise } from "../../src/tensor/noise.ts";
import { relativeError } from "../../src/tensor/ops.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import { adapter } from "./adapter.ts";

/** Relative L2; fp32 rounds to 1e-6, and a wrong operator was off by 1e-2. */
const BAR = 1e-4;
/** WGSL allows a sine an error of 2⁻¹¹ within a turn, and promises nothing beyond. */
const SINE_BAR = 1e-3;

/** Makes a constant of that shape, different from the one before. */
type Constant = (shape: readonly number[]) => Value;
type Build = (at: Site, x: Value, k: Constant) => Value;

const around = { padding: [1, 1, 1, 1] as const };
const conv =
  (out: number, kernel: number, options: ops.ConvOptions = {}): Build =>
  (at, x, k) =>
    ops.conv2d(at, x, k([out, x.shape[1]!, kernel, kernel]), k([out]), options);
const norm =
  (groups: number): Build =>
  (at, x, k) =>
    ops.groupNorm(at, x, k([x.shape[1]!, 1, 1]), k([x.shape[1]!, 1, 1]), groups, 1e-6);
const attention =
  (keys: number, heads: number, causal = false): Build =>
  (at, x, k) => {
    const context = keys === 0 ? x : k([keys, x.shape[1]!]);
    return attend(at, x, context, context, { heads, causal });
  };

/** The one case that has token ids. */
const TABLE = [9, 30];

const cases: readonly [string, readonly number[], Build][] = [
  ["conv 1×1", [1, 4, 16, 16], conv(4, 1)],
  ["conv 1×1, to a number of channels that is no multiple of 4", [1, 8, 6, 4], conv(3, 1)],
  ["conv 3×3 of 3 channels", [1, 3, 32, 24], conv(24, 3, around)],
  ["conv 3×3 of 8 channels", [1, 8, 16, 16], conv(96, 3, around)],
  ["conv 3×3 to 3 channels", [1, 24, 32, 24], conv(3, 3, around)],
  ["conv 3×3 of picturebook", [1, 160, 8, 8], conv(160, 3, around)],
  ["conv 3×3 on a picture of one pixel", [1, 32, 1, 1], conv(32, 3, around)],
  ["conv 3×3, stride 2", [1, 96, 16, 12], conv(96, 3, { ...around, stride: 2 })],
  ["conv 3×3, stride 2, an odd size", [1, 32, 7, 5], conv(32, 3, { ...around, stride: 2 })],
  [
    "conv 3×3, stride 2, padded on two sides",
    [1, 24, 32, 24],
    conv(24, 3, { stride: 2, padding: [0, 0, 1, 1] }),
  ],
  [
    "conv 3×3 with a residual",
    [1, 32, 8, 12],
    (at, x, k) => ops.conv2d(at, x, k([32, 32, 3, 3]), k([32]), { ...around, residual: x }),
  ],
  [
    "conv 1×1 with a residual",
    [1, 32, 8, 12],
    (at, x, k) => ops.conv2d(at, x, k([24, 32, 1, 1]), k([24]), { residual: k([1, 24, 8, 12]) }),
  ],
  [
    "conv whose bias is computed",
    [1, 32, 8, 12],
    (at, x, k) =>
      ops.conv2d(
        at,
        x,
        k([24, 32, 3, 3]),
        ops.add(at, ops.reshape(at, ops.gemm(at, k([1, 5]), k([24, 5]), { transB: true }), [24]), k([24])),
        around,
      ),
  ],
  ["conv without a bias", [1, 32, 8, 12], (at, x, k) => ops.conv2d(at, x, k([24, 32, 3, 3]), null, around)],
  [
    "two convs",
    [1, 32, 8, 12],
    (at, x, k) =>
      ops.conv2d(
        at,
        ops.conv2d(at, x, k([24, 32, 3, 3]), k([24]), around),
        k([32, 24, 3, 3]),
        k([32]),
        around,
      ),
  ],
  ["group norm", [1, 32, 16, 12], norm(8)],
  ["group norm of picturebook", [1, 96, 16, 16], norm(32)],
  ["group norm of 21 values a group", [1, 96, 1, 7], norm(32)],
  ["group norm of many values", [1, 24, 128, 96], norm(8)],
  [
    "group norm of values far from zero",
    [1, 96, 16, 16],
    (at, x, k) => norm(32)(at, ops.add(at, x, at.graph.constant([30], [1])), k),
  ],
  [
    "conv, group norm, silu, conv",
    [1, 32, 8, 12],
    (at, x, k) => conv(8, 3, around)(at, ops.silu(at, norm(8)(at, conv(32, 3, around)(at, x, k), k)), k),
  ],
  ["silu", [1, 32, 8, 12], (at, x) => ops.silu(at, x)],
  ["quick gelu", [77, 192], (at, x) => ops.quickGelu(at, x)],
  ["gelu", [64, 640], (at, x) => ops.gelu(at, x)],
  ["layer norm", [77, 192], (at, x, k) => ops.layerNorm(at, x, k([192]), k([192]), 1e-5)],
  ["layer norm of 30", [16, 30], (at, x, k) => ops.layerNorm(at, x, k([30]), k([30]), 1e-5)],
  ["linear", [64, 160], (at, x, k) => ops.gemm(at, x, k([640, 160]), { transB: true, bias: k([640]) })],
  [
    "linear of one row",
    [1, 96],
    (at, x, k) => ops.gemm(at, x, k([384, 96]), { transB: true, bias: k([384]) }),
  ],
  ["linear of odd sizes", [7, 30], (at, x, k) => ops.gemm(at, x, k([13, 30]), { transB: true })],
  ["linear without a transposition", [1, 192], (at, x, k) => ops.gemm(at, x, k([192, 64]))],
  [
    "picture to tokens",
    [160, 64],
    (at, x, k) => ops.gemm(at, x, k([160, 160]), { transA: true, transB: true, bias: k([160]) }),
  ],
  [
    "tokens to picture",
    [64, 160],
    (at, x, k) => ops.gemm(at, k([160, 160]), x, { transB: true, bias: k([160, 1]) }),
  ],
  ["attention of 24 tokens", [24, 32], attention(0, 1)],
  ["attention of 96 tokens", [96, 32], attention(0, 1)],
  ["attention of picturebook", [64, 160], attention(0, 4)],
  ["attention of 256 tokens", [256, 128], attention(0, 1)],
  ["attention to a text", [64, 160], attention(77, 4)],
  ["attention to what came before", [77, 192], attention(0, 6, true)],
  ["concat of channels", [1, 24, 8, 8], (at, x, k) => ops.concat(at, [x, k([1, 8, 8, 8])], 1)],
  [
    "concat of rows, sliced",
    [64, 30],
    (at, x) => ops.concat(at, [ops.sliceRows(at, x, 20, 64), ops.sliceRows(at, x, 0, 20)], 0),
  ],
  ["gather", TABLE, (at, x) => ops.gather(at, x, at.graph.input("ids", [4], "int32"))],
  ["nearest, twice the size", [1, 24, 8, 6], (at, x) => ops.resizeNearest(at, x, 16, 12)],
  ["nearest, 3 to 5", [1, 24, 3, 4], (at, x) => ops.resizeNearest(at, x, 5, 7)],
  [
    "sine and cosine of a timestep",
    [1, 1],
    (at, x) => {
      const a = ops.mul(
        at,
        x,
        at.graph.constant(
          Float32Array.from({ length: 48 }, (_, i) => 999 * Math.exp(-i / 6)),
          [1, 48],
        ),
      );
      return ops.concat(at, [ops.unary(at, "Sin", a), ops.unary(at, "Cos", a)], 1);
    },
  ],
];

async function run(
  engine: Engine,
  dialect: Dialect,
  shape: readonly number[],
  build: Build,
): Promise<Tensor> {
  const noise = createNoise(7);
  const graph = new Graph("op", dialect);
  const x = graph.input("x", shape);
  const constant: Constant = (sides) => graph.constant(noise.randn(sides).data, sides);
  const value = noise.randn(shape);
  graph.output("y", build({ graph, path: "op" }, x, constant));
  const session = await engine.createSession(graph.encode());
  const ids = { data: Int32Array.of(3, 0, 8, 3), shape: [4] };
  const { y } = await session.run(shape === TABLE ? { x: value, ids } : { x: value });
  await session.release();
  return y!;
}

describe.skipIf(!adapter)("on WebGPU", () => {
  const wasm = createWebEngine({ device: "wasm" });
  const webgpu = createWebEngine({ device: "webgpu" });
  afterAll(() => Promise.all([wasm.dispose(), webgpu.dispose()]));

  it.each(cases)("%s", async (name, shape, build) => {
    const expected = await run(wasm, "fused", shape, build);
    const actual = await run(webgpu, "plain", shape, build);
    expect(relativeError(actual, expected)).toBeLessThan(name.startsWith("sine") ? SINE_BAR : BAR);
  });
});
