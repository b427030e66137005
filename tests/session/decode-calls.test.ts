/**
 * The decoder runs where somebody looks, and nowhere else: its calls, counted on the main paths. The pictures are larger than the
 * model's size and keep their detail, for which the original's reconstruction is decoded as well, once a session, and each turn on the
 * way, once: what it brought.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { Output } from "../../src/cli/output.ts";
import { runSteps } from "../../src/cli/steps.ts";
import { maskFromBox } from "../../src/images/mask.ts";
import { samePicture } from "../../src/images/picture.ts";
import { loadModel, openSession } from "../../src/index.ts";
import type { EditModel } from "../../src/method/edit-model.ts";

const CHECKPOINT = new URL("../fixtures/parity/sd1/checkpoint", import.meta.url).pathname;
const [WIDTH, HEIGHT] = [40, 32];
const picture = {
  width: WIDTH,
  height: HEIGHT,
  data: Uint8ClampedArray.from({ length: WIDTH * HEIGHT * 4 }, (_, i) => (i % 4 === 3 ? 255 : (i * i) % 251)),
};
const options = { steps: 2 };
const half = maskFromBox(WIDTH, HEIGHT, { x: 0, y: 0, width: 20, height: HEIGHT });
const white = maskFromBox(WIDTH, HEIGHT, { x: 0, y: 0, width: WIDTH, height: HEIGHT });

let model: EditModel;
let before: number;
/** What a session decodes beside its edits. */
const RECONSTRUCTION = 1;
const decodes = () => model.calls.decodeLatent - before;
const folder = mkdtempSync(join(tmpdir(), "emilie-decodes-"));
beforeAll(async () => {
  model = await loadModel(CHECKPOINT);
});
beforeEach(() => {
  before = model.calls.decodeLatent;
});
afterAll(async () => {
  await model.dispose();
  rmSync(folder, { recursive: true, force: true });
});

async function chain(masks: readonly (typeof half | undefined)[]) {
  const session = await openSession(model, picture);
  for (const [i, mask] of masks.entries()) {
    await session.edit(["make it red", "make it blue", "make it green"][i]!, { ...options, mask });
  }
  return session;
}

describe("nothing is decoded", () => {
  it("by editing, branching, undoing, changing a step, saving and verifying", async () => {
    const session = await chain([undefined, half, undefined]);
    const [, red] = [...session.nodes.values()];
    await session.edit("make it night", { ...options, from: red });
    session.undo();
    await session.replay(red!, { seed: 9 });
    await session.save(join(folder, "chain.emilie"));
    expect((await session.verify()).every(({ result }) => result === "same")).toBe(true);
    expect(decodes()).toBe(0);
  });

  it("for the original, for an edit that could change nothing, or twice", async () => {
    const session = await chain([undefined]);
    await session.root.render();
    expect(decodes()).toBe(0);
    const red = session.head;
    await red.render();
    const black = { ...white, data: white.data.map(() => 0) };
    const same = await session.edit("make it blue", { ...options, mask: black });
    expect(samePicture(await same.render(), await red.render())).toBe(true);
    expect(decodes()).toBe(RECONSTRUCTION + 1);
  });
});

describe("decoded is", () => {
  it("the parent's picture where a mask shows some of it, and not under a mask that shows none", async () => {
    const some = await chain([undefined, half]);
    await some.head.render();
    expect(decodes()).toBe(RECONSTRUCTION + 2);
    const none = await chain([undefined, white]);
    const shown = await none.head.render();
    // Both turns', though the parent's picture shows nowhere.
    expect(decodes()).toBe(2 * RECONSTRUCTION + 4);
    const unmasked = await chain([undefined, undefined]);
    expect(samePicture(shown, await unmasked.head.render())).toBe(true);
  });

  it("each picture on the way once, where drift is measured", async () => {
    const session = await chain([undefined, half, undefined]);
    await session.drift();
    await session.drift();
    expect(decodes()).toBe(RECONSTRUCTION + 3);
  });

  it("each picture that the command line writes, once", async () => {
    const session = await openSession(model, picture);
    const silent = { write: () => true };
    const output = new Output(true, { stdout: silent, stderr: silent } as unknown as ConstructorParameters<
      typeof Output
    >[1]);
    const steps = ["make it red", "make it blue", "make it green"].map((instruction, i) => ({
      id: `${i + 1}`,
      from: undefined,
      instruction,
      settings: options,
      regions: [],
      mask: i === 1 ? half : undefined,
    }));
    const { signal } = new AbortController();
    const { reports } = await runSteps(session, steps, { out: folder, output, signal });
    expect(reports).toHaveLength(3);
    expect(decodes()).toBe(RECONSTRUCTION + 3);
  });
});
