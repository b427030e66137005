/** RMSNorm and rotary embedding, run by the real runtime in both dialects, against their definitions. */
import { afterAll, describe, expect, it } from "vitest";
import { createNodeEngine } from "../runtime/node.ts";
import { createNoise } from "../tensor/noise.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { attention } from "./attention.ts";
import { type Dialect, Graph, type Site, type Value } from "./graph.ts";
import { rmsNorm, rotary } from "./transformer-ops.ts";

const engine = createNodeEngine({ threads: 1 });
afterAll(() => engine.dispose());

async function run(
  dialect: Dialect,
  inputs: Readonly<Record<string, Tensor>>,
  build: (at: Site, values: Readonly<Record<string, Value>>) => Value,
): Promise<Tensor> {
  const graph = new Graph("op", dialect);
  const values = Object.fromEntries(
    Object.entries(inputs).map(([name, { shape }]) => [name, graph.input(name, shape)]),
  );
  graph.output("y", build({ graph, path: "op" }, values));
  const session = await engine.createSession(graph.encode({ shapes: true }));
  const { y } = await session.run(inputs);
  await session.release();
  return y!;
}

const close = (actual: Tensor, expected: readonly number[]) => {
  expect(actual.data.length).toBe(expected.length);
  actual.data.forEach((value, i) => {
    expect(value, `value ${i}`).toBeCloseTo(expected[i]!, 4);
  });
};

describe.each(["fused", "plain"] as const)("in the %s dialect", (dialect) => {
  const noise = createNoise(3);

  it("RMSNorm divides by the root of the mean square, and not by a deviation", async () => {
    const [n, width, eps] = [3, 10, 0.01];
    const [x, weight] = [noise.randn([n, width]), noise.randn([width])];
    x.data.forEach((value, i) => {
      x.data[i] = value + 5;
    });
    const y = await run(dialect, { x, weight }, (at, v) => rmsNorm(at, v.x!, v.weight!, eps));
    const size = (row: number) => {
      const values = [...x.data.subarray(row * width, (row + 1) * width)];
      return Math.sqrt(values.reduce((sum, v) => sum + v * v, 0) / width + eps);
    };
    close(
      y,
      [...x.data].map((v, i) => (v / size(Math.floor(i / width))) * weight.data[i % width]!),
    );
  });

  it.each([
    [true, 1],
    [false, 3],
  ])("rotary turns pairs (neighbours: %s) of %s heads", async (interleaved, heads) => {
    const [n, width] = [4, 6];
    const half = width / 2;
    const x = noise.randn([n, heads * width]);
    const angle = (token: number, pair: number) => token * 0.7 ** pair + 0.1;
    const table = (of: (a: number) => number) => ({
      data: Float32Array.from({ length: n * half }, (_, i) => of(angle(Math.floor(i / half), i % half))),
      shape: [n, half],
    });
    const y = await run(dialect, { x, cos: table(Math.cos), sin: table(Math.sin) }, (at, v) =>
      rotary(at, v.x!, v.cos!, v.sin!, { width, interleaved }),
    );
    const expected = [...x.data].map((value, i) => {
      const token = Math.floor(i / (heads * width));
      const within = i % width;
      const [pair, second] = interleaved
        ? [Math.floor(within / 2), within % 2 === 1]
        : [within % half, within >= half];
      const other = x.data[i + (interleaved ? 1 : half) * (second ? -1 : 1)]!;
      const a = angle(token, pair);
      return value * Math.cos(a) + (second ? other : -other) * Math.sin(a);
    });
    close(y, expected);
  });

  it("attention sees neither what comes after a token nor padding, and padding sees the text", async () => {
    const [n, heads, width, used] = [6, 2, 8, 4];
    const [q, k, v] = [noise.randn([n, width]), noise.randn([n, width]), noise.randn([n, width])];
    const mask = { data: Int32Array.from({ length: n }, (_, i) => Number(i < used)), shape: [1, n] };
    const graph = new Graph("op", dialect);
    const at = { graph, path: "op" };
    const [a, b, c] = ["q", "k", "v"].map((name) => graph.input(name, [n, width]));
    const keyMask = graph.input("mask", [1, n], "int32");
    graph.output("y", attention(at, a!, b!, c!, { heads, causal: true, keyMask }));
    const session = await engine.createSession(graph.encode());
    const { y } = await session.run({ q, k, v, mask });
    await session.release();
    const d = width / heads;
    const expected = Array.from({ length: n * width }, (_, i) => {
      const [row, column] = [Math.floor(i / width), i % width];
      const head = Math.floor(column / d);
      const keys = Array.from({ length: Math.min(row + 1, used) }, (_, j) => j);
      const scores = keys.map((j) => {
        let sum = 0;
        for (let l = head * d; l < (head + 1) * d; l++)
          sum += q.data[row * width + l]! * k.data[j * width + l]!;
        return Math.exp(sum / Math.sqrt(d));
      });
      const total = scores.reduce((x, z) => x + z);
      return keys.reduce((sum, j) => sum + (scores[j]! / total) * v.data[j * width + column]!, 0);
    });
    close(y!, expected);
  });
});

it("what does not fit is refused", () => {
  const graph = new Graph("op");
  const at = { graph, path: "op" };
  const x = graph.input("x", [2, 6]);
  const table = graph.input("t", [2, 2]);
  expect(() => rotary(at, x, table, table, { width: 4, interleaved: true })).toThrow(/heads of 4/);
  expect(() => rotary(at, x, table, table, { width: 6, interleaved: true })).toThrow(/cosines/);
  expect(() => rmsNorm(at, x, graph.input("w", [5]), 1e-6)).toThrow(/RMSNorm's weight/);
});
