import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { createNoise } from "./noise.ts";

interface Case {
  readonly seed: string;
  readonly draws: readonly {
    readonly size: number;
    readonly first: readonly number[];
    readonly last: readonly number[];
    readonly bits: number;
  }[];
}

const file = new URL("../../tests/fixtures/parity/noise.json", import.meta.url);
const cases: readonly Case[] = JSON.parse(readFileSync(file, "utf8"));
const bitSum = (data: Float32Array): number =>
  new Uint32Array(data.buffer).reduce((sum, b) => (sum + b) >>> 0, 0);

describe("noise equals torch.randn of a CPU generator, bit for bit", () => {
  test.each(cases.map((item) => ({ ...item, sizes: item.draws.map(({ size }) => size).join(", ") })))(
    "seed $seed, draws of $sizes",
    ({ seed, draws }) => {
      const noise = createNoise(BigInt(seed));
      for (const { size, first, last, bits } of draws) {
        const { data } = noise.randn([size]);
        expect([...data.slice(0, 3)]).toEqual(first);
        expect([...data.slice(-3)]).toEqual(last);
        expect(bitSum(data)).toBe(bits);
      }
    },
  );
});

describe("noise source", () => {
  test("a number and a bigint of the same value are the same seed; shape does not change the values", () => {
    const flat = createNoise(7n).randn([4 * 8 * 8]);
    const shaped = createNoise(7).randn([4, 8, 8]);
    expect(shaped.shape).toEqual([4, 8, 8]);
    expect(shaped.data).toEqual(flat.data);
  });

  test("negative seeds are taken modulo 2^64, as torch takes them", () => {
    expect(createNoise(-1).randn([20]).data).toEqual(createNoise(2n ** 64n - 1n).randn([20]).data);
  });

  test("draws go on, and two sources do not disturb each other", () => {
    const [a, b] = [createNoise(3), createNoise(3)];
    const first = a.randn([16]);
    expect(a.randn([16]).data).not.toEqual(first.data);
    expect(b.randn([16]).data).toEqual(first.data);
  });

  test("the values are standard normal", () => {
    const { data } = createNoise(11).randn([100_000]);
    const mean = data.reduce((sum, v) => sum + v, 0) / data.length;
    const variance = data.reduce((sum, v) => sum + (v - mean) ** 2, 0) / data.length;
    expect(Math.abs(mean)).toBeLessThan(4 / Math.sqrt(data.length));
    expect(Math.abs(variance - 1)).toBeLessThan(4 * Math.sqrt(2 / data.length));
  });

  test.each([1.5, Number.NaN, 2 ** 53])("the seed %s is refused", (seed) => {
    expect(() => createNoise(seed)).toThrow(/A seed is an integer/);
  });
});
