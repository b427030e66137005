/** Detail transfer in sessions: on a tiny checkpoint that works at 16 pixels, and a picture larger than that. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { thingsBrought, transferDetail } from "../../src/images/detail-transfer.ts";
import { compareInsideOutside } from "../../src/images/difference.ts";
import { maskFromBox } from "../../src/images/mask.ts";
import { fromModelImage } from "../../src/images/model-image.ts";
import { type Picture, samePicture } from "../../src/images/picture.ts";
import type { EditModel } from "../../src/method/edit-model.ts";
import { toDecoderInput } from "../../src/method/latent-iteration.ts";
import { loadModel } from "../../src/models/load.node.ts";
import { packContainer, readContainer } from "../../src/session/file/container.node.ts";
import { loadSession } from "../../src/session/file/store.node.ts";
import { openSession } from "../../src/session/open.node.ts";
import { scriptOf } from "../../src/session/script/script-of.ts";
import type { Node } from "../../src/session/tree/tree.ts";

const TINY = new URL("../fixtures/parity/sd1/checkpoint", import.meta.url).pathname;
// Detail is kept unless an edit says otherwise.
const options = { steps: 1, seed: 3 } as const;
let model: EditModel;
let folder: string;
beforeAll(async () => {
  model = await loadModel(TINY);
  folder = await mkdtemp(join(tmpdir(), "emilie-detail-"));
});
afterAll(async () => {
  await model.dispose();
  await rm(folder, { recursive: true });
});

function pictureOf(width: number, height: number): Picture {
  const data = Uint8ClampedArray.from({ length: width * height * 4 }, (_, i) =>
    i % 4 === 3 ? 255 : (i * i + 7 * i) % 251,
  );
  return { width, height, data };
}
const picture = pictureOf(160, 128);
const decoded = (node: Node) => model.decodeLatent(toDecoderInput(model, node.latent));

describe("detail of a session's edits", () => {
  it("comes from the original in every turn, and the node says how much; off gives the model's pixels, enlarged", async () => {
    const session = await openSession(model, picture);
    const first = await session.edit("make it red", options);
    const second = await session.edit("make it blue", options);
    expect([first.recipe!.detail, second.recipe!.detail]).toEqual(["on", "on"]);
    const images = [await decoded(session.root), await decoded(first), await decoded(second)];
    const lifted = transferDetail(picture, { reconstruction: images[0]!, edited: images[1]! });
    expect(samePicture(await first.render(), lifted.picture)).toBe(true);
    const brought = thingsBrought({
      ...{ reconstruction: images[1]!, edited: images[2]! },
      brought: thingsBrought({ reconstruction: images[0]!, edited: images[1]! }),
    });
    const next = transferDetail(picture, { reconstruction: images[0]!, edited: images[2]!, brought });
    expect(samePicture(await second.render(), next.picture)).toBe(true);

    const { look } = await session.drift(second);
    expect(look!.carried).toBe(next.carried);
    expect(second.changes!.text).toContain(
      `${Math.floor(100 * next.carried)} % of the change keeps its fine detail`,
    );

    const plain = await session.edit("make it red", { ...options, from: session.root, detail: "off" });
    expect(plain.id).not.toBe(first.id);
    expect(plain.recipe).not.toHaveProperty("detail");
    const enlarged = fromModelImage(await decoded(plain), 160, 128, picture);
    expect(samePicture(await plain.render(), enlarged)).toBe(true);
  });

  it("comes from what a crop has left, in every turn after it", async () => {
    const session = await openSession(model, picture);
    await session.edit("make it green", options);
    const crop = await session.crop({ x: 16, y: 8, width: 96, height: 80 });
    const first = await session.edit("make it red", options);
    const second = await session.edit("make it blue", options);
    const begun = session.canvasOf(second);
    expect(begun.root).toBe(crop);
    const reconstruction = await model.decodeLatent(toDecoderInput(model, await begun.latentOf(crop)));
    for (const node of [first, second]) {
      const { picture: expected } = transferDetail(await crop.render(), {
        reconstruction,
        edited: await decoded(node),
      });
      expect(samePicture(await node.render(), expected)).toBe(true);
    }
  });

  it("leaves every byte outside of a mask alone", async () => {
    const session = await openSession(model, picture);
    const mask = maskFromBox(160, 128, { x: 20, y: 30, width: 70, height: 60 });
    const node = await session.edit("make it red", { ...options, mask });
    const { inside, outside } = compareInsideOutside(picture, await node.render(), mask);
    expect(outside.changedPixels).toBe(0);
    expect(inside.changedPixels).toBeGreaterThan(0);
  });

  it("is in no recipe where the picture is not larger than the model's size, or in windows", async () => {
    const small = await openSession(model, pictureOf(model.nativeSize, model.nativeSize));
    expect((await small.edit("make it red", options)).recipe).not.toHaveProperty("detail");
    const large = await openSession(model, picture, { workingSize: "own" });
    const mask = maskFromBox(160, 128, { x: 20, y: 32, width: 12, height: 12 });
    expect((await large.edit("make it red", { ...options, mask })).recipe).not.toHaveProperty("detail");
  });

  it("is saved, opened, replayed and scripted as it was made", async () => {
    const session = await openSession(model, picture);
    const plain = await session.edit("make it red", { ...options, detail: "off" });
    const node = await session.edit("make it blue", options);
    expect(scriptOf(session).steps.map(({ detail }) => detail)).toEqual(["off", undefined]);
    const { replaced } = await session.replay(plain, { seed: 4 });
    expect(replaced.get(plain.id)!.recipe).not.toHaveProperty("detail");
    expect(replaced.get(node.id)!.recipe).toMatchObject({ detail: "on" });

    const file = join(folder, "detail.emilie");
    await session.save(file);
    const opened = await loadSession(file, { model });
    expect(opened.nodes.get(node.id)!.recipe).toEqual(node.recipe);
    expect(samePicture(await opened.nodes.get(node.id)!.render(), await node.render())).toBe(true);
    expect((await opened.verify()).every(({ result }) => result === "same")).toBe(true);
  });

  it("keeps in the file what was brought, so that no earlier turn is decoded again", async () => {
    const session = await openSession(model, picture);
    for (const instruction of ["make it red", "add a star", "make it blue"]) {
      await session.edit(instruction, options);
      await session.head.render();
    }
    const file = join(folder, "brought.emilie");
    await session.save(file);
    const opened = await loadSession(file, { model });
    const before = model.calls.decodeLatent;
    expect(samePicture(await opened.head.render(), await session.head.render())).toBe(true);
    // The original's and its own.
    expect(model.calls.decodeLatent - before).toBe(2);

    const { manifest, pieces: held } = await readContainer(file);
    const pieces = manifest.pieces.map((entry) => ({ ...entry, bytes: held.get(entry.name)! }));
    const last = manifest.nodes.at(-1)!;
    expect(last.brought).toMatchObject({
      width: expect.any(Number),
      squares: expect.stringMatching(/^[01]+$/),
    });
    const lie = async (brought: unknown, version = manifest.version) => {
      const nodes = manifest.nodes.map((node) => (node === last ? { ...node, brought } : node));
      const { parts } = await packContainer({ ...manifest, version, nodes } as typeof manifest, pieces);
      await writeFile(file, Buffer.concat(parts));
      return loadSession(file, { model });
    };
    await expect(lie({ width: 1, squares: "0" })).rejects.toThrow(/not of the picture's size/);
    await expect(lie({ width: 3, squares: "0000" })).rejects.toThrow(/whole rows/);
    await expect(lie(last.brought, 8)).rejects.toThrow(/version 8, which has no "brought"/);
  });

  it("is refused where it is neither on nor off", async () => {
    const session = await openSession(model, picture);
    await expect(session.edit("make it red", { detail: "yes" as "on" })).rejects.toMatchObject({
      code: "option.invalid",
    });
  });
});
