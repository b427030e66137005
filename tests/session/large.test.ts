/** Sessions above the model's native size: what is encoded, computed and kept is what edits touch. On a real, tiny checkpoint. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Mask, maskFromBox } from "../../src/images/mask.ts";
import { type Picture, samePicture } from "../../src/images/picture.ts";
import type { EditModel } from "../../src/method/edit-model.ts";
import { crop } from "../../src/method/window.ts";
import { loadModel } from "../../src/models/load.node.ts";
import type { StepEvent } from "../../src/samplers/types.ts";
import { replayPath } from "../../src/session/file/replay-path.node.ts";
import { loadSession, type StoredSession } from "../../src/session/file/store.node.ts";
import { openSession } from "../../src/session/open.node.ts";
import { readPath } from "../../src/session/picture/picture-path.node.ts";
import { preview } from "../../src/session/picture/preview.ts";
import { runScript } from "../../src/session/script/run-script.ts";
import { scriptOf } from "../../src/session/script/script-of.ts";
import { same } from "../support/session-fixture.ts";

// Trained at 16 px, 2 px a latent pixel: tiles of 6 latent pixels.
const CHECKPOINT = new URL("../fixtures/parity/sd1/checkpoint", import.meta.url).pathname;
const [width, height] = [101, 70];
const picture: Picture = {
  width,
  height,
  data: Uint8ClampedArray.from({ length: width * height * 4 }, (_, i) =>
    i % 4 === 3 ? 255 : (i * i + 7 * i) % 251,
  ),
};
const box = (x: number, y: number, side = 8) =>
  maskFromBox(width, height, { x, y, width: side, height: side });
const [left, near, right] = [box(20, 20), box(26, 22), box(80, 40)];
const options = { steps: 2 };

let model: EditModel;
let folder: string;
let session: StoredSession;
beforeAll(async () => {
  model = await loadModel(CHECKPOINT);
  folder = await mkdtemp(join(tmpdir(), "emilie-large-"));
  session = await openSession(model, picture, { workingSize: "own" });
});
afterAll(async () => {
  await model.dispose();
  await rm(folder, { recursive: true });
});

const red = (mask: Mask, more = {}) =>
  session.edit("make it red", { ...options, mask, seed: 1, from: session.root, ...more });

describe("a session at the picture's own size", () => {
  it("encodes nothing when it is opened, and each tile at most once", async () => {
    const before = model.calls.encodeImage;
    const opened = await openSession(model, picture, { workingSize: "own" });
    // The nearest multiple of the VAE's factor.
    expect(opened.size).toEqual({ width: 102, height: 70 });
    expect(model.calls.encodeImage).toBe(before);
    await opened.edit("make it red", { ...options, mask: left });
    const first = model.calls.encodeImage - before;
    expect(first).toBeGreaterThan(0);
    await opened.edit("make it blue", { ...options, mask: left });
    expect(model.calls.encodeImage - before).toBe(first);
    await opened.edit("make it blue", { ...options, mask: near });
    const { large } = opened.canvasOf(opened.head);
    await large!.latentOf(opened.head, large!.whole);
    // 51 × 35 latent pixels in tiles of 6.
    expect(model.calls.encodeImage - before).toBe(9 * 6);
  });

  it("has one latent, whatever part of it is asked for", async () => {
    const { root } = session;
    const { large } = session.canvasOf(root);
    const whole = await large!.latentOf(root, large!.whole);
    for (const window of [
      { x: 3, y: 2, width: 9, height: 7 },
      { x: 44, y: 30, width: 6, height: 5 },
    ])
      expect(same(await large!.latentOf(root, window), crop(whole, window))).toBe(true);
  });

  it("keeps of an edit its window alone, and every pixel outside of the mask", async () => {
    const node = await red(left);
    expect(node.window).toEqual({ x: 7, y: 8, width: 10, height: 8 });
    expect(node.latent.shape).toEqual([4, 8, 10]);
    expect(node.recipe).toMatchObject({ window: { margin: 2, least: 8 }, workingSize: 102 });
    const { inside, outside } = await session.compare(session.root, node);
    expect(outside.changedPixels).toBe(0);
    expect(inside.changedPixels).toBeGreaterThan(0);
    expect((await session.drift(node)).hidden).toBe(0);
    // Outside of the mask the patch is the original's latent.
    const before = await session.canvasOf(session.root).large!.latentOf(session.root, node.window!);
    expect(node.latent.data[0]).toBe(before.data[0]);
  });

  it("builds on the edits before, and gives the same in any order of other edits", async () => {
    const onRed = await red(near, { from: await red(left) });
    const alone = await red(near);
    expect(same(onRed.latent, alone.latent)).toBe(false);
    const other = await openSession(model, picture, { workingSize: "own" });
    await other.edit("make it grey", { ...options, mask: right });
    const first = await other.edit("make it red", { ...options, mask: left, seed: 1, from: other.root });
    const again = await first.edit("make it red", { ...options, mask: near, seed: 1 });
    expect(again.id).toBe(onRed.id);
    expect(same(again.latent, onRed.latent)).toBe(true);
    expect(samePicture(await again.render(), await onRed.render())).toBe(true);
  });

  it("changes nothing under an empty mask, and runs no UNet", async () => {
    const before = model.calls.denoise;
    const node = await red({ ...left, data: left.data.map(() => 0) });
    expect(node.changed).toBe(false);
    expect(samePicture(await node.render(), await node.parent!.render())).toBe(true);
    expect(model.calls.denoise).toBe(before);
  });

  it("refuses what is too much at once, and says what to do", async () => {
    const whole = session.edit("make it red", { ...options, from: session.root });
    await expect(whole).rejects.toMatchObject({ code: "edit.too-large" });
    await expect(whole).rejects.toThrow(/all of the picture, 102×70 pixels; .*16×16, .*32×32.*Give a mask/s);
    const wide = red(box(10, 10, 50));
    await expect(wide).rejects.toThrow(/The masks .* take \d+×\d+ pixels.*Give a smaller mask/s);
    await expect(red(left, { window: "off" })).rejects.toMatchObject({ code: "edit.too-large" });
    const warnings: string[] = [];
    await red(box(10, 10, 16), { onWarning: (message: string) => warnings.push(message) });
    expect(warnings).toEqual([expect.stringContaining("The edit runs on 28×24 pixels")]);
  });

  it("looks for the place of an instruction on the picture at the native size", async () => {
    const mask = await session.relevance("make it red", { from: session.root });
    expect([mask.width, mask.height]).toEqual([width, height]);
  });

  it("previews the window over the parent's picture, at any size", async () => {
    const mask = left;
    const seen: Picture[] = [];
    const node = await red(mask, {
      seed: 2,
      onProgress: async ({ denoised, window }: StepEvent) => {
        seen.push(await preview(session, session.root, denoised, mask, { window }));
        const over = { width: 50, height: 35, data: picture.data.slice(0, 50 * 35 * 4) };
        const small = await preview(session, session.root, denoised, mask, { window, over });
        expect([small.width, small.height]).toEqual([50, 35]);
      },
    });
    // Euler ancestral ends on its last x̂₀.
    expect(samePicture(seen.at(-1)!, await node.render())).toBe(true);
  });
});

describe("a large session that is left and come back to", () => {
  it("is read again, verified to the last bit, and refuses a latent in a wrong place", async () => {
    const small = await openSession(model, picture, { workingSize: "own" });
    const node = await small.edit("make it red", { ...options, mask: left });
    await small.edit("make it blue", { ...options, mask: near });
    const file = join(folder, "large.emilie");
    await small.save(file);
    expect((await readFile(file)).length).toBeLessThan(100_000);
    const again = await loadSession(file, { model });
    expect(again.size).toEqual(small.size);
    expect((await again.verify()).map(({ result }) => result)).toEqual(Array(3).fill("same"));
    expect(samePicture(await again.head.render(), await small.head.render())).toBe(true);
    const { node: changed } = await again.replay(again.nodes.get(node.id)!, { instruction: "make it grey" });
    expect(changed.recipe).toMatchObject({ window: node.recipe!.window, workingSize: 102 });

    const moved = again.nodes.get(node.id)!;
    Object.assign(moved, { window: { ...moved.window, x: 45 } });
    await again.save(join(folder, "moved.emilie"));
    await expect(loadSession(join(folder, "moved.emilie"), { model })).rejects.toThrow(/where it cannot/);

    const usual = await openSession(model, picture);
    await expect(usual.save(file, { onChange: "merge" })).rejects.toThrow(/another .* working size/);

    const other = await openSession(model, picture, { workingSize: "own" });
    for (const [hash, mask] of small.masks) other.masks.set(hash, mask);
    await runScript(other, scriptOf(small));
    expect([...other.nodes.keys()]).toEqual([...small.nodes.keys()]);
  });

  it("is told by a picture's file, which makes it again", async () => {
    const small = await openSession(model, picture, { workingSize: 60 });
    const node = await small.edit("make it red", { ...options, mask: left });
    await node.save(join(folder, "red.png"));
    const path = await readPath(await readFile(join(folder, "red.png")), "red.png");
    const { session: again, steps } = await replayPath(model, picture, path, []);
    expect(again.size).toEqual(small.size);
    expect(steps).toMatchObject([{ same: true }]);
  });
});

describe("other working sizes", () => {
  it("below and at the native size keep a latent of the whole", async () => {
    const usual = await openSession(model, picture);
    const said = await openSession(model, picture, { workingSize: 16 });
    expect(said.canvasOf(said.root).large).toBeUndefined();
    expect(same(said.root.latent, usual.root.latent)).toBe(true);
    const node = await said.edit("make it red", { ...options, mask: left });
    expect(node.recipe).not.toHaveProperty("workingSize");
    const less = await openSession(model, picture, { workingSize: 8 });
    await less.edit("make it red", { ...options, mask: left });
    await less.save(join(folder, "less.emilie"));
    const again = await loadSession(join(folder, "less.emilie"), { model });
    expect(again.head.recipe).toMatchObject({ workingSize: 8 });
    expect((await again.verify()).map(({ result }) => result)).toEqual(["same", "same"]);
    await expect(openSession(model, picture, { workingSize: 0 })).rejects.toMatchObject({
      code: "option.invalid",
    });
  });

  it("a little above it take an edit of everything", async () => {
    const more = await openSession(model, picture, { workingSize: 24 });
    const node = await more.edit("make it red", options);
    expect(node.window).toEqual({ x: 0, y: 0, width: 12, height: 8 });
    const before = await more.root.render();
    expect(samePicture(await node.render(), before)).toBe(false);
    expect((await more.verify()).map(({ result }) => result)).toEqual(["same", "same"]);
  });
});
