/** What the shipped checkpoint says no to, does in two steps, and finds missing: on its real weights, through sessions and their files. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type EditModel, loadModel, loadSession, openSession, type StoredSession } from "../../src/index.ts";

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
      "mach es winter",
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
});
