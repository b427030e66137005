import fc from "fast-check";
import { expect, it } from "vitest";
import { readFloat32, readRows, toFloat32 } from "./convert.ts";
import type { WeightRef } from "./weights.ts";

const bytesOf = (...bits: readonly number[]) => new Uint8Array(Uint16Array.from(bits).buffer);

it("reads fp16 exactly", () => {
  const bits = [0x0000, 0x8000, 0x3c00, 0xc000, 0x7bff, 0x0001, 0x03ff, 0x0400, 0x3555, 0xfbff];
  expect([...toFloat32("F16", bytesOf(...bits))]).toEqual([
    0,
    -0,
    1,
    -2,
    65504,
    2 ** -24,
    1023 * 2 ** -24,
    2 ** -14,
    0.333251953125,
    -65504,
  ]);
});

it("reads every finite fp16 as the value it stands for, in order", () => {
  fc.assert(
    fc.property(fc.nat(0x7bfe), (bits) => {
      const [low, high, minus] = toFloat32("F16", bytesOf(bits, bits + 1, bits | 0x8000));
      expect(high!).toBeGreaterThan(low!);
      expect(minus).toBe(-low!);
    }),
  );
});

it("reads bf16 as the upper half of a float32", () => {
  fc.assert(
    fc.property(fc.nat(0xffff), (bits) => {
      const expected = new DataView(new ArrayBuffer(4));
      expected.setUint16(0, bits);
      expect(toFloat32("BF16", bytesOf(bits))[0]).toBe(expected.getFloat32(0));
    }),
  );
});

it("reads from any byte offset", () => {
  const odd = new Uint8Array([9, ...bytesOf(0x3c00)]).subarray(1);
  expect([...toFloat32("F16", odd)]).toEqual([1]);
});

const ref = (type: WeightRef["type"], length: number, size: number): WeightRef => ({
  file: "unet/model.safetensors",
  type,
  shape: [size],
  offset: 0,
  length,
});
const reading = (bytes: Uint8Array) => ({
  read: async (_: string, offset: number, length: number) => bytes.subarray(offset, offset + length),
});
async function drain(parts: AsyncIterable<Float32Array>): Promise<number[]> {
  const values: number[] = [];
  for await (const part of parts) values.push(...part);
  return values;
}

it.each([
  ["NaN", 0x7e00],
  ["Infinity", 0x7c00],
  ["-Infinity", 0xfc00],
])("refuses %s, naming tensor and position", async (name, bits) => {
  const bytes = bytesOf(0x3c00, 0x3c00, bits);
  await expect(drain(readFloat32(reading(bytes), "mid.weight", ref("F16", 6, 3)))).rejects.toMatchObject({
    code: "checkpoint.malformed",
    message: expect.stringMatching(new RegExp(`value 2 of tensor "mid.weight" is ${name}`)),
  });
});

it("refuses integers", async () => {
  await expect(
    drain(readFloat32(reading(new Uint8Array(8)), "count", ref("I64", 8, 1))),
  ).rejects.toMatchObject({
    code: "checkpoint.unsupported",
    message: expect.stringContaining('"count" is stored as I64'),
  });
});

it("reads rows of a matrix, each once", async () => {
  const matrix = Float32Array.from({ length: 12 }, (_, i) => i);
  const bytes = new Uint8Array(matrix.buffer);
  const read: number[] = [];
  const source = {
    read: async (_: string, offset: number, length: number) => {
      read.push(offset);
      return bytes.slice(offset, offset + length);
    },
  };
  const table = { file: "f", type: "F32", shape: [4, 3], offset: 0, length: 48 } as const;
  const rows = await readRows(source, "table", table, Int32Array.of(2, 0, 2));
  expect(rows).toEqual({ data: Float32Array.of(6, 7, 8, 0, 1, 2, 6, 7, 8), shape: [3, 3] });
  expect(read).toEqual([24, 0]);
  matrix[4] = Number.NaN;
  await expect(readRows(source, "table", table, Int32Array.of(1))).rejects.toThrow(/"table\[1\]" is NaN/);
});
