/** Edits on a window around their masks keep what every edit keeps (method, section 5); on a real, tiny checkpoint. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readSetting } from "../../src/cli/settings.ts";
import { maskFromBox } from "../../src/images/mask.ts";
import type { Picture } from "../../src/images/picture.ts";
import { edit } from "../../src/method/edit.ts";
import type { EditModel } from "../../src/method/edit-model.ts";
import { CONTROLS, endsOnSource } from "../../src/method/gradient-control.ts";
import { toScaled } from "../../src/method/latent-iteration.ts";
import { crop, windowOf } from "../../src/method/window.ts";
import { loadModel } from "../../src/models/load.node.ts";
import type { StepEvent } from "../../src/samplers/types.ts";
import { loadSession } from "../../src/session/file/store.node.ts";
import { openSession } from "../../src/session/open.node.ts";
import { runScript } from "../../src/session/script/run-script.ts";
import { scriptOf } from "../../src/session/script/script-of.ts";
import { createNoise } from "../../src/tensor/noise.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import { same } from "../support/session-fixture.ts";

const CHECKPOINT = new URL("../fixtures/parity/sd1/checkpoint", import.meta.url).pathname;
const [H, W] = [12, 16];
const window = { margin: 1, least: 4 };
let model: EditModel;
let c: Tensor;
let folder: string;
beforeAll(async () => {
  model = await loadModel(CHECKPOINT);
  c = createNoise(5).randn([model.latentChannels, H, W]);
  folder = await mkdtemp(join(tmpdir(), "emilie-window-"));
});
afterAll(async () => {
  await model.dispose();
  await rm(folder, { recursive: true });
});

/** Open in columns 3 to 6, rows 2 to 4. */
const mask: Tensor = {
  data: Float32Array.from({ length: H * W }, (_, i) => {
    const [y, x] = [Math.floor(i / W), i % W];
    return x >= 3 && x < 7 && y >= 2 && y < 5 ? 1 : 0;
  }),
  shape: [1, H, W],
};
const ones = { ...mask, data: mask.data.map(() => 1) };
const none = { ...mask, data: mask.data.map(() => 0) };
const run = (place: Tensor | undefined, options: object = {}) =>
  edit(model, c, [{ instruction: "make it red", mask: place }], {
    steps: 3,
    sampler: "euler",
    window,
    ...options,
  });
const place = () => windowOf(mask, window, model.stride / model.factor)!;

describe("an edit on a window", () => {
  it.each(CONTROLS.filter(endsOnSource))(
    "%s: is the edit of the cropped picture, pasted back",
    async (control) => {
      const at = place();
      expect(at.width * at.height).toBeLessThan((H * W) / 2);
      const whole = await run(mask, { control });
      const part = await edit(model, crop(c, at), [{ instruction: "make it red", mask: crop(mask, at) }], {
        ...{ steps: 3, sampler: "euler", control },
      });
      expect(same(crop(whole.c, at), part.c)).toBe(true);
      let moved = 0;
      whole.c.data.forEach((value, i) => {
        if (mask.data[i % (H * W)] === 0) expect(value).toBe(c.data[i]);
        else if (value !== c.data[i]) moved++;
      });
      expect(moved).toBeGreaterThan(0);
    },
  );

  it("takes the full path bit for bit where it has nothing to leave out, and where the control does not end on the source", async () => {
    const off = { window: "off" };
    expect(same((await run(undefined)).c, (await run(undefined, off)).c)).toBe(true);
    expect(same((await run(ones)).c, (await run(undefined, off)).c)).toBe(true);
    const wide = { window: { margin: H, least: 4 } };
    expect(same((await run(mask, wide)).c, (await run(mask, off)).c)).toBe(true);
    const direction = { control: "direction" };
    expect(same((await run(mask, direction)).c, (await run(mask, { ...direction, ...off })).c)).toBe(true);
    expect(same((await run(mask)).c, (await run(mask, off)).c)).toBe(false);
  });

  it("returns the parent without a UNet call where the mask is 0", async () => {
    const before = model.calls.denoise;
    expect(await run(none)).toMatchObject({ c, changed: false });
    expect(model.calls.denoise).toBe(before);
  });

  it("shows its steps on the whole picture, and ends early with what the last one showed", async () => {
    const events: StepEvent[] = [];
    const { c: next } = await run(mask, { onStep: (event: StepEvent) => void events.push(event) });
    const source = toScaled(model, c);
    for (const { x, denoised } of events) {
      expect([x.shape, denoised.shape]).toEqual([c.shape, c.shape]);
      for (const i of [0, H * W - 1]) expect(denoised.data[i]).toBe(source.data[i]);
    }
    const kept = await run(mask, { onStep: ({ step }: StepEvent) => (step === 1 ? "keep" : undefined) });
    const shorter = await run(mask, { stopAfter: 2 });
    expect(kept.steps).toBe(2);
    expect(same(kept.c, shorter.c)).toBe(true);
    expect(same(kept.c, next)).toBe(false);
  });
});

describe("a window as the command line has it", () => {
  const windowText = (text: string) => readSetting("window", text);

  it("is a word, or one or two numbers", () => {
    expect(["auto", "off"].map((word) => windowText(word))).toEqual(["auto", "off"]);
    expect(windowText("2")).toEqual({ margin: 2 });
    expect(windowText("2:8")).toEqual({ margin: 2, least: 8 });
    for (const text of ["2:", "2:0", "2:8:", "2:8:0.25", "2:8:1", "2::0.5", "-1", "1.5", ""]) {
      expect(() => windowText(text)).toThrow(/MARGIN\[:LEAST\]/);
    }
  });
});

describe("a session with windows", () => {
  const [width, height] = [96, 64];
  const picture: Picture = {
    width,
    height,
    data: Uint8ClampedArray.from({ length: width * height * 4 }, (_, i) =>
      i % 4 === 3 ? 255 : (i * i + 7 * i) % 251,
    ),
  };
  const box = maskFromBox(width, height, { x: 8, y: 8, width: 16, height: 16 });
  it("records the window where it acts, encodes once, and is computed again to the last bit", async () => {
    const steps = 2;
    const options = { steps, window };
    const before = model.calls.encodeImage;
    const session = await openSession(model, picture);
    const off = await session.edit("make it red", { steps, mask: box });
    expect(off.recipe).not.toHaveProperty("window");
    const red = await session.edit("make it red", { ...options, mask: box, from: session.root, seed: 0 });
    expect(red.recipe!.window).toEqual(window);
    expect(red.id).not.toBe(off.id);
    const everywhere = await session.edit("make it blue", options);
    expect(everywhere.recipe).not.toHaveProperty("window");
    expect(model.calls.encodeImage - before).toBe(1);

    const { outside } = await session.compare(session.root, red);
    expect(outside.changedPixels).toBe(0);
    await session.save(join(folder, `${steps}.emilie`));
    const again = await loadSession(join(folder, `${steps}.emilie`), { model });
    expect((await again.verify()).map(({ result }) => result)).toEqual(Array(4).fill("same"));
    const replayed = await again.replay(again.nodes.get(red.id)!, { instruction: "make it green" });
    expect(replayed.node.recipe!.window).toEqual(window);

    const fresh = await openSession(model, picture);
    for (const [hash, held] of session.masks) fresh.masks.set(hash, held);
    await runScript(fresh, scriptOf(session));
    expect([...fresh.nodes.keys()]).toEqual([...session.nodes.keys()]);
    expect(same(fresh.nodes.get(red.id)!.latent, red.latent)).toBe(true);
  });
});
