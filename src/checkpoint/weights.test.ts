import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { writeSafetensors } from "./safetensors.ts";
import { folderSource } from "./source.node.ts";
import { openWeights } from "./weights.ts";

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "emilie-weights-"));
  mkdirSync(join(root, "unet"));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const open = () => openWeights(folderSource(root, "the checkpoint"), "unet", "model");
const file = (...names: readonly string[]) =>
  writeSafetensors(Object.fromEntries(names.map((n) => [n, { data: Float32Array.of(1), shape: [1] }])));
const put = (name: string, content: Uint8Array | string) => writeFileSync(join(root, "unet", name), content);
const index = (map: unknown) => JSON.stringify({ metadata: {}, weight_map: map });

it("finds one file, and leaves out buffers that are no weights", async () => {
  put("model.safetensors", file("a.weight", "text_model.embeddings.position_ids", "position_ids"));
  const { tensors, files } = await open();
  expect([...tensors.keys()]).toEqual(["a.weight"]);
  expect(files.map((f) => f.path)).toEqual(["unet/model.safetensors"]);
});

it("finds all shards of an index", async () => {
  put("model-00001-of-00002.safetensors", file("a"));
  put("model-00002-of-00002.safetensors", file("b", "c"));
  put(
    "model.safetensors.index.json",
    index({ a: "model-00001-of-00002.safetensors", b: "model-00002-of-00002.safetensors" }),
  );
  const { tensors } = await open();
  expect([...tensors].map(([name, t]) => [name, t.file])).toEqual([
    ["a", "unet/model-00001-of-00002.safetensors"],
    ["b", "unet/model-00002-of-00002.safetensors"],
    ["c", "unet/model-00002-of-00002.safetensors"],
  ]);
});

it("takes a half-precision variant only where there is nothing else", async () => {
  put("model.fp16.safetensors", file("half"));
  expect([...(await open()).tensors.keys()]).toEqual(["half"]);
  put("model.safetensors", file("full"));
  expect([...(await open()).tensors.keys()]).toEqual(["full"]);
});

it("follows symbolic links, as a hub cache has them", async () => {
  writeFileSync(join(root, "blob"), file("a"));
  symlinkSync(join(root, "blob"), join(root, "unet", "model.safetensors"));
  expect((await open()).tensors.size).toBe(1);
});

it("refuses pickles and says what to do", async () => {
  put("model.bin", "");
  await expect(open()).rejects.toMatchObject({
    code: "checkpoint.unsafe",
    message: expect.stringMatching(/model\.bin.*safe_serialization/),
  });
});

it("names the file that is missing", async () => {
  await expect(open()).rejects.toMatchObject({
    code: "checkpoint.missing",
    message: expect.stringContaining("unet/model.safetensors"),
  });
});

it("refuses an index that reaches out of its folder", async () => {
  for (const name of [
    "../../secret.safetensors",
    "/etc/x.safetensors",
    "a/b.safetensors",
    ".safetensors",
    "x.bin",
  ]) {
    put("model.safetensors.index.json", index({ a: name }));
    await expect(open(), name).rejects.toMatchObject({ code: "checkpoint.malformed" });
  }
});

it("refuses a tensor that is in two shards", async () => {
  put("x.safetensors", file("a"));
  put("y.safetensors", file("a"));
  put("model.safetensors.index.json", index({ a: "x.safetensors", b: "y.safetensors" }));
  await expect(open()).rejects.toThrow(/"a" is in unet\/x.safetensors and in unet\/y.safetensors/);
});
