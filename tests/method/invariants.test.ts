/**
 * The invariants of the method (1 to 3, 5, and the ones of masks), on a real tiny checkpoint, for every sampler.
 * Invariant 4 is held on the files that the command line writes (tests/cli/edit.long.test.ts), 6 by the parity tests, 7 in
 * benchmarks/chain.ts.
 */
import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { maskFromBox } from "../../src/images/mask.ts";
import { samePicture } from "../../src/images/picture.ts";
import { edit } from "../../src/method/edit.ts";
import type { EditModel } from "../../src/method/edit-model.ts";
import { CONTROLS, endsOnSource } from "../../src/method/gradient-control.ts";
import { toCondition, toScaled } from "../../src/method/latent-iteration.ts";
import type { EditOptions } from "../../src/method/options.ts";
import { loadModel } from "../../src/models/load.node.ts";
import { type SamplerName, samplerNames } from "../../src/samplers/index.ts";
import { openSession } from "../../src/session/session.ts";
import { createNoise } from "../../src/tensor/noise.ts";
import { relativeError } from "../../src/tensor/ops.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";

const CHECKPOINT = new URL("../fixtures/parity/sd1/checkpoint", import.meta.url).pathname;
const [WIDTH, HEIGHT] = [40, 32];
const picture = {
  width: WIDTH,
  height: HEIGHT,
  data: Uint8ClampedArray.from({ length: WIDTH * HEIGHT * 4 }, (_, i) =>
    i % 4 === 3 ? 255 : (i * i + 7 * i) % 251,
  ),
};
const STEPS = 4;

let model: EditModel;
/** The same networks under the configuration of a rectified flow. */
let flow: EditModel;
let c: Tensor;
beforeAll(async () => {
  model = await loadModel(CHECKPOINT);
  const folder = await mkdtemp(join(tmpdir(), "emilie-invariants-"));
  await cp(CHECKPOINT, folder, { recursive: true });
  const config = { _class_name: "FlowMatchEulerDiscreteScheduler", shift: 3 };
  await writeFile(join(folder, "scheduler/scheduler_config.json"), JSON.stringify(config));
  flow = await loadModel(folder);
  c = createNoise(11).randn([model.latentChannels, 8, 10]);
});
afterAll(async () => {
  await model.dispose();
  await flow.dispose();
  await rm(flow.id, { recursive: true });
});
const modelOf = (sampler?: SamplerName) => (sampler === "flow-euler" ? flow : model);

const filled = (value: number | ((i: number) => number)): Tensor => ({
  data: Float32Array.from({ length: 80 }, (_, i) => (typeof value === "number" ? value : value(i))),
  shape: [1, 8, 10],
});
const left = filled((i) => (i % 10 < 5 ? 1 : 0));
const run = (mask?: Tensor, options: EditOptions = {}) =>
  edit(modelOf(options.sampler), c, [{ instruction: "make it red", mask }], {
    steps: STEPS,
    guidanceInterval: [0, 1],
    ...options,
  });
/** The values where the left half's mask is 0. */
const kept = (t: Tensor) => [...t.data].filter((_, i) => left.data[i % 80] === 0);
const same = (a: Tensor, b: Tensor) => Buffer.from(a.data.buffer).equals(Buffer.from(b.data.buffer));

describe("1. the encoder runs once, and z₀/s goes back", () => {
  // For the picture's own detail the original is decoded too, once a session.
  it.each([
    ["off", 1],
    // The original's, and each turn's once: what it brought is remembered.
    ["on", 6],
  ] as const)(
    "calls the encoder once for a session of five edits, and the decoder only where somebody looks, with detail %s",
    async (detail, decodings) => {
      const before = { ...model.calls };
      const session = await openSession(model, picture);
      for (let e = 0; e < 5; e++)
        await session.edit(`make it ${["red", "blue"][e % 2]}`, { steps: 2, seed: e, detail });
      expect(model.calls.encodeImage - before.encodeImage).toBe(1);
      expect(model.calls.decodeLatent - before.decodeLatent).toBe(0);
      await session.head.render();
      await session.head.render();
      expect(model.calls.decodeLatent - before.decodeLatent).toBe(decodings);
      await (await session.edit("make it green", { steps: 2, detail })).render();
      expect(model.calls.decodeLatent - before.decodeLatent).toBe(decodings + 1);
    },
  );

  it.each(samplerNames)("%s: the next condition is z₀/s, bit for bit", async (sampler) => {
    const seen: Tensor[] = [];
    const { c: next } = await run(undefined, {
      sampler,
      onStep: ({ x }) => void seen.push(x),
    });
    const z0 = seen.at(-1)!;
    expect([...next.data]).toEqual([...z0.data].map((z) => Math.fround(z / model.scalingFactor)));
  });

  it("pins the scale trap: the condition is unscaled, ẑ is scaled, and the way there and back is the identity but for rounding", () => {
    expect(model.conditionIsScaled).toBe(false);
    expect(toScaled(model, c).data[3]).toBe(Math.fround(c.data[3]! * model.scalingFactor));
    expect(relativeError(toCondition(model, toScaled(model, c)), c)).toBeLessThan(1e-6);
    const scaled = { scalingFactor: 0.18215, conditionIsScaled: true };
    expect(toScaled(scaled, c)).toBe(c);
  });
});

describe("2. masks of ones and of zeros", () => {
  it.each(samplerNames)("%s: m ≡ 1 gives what no mask gives, bit for bit", async (sampler) => {
    const [with1, without] = [await run(filled(1), { sampler }), await run(undefined, { sampler })];
    expect(same(with1.c, without.c)).toBe(true);
  });

  it.each(CONTROLS)("%s: m ≡ 0 returns the parent itself and calls no UNet", async (control) => {
    const before = model.calls.denoise;
    const result = await run(filled(0), { control });
    expect(result).toMatchObject({ c, changed: false });
    expect(result.c).toBe(c);
    expect(model.calls.denoise).toBe(before);
  });

  it("in a session, the picture of a node that changed nothing is its parent's", async () => {
    const session = await openSession(model, picture);
    const mask = { width: WIDTH, height: HEIGHT, data: new Float32Array(WIDTH * HEIGHT) };
    const node = await session.edit("make it red", { mask });
    expect(samePicture(await node.render(), picture)).toBe(true);
    expect(node.cost.unetCalls).toBe(0);
  });
});

describe("3. where every mask of a chain is 0, c stays c₁", () => {
  const exact = CONTROLS.filter(endsOnSource);
  it.each(samplerNames.flatMap((sampler) => exact.map((control) => ({ sampler, control }))))(
    "$sampler, $control: three edits of the left half leave the right half's latents bit-identical",
    async ({ sampler, control }) => {
      let now = c;
      for (let e = 0; e < 3; e++) {
        ({ c: now } = await edit(modelOf(sampler), now, [{ instruction: "make it red", mask: left }], {
          steps: 3,
          seed: e,
          sampler,
          control,
        }));
      }
      expect(kept(now)).toEqual(kept(c));
      expect(same(now, c)).toBe(false);
    },
  );

  // These stop at the checkpoint's first noise level (set_alpha_to_one is false; TCD always), not at sigma = 0.
  const above = ["ddim", "pndm", "tcd"];
  it.each(samplerNames.filter((name) => !above.includes(name)))(
    "%s: the sampler itself ends on the source where m = 0, to rounding",
    async (sampler) => {
      const steps: Tensor[] = [];
      await run(left, { sampler, onStep: ({ x }) => void steps.push(x) });
      const source = toScaled(model, c);
      const error = Math.max(
        ...[...steps.at(-1)!.data].map((z, i) =>
          left.data[i % 80] === 0 ? Math.abs(z - source.data[i]!) : 0,
        ),
      );
      expect(error).toBeLessThan(2e-5);
    },
  );

  it("a soft mask moves by degrees: more where m is larger, on average", async () => {
    const ramp = filled((i) => 0.1 + 0.9 * ((i % 10) / 9));
    const { c: next } = await run(ramp);
    const moved = Array.from({ length: 10 }, (_, x) =>
      [...next.data].reduce((sum, v, i) => (i % 10 === x ? sum + Math.abs(v - c.data[i]!) : sum), 0),
    );
    expect(moved[0]! + moved[1]! + moved[2]!).toBeLessThan(moved[7]! + moved[8]! + moved[9]!);
  });
});

describe("the readings of gradient control differ as they should", () => {
  it("literal: where m = 0 the noise is never removed", async () => {
    const { c: literal } = await run(left, { control: "literal", sampler: "ddim", steps: 10 });
    const { c: anchored } = await run(left, { sampler: "ddim", steps: 10 });
    const far = (t: Tensor) =>
      Math.sqrt(
        [...t.data].reduce((s, v, i) => (left.data[i % 80] === 0 ? s + (v - c.data[i]!) ** 2 : s), 0),
      );
    expect(far(anchored)).toBe(0);
    expect(far(literal)).toBeGreaterThan(1);
  });

  it("direction: outside the mask it is the edit without text guidance", async () => {
    const options: EditOptions = { control: "direction", imageGuidance: 1, steps: 1, sampler: "ddim" };
    const [masked, untold] = [
      await run(left, options),
      await run(undefined, { ...options, textGuidance: 0 }),
    ];
    expect(kept(masked.c)).toEqual(kept(untold.c));
    expect(same(masked.c, untold.c)).toBe(false);
  });
});

describe("several regions in one pass", () => {
  const right = filled((i) => (i % 10 < 5 ? 0 : 1));
  it("two half regions of one instruction are one global edit under direction control", async () => {
    const both = await edit(
      model,
      c,
      [
        { instruction: "make it red", mask: left },
        { instruction: "make it red", mask: right },
      ],
      { steps: STEPS, guidanceInterval: [0, 1] },
    );
    expect(relativeError(both.c, (await run()).c)).toBeLessThan(1e-5);
  });

  it("regions are anchored by the largest mask, and negative weights push away", async () => {
    const corner = filled((i) => (i % 10 < 2 ? 1 : 0));
    const regions = [
      { instruction: "make it red", mask: left },
      { instruction: "make it blue", mask: corner, weight: -2 },
    ];
    const { c: next } = await edit(model, c, regions, { steps: STEPS });
    expect(kept(next)).toEqual(kept(c));
    expect(same(next, (await run(left)).c)).toBe(false);
  });
});

describe("guidance computes only the terms that count", () => {
  it.each([
    [{ textGuidance: 7.5, imageGuidance: 1.5 }, 3],
    [{ textGuidance: 7.5, imageGuidance: 1 }, 2],
    [{ textGuidance: 0, imageGuidance: 1.5 }, 2],
    [{ textGuidance: 0, imageGuidance: 1 }, 1],
    [{ textGuidance: 1, imageGuidance: 1 }, 1],
    [{ textGuidance: 2, imageGuidance: 2 }, 2],
  ])("%o: %d UNet calls a step", async (options, terms) => {
    const before = model.calls.denoise;
    await run(undefined, { ...options, sampler: "ddim", steps: 3 });
    expect(model.calls.denoise - before).toBe(3 * terms);
  });
});

describe("5. the same recipe gives the same latents", () => {
  it.each(samplerNames)("%s: in another session, and from the recorded recipe", async (sampler) => {
    const mask = maskFromBox(WIDTH, HEIGHT, { x: 4, y: 4, width: 20, height: 16 });
    const first = await openSession(modelOf(sampler), picture);
    const a = await first.edit("make it red", { sampler, seed: 5, steps: 3, mask });
    const b = await first.edit("make it blue", { sampler, seed: 6, steps: 3 });
    const again = await openSession(modelOf(sampler), picture);
    let node = again.root;
    for (const { recipe, mask } of [a, b]) {
      const r = recipe!;
      node = await again.edit(r.regions[0]!.instruction, {
        from: node,
        mask,
        seed: BigInt(r.seed!),
        steps: r.steps,
        sampler,
        textGuidance: r.textGuidance,
        imageGuidance: r.imageGuidance,
        guidanceInterval: r.guidanceInterval,
      });
    }
    expect(node.id).toBe(b.id);
    expect(same(node.latent, b.latent)).toBe(true);
    expect(samePicture(await node.render(), await b.render())).toBe(true);
  });

  it("what has been computed is not computed again", async () => {
    const session = await openSession(model, picture);
    const a = await session.edit("make it red", { steps: 2 });
    const before = model.calls.denoise;
    expect(await session.edit("make it red", { steps: 2, from: session.root })).toBe(a);
    expect(model.calls.denoise).toBe(before);
  });
});

describe("automatic masks", () => {
  it("are zeros and ones of the picture's size, and bound the change", async () => {
    const session = await openSession(model, picture);
    const node = await session.edit("make it red", { mask: "auto", steps: 2, relevance: { threshold: 0.6 } });
    expect(new Set(node.mask!.data)).toEqual(new Set([0, 1]));
    const after = (await node.render()).data;
    const outside = (data: Uint8ClampedArray) => [...data].filter((_, i) => node.mask!.data[i >> 2] === 0);
    expect(outside(after)).toEqual(outside(picture.data));
  });
});

describe("stopping", () => {
  it("stops after the step at hand with code aborted, and the session is as it was", async () => {
    const session = await openSession(model, picture);
    const stop = new AbortController();
    let steps = 0;
    const edit = session.edit("make it red", {
      steps: 10,
      signal: stop.signal,
      onProgress: () => void (++steps === 2 && stop.abort()),
    });
    await expect(edit).rejects.toMatchObject({ name: "EmilieError", code: "aborted" });
    expect(steps).toBe(2);
    expect(session.nodes.size).toBe(1);
  });
});

describe.each(samplerNames)("what acts around a sampler acts with %s", (sampler) => {
  const few = { sampler, steps: 3, seed: 4 } as const;

  it("strength: less of the edit, and none of it at 0", async () => {
    const [half, whole] = [await run(left, { ...few, strength: 0.3 }), await run(left, few)];
    expect(kept(half.c)).toEqual(kept(c));
    expect(relativeError(half.c, c)).toBeGreaterThan(0);
    expect(relativeError(half.c, c)).toBeLessThan(relativeError(whole.c, c));
    expect((await run(left, { ...few, strength: 0 })).c).toBe(c);
  });

  it("the gate: what moved by less is carried over bit for bit", async () => {
    const moved = await run(undefined, few);
    const none = await run(undefined, { ...few, gate: 100 });
    expect(none).toMatchObject({ c, changed: false });
    expect(same((await run(undefined, { ...few, gate: 0 })).c, moved.c)).toBe(true);
  });

  it("an early end: x̂₀ of the step where it ended, and the source where the mask is 0", async () => {
    const seen: Tensor[] = [];
    const early = await run(left, {
      ...few,
      stopAfter: 2,
      onStep: ({ denoised }) => void seen.push(denoised),
    });
    expect(early.steps).toBe(2);
    expect(seen).toHaveLength(2);
    expect(kept(early.c)).toEqual(kept(c));
    const changed = [...early.c.data].filter((_, i) => left.data[i % 80] === 1);
    const last = [...seen[1]!.data].filter((_, i) => left.data[i % 80] === 1);
    expect(changed).toEqual(last.map((z) => Math.fround(z / model.scalingFactor)));
  });

  it("a window: fewer pixels, and nothing outside the mask moves", async () => {
    const corner = filled((i) => (i % 10 < 3 && i < 30 ? 1 : 0));
    const windowed = await run(corner, { ...few, window: { margin: 1, least: 2 } });
    const outside = (t: Tensor) => [...t.data].filter((_, i) => corner.data[i % 80] === 0);
    expect(outside(windowed.c)).toEqual(outside(c));
    expect(same(windowed.c, c)).toBe(false);
  });

  it("several regions in one pass", async () => {
    const right = filled((i) => (i % 10 > 6 ? 1 : 0));
    const regions = [
      { instruction: "make it red", mask: filled((i) => (i % 10 < 3 ? 1 : 0)) },
      { instruction: "make it blue", mask: right },
    ];
    const { c: next } = await edit(modelOf(sampler), c, regions, few);
    const between = (t: Tensor) => [...t.data].filter((_, i) => i % 10 >= 3 && i % 10 <= 6);
    expect(between(next)).toEqual(between(c));
    expect(same(next, c)).toBe(false);
  });
});
