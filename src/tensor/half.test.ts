import fc from "fast-check";
import { expect, it } from "vitest";
import { fromHalf, LARGEST_HALF, toHalf } from "./half.ts";

const rounded = (value: number) => fromHalf(toHalf(Float32Array.of(value)))[0]!;

it("gives back each of the 65536 values", () => {
  const bits = Uint16Array.from({ length: 1 << 16 }, (_, i) => i);
  const back = toHalf(fromHalf(bits));
  const differs = bits.filter((b, i) => b !== back[i] && !Number.isNaN(fromHalf(Uint16Array.of(b))[0]));
  expect([...differs]).toEqual([]);
  expect(rounded(Number.NaN)).toBeNaN();
});

it("rounds to the nearest, and to even in the middle", () => {
  const [one, next] = [1, 1 + 2 ** -10];
  expect(rounded(one + 2 ** -11)).toBe(one);
  expect(rounded(next + 2 ** -11)).toBe(1 + 2 ** -9);
  expect(rounded(one + 2 ** -11 + 2 ** -20)).toBe(next);
  expect(rounded(LARGEST_HALF + 15)).toBe(LARGEST_HALF);
  expect(rounded(LARGEST_HALF + 16)).toBe(Number.POSITIVE_INFINITY);
  expect(rounded(-1e9)).toBe(Number.NEGATIVE_INFINITY);
  expect(rounded(2 ** -25)).toBe(0);
  expect(rounded(3 * 2 ** -25)).toBe(2 ** -23);
});

it("is never further away than half of the last bit", () => {
  fc.assert(
    fc.property(fc.float({ min: -65504, max: 65504, noNaN: true }), (value) => {
      const bit = 2 ** Math.max(-24, Math.floor(Math.log2(Math.abs(value) || 1)) - 10);
      expect(Math.abs(rounded(value) - value)).toBeLessThanOrEqual(bit / 2);
    }),
  );
});
