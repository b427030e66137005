/** A small session with everything in it, saved: what the tests of session files start from. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect } from "vitest";
import { isEmilieError } from "../../src/errors.ts";
import { type Mask, maskFromBox } from "../../src/images/mask.ts";
import { type Picture, samePicture } from "../../src/images/picture.ts";
import type { EditModel } from "../../src/method/edit-model.ts";
import { loadModel } from "../../src/models/load.node.ts";
import type { StoredSession } from "../../src/session/file/store.node.ts";
import { openSession } from "../../src/session/open.node.ts";

const CHECKPOINT = new URL("../fixtures/parity/sd1/checkpoint", import.meta.url).pathname;
export const [width, height] = [40, 32];
export const picture: Picture = {
  width,
  height,
  data: Uint8ClampedArray.from({ length: width * height * 4 }, (_, i) =>
    i % 4 === 3 && i % 3 === 0 ? 255 : (i * i + 7 * i) % 251,
  ),
};
export const box = maskFromBox(width, height, { x: 4, y: 4, width: 20, height: 16 });
/** Values that no picture of 8 bits has. */
export const soft: Mask = {
  width,
  height,
  data: box.data.map((m, i) => m * (0.3 + 0.5 * ((i % width) / width))),
};
/** Guided throughout: what recipes of older versions say. */
export const options = { steps: 1, guidanceInterval: [0, 1], detail: "off" } as const;

// What savedSession() has made.
export let model: EditModel;
export let session: StoredSession;
export let bytes: Buffer;
export let folder: string;
export const at = (name: string) => join(folder, name);

/**
 * For all tests of a file: original → red (box) → blue (everywhere) → green (two regions, one mask soft); red → unchanged.
 * Saved as whole.emilie.
 */
export function savedSession(): void {
  beforeAll(async () => {
    model = await loadModel(CHECKPOINT);
    folder = await mkdtemp(join(tmpdir(), "emilie-store-"));
    session = await openSession(model, picture);
    const red = await session.edit("make it red", { ...options, mask: box, seed: 2n ** 64n - 1n });
    await session.edit("make it blue", options);
    const regions = [{ instruction: "make it grey", mask: box, weight: -1 }];
    const green = await session.edit("make it green", { ...options, mask: soft, regions });
    const nothing = { ...box, data: new Float32Array(width * height) };
    await session.edit("make it yellow", { ...options, mask: nothing, from: red });
    session.rename(green, "the green one, with “quotes” and\nlines");
    session.head = green;
    await session.drift(green);
    await session.save(at("whole.emilie"));
    bytes = await readFile(at("whole.emilie"));
  });
  afterAll(async () => {
    await model.dispose();
    await rm(folder, { recursive: true });
  });
}

export function same(a: { data: Float32Array }, b: { data: Float32Array }): boolean {
  const bytes = ({ data }: { data: Float32Array }) =>
    Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  return bytes(a).equals(bytes(b));
}

/** What an opened session reports as whole is what was saved, bit for bit. Returns how many parts were lost. */
export function checkWhole(opened: StoredSession, session: StoredSession): number {
  let lost = 0;
  expect([...opened.nodes.keys()]).toEqual([...session.nodes.keys()]);
  expect(opened.head.id).toBe(session.head.id);
  for (const [id, node] of opened.nodes) {
    const was = session.nodes.get(id)!;
    expect([node.recipe, node.name, node.changed, node.cost, node.drift, node.parent?.id]).toEqual([
      was.recipe && JSON.parse(JSON.stringify(was.recipe)),
      ...[was.name, was.changed, was.cost, was.drift, was.parent?.id],
    ]);
    for (const part of ["latent", "mask"] as const) {
      try {
        const [now, before] = [node[part], was[part]];
        expect(now === undefined).toBe(before === undefined);
        if (now && before) expect(same(now, before), `${part} of ${node.instruction}`).toBe(true);
      } catch (error) {
        if (!isEmilieError(error)) throw error;
        expect(error.code).toBe("session.damaged");
        lost++;
      }
    }
  }
  expect(samePicture(opened.original, picture)).toBe(true);
  return lost;
}
