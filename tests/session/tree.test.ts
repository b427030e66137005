/** The session as a tree, on a real tiny checkpoint: names, undo, delete, compare, drift, a changed step replayed. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { compareInsideOutside } from "../../src/images/difference.ts";
import { maskFromBox } from "../../src/images/mask.ts";
import { samePicture } from "../../src/images/picture.ts";
import type { EditModel } from "../../src/method/edit-model.ts";
import { loadModel } from "../../src/models/load.node.ts";
import { openSession, type Session } from "../../src/session/session.ts";

const CHECKPOINT = new URL("../fixtures/parity/sd1/checkpoint", import.meta.url).pathname;
const [width, height] = [40, 32];
const picture = {
  width,
  height,
  data: Uint8ClampedArray.from({ length: width * height * 4 }, (_, i) =>
    i % 4 === 3 ? 255 : (i * i + 7 * i) % 251,
  ),
};
const box = maskFromBox(width, height, { x: 4, y: 4, width: 20, height: 16 });
const corner = maskFromBox(width, height, { x: 30, y: 20, width: 8, height: 8 });
const options = { steps: 2 };

let model: EditModel;
let session: Session;
beforeAll(async () => {
  model = await loadModel(CHECKPOINT);
});
beforeEach(async () => {
  session = await openSession(model, picture);
});
afterAll(() => model.dispose());

/** root → red → blue → green, and red → yellow. */
async function grow() {
  const red = await session.edit("make it red", { ...options, mask: box });
  const blue = await session.edit("make it blue", options);
  const green = await session.edit("make it green", { ...options, mask: corner });
  const yellow = await session.edit("make it yellow", { ...options, from: red });
  return { red, blue, green, yellow };
}
const values = (data: ArrayLike<number>) => Buffer.from(Float32Array.from(data).buffer);

describe("seeds", () => {
  it("are another one at every turn of a chain, unless they are given", async () => {
    const { red, blue, green, yellow } = await grow();
    expect([red, blue, green, yellow].map(({ recipe }) => recipe!.seed)).toEqual(["0", "1", "2", "1"]);
    const given = await session.edit("make it white", { ...options, seed: 7, from: blue });
    expect(given.recipe!.seed).toBe("7");
  });
});

describe("names", () => {
  it("are given, changed and taken away, without a new id", async () => {
    const { red } = await grow();
    const { id } = red;
    session.rename(red, "  the red one ");
    expect(session.nodes.get(id)!.name).toBe("the red one");
    session.rename(red, "");
    expect(red.name).toBeUndefined();
    expect(red.id).toBe(id);
    expect(() => session.rename(red, "x".repeat(201))).toThrow(/at most 200 characters, got 201/);
  });
});

describe("undo and redo", () => {
  it("move the head along the path and lose nothing", async () => {
    const { red, blue, green, yellow } = await grow();
    session.head = green;
    expect([session.undo(), session.undo(), session.undo(), session.undo()]).toEqual([
      blue,
      red,
      session.root,
      null,
    ]);
    expect(session.nodes.size).toBe(5);
    expect([session.redo(), session.redo(), session.redo(), session.redo()]).toEqual([
      red,
      blue,
      green,
      null,
    ]);
    session.head = yellow;
    session.undo();
    expect(session.redo()).toBe(yellow);
  });

  it("an edit after undo is a branch, and redo goes to the newest", async () => {
    const { red, green } = await grow();
    session.head = green;
    session.undo();
    session.undo();
    const other = await session.edit("make it grey", options);
    expect(other.parent).toBe(red);
    expect(session.nodes.has(green.id)).toBe(true);
    session.undo();
    expect(session.redo()).toBe(other);
  });

  it("a head that is not of this session is refused", async () => {
    const elsewhere = await (await openSession(model, picture)).edit("make it red", options);
    expect(() => {
      session.head = elsewhere;
    }).toThrow(expect.objectContaining({ code: "option.invalid" }));
  });
});

describe("delete", () => {
  it("takes what was made from the node with it, moves the head, and drops masks that nobody uses", async () => {
    const { red, blue, green, yellow } = await grow();
    session.head = green;
    expect(session.masks.size).toBe(2);
    expect(session.delete(blue)).toBe(2);
    expect([...session.nodes.keys()]).toEqual([session.root.id, red.id, yellow.id]);
    expect(session.head).toBe(red);
    expect(session.masks.size).toBe(1);
    expect(session.redo()).toBe(yellow);
    await expect(session.edit("make it grey", { ...options, from: green })).rejects.toMatchObject({
      code: "option.invalid",
    });
    expect(() => session.delete(session.root)).toThrow(/cannot be deleted/);
  });

  it("while an edit of the node is under way, that edit fails and the tree stays whole", async () => {
    const red = await session.edit("make it red", options);
    const late = session.edit("make it blue", {
      steps: 3,
      onProgress: ({ step }) => void (step === 1 && session.delete(red)),
    });
    await expect(late).rejects.toMatchObject({ code: "option.invalid" });
    expect([...session.nodes.values()]).toEqual([session.root]);
  });
});

describe("compare and drift", () => {
  it("compares two nodes where the edits between them could change the picture", async () => {
    const red = await session.edit("make it red", { ...options, mask: box });
    const two = await session.edit("make it blue", { ...options, mask: corner });
    const { inside, outside } = await session.compare(two, session.root);
    expect(inside.pixels).toBe(20 * 16 + 8 * 8);
    expect(outside).toMatchObject({ changedPixels: 0, mae: 0, psnr: Number.POSITIVE_INFINITY });
    expect(await session.compare(red, two)).toEqual(
      compareInsideOutside(await red.render(), await two.render(), corner),
    );
    expect((await session.compare(red, red)).inside.changedPixels).toBe(0);
  });

  it("measures a node against its parent and the original, and keeps the result", async () => {
    const red = await session.edit("make it red", { ...options, mask: box });
    const blue = await session.edit("make it blue", { ...options, mask: corner });
    const drift = await session.drift(blue);
    expect(drift.parent).toEqual(compareInsideOutside(await red.render(), await blue.render(), corner));
    expect(drift.original.inside.pixels).toBe(20 * 16 + 8 * 8);
    expect(drift.original.outside.changedPixels).toBe(0);
    expect(drift.hidden).toBe(0);
    expect(drift.warnings).toEqual([]);
    expect(blue.drift).toBe(drift);
    const before = model.calls.decodeLatent;
    expect(await session.drift(blue)).toBe(drift);
    expect(model.calls.decodeLatent).toBe(before);
  });

  it("sees what the composite covers: a control that does not hold the latent outside of its mask", async () => {
    const node = await session.edit("make it red", { ...options, mask: box, control: "direction" });
    const drift = await session.drift(node);
    expect(drift.original.outside.changedPixels).toBe(0);
    expect(drift.hidden).toBeGreaterThan(0.1);
    expect(drift.warnings).toEqual([expect.stringMatching(/Outside of the masks the latent/)]);
  });
});

describe("a changed step", () => {
  it("makes a new branch with everything that followed, and computes nothing twice", async () => {
    const { red, blue, green, yellow } = await grow();
    session.head = green;
    const before = model.calls.denoise;
    const { node, replaced } = await session.replay(red, { seed: 9 });
    expect(session.nodes.size).toBe(9);
    expect([...replaced.keys()]).toEqual([red.id, blue.id, green.id, yellow.id]);
    expect(node.parent).toBe(session.root);
    expect(node.recipe).toEqual({ ...red.recipe, seed: "9" });
    const newGreen = replaced.get(green.id)!;
    expect(newGreen.parent).toBe(replaced.get(blue.id));
    expect(newGreen.recipe).toEqual({ ...green.recipe, parent: newGreen.parent!.id });
    expect(newGreen.mask).toEqual(corner);
    expect(session.head).toBe(newGreen);
    expect(model.calls.denoise).toBeGreaterThan(before);
    const after = model.calls.denoise;
    expect((await session.replay(red, { seed: 9 })).node).toBe(node);
    expect(model.calls.denoise).toBe(after);
  });

  it("that changes nothing is the old branch itself", async () => {
    const { red, blue } = await grow();
    const before = model.calls.denoise;
    const { node, replaced } = await session.replay(red, {});
    expect(node).toBe(red);
    expect(replaced.get(blue.id)).toBe(blue);
    expect(model.calls.denoise).toBe(before);
  });

  it("may have another instruction, mask and place; the rest is as its recipe says", async () => {
    const { blue } = await grow();
    const { node } = await session.replay(blue, { instruction: "make it grey", mask: corner });
    expect(node.instruction).toBe("make it grey");
    expect(node.mask).toEqual(corner);
    const back = await session.replay(node, { instruction: "make it blue", mask: null });
    expect(back.node).toBe(blue);
    await expect(session.replay(session.root, {})).rejects.toMatchObject({ code: "option.invalid" });
  });

  it("repeats edits of several regions, in place and bit for bit in another session", async () => {
    const regions = [{ instruction: "make it blue", mask: corner, weight: -1.5 }];
    const both = await session.edit("make it red", { ...options, seed: 2n ** 63n, mask: box, regions });
    const { node } = await session.replay(both, { seed: 4 });
    expect(node.recipe).toEqual({ ...both.recipe, seed: "4" });
    const again = await openSession(model, picture);
    const twin = await again.edit("make it red", { ...options, seed: 4, mask: box, regions });
    expect(twin.id).toBe(node.id);
    expect(values(twin.latent.data).equals(values(node.latent.data))).toBe(true);
  });
});

describe("verification", () => {
  it("computes every node again and finds it the same, bit for bit", async () => {
    await grow();
    const results = await session.verify();
    expect(results.map(({ node }) => node.id)).toEqual([...session.nodes.keys()]);
    expect(results.map(({ result }) => result)).toEqual(Array(5).fill("same"));
  });

  it("names the node that differs, and by how much", async () => {
    const { blue } = await grow();
    blue.latent.data[3]! += 0.5;
    const results = await session.verify();
    expect(results.filter(({ result }) => result === "differs").map(({ node }) => node.instruction)).toEqual([
      "make it blue",
      "make it green",
    ]);
    expect(results.find(({ node }) => node === blue)!.error).toBeGreaterThan(1e-4);
  });
});

describe("masks", () => {
  it("are copied: a caller may go on painting, and the recipe still tells the truth", async () => {
    const own = { ...box, data: box.data.slice() };
    const red = await session.edit("make it red", { ...options, mask: own });
    const before = await red.render();
    own.data.fill(0);
    expect(red.mask).toEqual(box);
    expect((await session.verify()).every(({ result }) => result === "same")).toBe(true);
    expect(samePicture(await red.render(), before)).toBe(true);
  });

  it("with values outside [0, 1] are refused before anything is computed", async () => {
    const before = model.calls.denoise;
    const bad = { ...box, data: box.data.map(() => Number.NaN) };
    await expect(session.edit("make it red", { mask: bad })).rejects.toMatchObject({ code: "mask.invalid" });
    const regions = [{ instruction: "more", weight: Number.POSITIVE_INFINITY }];
    await expect(session.edit("make it red", { regions })).rejects.toMatchObject({ code: "option.invalid" });
    expect(model.calls.denoise).toBe(before);
  });
});

describe("numbers that are texts", () => {
  const region = { instruction: "make it green", weight: "2" as unknown as number };
  it.each([
    { strength: "0.5" },
    { textGuidance: "3" },
    { imageGuidance: "1.5" },
    { gate: "0.1" },
    { guidanceInterval: ["0", "1"] },
    { regions: [region] },
  ])("are refused, since no session with them could be opened: %j", async (given) => {
    const asked = session.edit("make it red", { ...options, ...(given as object) });
    await expect(asked).rejects.toMatchObject({ code: "option.invalid" });
    expect(session.nodes.size).toBe(1);
  });
});

describe("a recipe from before guidance had ranges", () => {
  it("is verified and replayed as it was; what is asked for anew is held to the ranges", async () => {
    const first = await session.edit("make it red", { ...options, mask: box });
    // As a session of then has it: the same formula, with weights that are refused today.
    const weights = { textGuidance: 120, imageGuidance: 0.8 };
    const regions = [{ instruction: "make it green", mask: corner, weight: 150 }];
    const recorded = { ...weights, regions: [undefined, 150] };
    const old = await session.edit("make it blue", { ...options, ...weights, mask: box, regions, recorded });
    expect(old.recipe).toMatchObject(weights);
    expect((await session.verify()).map(({ result }) => result)).toEqual(["same", "same", "same"]);

    const { node, replaced } = await session.replay(first, { seed: 5 });
    expect(node.recipe!.seed).toBe("5");
    const again = replaced.get(old.id)!;
    expect(again.recipe).toMatchObject({ ...weights, regions: [{}, { weight: 150 }] });
    const changed = session.replay(old, { imageGuidance: 0.7 });
    await expect(changed).rejects.toMatchObject({ code: "option.invalid" });
    await expect(session.edit("make it blue", { ...options, imageGuidance: 0.8 })).rejects.toMatchObject({
      code: "option.invalid",
    });
  });
});
