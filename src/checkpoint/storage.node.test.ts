import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { LoadProgress, LoadWatch } from "./load-progress.ts";
import { safetensorsHeader, writeSafetensors } from "./safetensors.ts";
import { folderSource } from "./source.node.ts";
import { cacheFolder, mappedStorage } from "./storage.node.ts";
import type { PlacedWeights } from "./storage.ts";
import { openWeights } from "./weights.ts";

let root: string;
let cache: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "emilie-storage-"));
  cache = join(root, "cache");
  mkdirSync(join(root, "unet"));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

async function place(folder = cache, watch: LoadWatch = {}): Promise<PlacedWeights> {
  const source = folderSource(root);
  return mappedStorage(folder, watch).place(source, await openWeights(source, "unet", "model"));
}

/** Two fp16 tensors: a = [1, -2], b = [[0.5]] or what is given. */
function writeHalves(last = 0x3800): void {
  const header = safetensorsHeader([
    ["a", { type: "F16", shape: [2] }],
    ["b", { type: "F16", shape: [1, 1] }],
  ]);
  const data = new Uint8Array(Uint16Array.of(0x3c00, 0xc000, last).buffer);
  writeFileSync(join(root, "unet/model.safetensors"), Buffer.concat([header, data]));
}

async function values(weights: PlacedWeights, name: string): Promise<number[]> {
  const t = weights.tensors.get(name)!;
  const count = t.shape.reduce((a, b) => a * b, 1);
  const bytes = await folderSource(weights.root!).read(t.location, t.offset, 4 * count);
  return [...new Float32Array(bytes.slice().buffer)];
}

it("leaves fp32 weights where they are", async () => {
  const tensors = { a: { data: Float32Array.of(3, 4), shape: [2] } };
  writeFileSync(join(root, "unet/model.safetensors"), writeSafetensors(tensors));
  const weights = await place();
  expect(await values(weights, "a")).toEqual([3, 4]);
  expect(join(weights.root!, weights.tensors.get("a")!.location)).toBe(join(root, "unet/model.safetensors"));
  expect(readdirSync(root)).not.toContain("cache");
});

it("makes one fp32 copy of half-precision weights and uses it again", async () => {
  writeHalves();
  expect(await values(await place(), "a")).toEqual([1, -2]);
  const [name] = readdirSync(cache);
  const made = statSync(join(cache, name!));
  const again = await place();
  expect(await values(again, "b")).toEqual([0.5]);
  expect(readdirSync(cache)).toEqual([name]);
  expect(statSync(join(cache, name!)).ino).toBe(made.ino);
});

it("leaves half precision where it lies for a network that seldom runs", async () => {
  writeHalves();
  const source = folderSource(root);
  const table = await openWeights(source, "unet", "model");
  const placed = await mappedStorage(cache).place(source, table, undefined, undefined, false);
  expect(placed.tensors.get("b")).toMatchObject({ type: "F16", offset: table.tensors.get("b")!.offset });
  expect(existsSync(cache)).toBe(false);
});

it("makes the copy again when the checkpoint changed", async () => {
  writeHalves();
  await place();
  writeHalves(0x4000);
  utimesSync(join(root, "unet/model.safetensors"), 1e9, 1e9);
  expect(await values(await place(), "b")).toEqual([2]);
});

it.each(["damaged", "cut"])("says that a copy is %s, and makes it again", async (how) => {
  writeHalves();
  await place();
  const file = join(cache, readdirSync(cache)[0]!);
  if (how === "cut") truncateSync(file, statSync(file).size - 1);
  else writeFileSync(file, "damaged");
  const told: LoadProgress[] = [];
  expect(await values(await place(cache, { onProgress: (one) => told.push(one) }), "b")).toEqual([0.5]);
  expect(told[0]).toMatchObject({
    stage: "start",
    reason: expect.stringMatching(/^what was kept is damaged/),
  });
  expect(readdirSync(cache)).toHaveLength(1);
});

it("says what is made before, and how much of it on the way to the end", async () => {
  writeHalves();
  const told: LoadProgress[] = [];
  await place(cache, {
    onProgress(one) {
      if (one.stage === "start")
        expect(readdirSync(cache).every((name) => name.endsWith(".partial"))).toBe(true);
      told.push(one);
    },
  });
  const size = statSync(join(cache, readdirSync(cache)[0]!)).size;
  expect(told[0]).toMatchObject({ stage: "start", folder: cache, totalBytes: size });
  expect(told[0]!.what).toContain("fp32 copy");
  expect(told.at(-1)).toMatchObject({ stage: "done", bytes: size, secondsLeft: 0 });
  const bytes = told.map((one) => one.bytes);
  expect(bytes).toEqual([...bytes].sort((a, b) => a - b));
});

it("uses a temporary folder where the cache cannot be written, and removes it", async () => {
  writeHalves();
  writeFileSync(join(root, "file"), "");
  const weights = await place(join(root, "file", "cache"));
  expect(await values(weights, "a")).toEqual([1, -2]);
  await weights.release();
  await expect(values(weights, "a")).rejects.toMatchObject({ code: "checkpoint.missing" });
});

it("refuses weights that are not numbers and leaves no half-made copy", async () => {
  writeHalves(0x7e00);
  await expect(place()).rejects.toMatchObject({
    code: "checkpoint.malformed",
    message: expect.stringContaining('tensor "b" is NaN'),
  });
  expect(readdirSync(cache)).toEqual([]);
});

it("puts the cache where the user or the system wants it", () => {
  expect(cacheFolder({ EMILIE_CACHE: "/here", XDG_CACHE_HOME: "/there" })).toBe("/here");
  expect(cacheFolder({ XDG_CACHE_HOME: "/there" })).toBe(join("/there", "emilie"));
  expect(cacheFolder({})).toMatch(/emilie/);
});
