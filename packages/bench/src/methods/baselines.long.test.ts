/** The baselines' own properties, on the shipped checkpoint. */
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readPicture } from "../../../../src/images/codec.node.ts";
import { type Mask, maskFromBox, maskFromPicture } from "../../../../src/images/mask.ts";
import { type Picture, samePicture } from "../../../../src/images/picture.ts";
import type { EditModel } from "../../../../src/method/edit-model.ts";
import { toScaled } from "../../../../src/method/latent-iteration.ts";
import { loadModel } from "../../../../src/models/load.node.ts";
import {
  contiguous,
  createSchedule,
  invertDdim,
  samplers,
  scheduleFrom,
} from "../../../../src/samplers/index.ts";
import { openSession } from "../../../../src/session/session.ts";
import { createNoise } from "../../../../src/tensor/noise.ts";
import { relativeError } from "../../../../src/tensor/ops.ts";
import type { Tensor } from "../../../../src/tensor/tensor.ts";
import type { MethodResult, MethodTurn, SettingsMode } from "../types.ts";
import { type BlendedSettings, blended } from "./blended-latent.ts";
import { joined } from "./concat.ts";
import { contrastMask } from "./diffedit.ts";
import { METHODS, methodNamed } from "./index.ts";
import { instructed, ownGuidance, uninstructed } from "./instructed.ts";
import { latentMask } from "./latent-mask.ts";
import { decodePicture, encodePicture } from "./round-trip.ts";
import { sdedit } from "./sdedit.ts";
import { turnSeed } from "./turn-seed.ts";

const root = resolve(import.meta.dirname, "../../../..");
const chains = join(root, "packages/bench/datasets/imie-picturebook/chains");
const FEW: SettingsMode = { mode: "same-steps", steps: 4, sampler: "ddim" };
const NAMES = "concat concat-masked sdedit diffedit diffedit-given-mask blended-latent vae-only".split(" ");

let model: EditModel;
let start: Picture;
let walls: MethodTurn & { mask: Mask };
let moon: MethodTurn & { mask: Mask };
let c: Tensor;

beforeAll(async () => {
  model = await loadModel(join(root, "models/picturebook"), { threads: 1, understanding: false });
  const read = (file: string) => readPicture(join(chains, file));
  start = await read("00.png");
  const mask = async (file: string) => maskFromPicture(await read(file));
  walls = { instruction: "make the walls blue", mask: await mask("00-1-brush.png") };
  moon = { instruction: "a moon instead of the sun", mask: await mask("00-2-brush.png") };
  c = await encodePicture(model, start);
});
afterAll(() => model.dispose());

async function run(
  name: string,
  turns: readonly MethodTurn[],
  { seed = 0, from = start, mode = FEW }: { seed?: number; from?: Picture; mode?: SettingsMode } = {},
): Promise<MethodResult[]> {
  const method = methodNamed(name);
  const results = [];
  const settings = method.settings(model, mode);
  for await (const result of method.run(model, from, turns, settings, { seed })) results.push(result);
  return results;
}

/** How many pixels differ where `counts` says so. */
function changed(a: Picture, b: Picture, counts: (i: number) => boolean): number {
  let pixels = 0;
  for (let i = 0; i < a.width * a.height; i++) {
    if (counts(i) && [0, 1, 2, 3].some((k) => a.data[4 * i + k] !== b.data[4 * i + k])) pixels++;
  }
  return pixels;
}
const meanDifference = (a: Picture, b: Picture) =>
  a.data.reduce((sum, v, i) => sum + Math.abs(v - b.data[i]!), 0) / (a.width * a.height * 3);

describe("every baseline", () => {
  it.each(NAMES)("%s: one result a turn, costs counted, the same bytes for the same seed", async (name) => {
    const before = model.calls.denoise;
    const results = await run(name, [walls, moon], { seed: 3 });
    expect(results.map(({ picture: { width, height } }) => [width, height])).toEqual([
      [128, 128],
      [128, 128],
    ]);
    expect(results.reduce((sum, { unetCalls }) => sum + unetCalls, 0)).toBe(model.calls.denoise - before);
    for (const { seconds } of results) expect(seconds).toBeGreaterThan(0);
    const again = await run(name, [walls, moon], { seed: 3 });
    expect(again.map(({ picture }, i) => samePicture(picture, results[i]!.picture))).toEqual([true, true]);
    // The round trip has no noise; DiffEdit draws it for its mask alone, which ten draws make much the same for any seed.
    if (name.startsWith("diffedit") || name === "vae-only") return;
    const [other] = await run(name, [walls], { seed: 4 });
    expect(samePicture(other!.picture, results[0]!.picture)).toBe(false);
  });

  it.each(NAMES)("%s: stops where its signal says so", async (name) => {
    const method = methodNamed(name);
    const settings = method.settings(model, { mode: "same-steps", steps: 200, sampler: "ddim" });
    const controller = new AbortController();
    const turns = Array(50).fill(walls);
    const before = model.calls.denoise;
    const running = (async () => {
      for await (const _ of method.run(model, start, turns, settings, {
        seed: 0,
        signal: controller.signal,
      }));
    })();
    setTimeout(() => controller.abort(), 150);
    await expect(running).rejects.toMatchObject({ code: "aborted" });
    expect(model.calls.denoise - before).toBeLessThan(150);
  });

  it.each(NAMES)("%s: settings are plain JSON", async (name) => {
    for (const mode of [FEW, { mode: "paper" } as const]) {
      const settings = methodNamed(name).settings(model, mode);
      expect(JSON.parse(JSON.stringify(settings))).toEqual(settings);
    }
  });

  it("takes as many steps as asked for in same-steps mode, and the sampler where it is free", async () => {
    const mode = { mode: "same-steps", steps: 6, sampler: "euler" } as const;
    const of = (name: string) => methodNamed(name).settings(model, mode);
    for (const name of ["concat", "sdedit", "sdedit-0.3", "blended-latent"]) {
      expect(of(name), name).toMatchObject({ steps: 6, sampler: "euler" });
      expect((await run(name, [walls], { mode }))[0]!.unetCalls, name).toBe(6);
    }
    expect(of("diffedit-given-mask")).toMatchObject({ steps: 6, sampler: "ddim" });
    // There and back; its own mask takes two rows for each of ten draws.
    expect((await run("diffedit-given-mask", [walls], { mode }))[0]!.unetCalls).toBe(12);
    expect((await run("diffedit", [walls], { mode }))[0]!.unetCalls).toBe(32);
  });

  it("has the numbers of its paper, and the checkpoint's own guidance", () => {
    const of = (name: string) => methodNamed(name).settings(model, { mode: "paper" });
    const guidance = ownGuidance(model);
    expect(guidance).toEqual({ textGuidance: 1, imageGuidance: 1 });
    expect(of("sdedit")).toEqual({
      strength: 0.5,
      sampler: "ddpm",
      scheduleSteps: 1000,
      steps: 500,
      ...guidance,
    });
    expect(of("diffedit")).toMatchObject({
      ...{ sampler: "ddim", scheduleSteps: 50, steps: 40, mask: "own", ...guidance },
      ...{ maskStrength: 0.5, maskDraws: 10, maskClamp: 3, maskThreshold: 0.5 },
    });
    expect(of("blended-latent")).toMatchObject({ sampler: "ddim", scheduleSteps: 50, steps: 38 });
    expect(of("concat")).toEqual({ sampler: "ddim", steps: 8, tokenLimit: 30, ...guidance });
  });

  it("is found by its name; another name gets the list", () => {
    for (const [name, method] of Object.entries(METHODS)) expect(methodNamed(name)).toBe(method);
    expect(() => methodNamed("toString")).toThrow(/no method "toString"; there are .*concat, .*vae-only/);
  });
});

describe("between turns", () => {
  it("nothing but the 8-bit picture is passed on", async () => {
    for (const name of ["sdedit", "diffedit", "blended-latent", "vae-only"]) {
      const [first, second] = await run(name, [walls, moon]);
      // Every turn has a seed of its own.
      const [alone] = await run(name, [moon], { from: first!.picture, seed: turnSeed({}, 0, 1) });
      expect(samePicture(alone!.picture, second!.picture), name).toBe(true);
    }
  });

  it("the round trip rounds: the condition is that of the saved picture, not of the decoder's floats", async () => {
    const image = await model.decodeLatent(c);
    const floats = await model.encodeImage({
      data: image.data.map((v) => Math.min(1, Math.max(-1, v))),
      shape: image.shape,
    });
    const picture = await decodePicture(model, c, start);
    const rounded = await encodePicture(model, picture);
    const error = relativeError(rounded, floats);
    expect(error).toBeGreaterThan(0);
    expect(error).toBeLessThan(0.05);
    const bytes = Float32Array.from({ length: 3 * 128 * 128 }, (_, i) => {
      const [channel, pixel] = [Math.floor(i / (128 * 128)), i % (128 * 128)];
      return picture.data[4 * pixel + channel]! / 127.5 - 1;
    });
    expect(rounded.data).toEqual((await model.encodeImage({ data: bytes, shape: [3, 128, 128] })).data);
  });
});

describe("concat", () => {
  it("edits the first picture by all instructions so far", async () => {
    const results = await run("concat", [walls, moon]);
    const session = await openSession(model, start);
    for (const [i, text] of [
      "make the walls blue",
      "make the walls blue, a moon instead of the sun",
    ].entries()) {
      const node = await session.edit(text, { from: session.root, gate: 0, steps: 4, sampler: "ddim" });
      expect(samePicture(results[i]!.picture, await node.render())).toBe(true);
    }
  });

  it("joins sentences, and has no effect beyond what the encoder reads", async () => {
    expect(joined([{ instruction: " make it winter." }, { instruction: "add a balloon" }])).toBe(
      "make it winter, add a balloon",
    );
    const many = Array(6).fill({ instruction: "turn the walls to red please" });
    const { tokens, limit } = model.countTokens(joined(many));
    expect(tokens).toBeGreaterThan(limit);
    const results = await run("concat", [...many, moon]);
    expect(samePicture(results.at(-1)!.picture, results.at(-2)!.picture)).toBe(true);
  });

  it("masked, keeps every pixel outside all masks so far; without one of them, none is kept", async () => {
    const [first, both, all] = await run("concat-masked", [walls, moon, { instruction: "make it winter" }]);
    expect(changed(first!.picture, start, (i) => walls.mask.data[i] === 0)).toBe(0);
    const outside = (i: number) => walls.mask.data[i] === 0 && moon.mask.data[i] === 0;
    expect(changed(both!.picture, start, outside)).toBe(0);
    expect(changed(both!.picture, start, (i) => moon.mask.data[i]! > 0)).toBeGreaterThan(100);
    expect(changed(all!.picture, start, outside)).toBeGreaterThan(5000);
  });
});

describe("SDEdit", () => {
  it("at strength 0 is the identity, and runs no UNet", async () => {
    const method = sdedit(0);
    for (const mode of [FEW, { mode: "paper" } as const]) {
      const settings = method.settings(model, mode);
      for await (const { picture, unetCalls } of method.run(model, start, [walls, moon], settings, {
        seed: 0,
      })) {
        expect(samePicture(picture, start)).toBe(true);
        expect(unetCalls).toBe(0);
      }
    }
  });

  it("starts from the level that its strength says, with all steps below it", () => {
    for (const strength of [0.3, 0.4, 0.5, 0.6]) {
      const { scheduleSteps, steps } = methodNamed(`sdedit-${strength}`).settings(model, {
        mode: "same-steps",
        steps: 8,
        sampler: "ddim",
      }) as { scheduleSteps: number; steps: number };
      const schedule = createSchedule(model.schedulerConfig, { sampler: "ddim", steps: scheduleSteps });
      const { levels } = scheduleFrom(schedule, scheduleSteps - steps);
      expect(levels).toHaveLength(8);
      expect(Math.abs(levels[0]!.t / 1000 - strength)).toBeLessThan(0.02);
    }
  });

  it("keeps less of the picture the stronger it is", async () => {
    const winter = [{ instruction: "make it winter" }];
    const mode = { mode: "same-steps", steps: 8, sampler: "ddim" } as const;
    const difference = async (name: string) =>
      meanDifference((await run(name, winter, { mode }))[0]!.picture, start);
    expect(await difference("sdedit-0.6")).toBeGreaterThan(await difference("sdedit-0.3"));
  });

  it("visits every timestep of a checkpoint whose schedule has an offset", async () => {
    const tiny = await loadModel(join(root, "tests/fixtures/parity/sd1/checkpoint"), { threads: 1 });
    expect(tiny.schedulerConfig).toMatchObject({ steps_offset: 1 });
    const method = sdedit(0.02);
    const settings = method.settings(tiny, { mode: "paper" });
    expect(settings).toMatchObject({ scheduleSteps: 1000, steps: 20 });
    for await (const { unetCalls } of method.run(tiny, start, [walls], settings, { seed: 0 })) {
      expect(unetCalls).toBe(3 * 20);
    }
    await tiny.dispose();
  });
});

describe("DiffEdit", () => {
  it("inverts and returns: within 4 % of the latent at 50 steps, 10 % at 10, nearer with more", async () => {
    const denoise = await uninstructed(model, c);
    const source = toScaled(model, c);
    const errors = [];
    for (const steps of [5, 10, 50]) {
      const whole = createSchedule(model.schedulerConfig, { sampler: "ddim", steps });
      const schedule = scheduleFrom(contiguous(whole), steps / 5);
      const [start] = await invertDdim(denoise, source, schedule);
      const back = await samplers.ddim(denoise, start!, schedule, createNoise(0));
      errors.push(relativeError(back, source));
    }
    expect(errors[1]).toBeLessThan(errors[0]!);
    expect(errors[2]).toBeLessThan(errors[1]!);
    expect(errors[1]).toBeLessThan(0.1);
    expect(errors[2]).toBeLessThan(0.04);
  });

  it("finds its mask where the instruction means, and none where there is no instruction", async () => {
    const { levels } = createSchedule(model.schedulerConfig, { sampler: "ddim", steps: 50 });
    const settings = { maskDraws: 10, maskClamp: 3, maskThreshold: 0.5 };
    const find = (text: string) => contrastMask(model, c, text, levels[25]!, createNoise(0), settings);
    const brushed = latentMask(walls.mask, c);
    const mask = await find(walls.instruction);
    const cells = mask.data.reduce((sum, m) => sum + m, 0);
    const inside = mask.data.reduce((sum, m, i) => sum + m * brushed.data[i]!, 0);
    const chance = brushed.data.reduce((sum, m) => sum + m, 0) / brushed.data.length;
    expect(mask.shape).toEqual([1, 16, 16]);
    expect(inside / cells).toBeGreaterThan(3 * chance);
    expect((await find("")).data.every((m) => m === 0)).toBe(true);
  });

  it("ends on the source where its mask is 0: what is left is the autoencoder's round trip", async () => {
    const nothing = { ...walls, mask: { ...walls.mask, data: walls.mask.data.map(() => 0) } };
    const [[kept], [trip]] = [await run("diffedit-given-mask", [nothing]), await run("vae-only", [nothing])];
    expect(meanDifference(kept!.picture, trip!.picture)).toBeLessThan(0.01);
  });
});

describe("Blended Latent Diffusion", () => {
  it("carries the background over: latents bit for bit, pixels without exception, turn after turn", async () => {
    const settings = methodNamed("blended-latent").settings(model, FEW) as BlendedSettings;
    const m = latentMask(walls.mask, c);
    const next = await blended({ model, c, instruction: walls.instruction, seed: 0 }, m, settings);
    const cells = m.data.length;
    const moved = c.data.map((v, i) => (v === next.data[i] ? 0 : 1));
    expect(moved).toEqual(c.data.map((_, i) => m.data[i % cells]!));

    const results = await run("blended-latent", [walls, moon]);
    const outside = (i: number) => walls.mask.data[i]! < 0.5 && moon.mask.data[i]! < 0.5;
    expect(changed(results[1]!.picture, start, outside)).toBe(0);
    expect(changed(results[1]!.picture, start, (i) => !outside(i))).toBeGreaterThan(200);
  });

  it("without pixel blending keeps the background to what the decoder leaks: under two levels on average", async () => {
    const settings = { ...methodNamed("blended-latent").settings(model, FEW), pixelBlending: false };
    const method = methodNamed("blended-latent");
    const trip = await decodePicture(model, c, start);
    for await (const { picture } of method.run(model, start, [walls], settings, { seed: 0 })) {
      let [sum, pixels] = [0, 0];
      for (let i = 0; i < 128 * 128; i++) {
        if (walls.mask.data[i] !== 0) continue;
        pixels++;
        for (let k = 0; k < 3; k++) sum += Math.abs(picture.data[4 * i + k]! - trip.data[4 * i + k]!) / 3;
      }
      expect(sum / pixels).toBeLessThan(2);
    }
  });

  it("leaves the picture alone where the mask is black, and edits all of it where there is none", async () => {
    const black = maskFromBox(128, 128, { x: 0, y: 0, width: 9, height: 9 });
    const [kept] = await run("blended-latent", [
      { ...walls, mask: { ...black, data: black.data.map((m) => m * 0.4) } },
    ]);
    expect([samePicture(kept!.picture, start), kept!.unetCalls]).toEqual([true, 0]);
    const [whole] = await run("blended-latent", [{ instruction: "make it winter" }]);
    expect(changed(whole!.picture, start, () => true)).toBeGreaterThan(8000);
  });
});

describe("the instruction", () => {
  it("is told to the model as emilie tells it: one row where guidance is 1, three where it is not", async () => {
    const schedule = createSchedule(model.schedulerConfig, { sampler: "ddim", steps: 3 });
    const x = createNoise(0).randn(c.shape);
    for (const [guidance, rows] of [
      [ownGuidance(model), 1],
      [{ textGuidance: 7.5, imageGuidance: 1.5 }, 3],
    ] as const) {
      const before = model.calls.denoise;
      await (await instructed(model, c, "make it winter", guidance))(x, schedule.levels[0]!, 0);
      expect(model.calls.denoise - before).toBe(rows);
    }
  });
});
