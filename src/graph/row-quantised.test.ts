/** Products of rounded numbers, run by the real runtime, against the same in double precision. */
import { afterAll, describe, expect, it } from "vitest";
import { type Derivation, derive, INT4_BLOCK, specsOf } from "../checkpoint/derived.ts";
import { createNodeEngine } from "../runtime/node.ts";
import { hadamardBlock, hadamardInPlace, hadamardMatrix } from "../tensor/hadamard.ts";
import { createNoise } from "../tensor/noise.ts";
import { type Tensor, tensor } from "../tensor/tensor.ts";
import { Graph, type Site, type Value } from "./graph.ts";
import { quantise, quantisedMatmul } from "./quantised.ts";
import {
  hadamard,
  int4Matmul,
  multipliedOutMatmul,
  quantiseRows,
  rowQuantisedMatmul,
} from "./row-quantised.ts";

const engine = createNodeEngine({ threads: 1 });
afterAll(() => engine.dispose());

const [ROWS, OUT] = [24, 48];

async function run(x: Tensor, build: (at: Site, x: Value) => Value): Promise<Tensor> {
  const graph = new Graph("op");
  graph.output("y", build({ graph, path: "op" }, graph.input("x", x.shape)));
  const session = await engine.createSession(graph.encode());
  const { y } = await session.run({ x });
  await session.release();
  return y!;
}

/** Weights as derived.ts makes them of `weight` [out, in], as constants of a graph. */
function derived(at: Site, kind: Derivation["kind"], weight: Tensor): Value[] {
  const derivation = { kind, from: "w", shape: weight.shape };
  const specs = specsOf(derivation);
  return derive(derivation, weight.data.slice()).map((values, i) => {
    const { shape, type } = specs[i]!;
    if (type === "F32") return at.graph.constant(values as Float32Array, shape);
    return at.graph.bytes([...values], type === "I8" ? "int8" : "uint8", shape);
  });
}

/** The largest and the mean relative error of a row of x·wᵀ. */
function errors(y: Tensor, x: Tensor, w: Tensor): { worst: number; whole: number } {
  const [m = 0, k = 0] = x.shape;
  const n = w.shape[0]!;
  let [worst, allWrong, all] = [0, 0, 0];
  for (let i = 0; i < m; i++) {
    let [wrong, size] = [0, 0];
    for (let j = 0; j < n; j++) {
      let exact = 0;
      for (let l = 0; l < k; l++) exact += x.data[i * k + l]! * w.data[j * k + l]!;
      wrong += (y.data[i * n + j]! - exact) ** 2;
      size += exact ** 2;
    }
    worst = Math.max(worst, size === 0 ? wrong : Math.sqrt(wrong / size));
    allWrong += wrong;
    all += size;
  }
  return { worst, whole: Math.sqrt(allWrong / all) };
}

/** Activations of several kinds of tail; `massive` multiplies single channels of single rows, and a whole row. */
function activations(kind: "normal" | "student" | "massive", width: number, seed: number): Tensor {
  const noise = createNoise(seed);
  const x = noise.randn([ROWS, width]);
  if (kind === "student") {
    // Student's t with three degrees of freedom.
    const squares = [0, 1, 2].map(() => noise.randn([ROWS, width]).data);
    x.data.forEach((value, i) => {
      x.data[i] = value / Math.sqrt(squares.reduce((sum, s) => sum + s[i]! ** 2, 0) / 3);
    });
  }
  if (kind === "massive") {
    for (const [row, channel, factor] of [
      [0, 5, 3000],
      [0, 77, -900],
      [3, 5, 50],
      [9, 40, 8],
    ] as const)
      x.data[row * width + (channel % width)]! *= factor;
    for (let i = 0; i < width; i++) x.data[6 * width + i]! *= 500;
  }
  return x;
}

const product = (kind: "int8" | "int8-rotated", w: Tensor) => (at: Site, x: Value) => {
  const [weight, scales] = derived(at, kind, w);
  const input = kind === "int8" ? x : hadamard(at, x, hadamardBlock(x.shape[1]!));
  return rowQuantisedMatmul(at, quantiseRows(at, input), weight!, scales!);
};

describe("a product in eight bits, a scale for each row", () => {
  it.each([96, 256, 640, 1280])("of width %s is as exact as eight bits are", async (width) => {
    const w = createNoise(width).randn([OUT, width]);
    const x = activations("normal", width, 1);
    const { worst } = errors(await run(x, product("int8", w)), x, w);
    expect(worst).toBeLessThan(0.02);
  });

  it("does not let one large row spoil the others, as one scale for all does", async () => {
    const width = 512;
    const w = createNoise(3).randn([OUT, width]);
    const x = activations("normal", width, 2);
    for (let i = 0; i < width; i++) x.data[6 * width + i]! *= 500;
    const together = await run(x, (at, v) => {
      const [weight, scales] = derived(at, "int8", w);
      return quantisedMatmul(at, quantise(at, v), weight!, scales!, null);
    });
    expect(errors(together, x, w).worst).toBeGreaterThan(0.5);
    expect(errors(await run(x, product("int8", w)), x, w).worst).toBeLessThan(0.02);
  });

  it.each([96, 640])("of width %s with weights multiplied out rounds nothing but them", async (width) => {
    const w = createNoise(width).randn([OUT, width]);
    const x = activations("massive", width, 1);
    const bias = createNoise(6).randn([OUT]);
    const y = await run(x, (at, v) => {
      const [weight, scales] = derived(at, "int8-rotated", w);
      const input = hadamard(at, v, hadamardBlock(width));
      return multipliedOutMatmul(at, input, weight!, scales!, at.graph.constant(bias.data, [OUT]));
    });
    y.data.forEach((value, i) => {
      y.data[i] = value - bias.data[i % OUT]!;
    });
    // A weight is off by a 254th of its output's largest at most.
    expect(errors(y, x, w).worst).toBeLessThan(0.015);
  });

  it("adds a bias, and takes rows of zeros", async () => {
    const w = createNoise(5).randn([OUT, 64]);
    const x = activations("normal", 64, 3);
    x.data.fill(0, 64, 128);
    const bias = createNoise(6).randn([OUT]);
    const y = await run(x, (at, v) => {
      const [weight, scales] = derived(at, "int8", w);
      return rowQuantisedMatmul(
        at,
        quantiseRows(at, v),
        weight!,
        scales!,
        at.graph.constant(bias.data, [OUT]),
      );
    });
    expect([...y.data.subarray(OUT, 2 * OUT)]).toEqual([...bias.data]);
    y.data.forEach((value, i) => {
      y.data[i] = value - bias.data[i % OUT]!;
    });
    expect(errors(y, x, w).worst).toBeLessThan(0.02);
  });

  it.each([
    ["student", 1280],
    ["student", 2560],
    ["massive", 640],
    ["massive", 2560],
  ] as const)("rotated, is off by at most three hundredths on %s tails of width %s", async (kind, width) => {
    const w = createNoise(7).randn([OUT, width]);
    for (const seed of [11, 12, 13]) {
      const x = activations(kind, width, seed);
      const rotated = errors(await run(x, product("int8-rotated", w)), x, w);
      expect(rotated.worst).toBeLessThan(0.03);
      const plain = errors(await run(x, product("int8", w)), x, w);
      expect(plain.worst).toBeGreaterThan(rotated.worst);
    }
  });
});

describe("a product with weights of four bits", () => {
  it.each([INT4_BLOCK / 2, INT4_BLOCK, 160, 640])(
    "of width %s is as exact as four bits are",
    async (width) => {
      const w = createNoise(width).randn([OUT, width]);
      const x = activations("massive", width, 1);
      const bias = createNoise(2).randn([OUT]);
      const y = await run(x, (at, v) => {
        const [weight, scales] = derived(at, "int4", w);
        return int4Matmul(at, v, weight!, scales!, at.graph.constant(bias.data, [OUT]));
      });
      y.data.forEach((value, i) => {
        y.data[i] = value - bias.data[i % OUT]!;
      });
      const { whole, worst } = errors(y, x, w);
      expect(whole).toBeLessThan(0.15);
      expect(worst).toBeLessThan(0.3);
    },
  );

  it("has weights of zeros, and blocks that are not full", () => {
    const shape = [2, INT4_BLOCK + 2];
    const weight = new Float32Array(2 * shape[1]!);
    weight.set([-8, 7, 1, 0], 0);
    const [values, scales] = derive({ kind: "int4", from: "w", shape }, weight);
    expect([...scales!]).toEqual([1, 0, 0, 0].map((v) => expect.closeTo(v)));
    expect([...values!.slice(0, 3)]).toEqual([0xf0, 0x89, 0x88]);
    expect(values!.length).toBe((2 * 2 * INT4_BLOCK) / 2);
    expect(new Set(values!.slice(3))).toEqual(new Set([0x88]));
  });
});

describe("the Hadamard transform", () => {
  it.each([1, 2, 8, 128])("of %s values is its own inverse, and a product with the matrix", (size) => {
    const x = createNoise(1).randn([3 * size]);
    const once = x.data.slice();
    hadamardInPlace(once, size);
    const matrix = hadamardMatrix(size);
    const by = (i: number) =>
      Array.from(
        { length: size },
        (_, j) => x.data[Math.floor(i / size) * size + j]! * matrix[(i % size) * size + j]!,
      );
    const expected = [...once.keys()].map((i) =>
      expect.closeTo(
        by(i).reduce((a, b) => a + b),
        5,
      ),
    );
    expect([...once]).toEqual(expected);
    hadamardInPlace(once, size);
    expect([...once]).toEqual([...x.data].map((value) => expect.closeTo(value, 5)));
  });

  it.each([
    [2560, 128],
    [9728, 128],
    [96, 32],
    [35, 1],
  ])("takes blocks of the largest power of two: %s", (width, block) => {
    expect(hadamardBlock(width)).toBe(block);
  });

  it("refuses rows that are no whole number of blocks", () => {
    const graph = new Graph("op");
    const at = { graph, path: "op" };
    expect(() => hadamard(at, graph.input("x", [2, 12]), 8)).toThrow(/12 values.*blocks of 8/);
    expect(() =>
      rowQuantisedMatmul(
        at,
        quantiseRows(at, graph.input("y", tensor([1, 2], [1, 2]).shape)),
        graph.input("w", [3, 4], "int8"),
        graph.input("s", [4]),
      ),
    ).toThrow(/2 and 3/);
  });
});
