/** What a page keeps of a checkpoint: fetched by ranges from a real server, interrupted, gone on with, replaced; and read from the browser's storage. */
import { afterEach, beforeEach, expect, inject, it } from "vitest";
import { openKeptFolder } from "../../src/checkpoint/kept-folder.web.ts";
import { keptSource } from "../../src/checkpoint/kept-source.web.ts";
import { keptStorage } from "../../src/checkpoint/kept-storage.web.ts";
import type { LoadProgress } from "../../src/checkpoint/load-progress.ts";
import { webSource } from "../../src/checkpoint/source.web.ts";
import { openWeights } from "../../src/checkpoint/weights.ts";
import { keptModels, loadModel, removeKeptModel } from "../../src/web.ts";
import type { Asked, Behaviour } from "../support/range-server.ts";
import { LARGE_NAMES, largeTensor } from "./large-tensors.ts";

const server = inject("checkpoints");
/** Whose server does as it is told (tests/support/range-server.ts). */
const checkpoint = `${server}told/mobile/checkpoint`;
const large = `${server}told/large/`;
const WEIGHTS = /\.safetensors$/;
const MEGABYTE = 1 << 20;

const behave = (behaviour: Behaviour) =>
  fetch(`${server}-/behave`, { method: "POST", body: JSON.stringify(behaviour) });
const asked = async () => (await (await fetch(`${server}-/asked`)).json()) as Asked[];
const weightsSent = (all: readonly Asked[]) => all.filter(({ path, to }) => WEIGHTS.test(path) && to > 0);

/** Bytes that were sent, and those among them that had been sent before. */
function sent(all: readonly Asked[]): { bytes: number; again: number } {
  let [bytes, again] = [0, 0];
  const before: Asked[] = [];
  for (const one of all) {
    bytes += one.to - one.from;
    for (const other of before) {
      const common = Math.min(one.to, other.to) - Math.max(one.from, other.from);
      if (one.path === other.path && common > 0) again += common;
    }
    before.push(one);
  }
  return { bytes, again };
}

beforeEach(async () => {
  await behave({ ranges: true, cutAfter: null, edition: "" });
  for (const address of [checkpoint, large]) await removeKeptModel(address);
  await asked();
});
afterEach(() => behave({ ranges: true, cutAfter: null, edition: "" }));

/** Five tensors of ten megabytes, of which each is a part. */
async function placeLarge(
  options: { signal?: AbortSignal; onProgress?: (progress: LoadProgress) => void } = {},
) {
  const remote = webSource(large);
  const folder = await openKeptFolder(large);
  const source = await keptSource(remote, folder, options);
  const table = await openWeights(source, "unet", "model");
  return keptStorage(remote, folder, options).place(source, table);
}

it("a model is fetched once: the next visit asks whether its files are still the same, and for nothing else", async () => {
  const seen: LoadProgress[] = [];
  const first = await loadModel(checkpoint, {
    precision: "int4",
    onProgress: (progress) => seen.push(progress),
  });
  const once = await asked();
  // The samples of the fingerprint, of three files.
  expect(sent(weightsSent(once)).again).toBeLessThanOrEqual(3 * 4 * 4096);
  expect(new Set(seen.map(({ what }) => what.replace(/^.*'s /, "")))).toEqual(
    new Set(["unet", "vae", "vision tower", "language model", "embeddings"]),
  );
  const ends = seen.filter(({ stage }) => stage === "done");
  expect(ends.every(({ bytes, totalBytes }) => bytes === totalBytes)).toBe(true);
  await first.dispose();

  const second = await loadModel(checkpoint, { precision: "int4" });
  const encoded = await second.encodeText("make it winter", {
    c: { data: new Float32Array(256), shape: [4, 8, 8] },
  });
  expect(encoded.hidden.data.every(Number.isFinite)).toBe(true);
  expect((await asked()).filter(({ method }) => method !== "HEAD")).toEqual([]);
  expect(second.fingerprint).toBe(first.fingerprint);
  await second.dispose();
});

it("a model that is kept needs no network", async () => {
  await (await loadModel(checkpoint, { precision: "int8" })).dispose();
  await behave({ cutAfter: 0 });
  const model = await loadModel(checkpoint, { precision: "int8" });
  const c = await model.encodeImage({ data: new Float32Array(3 * 64 * 64), shape: [3, 64, 64] });
  const text = await model.encodeText("make it winter", { c });
  const [velocity] = await model.denoise([{ z: c, c, text }], 500);
  expect(velocity!.data.every(Number.isFinite)).toBe(true);
  await model.dispose();
});

it("what was interrupted goes on where it was, and keeps what had arrived", async () => {
  await behave({ cutAfter: 25 * MEGABYTE });
  await expect(placeLarge()).rejects.toMatchObject({
    code: "io.failed",
    message: expect.stringMatching(/connection was lost|could not be fetched/),
  });
  await behave({ cutAfter: null });
  const seen: LoadProgress[] = [];
  const placed = await placeLarge({ onProgress: (progress) => seen.push(progress) });
  // Two parts had arrived; of the third, half.
  expect(seen[0]).toMatchObject({ stage: "start", totalBytes: 5 * 10 * MEGABYTE, bytes: 2 * 10 * MEGABYTE });
  const { bytes, again } = sent(weightsSent(await asked()));
  expect(again).toBeLessThanOrEqual(5 * MEGABYTE + 4096);
  expect(bytes).toBeLessThan(56 * MEGABYTE);
  await expectLarge(placed);
});

it("a connection that is lost once is asked for again by itself", async () => {
  await behave({ cutAfter: 25 * MEGABYTE });
  const placing = placeLarge();
  setTimeout(() => void behave({ cutAfter: null }), 400);
  await expectLarge(await placing);
});

it("may be stopped, and goes on then", async () => {
  const controller = new AbortController();
  const onProgress = ({ bytes }: LoadProgress) => {
    if (bytes >= 20 * MEGABYTE) controller.abort();
  };
  await expect(placeLarge({ signal: controller.signal, onProgress })).rejects.toMatchObject({
    code: "aborted",
  });
  await asked();
  await expectLarge(await placeLarge());
  expect(sent(weightsSent(await asked())).bytes).toBeLessThanOrEqual(41 * MEGABYTE);
});

it("two that want the same at once fetch it once", async () => {
  const [one, other] = await Promise.all([placeLarge(), placeLarge()]);
  // Each may read the header.
  expect(sent(weightsSent(await asked())).bytes).toBeLessThan(51 * MEGABYTE);
  await expectLarge(one);
  await expectLarge(other);
});

it("a file that was replaced begins anew, also half way, and the old one makes room", async () => {
  await placeLarge();
  await behave({ edition: "second" });
  await asked();
  await expectLarge(await placeLarge());
  expect(sent(weightsSent(await asked())).bytes).toBeGreaterThan(50 * MEGABYTE);
  const folder = await openKeptFolder(large);
  const networks: string[] = [];
  for await (const name of folder.keys()) if (name.startsWith("unet")) networks.push(name);
  expect(networks).toHaveLength(1);
  // Between two pieces.
  await behave({ edition: "third" });
  let changed = false;
  const onProgress = () => {
    if (changed) return;
    changed = true;
    void behave({ edition: "fourth" });
  };
  await expect(placeLarge({ onProgress })).rejects.toMatchObject({
    code: "io.failed",
    message: expect.stringContaining("was replaced by another file"),
  });
});

it("a server without ranges sends a small file whole, once", async () => {
  await behave({ ranges: false });
  const model = await loadModel(checkpoint, { precision: "int4" });
  const files = weightsSent(await asked()).map(({ path }) => path);
  expect(new Set(files).size).toBe(3);
  expect(files).toHaveLength(3);
  await model.dispose();
});

it("lists what is kept, and removes it", async () => {
  await (await loadModel(checkpoint, { precision: "int8", id: "DreamLite" })).dispose();
  const find = async () => (await keptModels()).find(({ address }) => address === checkpoint);
  const kept = await find();
  expect(kept).toMatchObject({ address: checkpoint, id: "DreamLite", ready: { int8: "normal" } });
  expect(kept!.bytes).toBeGreaterThan(1e5);
  await removeKeptModel(checkpoint);
  expect(await find()).toBeUndefined();
});

it("refuses what a page cannot compute in, before anything is fetched", async () => {
  await expect(loadModel(checkpoint, { precision: "fp32-fast" as "fp32" })).rejects.toMatchObject({
    code: "option.invalid",
    message: expect.stringMatching(/in a browser there are fp32, fp16, int8, int4/),
  });
  expect(await asked()).toEqual([]);
});

/** As checkpoints-server.ts has made it. */
async function expectLarge({ tensors, files }: Awaited<ReturnType<typeof placeLarge>>): Promise<void> {
  for (const [i, name] of LARGE_NAMES.entries()) {
    const expected = largeTensor(i);
    const { location, offset } = tensors.get(name)!;
    const blob = (await files.find((file) => file.location === location)!.load!()) as Blob;
    const bytes = await blob.slice(offset, offset + expected.byteLength).arrayBuffer();
    expect(new Float32Array(bytes).every((value, i) => value === expected[i])).toBe(true);
  }
}
