/** The arms that could refute a claim: gated image iteration, visits to the encoder, low frequencies aligned, pixels reverted. */
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readPicture } from "../../../../src/images/codec.node.ts";
import { maskFromPicture } from "../../../../src/images/mask.ts";
import { type Picture, samePicture } from "../../../../src/images/picture.ts";
import type { EditModel } from "../../../../src/method/edit-model.ts";
import { loadModel } from "../../../../src/models/load.node.ts";
import { boxMean } from "../../../../src/tensor/box-mean.ts";
import { createNoise } from "../../../../src/tensor/noise.ts";
import { relativeError } from "../../../../src/tensor/ops.ts";
import type { BenchMethod, MethodTurn } from "../types.ts";
import { METHODS } from "./index.ts";
import { reencodeEvery } from "./reencode.ts";
import { reverted } from "./revert.ts";
import { aligned, momentsOf } from "./vae-lfa.ts";

const root = resolve(import.meta.dirname, "../../../..");
const chains = join(root, "packages/bench/datasets/imie-picturebook/chains");

let model: EditModel;
let start: Picture;
let walls: MethodTurn;
let moon: MethodTurn;
beforeAll(async () => {
  model = await loadModel(join(root, "models/picturebook"), { threads: 1 });
  const read = (file: string) => readPicture(join(chains, file));
  start = await read("00.png");
  walls = { instruction: "make the walls blue", mask: maskFromPicture(await read("00-1-brush.png")) };
  moon = { instruction: "a moon instead of the sun", mask: maskFromPicture(await read("00-2-brush.png")) };
});
afterAll(() => model.dispose());

async function pictures(method: BenchMethod | string, turns: readonly MethodTurn[]): Promise<Picture[]> {
  const chosen = typeof method === "string" ? METHODS[method]! : method;
  const settings = chosen.settings(model, { mode: "same-steps", steps: 2, sampler: "ddim" });
  const results = [];
  for await (const { picture } of chosen.run(model, start, turns, settings, { seed: 1 }))
    results.push(picture);
  return results;
}

/** The share of pixels that differ. */
function changed(a: Picture, b: Picture, counts: (i: number) => boolean = () => true): number {
  let [different, all] = [0, 0];
  for (let i = 0; i < a.width * a.height; i++) {
    if (!counts(i)) continue;
    all++;
    if ([0, 1, 2].some((k) => a.data[4 * i + k] !== b.data[4 * i + k])) different++;
  }
  return different / all;
}

describe("image iteration with the gate", () => {
  it("keeps pixels that image iteration does not, and at the first turn is latent iteration with the gate", async () => {
    const bare = { instruction: walls.instruction };
    const [first] = await pictures("image-iteration-gated", [bare]);
    const [without] = await pictures("image-iteration", [bare]);
    const [latent] = await pictures("emilie-no-mask-gated", [bare]);
    expect(changed(first!, start)).toBeLessThan(0.8);
    expect(changed(without!, start)).toBeGreaterThan(0.9);
    expect(samePicture(first!, latent!)).toBe(true);
  });

  it("pasted by the mask too, changes nothing outside of it", async () => {
    const [first] = await pictures("image-iteration-masked-gated", [walls]);
    expect(changed(first!, start, (i) => walls.mask!.data[i] === 0)).toBe(0);
    expect(changed(first!, start, (i) => walls.mask!.data[i]! > 0.5)).toBeGreaterThan(0.1);
  });

  it("says its gate in its settings, and image iteration's own settings are as they were", () => {
    const of = (name: string) => METHODS[name]!.settings(model, { mode: "paper" });
    expect(of("image-iteration-gated").gate).toBe(of("emilie-gated").gate);
    expect(of("image-iteration")).not.toHaveProperty("gate");
  });
});

describe("visits to the encoder", () => {
  const bare = ["make the walls blue", "a moon instead of the sun", "make it winter"].map((instruction) => ({
    instruction,
  }));

  it("every turn are image iteration, never are latent iteration, and between it is either until the visit", async () => {
    const latent = await pictures("emilie-no-mask", bare);
    const image = await pictures("image-iteration", bare);
    const before = model.calls.encodeImage;
    const every2 = await pictures(reencodeEvery(2), bare);
    expect(model.calls.encodeImage - before).toBe(2);
    expect((await pictures(reencodeEvery(1), bare)).map((p, i) => samePicture(p, image[i]!))).toEqual([
      true,
      true,
      true,
    ]);
    expect((await pictures("reencode-every-5", bare)).map((p, i) => samePicture(p, latent[i]!))).toEqual([
      true,
      true,
      true,
    ]);
    expect(every2.map((p, i) => samePicture(p, latent[i]!))).toEqual([true, true, false]);
  });

  it("with the gate, every turn are image iteration with the gate", async () => {
    const image = await pictures("image-iteration-gated", bare.slice(0, 2));
    const own = await pictures(reencodeEvery(1, true), bare.slice(0, 2));
    expect(own.map((p, i) => samePicture(p, image[i]!))).toEqual([true, true]);
    const settings = METHODS["reencode-every-5-gated"]!.settings(model, { mode: "paper" });
    expect(settings.gate).toBe(METHODS["emilie-gated"]!.settings(model, { mode: "paper" }).gate);
  });

  it("keep what no mask allowed, across a visit", async () => {
    const [, second] = await pictures(reencodeEvery(1), [walls, moon]);
    expect(changed(second!, start, (i) => walls.mask!.data[i] === 0 && moon.mask!.data[i] === 0)).toBe(0);
  });
});

describe("VAE-LFA", () => {
  const z = createNoise(3).randn([4, 16, 16]);

  it("gives low frequencies the moments asked for and leaves high ones alone; its own moments change nothing", () => {
    const low = boxMean(z, 4);
    expect(relativeError(aligned(z, momentsOf(low), 4), z)).toBeLessThan(1e-6);
    const target = { mean: [1, 2, 3, 4], logDeviation: [0.1, 0.2, 0.3, 0.4] };
    const result = aligned(z, target, 4);
    // What was added is low in frequency alone: the aligned low part less the old one.
    const added = { data: result.data.map((v, i) => v - (z.data[i]! - low.data[i]!)), shape: z.shape };
    const { mean, logDeviation } = momentsOf(added);
    mean.forEach((v, k) => void expect(v).toBeCloseTo(target.mean[k]!, 4));
    logDeviation.forEach((v, k) => void expect(v).toBeCloseTo(target.logDeviation[k]!, 4));
  });

  it("holds a flat channel to its mean", () => {
    const flat = { data: new Float32Array(256).fill(3), shape: [1, 16, 16] };
    const result = aligned(flat, { mean: [1], logDeviation: [Math.log(1e-6)] }, 4);
    expect(result.data.every((v) => Math.abs(v - 1) < 1e-6)).toBe(true);
  });

  it("encodes once, and is not latent iteration", async () => {
    const bare = [{ instruction: walls.instruction }, { instruction: moon.instruction }];
    const before = model.calls.encodeImage;
    const own = await pictures("vae-lfa", bare);
    expect(model.calls.encodeImage - before).toBe(1);
    const latent = await pictures("emilie-no-mask", bare);
    expect(own.map((p, i) => samePicture(p, latent[i]!))).toEqual([false, false]);
  });
});

describe("Emu Edit's revert", () => {
  const flat = (level: number): Picture => ({
    width: 20,
    height: 20,
    data: new Uint8ClampedArray(1600).map((_, i) => (i % 4 === 3 ? 255 : level)),
  });

  it("keeps what changed by less than three per cent on the mean around, whole patches and no single pixel", () => {
    const before = flat(100);
    expect(samePicture(reverted(before, flat(107), 0.03, 0.05), before)).toBe(true);
    expect(samePicture(reverted(before, flat(108), 0.03, 0.05), flat(108))).toBe(true);
    // A lone pixel of 60 levels is 60/25 levels over a square of five.
    const lone = flat(100);
    lone.data[4 * 210] = 160;
    expect(samePicture(reverted(before, lone, 0.03, 0.25), before)).toBe(true);
    expect(samePicture(reverted(before, lone, 0.03, 0.05), lone)).toBe(true);
    const half = flat(100);
    for (let i = 0; i < 400; i++) if (i % 20 < 10) half.data.fill(200, 4 * i, 4 * i + 3);
    const result = reverted(before, half, 0.03, 0.25);
    expect(result.data[4 * 5]).toBe(200);
    expect(result.data[4 * 15]).toBe(100);
  });

  it("leaves most of a picture as it was where a thing is edited, and passes on what it kept", async () => {
    const bare = [{ instruction: walls.instruction }, { instruction: "leave it as it is" }];
    const [first, second] = await pictures("image-iteration-revert", bare);
    expect(changed(first!, start)).toBeLessThan(0.6);
    expect(changed(first!, start)).toBeGreaterThan(0.01);
    expect(changed(second!, first!)).toBeLessThan(0.6);
  });
});
