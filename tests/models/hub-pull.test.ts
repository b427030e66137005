/** Pulling a real, tiny checkpoint from a hub on the loopback interface: what arrives, and what is resumed. */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { lstatSync, statSync } from "node:fs";
import { readdir, readFile, readlink, realpath } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { openScorer } from "../../packages/bench/src/scorers/index.node.ts";
import { loadModel, type PullProgress } from "../../src/index.ts";
import { EMILIE } from "../support/command.ts";
import {
  blobs,
  cache,
  checkpoint,
  decoys,
  hub,
  hubForEachTest,
  id,
  needed,
  pull,
  root,
  sameAsCheckpoint,
  unet,
  unfinished,
} from "../support/hub-fixture.ts";

hubForEachTest();

describe("pulling a model", () => {
  it("fetches what an editor needs into the layout of the Python tools, and the model loads by its name", async () => {
    const { commit } = hub.addFolder(id, checkpoint, decoys);
    await expect(loadModel(id)).rejects.toMatchObject({
      code: "checkpoint.missing",
      message: expect.stringContaining(`emilie pull ${id}`),
    });
    const progress: PullProgress[] = [];
    const pulled = await pull({ onProgress: (p) => progress.push(p) });
    const total = needed.reduce((sum, path) => sum + statSync(join(checkpoint, path)).size, 0);
    expect(pulled).toMatchObject({ id, commit, bytes: total, downloadedBytes: total, files: needed });
    expect(progress.at(-1)).toMatchObject({ bytes: total, totalBytes: total, secondsLeft: 0 });

    const repo = join(cache, "models--tiny--editor");
    expect(pulled.folder).toBe(join(repo, "snapshots", commit));
    expect(await readFile(join(repo, "refs/main"), "utf8")).toBe(commit);
    expect(await blobs()).toHaveLength(needed.length);
    const found = (await readdir(pulled.folder, { recursive: true })).filter((path) => /\.\w+$/.test(path));
    expect(found.sort()).toEqual(needed);
    for (const path of needed) {
      const link = join(pulled.folder, path);
      expect(lstatSync(link).isSymbolicLink()).toBe(true);
      expect(await readlink(link)).toMatch(/^(\.\.\/)+blobs\/([0-9a-f]{40}|[0-9a-f]{64})$/);
      expect(dirname(await realpath(link))).toBe(await realpath(join(repo, "blobs")));
      await sameAsCheckpoint(pulled.folder, path);
    }
    // Nothing else was asked for, and nothing twice.
    expect(hub.log.filter(({ host }) => host === "storage")).toHaveLength(3);
    expect(hub.log.filter(({ path }) => /\.(bin|ckpt)$|fp16|safety|README/.test(path))).toEqual([]);

    const [model, direct] = [await loadModel(id), await loadModel(checkpoint)];
    try {
      expect(model.id).toBe(id);
      expect(model.fingerprint).toBe(direct.fingerprint);
      const text = "make it winter";
      expect((await model.encodeText(text)).hidden).toEqual((await direct.encodeText(text)).hidden);
    } finally {
      await model.dispose();
      await direct.dispose();
    }
  });

  it("fetches nothing that is there already, and a new commit's changed files only", async () => {
    hub.addFolder(id, checkpoint);
    const first = await pull();
    hub.log.length = 0;
    expect(await pull()).toMatchObject({ downloadedBytes: 0, bytes: first.bytes });
    expect(hub.log).toHaveLength(1); // the listing
    const changed = hub.addFolder(id, checkpoint, {
      "scheduler/scheduler_config.json": "{}",
      "emilie.json": '{"nativeSize": 64}',
    });
    hub.log.length = 0;
    expect(await pull()).toMatchObject({ downloadedBytes: 2 + 18, commit: changed.commit });
    await sameAsCheckpoint((await pull()).folder);
    expect(new Set(hub.log.filter(({ path }) => path.includes("resolve")).map(({ path }) => path)).size).toBe(
      2,
    );
  });

  it("fetches a scorer, which then opens by its name, and no other network of transformers", async () => {
    const clip = join(root, "tests/fixtures/scorers/clip/checkpoint");
    hub.addFolder("tiny/clip", clip, { "README.md": "words", "pytorch_model.bin": "a pickle" });
    const pulled = await pull({}, "tiny/clip");
    expect(pulled.variants).toEqual({ model: "full" });
    expect(pulled.files).toContain("preprocessor_config.json");
    expect(hub.log.filter(({ path }) => /\.bin$|README/.test(path))).toEqual([]);
    const [scorer, direct] = [await openScorer("tiny/clip"), await openScorer(clip)];
    expect(scorer.hash).toBe(direct.hash);
    await scorer.dispose();
    await direct.dispose();

    hub.addFolder("tiny/other", clip, { "config.json": '{"model_type": "detr"}' });
    await expect(pull({}, "tiny/other")).rejects.toMatchObject({
      code: "checkpoint.unsupported",
      message: expect.stringMatching(/nor a scorer.*clip, blip, vit, dinov2/),
    });
  });

  it("takes a variant where there is one, and any revision under its own name", async () => {
    const weights = await readFile(join(checkpoint, unet));
    const repo = hub.addFolder(id, checkpoint);
    repo.files.set("unet/diffusion_pytorch_model.fp16.safetensors", weights);
    repo.files.delete(unet);
    await expect(pull({ variant: "bf16" })).rejects.toThrow(
      /no weights of the variant "bf16"; it has fp16, full/,
    );
    expect((await pull({}, `${id}@refs/pr/1`)).variants).toEqual({
      unet: "fp16",
      vae: "full",
      text_encoder: "full",
    });
    expect(await readFile(join(cache, "models--tiny--editor/refs/refs/pr/1"), "utf8")).toBe(repo.commit);
    await expect(loadModel(id)).rejects.toMatchObject({ code: "checkpoint.missing" });
    for (const name of [`${id}@refs/pr/1`, `${id}@${repo.commit}`]) {
      const model = await loadModel(name);
      expect(model.id).toBe(name);
      await model.dispose();
    }
  });

  it("goes on where the connection was cut, as often as it takes", async () => {
    hub.addFolder(id, checkpoint);
    hub.faults.set(unet, [
      { kind: "cut", after: 300_000 },
      { kind: "status", status: 503 },
      { kind: "cut", after: 200_000 },
    ]);
    const { folder, bytes, downloadedBytes } = await pull();
    await sameAsCheckpoint(folder);
    const ranges = hub.requests(unet, "storage").map(({ range }) => Number(range?.match(/\d+/)?.[0] ?? 0));
    expect(ranges).toHaveLength(4);
    expect(ranges[0]).toBe(0);
    expect(ranges[1]).toBeGreaterThan(0);
    expect(ranges[2]).toBe(ranges[1]); // the 503 brought nothing
    expect(ranges[3]).toBeGreaterThan(ranges[2]!);
    expect(downloadedBytes).toBe(bytes);
  });

  it("starts a file again where the server does not know ranges", async () => {
    hub.addFolder(id, checkpoint);
    hub.faults.set(unet, [{ kind: "cut", after: 300_000 }, { kind: "ignore-range" }]);
    const progress: PullProgress[] = [];
    const { folder, bytes } = await pull({ onProgress: (p) => progress.push(p) });
    await sameAsCheckpoint(folder);
    expect(progress.at(-1)).toMatchObject({ bytes, totalBytes: bytes });
  });

  it("gives up on a connection that never lasts, and the next pull goes on from there", async () => {
    hub.addFolder(id, checkpoint);
    hub.faults.set(unet, [
      { kind: "cut", after: 300_000 },
      ...Array.from({ length: 6 }, () => ({ kind: "status", status: 502 }) as const),
    ]);
    await expect(pull()).rejects.toMatchObject({ code: "hub.unreachable", message: /502.*pull again/ });
    expect(await unfinished()).toHaveLength(1);
    await expect(loadModel(id)).rejects.toThrow(`emilie pull ${id}`); // half a model is none
    hub.log.length = 0;
    await sameAsCheckpoint((await pull()).folder);
    expect(hub.requests(unet, "storage")[0]!.range).toMatch(/^bytes=[1-9]\d*-$/);
    expect(await unfinished()).toEqual([]);
  });

  it("stops when it is told to, keeps what has arrived, and goes on with it", async () => {
    hub.addFolder(id, checkpoint);
    hub.faults.set(unet, [{ kind: "hang", after: 500_000 }]);
    const controller = new AbortController();
    hub.onHang = () => setTimeout(() => controller.abort(), 50);
    await expect(pull({ signal: controller.signal })).rejects.toMatchObject({ code: "aborted" });
    await expect(pull({ signal: controller.signal })).rejects.toMatchObject({ code: "aborted" });
    expect(await unfinished()).toHaveLength(1);
    hub.log.length = 0;
    await sameAsCheckpoint((await pull()).folder);
    expect(hub.requests(unet, "storage").map(({ range }) => range)).toEqual([
      expect.stringMatching(/^bytes=[1-9]/),
    ]);
  });

  it("goes on with what a killed process has left", async () => {
    hub.addFolder(id, checkpoint);
    hub.faults.set(unet, [{ kind: "hang", after: 500_000 }]);
    const args = [...EMILIE, "pull", id];
    const child = spawn(process.execPath, args, { cwd: root, env: process.env, stdio: "ignore" });
    const ended = new Promise((done) => child.on("exit", done));
    const etag = createHash("sha256")
      .update(await readFile(join(checkpoint, unet)))
      .digest("hex");
    const size = async () => {
      const name = (await unfinished()).find((one) => one.startsWith(etag));
      return name ? statSync(join(cache, "models--tiny--editor/blobs", name)).size : 0;
    };
    await vi.waitUntil(async () => (await size()) > 0, { timeout: 90_000, interval: 20 });
    child.kill("SIGKILL");
    await ended;
    hub.log.length = 0;
    await sameAsCheckpoint((await pull()).folder);
    expect(hub.requests(unet, "storage")[0]!.range).toMatch(/^bytes=[1-9]/);
    expect(await unfinished()).toEqual([]);
  });

  it("is not disturbed by another pull of the same model", async () => {
    hub.addFolder(id, checkpoint);
    hub.faults.set(unet, [
      { kind: "cut", after: 100_000 },
      { kind: "cut", after: 700_000 },
    ]);
    const [a, b, c] = await Promise.all([pull(), pull(), pull()]);
    expect(b.folder).toBe(a.folder);
    expect(c.folder).toBe(a.folder);
    for (const path of needed) await sameAsCheckpoint(a.folder, path);
    expect(await blobs()).toHaveLength(needed.length);
  });
});
