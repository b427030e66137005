/** Every op, run by the real runtime, against the definition written out in plain loops. */
import { afterAll, describe, expect, it } from "vitest";
import type { Engine, IntTensor } from "../runtime/engine.ts";
import { createNodeEngine } from "../runtime/node.ts";
import { relativeError } from "../tensor/ops.ts";
import { sizeOf, type Tensor, tensor } from "../tensor/tensor.ts";
import { attention } from "./attention.ts";
import { type Dialect, Graph, type Site, type Value } from "./graph.ts";
import * as ops from "./ops.ts";

const engine: Engine = createNodeEngine({ threads: 1 });
afterAll(() => engine.dispose());

/** Values that are different everywhere, of both signs. */
function wave(shape: readonly number[], phase = 0): Tensor {
  return tensor(
    Float32Array.from({ length: sizeOf(shape) }, (_, i) => Math.sin(1.7 * i + phase) * 1.5),
    shape,
  );
}

async function run(
  inputs: Readonly<Record<string, Tensor | IntTensor>>,
  build: (at: Site, values: Readonly<Record<string, Value>>) => Value,
  dialect?: Dialect,
): Promise<Tensor> {
  const graph = new Graph("op", dialect);
  const values = Object.fromEntries(
    Object.entries(inputs).map(([name, { data, shape }]) => [
      name,
      graph.input(name, shape, data instanceof Int32Array ? "int32" : "float32"),
    ]),
  );
  const result = build({ graph, path: "op" }, values);
  graph.output("result", result);
  const session = await engine.createSession(graph.encode());
  const { result: computed } = await session.run(inputs);
  await session.release();
  expect(computed!.shape).toEqual([...result.shape]);
  return computed!;
}

/** Compares with the definition: one value for each index. */
function expectValues(actual: Tensor, definition: (...index: number[]) => number): void {
  const strides = actual.shape.map((_, axis) => sizeOf(actual.shape.slice(axis + 1)));
  actual.data.forEach((value, i) => {
    const index = actual.shape.map((n, axis) => Math.floor(i / strides[axis]!) % n);
    expect(value, String(index)).toBeCloseTo(definition(...index), 4);
  });
}

/** The value of t at an index; zero outside. */
function get(t: Tensor, ...index: readonly number[]): number {
  if (index.some((n, axis) => n < 0 || n >= t.shape[axis]!)) return 0;
  return t.data[index.reduce((offset, n, axis) => offset * t.shape[axis]! + n, 0)]!;
}

const sum = (n: number, term: (i: number) => number) =>
  Array.from({ length: n }, (_, i) => term(i)).reduce((a, b) => a + b, 0);

it.each([
  [false, false],
  [false, true],
  [true, false],
  [true, true],
])("gemm, transposed %s and %s, with a bias per column", async (transA, transB) => {
  const a = wave(transA ? [5, 3] : [3, 5]);
  const b = wave(transB ? [4, 5] : [5, 4], 1);
  const bias = wave([4], 2);
  const y = await run({ a, b, bias }, (at, v) => ops.gemm(at, v.a!, v.b!, { transA, transB, bias: v.bias! }));
  expectValues(
    y,
    (i, j) =>
      sum(5, (k) => (transA ? get(a, k, i) : get(a, i, k)) * (transB ? get(b, j, k) : get(b, k, j))) +
      get(bias, j),
  );
});

it("gemm with a bias per row", async () => {
  const [a, b, bias] = [wave([3, 5]), wave([5, 4], 1), wave([3, 1], 2)];
  const y = await run({ a, b, bias }, (at, v) => ops.gemm(at, v.a!, v.b!, { bias: v.bias! }));
  expectValues(y, (i, j) => sum(5, (k) => get(a, i, k) * get(b, k, j)) + get(bias, i, 0));
});

it("conv2d with stride and one-sided padding", async () => {
  const [x, w, b] = [wave([1, 3, 6, 7]), wave([2, 3, 3, 3], 1), wave([2], 2)];
  const y = await run({ x, w, b }, (at, v) =>
    ops.conv2d(at, v.x!, v.w!, v.b!, { stride: 2, padding: [0, 0, 1, 1] }),
  );
  expect(y.shape).toEqual([1, 2, 3, 3]);
  expectValues(y, (_, o, i, j) => convolved(x, w, o, 2 * i, 2 * j) + get(b, o));
});

it("conv2d that adds a residual and takes a computed bias", async () => {
  const [x, w, b] = [wave([1, 3, 5, 4]), wave([2, 3, 3, 3], 1), wave([2], 2)];
  const r = wave([1, 2, 5, 4], 3);
  const y = await run({ x, w, b, r }, (at, v) =>
    ops.conv2d(at, v.x!, v.w!, ops.add(at, v.b!, v.b!), { padding: [1, 1, 1, 1], residual: v.r! }),
  );
  expectValues(y, (_, o, i, j) => convolved(x, w, o, i - 1, j - 1) + 2 * get(b, o) + get(r, 0, o, i, j));
});

function convolved(x: Tensor, w: Tensor, o: number, top: number, left: number): number {
  return sum(x.shape[1]!, (c) =>
    sum(3, (p) => sum(3, (q) => get(x, 0, c, top + p, left + q) * get(w, o, c, p, q))),
  );
}

it("groupNorm", async () => {
  const [x, w, b] = [wave([1, 6, 3, 4]), wave([6, 1, 1], 1), wave([6, 1, 1], 2)];
  const y = await run({ x, w, b }, (at, v) => ops.groupNorm(at, v.x!, v.w!, v.b!, 2, 1e-3));
  const half = (g: number) => [...x.data.slice(g * 36, (g + 1) * 36)];
  const moments = [0, 1].map((g) => {
    const mean = sum(36, (i) => half(g)[i]!) / 36;
    return { mean, variance: sum(36, (i) => (half(g)[i]! - mean) ** 2) / 36 };
  });
  expectValues(y, (_, c, i, j) => {
    const { mean, variance } = moments[Math.floor(c / 3)]!;
    return ((get(x, 0, c, i, j) - mean) / Math.sqrt(variance + 1e-3)) * w.data[c]! + b.data[c]!;
  });
});

it("layerNorm", async () => {
  const [x, w, b] = [wave([3, 8]), wave([8], 1), wave([8], 2)];
  const y = await run({ x, w, b }, (at, v) => ops.layerNorm(at, v.x!, v.w!, v.b!, 1e-3));
  expectValues(y, (i, j) => {
    const mean = sum(8, (k) => get(x, i, k)) / 8;
    const variance = sum(8, (k) => (get(x, i, k) - mean) ** 2) / 8;
    return ((get(x, i, j) - mean) / Math.sqrt(variance + 1e-3)) * get(w, j) + get(b, j);
  });
});

it.each([
  [false, 7],
  [true, 5],
])("attention, causal %s, over %s keys", async (causal, keys) => {
  const [q, k, v] = [wave([5, 6]), wave([keys, 6], 1), wave([keys, 6], 2)];
  const y = await run({ q, k, v }, (at, t) => attention(at, t.q!, t.k!, t.v!, { heads: 2, causal }));
  expectValues(y, (i, j) => {
    const head = 3 * Math.floor(j / 3);
    const seen = causal ? i + 1 : keys;
    const score = (n: number) =>
      Math.exp(sum(3, (d) => get(q, i, head + d) * get(k, n, head + d)) / Math.sqrt(3));
    return sum(seen, (n) => score(n) * get(v, n, j)) / sum(seen, score);
  });
});

it("attention that does not see padding", async () => {
  const [q, k, v] = [wave([5, 6]), wave([4, 6], 1), wave([4, 6], 2)];
  const mask = { data: Int32Array.of(1, 0, 1, 0), shape: [1, 4] };
  const masked = await run({ q, k, v, mask }, (at, t) =>
    attention(at, t.q!, t.k!, t.v!, { heads: 2, keyMask: t.mask! }),
  );
  const kept = (t: Tensor) => tensor(Float32Array.of(...t.data.slice(0, 6), ...t.data.slice(12, 18)), [2, 6]);
  const without = await run({ q, k: kept(k), v: kept(v) }, (at, t) =>
    attention(at, t.q!, t.k!, t.v!, { heads: 2 }),
  );
  expectValues(masked, (i, j) => get(without, i, j));
});

it("transpose", async () => {
  const x = wave([3, 5]);
  expectValues(await run({ x }, (at, v) => ops.transpose(at, v.x!)), (i, j) => get(x, j, i));
});

it.each([
  [3, 5, 7, 4],
  [6, 6, 3, 9],
])("resizeCubic from %i×%i to %i×%i", async (h, w, height, width) => {
  const x = wave([1, 2, h, w]);
  // Keys' kernel with a = -0.75, as torch has it; what lies outside repeats the border.
  const kernel = (t: number) =>
    t <= 1 ? (1.25 * t - 2.25) * t * t + 1 : t < 2 ? ((-0.75 * t + 3.75) * t - 6) * t + 3 : 0;
  const place = (i: number, from: number, to: number) => ((i + 0.5) * from) / to - 0.5;
  const at = (channel: number, row: number, column: number) =>
    get(x, 0, channel, Math.min(h - 1, Math.max(0, row)), Math.min(w - 1, Math.max(0, column)));
  expectValues(await run({ x }, (site, v) => ops.resizeCubic(site, v.x!, height, width)), (_, c, i, j) => {
    const [y, z] = [place(i, h, height), place(j, w, width)];
    return sum(4, (m) => {
      const row = Math.floor(y) - 1 + m;
      return sum(4, (n) => {
        const column = Math.floor(z) - 1 + n;
        return kernel(Math.abs(y - row)) * kernel(Math.abs(z - column)) * at(c, row, column);
      });
    });
  });
});

it("silu, quickGelu and gelu", async () => {
  const x = wave([40]);
  const sigmoid = (t: number) => 1 / (1 + Math.exp(-t));
  expectValues(await run({ x }, (at, v) => ops.silu(at, v.x!)), (i) => get(x, i) * sigmoid(get(x, i)));
  expectValues(
    await run({ x }, (at, v) => ops.quickGelu(at, v.x!)),
    (i) => get(x, i) * sigmoid(1.702 * get(x, i)),
  );
  const y = await run({ x: tensor([-1, 0, 1, 2], [4]) }, (at, v) => ops.gelu(at, v.x!));
  const expected = [-0.158655, 0, 0.841345, 1.9545]; // x·Φ(x)
  expectValues(y, (i) => expected[i]!);
});

it.each([
  [3, 5, 6, 10],
  [3, 5, 5, 9],
  [1, 1, 2, 1],
])("resizeNearest from %s×%s to %s×%s", async (h, w, h2, w2) => {
  const x = wave([1, 2, h, w]);
  const y = await run({ x }, (at, v) => ops.resizeNearest(at, v.x!, h2, w2));
  expectValues(y, (_, c, i, j) => get(x, 0, c, Math.floor((i * h) / h2), Math.floor((j * w) / w2)));
});

it("concat, gather, mul and reshape", async () => {
  const [a, b] = [wave([2, 3]), wave([2, 2], 1)];
  expectValues(await run({ a, b }, (at, v) => ops.concat(at, [v.a!, v.b!], 1)), (i, j) =>
    j < 3 ? get(a, i, j) : get(b, i, j - 3),
  );
  expectValues(await run({ a }, (at, v) => ops.gather(at, v.a!, at.graph.ints([1, 0, 1]))), (i, j) =>
    get(a, i === 1 ? 0 : 1, j),
  );
  const c = wave([2, 1], 3);
  expectValues(await run({ a, c }, (at, v) => ops.reshape(at, ops.mul(at, v.a!, v.c!), [3, 2])), (i, j) => {
    const n = 2 * i + j;
    return a.data[n]! * c.data[Math.floor(n / 3)]!;
  });
});

describe("the plain dialect is the same function", () => {
  async function expectSame(
    inputs: Readonly<Record<string, Tensor>>,
    build: (at: Site, values: Readonly<Record<string, Value>>) => Value,
    bar = 1e-6,
  ): Promise<void> {
    const [fused, plain] = [await run(inputs, build), await run(inputs, build, "plain")];
    expect(relativeError(plain, fused)).toBeLessThan(bar);
  }

  it("of a convolution with a residual", async () => {
    const inputs = { x: wave([1, 3, 6, 5]), w: wave([2, 3, 3, 3], 1), r: wave([1, 2, 6, 5], 2) };
    const options = { padding: [1, 1, 1, 1] } as const;
    await expectSame(inputs, (at, v) => ops.conv2d(at, v.x!, v.w!, null, { ...options, residual: v.r! }));
  });

  it.each([
    ["to a text", 5, 7, false],
    ["to what came before", 9, 9, true],
    ["of so many tokens that their scores are computed in parts", 4200, 4200, false],
    ["of as many to what came before", 4200, 4200, true],
  ])("of attention %s", async (_, tokens, keys, causal) => {
    const [q, k, v] = [wave([tokens, 4]), wave([keys, 4], 1), wave([keys, 4], 2)];
    await expectSame({ q, k, v }, (at, t) => attention(at, t.q!, t.k!, t.v!, { heads: 1, causal }), 1e-5);
  });

  it("of the sine and cosine of many turns", async () => {
    const angle = tensor([-1000, -3.2, -0.1, 0, 1.5, 3.2, 99.9, 981, 999], [9]);
    for (const op of ["Sin", "Cos"] as const) {
      await expectSame({ angle }, (at, v) => ops.unary(at, op, v.angle!), 1e-5);
      const y = await run({ angle }, (at, v) => ops.unary(at, op, v.angle!), "plain");
      expectValues(y, (i) => (op === "Sin" ? Math.sin : Math.cos)(angle.data[i]!));
    }
  });
});
