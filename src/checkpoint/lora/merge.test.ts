/** Merged weights in memory and in a file are the same numbers, and both are what the formula says. */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, expect, it } from "vitest";
import { OWNER, ownerOf } from "../../util/process-identity.node.ts";
import { writeSafetensors } from "../safetensors.ts";
import { folderSource } from "../source.node.ts";
import { mappedStorage } from "../storage.node.ts";
import { fetchedStorage } from "../storage.web.ts";
import { openWeights } from "../weights.ts";
import type { Addition } from "./additions.ts";
import { type LoraFile, readLora } from "./read.ts";

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "emilie-merge-"));
  mkdirSync(join(root, "unet"));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const additionsOf = async (lora: LoraFile): Promise<Addition[]> =>
  (await readLora(lora)).changes.map((change) => ({ ...change, onto: "plain" }));

const numbers = (length: number) =>
  fc.array(fc.float({ noNaN: true, noDefaultInfinity: true, min: -8, max: 8 }), {
    minLength: length,
    maxLength: length,
  });

it("W + w·(alpha/r)·B·A, for matrices and kernels of any size", async () => {
  const sizes = fc.record({
    out: fc.integer({ min: 1, max: 4 }),
    inner: fc.integer({ min: 1, max: 4 }),
    kernel: fc.constantFrom(0, 1, 3),
    rank: fc.integer({ min: 1, max: 3 }),
    alpha: fc.constantFrom(0.5, 1, 4),
    weight: fc.constantFrom(-1, 0.3, 1),
  });
  await fc.assert(
    fc.asyncProperty(sizes, fc.infiniteStream(numbers(64)), async (s, stream) => {
      const tail = s.kernel > 0 ? [s.kernel, s.kernel] : [];
      const depth = s.inner * Math.max(1, s.kernel ** 2);
      const take = (shape: readonly number[]) => {
        const size = shape.reduce((a, b) => a * b, 1);
        const data = Float32Array.from({ length: size });
        for (let i = 0; i < size; i += 64) data.set([...stream.next().value].slice(0, size - i), i);
        return { data, shape };
      };
      const [w, a] = [take([s.out, s.inner, ...tail]), take([s.rank, s.inner, ...tail])];
      const b = take([s.out, s.rank, ...tail.map(() => 1)]);
      writeFileSync(
        join(root, "unet/model.safetensors"),
        writeSafetensors({ "x.weight": w, other: take([2]) }),
      );
      const key = "lora_unet_x";
      const alpha = { data: Float32Array.of(s.alpha), shape: [] };
      const made = { [`${key}.lora_down.weight`]: a, [`${key}.lora_up.weight`]: b, [`${key}.alpha`]: alpha };
      writeFileSync(join(root, "lora.safetensors"), writeSafetensors(made));

      const source = folderSource(root);
      const table = await openWeights(source, "unet", "model");
      const lora = { source, path: "lora.safetensors", weight: s.weight };
      const additions = new Map([["x.weight", await additionsOf(lora)]]);
      const inMemory = await fetchedStorage().place(source, table, additions);
      const { location } = inMemory.tensors.get("x.weight")!;
      const own = inMemory.files.find((one) => one.location === location);
      const bytes = (await own!.load!()) as Uint8Array;
      const values = new Float32Array(bytes.slice().buffer);
      const expected = w.data.map((value, i) => {
        const [row, column] = [Math.floor(i / depth), i % depth];
        let sum = 0;
        for (let r = 0; r < s.rank; r++) sum += b.data[row * s.rank + r]! * a.data[r * depth + column]!;
        return value + s.weight * (s.alpha / s.rank) * sum;
      });
      for (const [i, value] of values.entries()) expect(value).toBeCloseTo(expected[i]!, 3);

      const cache = join(root, "cache");
      const inFile = await mappedStorage(cache).place(source, table, additions);
      const placed = inFile.tensors.get("x.weight")!;
      const file = readFileSync(join(inFile.root!, placed.location));
      expect(
        new Float32Array(
          file.buffer.slice(file.byteOffset + placed.offset, file.byteOffset + placed.offset + bytes.length),
        ),
      ).toEqual(values);
      expect(inFile.tensors.get("other")!.location).toMatch(/unet.model\.safetensors$/);
      await inFile.release();
      expect(readdirSync(cache)).toEqual([]);
    }),
    { numRuns: 25 },
  );
});

it("what a killed process has left is removed by the next", async () => {
  const w = { data: Float32Array.of(1), shape: [1, 1] };
  writeFileSync(join(root, "unet/model.safetensors"), writeSafetensors({ "x.weight": w }));
  writeFileSync(
    join(root, "lora.safetensors"),
    writeSafetensors({ "unet.x.lora_A.weight": w, "unet.x.lora_B.weight": w }),
  );
  const left = join(root, `cache/merged-${ownerOf(4_194_305)}-abcdef`); // beyond the largest process id there is
  mkdirSync(left, { recursive: true });
  const source = folderSource(root);
  const additions = await additionsOf({ source, path: "lora.safetensors", weight: 1 });
  const table = await openWeights(source, "unet", "model");
  const placed = await mappedStorage(join(root, "cache")).place(
    source,
    table,
    new Map([["x.weight", additions]]),
  );
  expect(existsSync(left)).toBe(false);
  expect(readdirSync(join(root, "cache"))).toEqual([expect.stringMatching(`^merged-${OWNER}-`)]);
  await placed.release();
});
