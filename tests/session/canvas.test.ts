/** Crops and expansions in a session: on a tiny checkpoint, at and above its native size. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { maskFromBox } from "../../src/images/mask.ts";
import { type Box, cropPicture, pastePicture, samePicture } from "../../src/images/picture.ts";
import type { EditModel } from "../../src/method/edit-model.ts";
import { loadModel } from "../../src/models/load.node.ts";
import { packContainer, readContainer } from "../../src/session/file/container.node.ts";
import { replayPath } from "../../src/session/file/replay-path.node.ts";
import { loadSession, type StoredSession } from "../../src/session/file/store.node.ts";
import { openSession } from "../../src/session/open.node.ts";
import { readPath } from "../../src/session/picture/picture-path.node.ts";
import { runScript } from "../../src/session/script/run-script.ts";
import { parseScript } from "../../src/session/script/script-file.node.ts";
import { scriptOf } from "../../src/session/script/script-of.ts";
import { options, picture, same } from "../support/session-fixture.ts";

const TINY = new URL("../fixtures/parity/sd1/checkpoint", import.meta.url).pathname;
const box: Box = { x: 8, y: 4, width: 24, height: 20 };
let model: EditModel;
let folder: string;
let session: StoredSession;
const at = (name: string) => join(folder, name);

beforeAll(async () => {
  model = await loadModel(TINY);
  folder = await mkdtemp(join(tmpdir(), "emilie-canvas-"));
});
afterAll(async () => {
  await model.dispose();
  await rm(folder, { recursive: true });
});
beforeEach(async () => {
  session = await openSession(model, picture);
});

describe("a crop", () => {
  it("is the window, byte for byte, and no network runs", async () => {
    const before = { ...model.calls };
    const node = await session.crop(box);
    expect(samePicture(await node.render(), cropPicture(picture, box))).toBe(true);
    expect(model.calls).toEqual(before);
    expect(node).toMatchObject({
      ...{ size: { width: 24, height: 20 }, instruction: "crop to 24×20", changed: true, understood: true },
      canvas: { kind: "crop", ...box },
    });
    expect(session.head).toBe(node);
    expect(await session.crop(box, { from: session.root })).toBe(node);
    expect((await session.drift(node)).parent.inside).toMatchObject({ changedPixels: 0, pixels: 480 });
    expect(node.changes).toMatchObject({ kind: "cropped", level: "kept", share: 1 });
  });

  it("of an edit's picture is what the next edit is made on, encoded once", async () => {
    const red = await session.edit("make it red", options);
    const crop = await session.crop(box);
    const encodes = model.calls.encodeImage;
    const blue = await crop.edit("make it blue", options);
    const green = await crop.edit("make it green", options);
    expect(model.calls.encodeImage).toBe(encodes + 1);
    // As of a session on these very pixels.
    const alone = await openSession(model, cropPicture(await red.render(), box));
    const seeds = {
      blue: await alone.edit("make it blue", { ...options, seed: BigInt(blue.recipe!.seed!) }),
    };
    expect(same(blue.latent, seeds.blue.latent)).toBe(true);
    expect(samePicture(await blue.render(), await seeds.blue.render())).toBe(true);
    expect(green.size).toEqual({ width: 24, height: 20 });
    const mask = maskFromBox(24, 20, { x: 0, y: 0, width: 12, height: 20 });
    const half = await blue.edit("make it grey", { ...options, mask });
    const right = { x: 12, y: 0, width: 12, height: 20 };
    expect(
      samePicture(cropPicture(await half.render(), right), cropPicture(await blue.render(), right)),
    ).toBe(true);
    expect((await session.drift(half)).parent.outside).toMatchObject({ changedPixels: 0, pixels: 240 });
  });

  it("is refused before anything is done", async () => {
    for (const wrong of [
      { ...box, x: 30 },
      { ...box, width: 2 },
      { x: 0, y: 0, width: 40, height: 32 },
    ]) {
      await expect(session.crop(wrong)).rejects.toMatchObject({ code: "option.invalid" });
    }
    await expect(session.crop(box, { form: session.root } as object)).rejects.toThrow(/form/);
    expect(session.nodes.size).toBe(1);
  });
});

describe("an expansion", () => {
  it("keeps the picture, proposes its border as mask, and the edit of it changes nothing else", async () => {
    const before = { ...model.calls };
    const node = await session.expand({ left: "25%", bottom: 8 });
    expect(model.calls).toEqual(before);
    expect(node.size).toEqual({ width: 50, height: 40 });
    const inner = { x: 10, y: 0, width: 40, height: 32 };
    expect(samePicture(cropPicture(await node.render(), inner), picture)).toBe(true);
    expect(node.mask!.data.filter((m) => m > 0)).toHaveLength(50 * 40 - 40 * 32);
    await session.drift(node);
    expect(node.changes).toMatchObject({ kind: "expanded", level: "kept", share: 0.64 });
    const edited = await node.edit("make it red", { ...options, mask: "border" });
    const result = await edited.render();
    expect(samePicture(cropPicture(result, inner), picture)).toBe(true);
    expect(samePicture(result, await node.render())).toBe(false);
    const drift = await session.drift(edited);
    expect(drift.parent.outside).toMatchObject({ changedPixels: 0, pixels: 40 * 32 });
    expect(drift.parent.inside.changedPixels).toBeGreaterThan(0);
    // What both show of the original is the original.
    expect(drift.original.outside).toMatchObject({ changedPixels: 0, pixels: 40 * 32 });
    expect(drift.original.inside.pixels).toBe(0);
    expect(edited.changes).toMatchObject({ kind: "masked", level: "kept", share: 0.64 });
    // The border is that of the expansion, also two edits on.
    const more = await edited.edit("make it blue", { ...options, mask: "border" });
    expect(same(more.mask!, node.mask!)).toBe(true);
    await expect(session.edit("x", { ...options, mask: "border", from: session.root })).rejects.toMatchObject(
      {
        code: "option.invalid",
      },
    );
  });

  it("is refused where it is too large", async () => {
    await expect(session.expand({ left: 10_000, top: 10_000 })).rejects.toMatchObject({
      code: "image.too-large",
    });
    await expect(session.expand({})).rejects.toMatchObject({ code: "option.invalid" });
  });
});

describe("the tree", () => {
  it("compares what two nodes both show", async () => {
    const left = await session.crop({ x: 0, y: 0, width: 20, height: 32 });
    const right = await session.crop({ x: 12, y: 8, width: 28, height: 16 }, { from: session.root });
    const { inside, outside } = await session.compare(left, right);
    expect(inside.pixels + outside.pixels).toBe(8 * 16);
    expect(inside.changedPixels + outside.changedPixels).toBe(0);
    const far = await session.crop({ x: 20, y: 0, width: 20, height: 32 }, { from: session.root });
    await expect(session.compare(left, far)).rejects.toMatchObject({ code: "option.invalid" });
    // Away and back again: what is new there is not the original's.
    const back = await session.expand({ left: 20 }, { from: far });
    const drift = await session.drift(back);
    expect(drift.original.outside).toMatchObject({ pixels: 20 * 32, changedPixels: 0 });
    expect(drift.original.inside.pixels).toBe(20 * 32);
    expect(drift.warnings).toEqual([]);
  });

  it("is undone, redone, deleted and made again", async () => {
    const crop = await session.crop(box);
    const red = await session.edit("make it red", options);
    expect(session.undo()).toBe(crop);
    expect(session.undo()).toBe(session.root);
    expect(session.redo()).toBe(crop);
    expect(session.redo()).toBe(red);
    expect(session.delete(crop)).toBe(2);
    expect((await session.crop(box)).id).toBe(crop.id);
    expect((await session.edit("make it red", options)).id).toBe(red.id);
  });

  it("is done again below a changed step: crops, borders and masks keep their places on the picture", async () => {
    const first = await session.crop({ x: 4, y: 0, width: 32, height: 32 });
    const mask = maskFromBox(32, 32, { x: 8, y: 8, width: 8, height: 8 });
    const red = await first.edit("make it red", { ...options, mask });
    const wide = await session.expand({ right: 8 }, { from: red });
    const filled = await wide.edit("make it blue", { ...options, mask: "border" });
    const detail = await session.crop({ x: 8, y: 8, width: 16, height: 16 }, { from: filled });
    const { node, replaced } = await session.replay(first, { crop: { x: 0, y: 0, width: 36, height: 32 } });
    expect(node.size).toEqual({ width: 36, height: 32 });
    const again = (old: { id: string }) => replaced.get(old.id)!;
    expect(same(again(red).mask!, maskFromBox(36, 32, { x: 12, y: 8, width: 8, height: 8 }))).toBe(true);
    expect(again(wide).size).toEqual({ width: 44, height: 32 });
    expect(same(again(filled).mask!, again(wide).mask!)).toBe(true);
    expect(again(detail).canvas).toEqual({ kind: "crop", x: 12, y: 8, width: 16, height: 16 });
    expect(session.head).toBe(again(detail));
    const wider = await session.replay(wide, { expand: { right: "50%" } });
    expect(wider.node.size).toEqual({ width: 48, height: 32 });
    const changes = [
      [wide, { crop: box }],
      [red, { crop: box }],
      [wide, { instruction: "x" }],
      [wide, { seed: 3 }],
    ] as const;
    const { size } = session.nodes;
    for (const [step, change] of changes) {
      await expect(session.replay(step, change)).rejects.toMatchObject({ code: "option.invalid" });
    }
    expect(session.nodes.size).toBe(size);
  });
});

describe("what is kept of it", () => {
  async function chain(opened: StoredSession) {
    const red = await opened.edit("make it red", { ...options, mask: maskFromBox(40, 32, box) });
    await opened.crop(box);
    const blue = await opened.edit("make it blue", {
      ...options,
      mask: maskFromBox(24, 20, { x: 0, y: 0, width: 9, height: 9 }),
    });
    await opened.expand({ left: 8, top: 4 });
    const grey = await opened.edit("make it grey", { ...options, mask: "border" });
    return { red, blue, grey };
  }

  it.each([
    ["at the native size", undefined],
    ["above it", "own"],
  ] as const)(
    "is replayed bit for bit %s: in the session, from its file, its picture and its script",
    async (_, workingSize) => {
      const opened = await openSession(model, picture, { workingSize });
      const { grey } = await chain(opened);
      const shown = await grey.render();
      await opened.drift(grey);
      expect((await opened.verify()).map(({ result }) => result)).toEqual(Array(6).fill("same"));
      const name = `chain-${workingSize}`;
      await opened.save(at(`${name}.emilie`));
      const loaded = await loadSession(at(`${name}.emilie`), { model });
      expect(loaded.warnings).toEqual([]);
      expect([...loaded.nodes.keys()]).toEqual([...opened.nodes.keys()]);
      for (const [id, node] of loaded.nodes) {
        const was = opened.nodes.get(id)!;
        expect([node.size, node.canvas, node.instruction]).toEqual([was.size, was.canvas, was.instruction]);
        expect(samePicture(await node.render(), await was.render())).toBe(true);
        expect(node.changes).toEqual(was.changes);
      }
      expect((await loaded.verify()).every(({ result }) => result === "same")).toBe(true);
      const next = { ...options, seed: 9 };
      const [one, other] = [
        await loaded.head.edit("make it green", next),
        await grey.edit("make it green", next),
      ];
      expect(one.id).toBe(other.id);
      expect(same(one.latent, other.latent)).toBe(true);

      await grey.save(at(`${name}.png`));
      const path = await readPath(await readFile(at(`${name}.png`)), "picture");
      const replayed = await replayPath(model, picture, path, []);
      expect(replayed.steps.map((step) => step.same)).toEqual(Array(5).fill(true));
      expect(samePicture(await replayed.steps.at(-1)!.node.render(), shown)).toBe(true);

      const script = scriptOf(opened, [...opened.nodes.values()].slice(0, 6));
      expect(script.steps[1]).toMatchObject({ crop: box });
      expect(script.steps[3]).toMatchObject({ expand: { left: 8, top: 4 } });
      const fresh = await openSession(model, picture, { workingSize });
      const made = await runScript(fresh, script, { masks: opened.masks });
      expect([...made.values()].map(({ id }) => id)).toEqual([...opened.nodes.keys()].slice(1, 6));
    },
  );

  it("is refused by name where a file says what cannot be", async () => {
    await chain(session);
    await session.save(at("lies.emilie"));
    const { manifest, pieces: whole } = await readContainer(at("lies.emilie"));
    const pieces = manifest.pieces.map((entry) => ({ ...entry, bytes: whole.get(entry.name)! }));
    const { default: fs } = await import("node:fs/promises");
    const lie = async (change: Partial<typeof manifest>) => {
      const { parts } = await packContainer({ ...manifest, ...change }, pieces);
      await fs.writeFile(at("lie.emilie"), Buffer.concat(parts));
      return loadSession(at("lie.emilie"), { model });
    };
    await expect(lie({ version: 5 })).rejects.toThrow(/version 5, which has no "canvas"/);
    await expect(lie({ version: 10 as 9 })).rejects.toMatchObject({ code: "session.version" });
    expect((await lie({})).nodes.size).toBe(6);
  });

  it("keeps apart masks of one value that are of two shapes", async () => {
    const all = (width: number, height: number) => maskFromBox(width, height, { x: 0, y: 0, width, height });
    const wide = await session.crop({ x: 0, y: 0, width: 32, height: 16 });
    const red = await wide.edit("make it red", { ...options, mask: all(32, 16) });
    const tall = await session.crop({ x: 0, y: 0, width: 16, height: 32 }, { from: session.root });
    const blue = await tall.edit("make it blue", { ...options, mask: all(16, 32) });
    expect([red.mask!.width, blue.mask!.width]).toEqual([32, 16]);
    await session.save(at("shapes.emilie"));
    const loaded = await loadSession(at("shapes.emilie"), { model });
    expect([red, blue].map(({ id }) => loaded.nodes.get(id)!.mask!.width)).toEqual([32, 16]);
    expect((await loaded.verify()).every(({ result }) => result === "same")).toBe(true);
  });
});

describe("a script", () => {
  it("crops and expands, alone or before the words, which then fill the border", async () => {
    const script = parseScript(`
defaults: { steps: 1 }
steps:
  - crop: { x: 8, y: 4, width: 24, height: 20 }
  - id: red
    expand: { left: "50%" }
    instruction: make it red
  - instruction: make it blue
    mask: box:30,0,6,20
  - from: red.canvas
    instruction: make it green
    mask: border
  - from: original
    instruction: make it grey
    mask: box:0,0,40,32
`);
    const made = await runScript(session, script);
    expect([...made.keys()]).toEqual(["1", "red.canvas", "red", "3", "4", "5"]);
    expect(made.get("red")!.parent).toBe(made.get("red.canvas"));
    expect(same(made.get("red")!.mask!, made.get("red.canvas")!.mask!)).toBe(true);
    expect(made.get("3")!.size).toEqual({ width: 36, height: 20 });
    expect(made.get("4")!.parent).toBe(made.get("red.canvas"));
    expect(made.get("5")!.size).toEqual({ width: 40, height: 32 });
  });

  it("follows edges in a picture that an earlier step makes", async () => {
    const made = await runScript(session, {
      defaults: { steps: 1 },
      steps: [{ crop: box }, { instruction: "make it red", mask: "at:5,5" }],
    });
    expect(made.get("2")!.mask).toMatchObject({ width: 24, height: 20 });
  });

  it("says where it is wrong, before anything is done", async () => {
    const wrong: [object, RegExp][] = [
      [{}, /steps\[0\].instruction: a step says what should change/],
      [{ crop: box, expand: { left: 1 }, instruction: "x" }, /steps\[0\].expand: .*not both/],
      [{ crop: box, seed: 3 }, /steps\[0\].seed: .*without an instruction/],
      [{ crop: box, mask: "auto" }, /steps\[0\].mask/],
      [{ expand: { left: "a lot" } }, /steps\[0\].expand.left: expected whole pixels/],
      [{ expand: { up: 3 } }, /up: there is no such key here; keys here are left, top, right, bottom/],
      [{ crop: { ...box, x: 30 } }, /inside the 40×32 picture/],
      [{ expand: { left: 10_000_000 } }, /at most 64 megapixels/],
      [{ instruction: "x", mask: "border" }, /expand the picture first/],
    ];
    for (const [step, message] of wrong) {
      const run = runScript(session, { steps: [step] } as never);
      await expect(run, JSON.stringify(step)).rejects.toThrow(message);
    }
    for (const late of [{ crop: { ...box, width: 39 } }, { instruction: "y", mask: "border" }]) {
      const steps = [{ instruction: "x" }, late];
      await expect(runScript(session, { steps })).rejects.toMatchObject({ code: "option.invalid" });
    }
    expect(session.nodes.size).toBe(1);
  });
});

describe("beside everything else", () => {
  it("keeps a gated edit's untouched pixels, detail and automatic masks on a new canvas", async () => {
    const crop = await session.crop(box);
    const mask = await session.relevance("make it red", { from: crop });
    expect([mask.width, mask.height]).toEqual([24, 20]);
    const auto = await crop.edit("make it red", { ...options, mask: "auto", gate: 0.01 });
    expect(auto.size).toEqual(crop.size);
    await auto.render();
    const wide = await session.expand({ left: 40, right: 40, top: 40 }, { from: crop });
    const fine = await wide.edit("make it blue", { ...options, detail: "on", mask: "border" });
    const inner = { x: 40, y: 40, width: 24, height: 20 };
    const pasted = pastePicture(await fine.render(), cropPicture(picture, box), inner);
    expect(samePicture(await fine.render(), pasted)).toBe(true);
    expect((await session.understand("make it red", { from: wide })).understood).toBe(true);
  });
});
