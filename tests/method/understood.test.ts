/** What the shipped checkpoint says no to, does in two steps, and finds missing: on its real weights, through sessions and their files. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  type EditModel,
  loadModel,
  loadSession,
  maskFromBox,
  type Node,
  openSession,
  type StoredSession,
} from "../../src/index.ts";

let model: EditModel;
let session: StoredSession;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "emilie-understood-"));
  model = await loadModel("picturebook");
  // A lake with a boat, two trees and clouds; no balloon, no fog.
  session = (await openSession(model, "examples/cottage.png")) as StoredSession;
});
afterAll(async () => {
  await model.dispose();
  await rm(folder, { recursive: true, force: true });
});

const ask = async (text: string, options = {}) => {
  const before = model.calls.denoise;
  const node = await session.edit(text, { from: session.root, steps: 4, ...options });
  return { node, calls: model.calls.denoise - before };
};

describe("a checkpoint that says what it understands", () => {
  it("refuses what it has no edit for: nothing is computed, every bit stays, and it says what it knows", async () => {
    for (const text of [
      "add a dog",
      "make the house bigger",
      "rends le toit bleu",
      "what is this?",
      "asdf",
      "paint the roof brown",
    ]) {
      const warnings: string[] = [];
      const { node, calls } = await ask(text, { onWarning: (message: string) => warnings.push(message) });
      expect(node.understood, text).toBe(false);
      expect(node.refused).toMatchObject([{ instruction: text, reason: "unsupported" }]);
      expect(node.refused[0]!.nearest.length).toBeGreaterThan(0);
      expect(warnings).toEqual([expect.stringContaining("was not done")]);
      expect(calls).toBe(0);
      expect(node.changed).toBe(false);
      expect(Buffer.from(node.latent.data.buffer)).toEqual(Buffer.from(session.root.latent.data.buffer));
      expect((await node.render()).data).toEqual(session.original.data);
    }
  });

  it("takes people's own words", async () => {
    for (const text of [
      "it has snowed overnight",
      "could you give the house a blue roof, please?",
      "let the sun go down",
    ]) {
      const { node, calls } = await ask(text);
      expect(node.understood, text).toBe(true);
      expect(node.refused).toEqual([]);
      expect(calls).toBe(4);
      expect(node.changed).toBe(true);
    }
  });

  it("refuses what is about something that is not there, or there already", async () => {
    const absent = (await ask("remove the balloon")).node;
    expect(absent.refused).toMatchObject([{ reason: "absent", message: "There is no balloon." }]);
    expect((await ask("add a round tree on the left")).node.refused[0]!.message).toMatch(
      /on the left already/,
    );
    expect((await ask("paint the car red")).node.refused[0]!.message).toBe("There is no car.");
  });

  it("says nothing of what a picture lacks that is not of its world", async () => {
    // A wheel of colours, of which it would have been sure that it is black and white.
    const [width, height] = [128, 128];
    const data = new Uint8ClampedArray(4 * width * height);
    for (let i = 0; i < width * height; i++) {
      const [x, y] = [(i % width) - 63.5, Math.floor(i / width) - 63.5];
      const hue = Math.atan2(y, x) * 3;
      const share = Math.min(1, Math.hypot(x, y) / 60);
      for (let c = 0; c < 3; c++)
        data[4 * i + c] = 255 * (1 - share + share * (0.5 + 0.5 * Math.cos(hue + (c * 2 * Math.PI) / 3)));
      data[4 * i + 3] = 255;
    }
    const foreign = await openSession(model, { width, height, data });
    for (const text of ["make it night", "make it winter", "remove the balloon", "add clouds"])
      expect((await foreign.edit(text, { from: foreign.root, steps: 1 })).refused, text).toEqual([]);
    // What it has no edit for it refuses all the same.
    expect((await foreign.edit("add a dog", { from: foreign.root, steps: 1 })).understood).toBe(false);
  });

  it("does both of two things, one after the other, and counts the steps of both", async () => {
    const steps: string[] = [];
    const { node, calls } = await ask("make it winter and paint the roof blue", {
      onProgress: ({ step, steps: of }: { step: number; steps: number }) => void steps.push(`${step}/${of}`),
    });
    expect(calls).toBe(8);
    expect(steps).toEqual([0, 1, 2, 3, 4, 5, 6, 7].map((step) => `${step}/8`));
    // Bit for bit what the two edits give one after the other.
    const winter = (await ask("make it winter", { seed: 0 })).node;
    const roof = await session.edit("paint the roof blue", { from: winter, steps: 4, seed: 0 });
    expect(node.latent.data).toEqual(roof.latent.data);
  });

  it("ends both early where it is told to, and the recipe makes the same again", async () => {
    const { node, calls } = await ask("make it night and remove the clouds", {
      onProgress: ({ step }: { step: number }) => (step === 5 ? "keep" : undefined),
    });
    expect(calls).toBe(6);
    expect(node.recipe!.stopAfter).toBe(6);
    const again = (await session.verify()).find((one) => one.node.id === node.id);
    expect(again).toMatchObject({ result: "same" });
  });

  it("keeps a refusal in the session's file", async () => {
    const { node } = await ask("add a rainbow");
    await session.save(join(folder, "refused.emilie"));
    const again = await loadSession(join(folder, "refused.emilie"), { model });
    expect(again.nodes.get(node.id)).toMatchObject({ understood: false, refused: node.refused });
  });

  it("leaves alone a region that it does not understand, and does the others", async () => {
    const warnings: string[] = [];
    const { node } = await ask("make it winter", {
      regions: [{ instruction: "add a dog" }],
      onWarning: (message: string) => warnings.push(message),
    });
    expect(node.understood).toBe(true);
    expect(node.refused).toMatchObject([{ instruction: "add a dog" }]);
    expect(node.changed).toBe(true);
  });

  describe("gives its denoiser the phrase of what it understood", () => {
    const same = (a: Node, b: Node) => expect(a.latent.data).toEqual(b.latent.data);

    it("bit for bit as if that had been asked for, and says which", async () => {
      const own = (await ask("could you give the house a blue roof, please?")).node;
      expect(own.phrases).toEqual(["paint the roof blue"]);
      expect(own.recipe).toMatchObject({ rephrase: "reader" });
      const phrase = (await ask("paint the roof blue")).node;
      expect(phrase.phrases).toEqual([]);
      same(own, phrase);
      const words = (await ask("could you give the house a blue roof, please?", { rephrase: "off" })).node;
      expect(words.phrases).toEqual([]);
      expect(words.recipe).not.toHaveProperty("rephrase");
      expect(words.latent.data).not.toEqual(phrase.latent.data);
    });

    it("of each of several things, and of each region", async () => {
      const both = (await ask("it has snowed overnight, and i want the roof in blue")).node;
      expect(both.phrases).toEqual(["make it winter", "paint the roof blue"]);
      same(both, (await ask("make it winter and paint the roof blue")).node);
      const { width, height } = session.original;
      const mask = maskFromBox(width, height, { x: 0, y: 0, width: width / 2, height });
      const regions = await ask("it has snowed overnight", {
        regions: [{ instruction: "give the house a blue roof", mask }],
      });
      expect(regions.node.phrases).toEqual(["make it winter", "paint the roof blue"]);
    });

    it("and not of words that a region pushes away from", async () => {
      const { node } = await ask("paint the roof blue", {
        regions: [{ instruction: "it has snowed overnight", weight: -0.5 }],
      });
      expect(node.phrases).toEqual([]);
    });

    it("in the model's own mask too", async () => {
      const map = (instruction: string, options = {}) =>
        session.relevanceMap(instruction, { from: session.root, draws: 1, ...options });
      const own = await map("could you give the house a blue roof, please?");
      expect(own.map.data).toEqual((await map("paint the roof blue")).map.data);
      const words = await map("could you give the house a blue roof, please?", { rephrase: "off" });
      expect(words.map.data).not.toEqual(own.map.data);
    });

    it("as it says before the edit", async () => {
      const { root } = session;
      const text = "could you give the house a blue roof, please?";
      expect((await session.understand(text, { from: root })).parts).toEqual(["paint the roof blue"]);
      expect((await session.understand(text, { from: root, rephrase: "off" })).parts).toEqual([text]);
    });

    it("and a recipe makes again what it made: with the phrase, or as recipes of before, in the instruction's words", async () => {
      const text = "could you give the house a blue roof, please?";
      const [on, off] = [(await ask(text)).node, (await ask(text, { rephrase: "off" })).node];
      expect(on.id).not.toBe(off.id);
      const file = join(folder, "phrases.emilie");
      await session.save(file);
      const again = await loadSession(file, { model });
      expect(again.nodes.get(on.id)).toMatchObject({ phrases: ["paint the roof blue"] });
      const verified = new Map((await again.verify()).map(({ node, result }) => [node.id, result]));
      expect([verified.get(on.id), verified.get(off.id)]).toEqual(["same", "same"]);
      // What follows a changed step is made as it was made.
      for (const node of [on, off]) {
        const changed = await session.replay(node, { seed: 7 });
        expect(changed.node.recipe!.rephrase).toBe(node.recipe!.rephrase);
      }
    });
  });

  it("has no phrases where it is loaded without what it understands", async () => {
    const plain = await loadModel("picturebook", { understanding: false });
    try {
      expect(plain.defaults).not.toHaveProperty("rephrase");
      const session = await openSession(plain, "examples/cottage.png");
      expect((await session.edit("paint the roof blue", { steps: 1 })).phrases).toEqual([]);
      await expect(session.edit("make it winter", { steps: 1, rephrase: "on" })).rejects.toMatchObject({
        code: "option.invalid",
      });
    } finally {
      await plain.dispose();
    }
  });
});
