import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { isEmilieError } from "../errors.ts";
import { sizeOf } from "../tensor/tensor.ts";
import { parseSafetensorsHeader, readSafetensorsHeader, writeSafetensors } from "./safetensors.ts";
import { folderSource } from "./source.node.ts";

const bytesOf = (json: unknown) => new TextEncoder().encode(JSON.stringify(json));
const parse = (json: unknown, dataBytes: number) => {
  const header = bytesOf(json);
  return parseSafetensorsHeader(header, 8 + header.length + dataBytes, "x.safetensors");
};
const f32 = (shape: unknown, begin: number, end: number) => ({
  dtype: "F32",
  shape,
  data_offsets: [begin, end],
});

describe("a written file", () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "emilie-safetensors-"));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it("is read back with its names, shapes, bytes and notes", async () => {
    const a = { data: Float32Array.of(1, -2, 3.5, 4, 5, 6), shape: [2, 3] };
    const empty = { data: new Float32Array(), shape: [0, 7] };
    const scalar = { data: Float32Array.of(9), shape: [] };
    writeFileSync(join(folder, "a.safetensors"), writeSafetensors({ a, empty, scalar }, { note: "ü" }));
    const source = folderSource(folder);
    const { tensors, metadata } = await readSafetensorsHeader(source, "a.safetensors");
    expect([...tensors.keys()]).toEqual(["a", "empty", "scalar"]);
    expect(metadata).toEqual({ note: "ü" });
    const stored = tensors.get("a")!;
    expect(stored.shape).toEqual([2, 3]);
    const bytes = await source.read("a.safetensors", stored.offset, stored.length);
    expect(new Float32Array(bytes.slice().buffer)).toEqual(a.data);
    expect(tensors.get("scalar")!.offset).toBe(tensors.get("empty")!.offset);
  });

  it("is refused when it was cut short, when bytes were added, and when it is too small", async () => {
    const whole = writeSafetensors({ a: { data: Float32Array.of(1, 2), shape: [2] } });
    const source = folderSource(folder);
    const long = new Uint8Array(whole.length + 1);
    long.set(whole);
    const files = {
      short: whole.subarray(0, -1),
      long,
      header: whole.subarray(0, 20),
      none: new Uint8Array(3),
    };
    for (const [name, bytes] of Object.entries(files)) {
      writeFileSync(join(folder, name), bytes);
      await expect(readSafetensorsHeader(source, name), name).rejects.toMatchObject({
        code: "checkpoint.malformed",
      });
    }
  });

  it("is refused when its header claims a terabyte, before anything is allocated", async () => {
    const bytes = new Uint8Array(64);
    new DataView(bytes.buffer).setBigUint64(0, 1n << 40n, true);
    writeFileSync(join(folder, "huge"), bytes);
    await expect(readSafetensorsHeader(folderSource(folder), "huge")).rejects.toThrow(/claims 1099511627776/);
  });
});

describe("a hostile header", () => {
  it.each([
    ["overlapping tensors", { a: f32([2], 0, 8), b: f32([2], 4, 12) }, 12],
    ["a gap", { a: f32([1], 0, 4), b: f32([1], 8, 12) }, 12],
    ["a tensor beyond the end", { a: f32([4], 0, 16) }, 8],
    ["two tensors on the same bytes", { a: f32([2], 0, 8), b: f32([2], 0, 8) }, 8],
    ["a shape that overflows", { a: f32([2 ** 40, 2 ** 40], 0, 4) }, 4],
    ["a negative size", { a: f32([-1], 0, 4) }, 4],
    ["a fractional size", { a: f32([0.5, 2], 0, 4) }, 4],
    ["nine axes", { a: f32([1, 1, 1, 1, 1, 1, 1, 1, 1], 0, 4) }, 4],
    ["offsets that run backwards", { a: f32([1], 4, 0) }, 4],
    ["bytes that do not fit the shape", { a: f32([3], 0, 8) }, 8],
    ["an unknown dtype", { a: { ...f32([1], 0, 4), dtype: "constructor" } }, 4],
    ["no shape", { a: { dtype: "F32", data_offsets: [0, 4] } }, 4],
    ["a side of 2⁶³", { a: f32([2 ** 63], 0, 4) }, 4],
    ["sides whose product wraps around to the right size", { a: f32([2 ** 32, 2 ** 32, 1], 0, 0) }, 0],
    ["a dtype that is wider than its bytes", { a: { ...f32([2], 0, 8), dtype: "F64" } }, 8],
    ["a dtype that is narrower than its bytes", { a: { ...f32([2], 0, 8), dtype: "F16" } }, 8],
    ["offsets beyond what a number can hold", { a: f32([1], 2 ** 63, 2 ** 63 + 4096) }, 4],
    ["offsets as strings", { a: { ...f32([1], 0, 4), data_offsets: ["0", "4"] } }, 4],
    ["a third offset", { a: { ...f32([1], 0, 4), data_offsets: [0, 4, 8] } }, 4],
    ["metadata that is no map of strings", { __metadata__: { a: 1 } }, 0],
    ["a list", [], 0],
    ["null", null, 0],
  ])("with %s is refused", (_, json, dataBytes) => {
    expect(() => parse(json, dataBytes)).toThrow(
      expect.objectContaining({
        code: "checkpoint.malformed",
        message: expect.stringContaining("x.safetensors"),
      }),
    );
  });

  it.each([
    ["a side of 2⁶³ − 1", '{"a":{"dtype":"F32","shape":[9223372036854775807],"data_offsets":[0,4]}}'],
    [
      "offsets of 2⁶⁴",
      '{"a":{"dtype":"F32","shape":[1],"data_offsets":[18446744073709551612,18446744073709551616]}}',
    ],
    ["a size that is not a number", '{"a":{"dtype":"F32","shape":[1e999],"data_offsets":[0,4]}}'],
    ["deep nesting", `{"a":${"[".repeat(20_000)}${"]".repeat(20_000)}}`],
    ["no end", '{"a":'],
  ])("with %s, as text, is refused", (_, text) => {
    const header = new TextEncoder().encode(text);
    expect(() => parseSafetensorsHeader(header, 8 + header.length + 4, "x.safetensors")).toThrow(
      expect.objectContaining({ code: "checkpoint.malformed" }),
    );
  });

  it("of random bytes is refused with the package's own error", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(1000), (bytes, extra) => {
        const found = attempt(() => parseSafetensorsHeader(bytes, 8 + bytes.length + extra, "x"));
        expect(found === null || found.tensors.size === 0).toBe(true);
      }),
    );
  });

  it("of any JSON is refused, or describes tensors that lie in the file one after the other", () => {
    const side = fc.oneof(fc.nat(5), fc.double(), fc.maxSafeInteger());
    const entry = fc.record(
      {
        dtype: fc.oneof(fc.constantFrom("F32", "F16", "I64", "BOOL", "F4"), fc.string()),
        shape: fc.oneof(fc.array(side, { maxLength: 4 }), fc.anything()),
        data_offsets: fc.oneof(fc.tuple(side, side), fc.anything()),
      },
      { requiredKeys: [] },
    );
    const header = fc.dictionary(fc.oneof(fc.string(), fc.constantFrom("__proto__", "__metadata__")), entry);
    fc.assert(
      fc.property(header, fc.nat(64), (json, dataBytes) => {
        const bytes = bytesOf(json);
        const size = 8 + bytes.length + dataBytes;
        const found = attempt(() => parseSafetensorsHeader(bytes, size, "x"));
        if (!found) return;
        let position = 8 + bytes.length;
        const inOrder = [...found.tensors.values()].sort(
          (a, b) => a.offset - b.offset || a.length - b.length,
        );
        for (const t of inOrder) {
          expect(t.offset).toBe(position);
          expect(t.length % Math.max(1, sizeOf(t.shape))).toBe(0);
          position += t.length;
        }
        expect(position).toBe(size);
      }),
    );
  });
});

describe("a file that something happened to", () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "emilie-damaged-"));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const whole = writeSafetensors({
    a: { data: Float32Array.of(1, 2, 3, 4, 5, 6), shape: [2, 3] },
    b: { data: Float32Array.of(7, 8), shape: [2] },
  });
  const read = async (bytes: Uint8Array) => {
    writeFileSync(join(folder, "x"), bytes);
    try {
      return (await readSafetensorsHeader(folderSource(folder), "x")).tensors;
    } catch (error) {
      if (isEmilieError(error) && error.code === "checkpoint.malformed") return null;
      throw error;
    }
  };

  it("is refused wherever it is cut, and with any header length but its own", async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(whole.length - 1), async (length) => {
        expect(await read(whole.slice(0, length))).toBeNull();
      }),
      { numRuns: 60 },
    );
    const own = new DataView(whole.buffer).getBigUint64(0, true);
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.bigInt(0n, 2n ** 64n - 1n), fc.bigInt(0n, 300n)), async (length) => {
        fc.pre(length !== own);
        const bytes = whole.slice();
        new DataView(bytes.buffer).setBigUint64(0, length, true);
        expect(await read(bytes)).toBeNull();
      }),
      { numRuns: 100 },
    );
  });

  it("with changed bytes is refused, or still describes tensors inside the file that do not overlap", async () => {
    const change = fc.tuple(fc.nat(whole.length - 1), fc.nat(255));
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 4 }), async (changes) => {
        const bytes = whole.slice();
        for (const [position, value] of changes) bytes[position] = value;
        const tensors = await read(bytes);
        if (!tensors) return;
        let end = 0;
        for (const { offset, length } of [...tensors.values()].sort((a, b) => a.offset - b.offset)) {
          expect(offset).toBeGreaterThanOrEqual(end);
          end = offset + length;
        }
        expect(end).toBeLessThanOrEqual(whole.length);
      }),
      { numRuns: 200 },
    );
  });
});

/** The result, or null for a refusal; anything but an EmilieError fails the test. */
function attempt<T>(work: () => T): T | null {
  try {
    return work();
  } catch (error) {
    if (isEmilieError(error) && error.code === "checkpoint.malformed") return null;
    throw error;
  }
}
