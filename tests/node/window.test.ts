/** Edits on a window around their masks keep what every edit keeps (method, section 5); on a real, tiny checkpoint. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readSetting } from "../../src/cli/settings.ts";
import { maskFromBox } from "../../src/images/mask.ts";
import type { Picture } from "../../src/images/picture.ts";
import { edit } from "../../src/method/edit.ts";
import { CONTROLS, endsOnSource } from "../../src/method/gradient-control.ts";
import { withGuidance } from "../../src/method/guidance.ts";
import { toScaled } from "../../src/method/latent-iteration.ts";
import { crop, windowOf } from "../../src/method/window.ts";
import { loadModel } from "../../src/models/load.node.ts";
import type { EditModel } from "../../src/models/model.ts";
import { createSchedule } from "../../src/samplers/index.ts";
import type { StepEvent } from "../../src/samplers/types.ts";
import { openSession } from "../../src/session/open.node.ts";
import { runScript } from "../../src/session/run-script.ts";
import { scriptOf } from "../../src/session/script-of.ts";
import { loadSession } from "../../src/session/store.node.ts";
import { createNoise } from "../../src/tensor/noise.ts";
import { relativeError } from "../../src/tensor/ops.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import { same } from "./session-fixture.ts";

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
    const before = model.calls.unet;
    expect(await run(none)).toMatchObject({ c, changed: false });
    expect(model.calls.unet).toBe(before);
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

describe("an edit with steps on the whole picture", () => {
  const some = { steps: 5, window: { ...window, whole: 0.4 } };
  const off = { window: "off" };

  it("takes the full path bit for bit where every step sees the whole picture", async () => {
    const whole = await run(mask, { ...some, ...off });
    expect(same((await run(mask, { ...some, window: { ...window, whole: 1 } })).c, whole.c)).toBe(true);
    const short = await run(mask, { ...some, steps: 2 });
    expect(same(short.c, (await run(mask, { ...off, steps: 2 })).c)).toBe(true);
    expect(same((await run(ones, some)).c, (await run(undefined, { ...some, ...off })).c)).toBe(true);
    expect(same((await run(mask, some)).c, whole.c)).toBe(false);
  });

  it.each(CONTROLS.filter(endsOnSource))(
    "%s: keeps what lies outside of the mask, bit for bit",
    async (control) => {
      for (const sampler of ["euler", "euler-ancestral", "dpm++2m", "ddim"]) {
        const events: StepEvent[] = [];
        const onStep = (event: StepEvent) => void events.push(event);
        const { c: next } = await run(mask, { ...some, control, sampler, onStep });
        const source = toScaled(model, c);
        let moved = 0;
        next.data.forEach((value, i) => {
          if (mask.data[i % (H * W)] === 0) expect(value).toBe(c.data[i]);
          else if (value !== c.data[i]) moved++;
        });
        expect(moved).toBeGreaterThan(0);
        for (const { denoised } of events) {
          for (const i of [0, H * W - 1]) expect(denoised.data[i]).toBe(source.data[i]);
        }
      }
    },
  );

  it("computes the last layer alone at the other steps, and begins as the whole picture's edit does", async () => {
    const first: Tensor[] = [];
    const onStep = ({ step, denoised }: StepEvent) => void (step === 0 && first.push(denoised));
    const { unet, shallow } = model.calls;
    await run(mask, { ...some, textGuidance: 5, imageGuidance: 1.5, guidanceInterval: [0, 1], onStep });
    expect([model.calls.unet - unet, model.calls.shallow - shallow]).toEqual([5 * 3, 3 * 3]);
    await run(mask, {
      ...some,
      ...off,
      textGuidance: 5,
      imageGuidance: 1.5,
      guidanceInterval: [0, 1],
      onStep,
    });
    expect(relativeError(first[0]!, first[1]!)).toBeLessThan(1e-5);
  });

  it("is what shared deep features give, where the window is the whole picture; and a part of it inside a smaller one", async () => {
    const [text, nullText] = [await model.encodeText("make it red"), await model.encodeText("")];
    const schedule = createSchedule(model.schedulerConfig, { sampler: "ddim", steps: 6 });
    const guidance = {
      ...{ model, c, nullText, baseText: nullText, imageGuidance: 1.5 },
      directions: [{ text, weight: 5 }],
    };
    const answers = async (more: object) => {
      const denoise = withGuidance({ ...guidance, ...more });
      const x = createNoise(1).randn(c.shape);
      const all: Tensor[] = [];
      for (const [step, level] of schedule.levels.entries()) all.push(await denoise(x, level, step));
      return all;
    };
    const whole = (step: number) => step % 3 === 0;
    const reused = await answers({ reuse: 3 });
    const everywhere = { x: 0, y: 0, width: W, height: H };
    const full = await answers({ windowed: { window: everywhere, whole } });
    for (const [step, answer] of full.entries()) expect(same(answer, reused[step]!)).toBe(true);
    const part = await answers({ windowed: { window: place(), whole } });
    for (const [step, answer] of part.entries()) {
      expect(same(answer, reused[step]!)).toBe(whole(step));
      // The last layer sees its neighbourhood, and normalises over the window: near, and not the same; far from any other place.
      const at = (x: number) => relativeError(crop(answer, place()), crop(reused[step]!, { ...place(), x }));
      expect(at(place().x)).toBeLessThan(0.5);
      expect(at(place().x + 1)).toBeGreaterThan(1);
    }
  });

  it("computes whole, at any step, a term that has no deep features yet", async () => {
    const { unet, shallow } = model.calls;
    // Guided steps are 2 and 3: the null texts' terms come anew at 2.
    const guidance = { textGuidance: 5, imageGuidance: 1.5, guidanceInterval: [0.3, 0.7] };
    await run(mask, { ...some, steps: 6, ...guidance, window: { ...window, whole: 0.3 } });
    expect([model.calls.unet - unet, model.calls.shallow - shallow]).toEqual([4 + 2 * 3, 4 + 2]);
  });

  it("does not go with a reuse of its own", async () => {
    const refused = { code: "option.invalid", message: expect.stringMatching(/reuse must be 1/) };
    await expect(run(mask, { ...some, reuse: 2 })).rejects.toMatchObject(refused);
    expect((await run(mask, { reuse: 2 })).changed).toBe(true);
  });
});

describe("a window as the command line has it", () => {
  const windowText = (text: string) => readSetting("window", text);

  it("is a word, or one to three numbers", () => {
    expect(["auto", "off"].map((word) => windowText(word))).toEqual(["auto", "off"]);
    expect(windowText("2")).toEqual({ margin: 2 });
    expect(windowText("2:8")).toEqual({ margin: 2, least: 8 });
    expect(windowText("2:8:0.25")).toEqual({ margin: 2, least: 8, whole: 0.25 });
    expect(["2:8:.5", "2:8:0", "2:8:1"].map((text) => (windowText(text) as { whole: number }).whole)).toEqual(
      [0.5, 0, 1],
    );
    for (const text of ["2:", "2:0", "2:8:", "2:8:2", "2:8:1.5", "2:8:-1", "2::0.5", "2:8:0.5:1", ""]) {
      expect(() => windowText(text)).toThrow(/MARGIN\[:LEAST\[:WHOLE\]\]/);
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
  it.each([
    { steps: 2, window },
    { steps: 5, window: { ...window, whole: 0.4 } },
  ])(
    "records the window where it acts, encodes once, and is computed again to the last bit: %j",
    async (options) => {
      const { steps, window } = options;
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
    },
  );
});
