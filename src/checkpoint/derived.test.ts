import { expect, it } from "vitest";
import { derive, specsOf } from "./derived.ts";

it("rounds every output by its own largest weight, in the order (ky, kx, in)", () => {
  // [out 3, in 2, 1×2]; the last output is zeros alone.
  const weight = Float32Array.of(1, -4, 2, 3, 0.1, 0.2, -0.3, 0.05, 0, 0, 0, 0);
  const derivation = { kind: "int8", from: "w", shape: [3, 2, 1, 2] } as const;
  const [values, scales] = derive(derivation, weight);
  expect([...scales!]).toEqual([Math.fround(4 / 127), Math.fround(Math.fround(0.3) / 127), 1]);
  expect([...values!]).toEqual([32, 42, 0, 64, -127, 0, -127, 85, 0, 95, 21, 0]);
  expect(specsOf(derivation)).toEqual([
    { name: "w.int8", type: "I8", shape: [4, 3] },
    { name: "w.int8.scale", type: "F32", shape: [3] },
  ]);
  const part = { ...derivation, rows: [1, 3] as const };
  const [some, own] = derive(part, weight);
  expect([...own!]).toEqual([...scales!.slice(1)]);
  expect([...some!]).toEqual([42, 0, -127, 0, 85, 0, 21, 0]);
  expect(specsOf(part)[0]).toEqual({ name: "w[1:3].int8", type: "I8", shape: [4, 2] });
});

it("gives Winograd's products the corners and the sum of a kernel where G has them", () => {
  const kernel = Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9);
  const shape = [1, 1, 3, 3];
  const two = derive({ kind: "winograd2", from: "w", shape }, kernel).map(([value]) => value);
  expect(two.length).toBe(16);
  expect([two[0], two[3], two[12], two[15]]).toEqual([1, 3, 7, 9]);
  expect(two[5]).toBe(45 / 4);
  const four = derive({ kind: "winograd4", from: "w", shape }, kernel).map(([value]) => value);
  expect(specsOf({ kind: "winograd4", from: "w", shape }).length).toBe(four.length);
  expect([four[0], four[35]]).toEqual([1 / 16, 9]);
  expect(four[7]).toBeCloseTo(45 / 36, 6);
});
