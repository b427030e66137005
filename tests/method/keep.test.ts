/** Edits that end before their last step, with the preview as the result. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { EditModel } from "../../src/method/edit-model.ts";
import { loadModel } from "../../src/models/load.node.ts";
import { loadSession } from "../../src/session/file/store.node.ts";
import { openSession } from "../../src/session/open.node.ts";
import { runScript } from "../../src/session/script/run-script.ts";
import { scriptOf } from "../../src/session/script/script-of.ts";
import { box, picture, same } from "../support/session-fixture.ts";

const CHECKPOINT = new URL("../fixtures/parity/sd1/checkpoint", import.meta.url).pathname;
let model: EditModel;
let folder: string;
beforeAll(async () => {
  model = await loadModel(CHECKPOINT);
  folder = await mkdtemp(join(tmpdir(), "emilie-keep-"));
});
afterAll(async () => {
  await model.dispose();
  await rm(folder, { recursive: true });
});

it("a kept preview is the last x̂₀, recorded, and made again bit for bit; the mask still holds", async () => {
  const session = await openSession(model, picture);
  const settings = { steps: 6, mask: box, seed: 3 };
  const calls = model.calls.denoise;
  let seen: Float32Array | undefined;
  const kept = await session.edit("make it red", {
    ...settings,
    onProgress: ({ step, denoised }) => {
      seen = denoised.data;
      return step === 1 ? "keep" : undefined;
    },
  });
  expect(kept.recipe).toMatchObject({ steps: 6, stopAfter: 2 });
  expect(model.calls.denoise - calls).toBe(2 * 3);
  // Inside of the mask c = x̂₀ / s.
  const at = kept.latent.data.findIndex((value, i) => value !== session.root.latent.data[i]);
  expect(kept.latent.data[at]).toBe(Math.fround(seen![at]! / model.scalingFactor));

  const whole = await session.edit("make it red", { ...settings, from: session.root });
  expect(whole.id).not.toBe(kept.id);
  expect(whole.recipe).not.toHaveProperty("stopAfter", expect.anything());
  const asked = await session.edit("make it red", { ...settings, from: session.root, stopAfter: 2 });
  expect(asked).toBe(kept); // the same recipe is not computed again
  const all = await session.edit("make it red", { ...settings, from: session.root, stopAfter: 6 });
  expect(all).toBe(whole);

  const shorter = await session.replay(kept, { steps: 1 }); // its end was one of six steps
  expect(shorter.node.recipe).toMatchObject({ steps: 1 });
  session.delete(shorter.node);
  const again = await runScript(session, scriptOf(session, [kept]), { from: session.root });
  expect([...again.values()]).toEqual([kept]);

  const file = join(folder, "kept.emilie");
  await session.save(file);
  const opened = await loadSession(file, { model });
  expect(same(opened.nodes.get(kept.id)!.latent, kept.latent)).toBe(true);
  expect((await opened.verify()).map(({ result }) => result)).toEqual(["same", "same", "same"]);
});

it("stopAfter lies within the steps", async () => {
  const session = await openSession(model, picture);
  for (const stopAfter of [0, 4, 1.5]) {
    await expect(session.edit("make it red", { steps: 3, stopAfter })).rejects.toMatchObject({
      code: "option.invalid",
    });
  }
});
