/** What an edit hardly moved is carried over exactly: on a tiny checkpoint, and on the one that ships. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readPicture } from "../../src/images/codec.node.ts";
import { maskFromBox } from "../../src/images/mask.ts";
import { samePicture } from "../../src/images/picture.ts";
import { edit } from "../../src/method/edit.ts";
import type { EditModel } from "../../src/method/edit-model.ts";
import { changeMask } from "../../src/method/gating.ts";
import { loadModel } from "../../src/models/load.node.ts";
import { loadSession } from "../../src/session/file/store.node.ts";
import { openSession } from "../../src/session/open.node.ts";
import { createNoise } from "../../src/tensor/noise.ts";
import { differenceMask } from "../../src/tensor/ops.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import { height, picture, same, width } from "../support/session-fixture.ts";

const TINY = new URL("../fixtures/parity/sd1/checkpoint", import.meta.url).pathname;
const HOUSE = new URL("../../benchmarks/picturebook/noop", import.meta.url).pathname;
let model: EditModel;
let picturebook: EditModel;
let c: Tensor;
let folder: string;
beforeAll(async () => {
  model = await loadModel(TINY);
  picturebook = await loadModel("picturebook");
  c = createNoise(3).randn([model.latentChannels, 4, 5]);
  folder = await mkdtemp(join(tmpdir(), "emilie-gate-"));
});
afterAll(async () => {
  await model.dispose();
  await picturebook.dispose();
  await rm(folder, { recursive: true });
});

const run = (options: object) =>
  edit(model, c, [{ instruction: "make it red" }], { steps: 2, sampler: "euler", ...options });

/** A gate that about a quarter of the places pass for certain. */
function halfWay(edited: Tensor, parent: Tensor): number {
  const plane = edited.data.length / 4;
  const far = Array.from({ length: plane }, (_, i) => {
    const squares = [0, 1, 2, 3].map(
      (ch) => (edited.data[ch * plane + i]! - parent.data[ch * plane + i]!) ** 2,
    );
    return model.scalingFactor * Math.sqrt(squares.reduce((sum, square) => sum + square) / 4);
  });
  return far.sort((a, b) => a - b)[Math.floor(0.75 * plane)]! / 2;
}

describe("the method", () => {
  it("takes everything with a gate of 0, which is the default of a checkpoint that states none", async () => {
    expect(same((await run({ gate: 0 })).c, (await run({})).c)).toBe(true);
  });

  it("carries over the parent itself where nothing passes", async () => {
    const result = await run({ gate: 100 });
    expect(result.changed).toBe(false);
    expect(result.c).toBe(c);
  });

  it("gives the edit where it passed, and the parent bit for bit where it did not", async () => {
    const plain = (await run({})).c;
    const gated = (await run({ gate: halfWay(plain, c) })).c;
    const place = differenceMask(gated, c);
    const passed = place.data.filter((value) => value === 1).length;
    expect(passed).toBeGreaterThan(0);
    expect(passed).toBeLessThan(20);
    gated.data.forEach((value, i) => {
      expect(value).toBe(place.data[i % 20] === 1 ? plain.data[i] : c.data[i]);
    });
  });

  it("is weaker with the strength, as what an edit moves is", async () => {
    const { c: half } = await run({ strength: 0.5 });
    const gate = 2 * halfWay(half, c);
    const { c: gated } = await run({ strength: 0.5, gate });
    const place = changeMask(half, c, (gate * 0.5) / model.scalingFactor);
    expect([...differenceMask(gated, c).data]).toEqual([...place.data]);
    expect(place.data).toContain(1);
    expect(place.data).toContain(0);
  });

  it.each([[-0.1], [Number.NaN], [Number.POSITIVE_INFINITY]])("%d is no gate", async (gate) => {
    await expect(run({ gate })).rejects.toMatchObject({ code: "option.invalid" });
  });
});

describe("a session", () => {
  it("shows the parent's own pixels where nothing passed, also after it was saved", async () => {
    const session = await openSession(model, picture);
    const few = { steps: 2, sampler: "euler" } as const;
    const mask = maskFromBox(width, height, { x: 0, y: 0, width: 30, height });
    const plain = await session.edit("make it red", { ...few, mask });
    const gate = halfWay(plain.latent, session.root.latent);
    const node = await session.edit("make it red", { ...few, gate, mask, from: session.root });
    const result = await node.render();
    expect(node.recipe!.gate).toBe(gate);
    const place = differenceMask(node.latent, session.root.latent);
    expect(place.data).toContain(1);
    expect(place.data).toContain(0);
    const [, h, w] = place.shape as [number, number, number];
    const cells = Array.from(place.data.keys()).filter((i) => place.data[i] === 1);
    const touched = (x: number, y: number) =>
      cells.some((i) => {
        const [dx, dy] = [
          (x + 0.5) * (w / width) - (i % w) - 0.5,
          (y + 0.5) * (h / height) - Math.floor(i / w) - 0.5,
        ];
        return Math.max(Math.abs(dx), Math.abs(dy)) < 2;
      });
    let kept = 0;
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        if (x < 30 && touched(x, y)) continue;
        kept++;
        const at = 4 * (width * y + x);
        expect([...result.data.slice(at, at + 4)]).toEqual([...picture.data.slice(at, at + 4)]);
      }
    }
    expect(kept).toBeGreaterThan(10 * height - 1);
    const file = join(folder, "gated.emilie");
    await session.save(file);
    const loaded = await loadSession(file, { model });
    expect(samePicture(await loaded.head.render(), result)).toBe(true);
    expect((await loaded.verify()).every(({ result }) => result === "same")).toBe(true);
  });
});

describe("picturebook", () => {
  it("states a gate, and leaves a picture that it is asked to leave as it is bit for bit", async () => {
    expect(picturebook.defaults.gate).toBeGreaterThan(0);
    const original = await readPicture(join(HOUSE, "000.png"));
    const session = await openSession(picturebook, original);
    for (let turn = 0; turn < 5; turn++) await session.edit("leave it as it is");
    const end = session.head;
    expect(same(end.latent, session.root.latent)).toBe(true);
    expect(samePicture(await end.render(), original)).toBe(true);
  });

  it("changes what it is asked to, and not a pixel far from it", async () => {
    const original = await readPicture(join(HOUSE, "000.png"));
    const session = await openSession(picturebook, original);
    const node = await session.edit("paint the roof blue");
    const { inside } = await session.compare(session.root, node);
    expect(inside.changedPixels).toBeGreaterThan(100);
    expect(inside.changedPixels).toBeLessThan(inside.pixels / 2);
  });
});
