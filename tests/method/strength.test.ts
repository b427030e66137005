/** How much of an edit is done, and what is said about edits that do less than was asked; on a real, tiny checkpoint. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { maskFromBox } from "../../src/images/mask.ts";
import { samePicture } from "../../src/images/picture.ts";
import { edit } from "../../src/method/edit.ts";
import type { EditModel } from "../../src/method/edit-model.ts";
import { CONTROLS } from "../../src/method/gradient-control.ts";
import { loadModel } from "../../src/models/load.node.ts";
import { loadSession } from "../../src/session/file/store.node.ts";
import { openSession } from "../../src/session/open.node.ts";
import { createNoise } from "../../src/tensor/noise.ts";
import { relativeError } from "../../src/tensor/ops.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import { box, picture, same } from "../support/session-fixture.ts";

const CHECKPOINT = new URL("../fixtures/parity/sd1/checkpoint", import.meta.url).pathname;
const red = "make it red";
let model: EditModel;
let c: Tensor;
let folder: string;
beforeAll(async () => {
  model = await loadModel(CHECKPOINT);
  c = createNoise(3).randn([model.latentChannels, 4, 5]);
  folder = await mkdtemp(join(tmpdir(), "emilie-strength-"));
});
afterAll(async () => {
  await model.dispose();
  await rm(folder, { recursive: true });
});

const left: Tensor = {
  data: Float32Array.from({ length: 20 }, (_, i) => (i % 5 < 2 ? 1 : 0)),
  shape: [1, 4, 5],
};
const run = (options: object, mask?: Tensor) =>
  edit(model, c, [{ instruction: red, mask }], {
    steps: 4,
    sampler: "euler",
    guidanceInterval: [0, 1],
    ...options,
  });

describe("strength", () => {
  it.each(CONTROLS)(
    "%s: 1 is what there was without it, 0 is the parent and no UNet call",
    async (control) => {
      for (const mask of [undefined, left]) {
        const plain = await run({ control }, mask);
        expect(same((await run({ control, strength: 1 }, mask)).c, plain.c)).toBe(true);
        const before = model.calls.denoise;
        expect(await run({ control, strength: 0 }, mask)).toMatchObject({ c, changed: false });
        expect(model.calls.denoise).toBe(before);
      }
    },
  );

  it("is gradient control with m = strength: of a whole edit, and of a mask", async () => {
    const half = { data: new Float32Array(20).fill(0.5), shape: [1, 4, 5] };
    expect(same((await run({ strength: 0.5 })).c, (await run({}, half)).c)).toBe(true);
    const halfLeft = { ...left, data: left.data.map((m) => m / 2) };
    expect(same((await run({ strength: 0.5 }, left)).c, (await run({}, halfLeft)).c)).toBe(true);
  });

  it("moves the picture further the larger it is, and keeps what lies outside the mask", async () => {
    const distances: number[] = [];
    for (const strength of [0.1, 0.4, 0.7, 1]) {
      const { c: next } = await run({ strength }, left);
      distances.push(relativeError(next, c));
      next.data.forEach((value, i) => {
        if (left.data[i % 20] === 0) expect(value).toBe(c.data[i]);
      });
    }
    expect(distances).toEqual(distances.toSorted((a, b) => a - b));
    expect(distances[0]!).toBeLessThan(0.6 * distances[3]!);
  });

  it("of several regions acts once, on what all of them do together", async () => {
    const right = { ...left, data: left.data.map((m) => 1 - m) };
    const regions = [left, right].map((mask) => ({ instruction: red, mask }));
    const options = { steps: 4, sampler: "euler", guidanceInterval: [0, 1], strength: 0.5 } as const;
    expect(relativeError((await edit(model, c, regions, options)).c, (await run(options)).c)).toBeLessThan(
      1e-5,
    );
  });

  it("under “direction” weakens the text guidance", async () => {
    const weak = await run({ control: "direction", strength: 0.5, textGuidance: 4 });
    expect(same(weak.c, (await run({ control: "direction", textGuidance: 2 })).c)).toBe(true);
  });

  it.each([-0.1, 1.01, Number.NaN, Number.POSITIVE_INFINITY])("%d is refused", async (strength) => {
    await expect(run({ strength })).rejects.toMatchObject({ code: "option.invalid" });
  });

  it("is in the recipe where it is not 1; ids of other edits stay, and a session keeps it", async () => {
    const session = await openSession(model, picture);
    const options = { steps: 1, from: session.root };
    const plain = await session.edit(red, options);
    expect(await session.edit(red, { ...options, strength: 1 })).toBe(plain);
    expect(Object.keys(plain.recipe!)).not.toContain("strength");
    const file = join(folder, "strength.emilie");
    const weak = await session.edit(red, { ...options, strength: 0.5, mask: box });
    expect(weak.recipe).toMatchObject({ strength: 0.5 });
    await session.save(file);
    const opened = await loadSession(file, { model });
    expect((await opened.verify()).map(({ result }) => result)).toEqual(["same", "same", "same"]);
    const { node } = await opened.replay(opened.nodes.get(weak.id)!, { seed: 4 });
    expect(node.recipe).toMatchObject({ strength: 0.5, seed: "4" });
    const none = await opened.edit(red, { ...options, from: opened.root, strength: 0 });
    expect(none.changed).toBe(false);
    expect(samePicture(await none.render(), picture)).toBe(true);
  });
});

describe("instructions and masks that do less than was asked", () => {
  const said = async (instruction: string, options: object = {}) => {
    const warnings: string[] = [];
    const session = await openSession(model, picture);
    const onWarning = (message: string) => void warnings.push(message);
    const node = await session.edit(instruction, { steps: 1, onWarning, ...options });
    return { warnings, node, session };
  };

  it("an instruction of 10,000 characters is read as far as the model reads, which is said", async () => {
    const long = `paint the roof blue ${"and the door green ".repeat(525)}`;
    expect(long.length).toBeGreaterThan(9_990);
    const { warnings, node, session } = await said(long);
    const [, first] = /reads the first (\d+), to “([^”]+)”/.exec(warnings[0]!)!;
    expect(warnings).toHaveLength(1);
    expect(Number(first)).toBe(model.countTokens("").limit);
    expect(node.recipe!.regions[0]!.instruction).toBe(long);
    // What is beyond has no effect indeed.
    const other = await session.edit(`${long}and the sky pink`, { steps: 1, from: session.root });
    expect(same(other.latent, node.latent)).toBe(true);
    await session.save(join(folder, "long.emilie"));
    expect((await loadSession(join(folder, "long.emilie"), { model })).nodes.get(node.id)!.instruction).toBe(
      long,
    );
    expect((await readFile(join(folder, "long.emilie"))).length).toBeGreaterThan(10_000);
    expect((await said("make it red")).warnings).toEqual([]);
  });

  it("an empty one, and one that no model would read, are refused before anything is computed", async () => {
    const session = await openSession(model, picture);
    const before = { ...model.calls };
    for (const instruction of ["", " \n", "a".repeat(100_001)]) {
      await expect(session.edit(instruction)).rejects.toMatchObject({ code: "option.invalid" });
    }
    const regions = Array.from({ length: 300 }, () => ({ instruction: red }));
    await expect(session.edit(red, { regions })).rejects.toMatchObject({ code: "option.invalid" });
    await expect(session.edit(red, { regions: [{ instruction: " " }] })).rejects.toThrow(/empty/);
    expect(session.nodes.size).toBe(1);
    expect(model.calls).toEqual(before);
  });

  it("a mask of another size is scaled, and that is said", async () => {
    const small = maskFromBox(20, 16, { x: 2, y: 2, width: 10, height: 8 });
    const { warnings, node } = await said(red, { mask: small });
    expect(warnings).toEqual([
      expect.stringMatching(/a different size than the picture \(20×16, the picture 40×32\)/),
    ]);
    expect([...node.mask!.data.slice(0, 40)]).toEqual(Array(40).fill(0));
    expect(node.mask!.width).toBe(40);
  });

  it("a black mask returns the parent and says so; of two regions, the other one is done", async () => {
    const black = { ...box, data: new Float32Array(box.data.length) };
    const all = await said(red, { mask: black });
    expect(all.warnings).toEqual([expect.stringMatching(/“make it red” is all black: nothing may change/)]);
    expect(all.node.changed).toBe(false);
    const corner = maskFromBox(picture.width, picture.height, { x: 0, y: 0, width: 9, height: 9 });
    const one = await said(red, { mask: black, regions: [{ instruction: "make it blue", mask: corner }] });
    expect(one.warnings).toEqual([expect.stringMatching(/all black: this instruction does nothing/)]);
    expect(one.node.changed).toBe(true);
  });
});
