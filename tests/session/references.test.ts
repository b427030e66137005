/** Reference pictures of edits: on a tiny FLUX.2 klein, which takes four, and on a model that takes none. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { encodePng, writePicture } from "../../src/images/codec.node.ts";
import { blankPicture, type Picture, samePicture } from "../../src/images/picture.ts";
import type { EditModel } from "../../src/method/edit-model.ts";
import { loadModel } from "../../src/models/load.node.ts";
import { packContainer, readContainer } from "../../src/session/file/container.node.ts";
import { replayPath } from "../../src/session/file/replay-path.node.ts";
import { loadSession, type StoredSession } from "../../src/session/file/store.node.ts";
import { openSession } from "../../src/session/open.node.ts";
import { readPath } from "../../src/session/picture/picture-path.node.ts";
import { runScript } from "../../src/session/script/script-file.node.ts";
import { scriptOf } from "../../src/session/script/script-of.ts";
import { copyCheckpoint, scratchFolder } from "../support/flux2-fixture.ts";

const folder = scratchFolder();
const at = (name: string) => join(folder, name);
const options = { steps: 1, seed: 3 } as const;
const dots = (width: number, height: number, by: number): Picture => ({
  ...blankPicture(width, height),
  data: Uint8ClampedArray.from({ length: 4 * width * height }, (_, i) =>
    i % 4 === 3 ? 255 : (i * i * by) % 251,
  ),
});
const picture = dots(96, 64, 3);
const [hat, scarf] = [dots(64, 96, 7), dots(48, 48, 5)];
let model: EditModel;
let none: EditModel;
let session: StoredSession;
beforeAll(async () => {
  model = await loadModel(copyCheckpoint(folder, "klein"));
  none = await loadModel(new URL("../fixtures/parity/sd1/checkpoint", import.meta.url).pathname);
  await writePicture(hat, at("hat.png"));
});
afterAll(async () => {
  await model.dispose();
  await none.dispose();
});
beforeEach(async () => {
  session = await openSession(model, picture);
});

describe("an edit with reference pictures", () => {
  it("depends on them and on their order, and encodes each once", async () => {
    const [plain, one] = [
      await session.edit("wear it", { ...options, from: session.root }),
      await session.edit("wear it", { ...options, from: session.root, references: [hat] }),
    ];
    const encoded = model.calls.encodeImage;
    const both = await session.edit("wear both", {
      ...options,
      from: session.root,
      references: [hat, scarf],
    });
    const turned = await session.edit("wear both", {
      ...options,
      from: session.root,
      references: [scarf, hat],
    });
    expect(model.calls.encodeImage - encoded).toBe(1);
    expect(new Set([plain, one, both, turned].map(({ id }) => id)).size).toBe(4);
    expect(samePicture(await plain.render(), await one.render())).toBe(false);
    expect(samePicture(await both.render(), await turned.render())).toBe(false);
    expect(plain.recipe).not.toHaveProperty("references");
    expect(both.recipe!.references!.map(({ width, height }) => [width, height])).toEqual([
      [64, 96],
      [48, 48],
    ]);
    // By content: a file, and a copy, are the same picture.
    expect(
      await session.edit("wear it", { ...options, from: session.root, references: [at("hat.png")] }),
    ).toBe(one);
    expect(session.references.size).toBe(2);
    session.delete(both);
    session.delete(turned);
    expect(session.references.size).toBe(1);
  });

  it("is kept with them: in the session, in a script, in replays, and by a picture's file that is given them again", async () => {
    const node = await session.edit("wear it", { ...options, references: [hat, scarf] });
    await session.edit("make it red", options);
    expect((await session.verify()).map(({ result }) => result)).toEqual(["same", "same", "same"]);
    const { node: other } = await session.replay(node, { seed: 4 });
    expect(other.recipe!.references).toEqual(node.recipe!.references);
    await session.save(at("kept.emilie"));
    const loaded = await loadSession(at("kept.emilie"), { model });
    expect(loaded.warnings).toEqual([]);
    expect((await loaded.verify()).every(({ result }) => result === "same")).toBe(true);
    const made = await runScript(loaded, scriptOf(session, [node]));
    expect([...made.values()][0]!.id).toBe(node.id);

    await node.save(at("worn.png"));
    const path = await readPath(await readFile(at("worn.png")), "picture");
    await expect(replayPath(model, picture, path, [])).rejects.toMatchObject({ code: "session.damaged" });
    const replayed = await replayPath(model, picture, path, [], { references: [scarf, hat] });
    expect(replayed.steps).toMatchObject([{ same: true }]);

    const { manifest, pieces } = await readContainer(at("kept.emilie"));
    const whole = manifest.pieces.map((entry) => ({ ...entry, bytes: pieces.get(entry.name)! }));
    const rest = whole.filter(({ name }) => !name.startsWith("reference/"));
    const write = async (change: object, kept = whole) => {
      const list = kept.map(({ bytes: _, ...entry }) => entry);
      const { parts } = await packContainer({ ...manifest, pieces: list, ...change }, kept);
      await writeFile(at("other.emilie"), Buffer.concat(parts));
      return loadSession(at("other.emilie"), { model });
    };
    const lost = await write({}, rest);
    expect(lost.warnings.filter(({ part }) => part === "reference").length).toBeGreaterThan(0);
    expect((await lost.verify()).map(({ result }) => result)).toContain("unknown");
    await expect(write({ version: 5 })).rejects.toThrow(/version 5, which has no "references"/);
  });

  it("is refused by the limit, before anything is done", async () => {
    const five = Array.from({ length: 5 }, () => hat);
    const calls = { ...model.calls };
    await expect(session.edit("x", { ...options, references: five })).rejects.toThrow(
      /at most 4 reference pictures, got 5/,
    );
    expect(model.calls).toEqual(calls);
    const other = await openSession(none, picture);
    const refused = other.edit("x", { ...options, references: ["no-such-file.png"] });
    await expect(refused).rejects.toThrow(/takes no reference pictures, got 1/);
    await expect(refused).rejects.toMatchObject({ code: "option.invalid" });
    expect((await encodePng(hat)).length).toBeGreaterThan(0);
  });
});
