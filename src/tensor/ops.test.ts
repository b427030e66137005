import { describe, expect, test } from "vitest";
import { createNoise } from "./noise.ts";
import { add, blend, clamp, combine, multiplyByMask, relativeError, rms, scale, sub } from "./ops.ts";
import { tensor } from "./tensor.ts";

const a = tensor([1, 2, 3, 4, 5, 6, 7, 8], [2, 2, 2]);
const b = tensor([8, 7, 6, 5, 4, 3, 2, 1], [2, 2, 2]);
const m = tensor([0, 0.25, 1, 0.5], [1, 2, 2]);
const values = (t: { data: Float32Array }): number[] => [...t.data];

describe("operations", () => {
  test("add, sub, scale", () => {
    expect(values(add(a, b))).toEqual([9, 9, 9, 9, 9, 9, 9, 9]);
    expect(values(sub(a, b))).toEqual([-7, -5, -3, -1, 1, 3, 5, 7]);
    expect(values(scale(a, -0.5))).toEqual([-0.5, -1, -1.5, -2, -2.5, -3, -3.5, -4]);
  });

  test("combine rounds once, in the end", () => {
    const [big, tiny] = [tensor([2 ** 24], [1]), tensor([1], [1])];
    expect(values(combine([1, big], [1, tiny], [1, tiny]))).toEqual([2 ** 24 + 2]); // 2^24 + 1 is no float32
  });

  test("combine leaves out terms of weight 0, whatever they hold, and is exact for one term of weight 1", () => {
    const bad = tensor([Number.NaN, Number.POSITIVE_INFINITY], [2]);
    const good = createNoise(1).randn([2]);
    expect(combine([0, bad], [1, good])).toEqual(good);
  });

  test("a mask covers every channel", () => {
    expect(values(multiplyByMask(a, m))).toEqual([0, 0.5, 3, 2, 0, 1.5, 7, 4]);
    expect(values(blend(m, a, b))).toEqual([8, 5.75, 3, 4.5, 4, 3.75, 7, 4.5]);
  });

  test("blend takes its sides bit for bit where the mask is 0 or 1", () => {
    const inside = tensor([-0, 0.1, Number.NaN, 1e-40], [1, 2, 2]);
    const outside = tensor([Number.NaN, -0, 3e38, 0.1], [1, 2, 2]);
    const result = blend(tensor([1, 0, 0, 1], [1, 2, 2]), inside, outside);
    expect(result.data).toEqual(Float32Array.of(-0, -0, 3e38, 1e-40));
  });

  test("clamp, rms, relativeError", () => {
    expect(values(clamp(tensor([-3, 0.5, 3], [3]), -1, 1))).toEqual([-1, 0.5, 1]);
    expect(rms(tensor([3, -4, 0, 0], [4]))).toBe(2.5);
    expect(relativeError(tensor([3, 4.5], [2]), tensor([3, 4], [2]))).toBeCloseTo(0.1, 12);
    expect(relativeError(tensor([0], [1]), tensor([0], [1]))).toBe(0);
    expect(relativeError(tensor([1], [1]), tensor([0], [1]))).toBe(Number.POSITIVE_INFINITY);
    expect(relativeError(tensor([Number.NaN], [1]), tensor([1], [1]))).toBeNaN();
  });

  test("shapes that do not fit are refused", () => {
    const wrong = tensor([1, 2, 3, 4], [4]);
    expect(() => add(a, wrong)).toThrow("[2,2,2] and [4]");
    expect(() => blend(wrong, a, b)).toThrow("mask [1, h, w]");
    expect(() => multiplyByMask(a, tensor([1, 1, 1, 1], [2, 2, 1]))).toThrow("mask [1, h, w]");
  });

  test("arguments are not changed", () => {
    const before = [values(a), values(b), values(m)];
    combine([2, a], [3, b]);
    blend(m, a, b);
    multiplyByMask(a, m);
    clamp(a, 0, 1);
    scale(a, 2);
    expect([values(a), values(b), values(m)]).toEqual(before);
  });
});
