/** Less computing for an edit: presets, guidance in a part of the steps; on a real, tiny checkpoint. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { edit } from "../../src/method/edit.ts";
import type { EditModel } from "../../src/method/edit-model.ts";
import { CONTROLS } from "../../src/method/gradient-control.ts";
import { type EditOptions, type Region, resolveOptions } from "../../src/method/options.ts";
import { presetOf, presetsOf } from "../../src/method/presets.ts";
import { loadModel } from "../../src/models/load.node.ts";
import { parseManifest, recipeSchema } from "../../src/session/file/schema.ts";
import { loadSession } from "../../src/session/file/store.node.ts";
import { openSession } from "../../src/session/open.node.ts";
import { runScript } from "../../src/session/script/run-script.ts";
import { scriptOf } from "../../src/session/script/script-of.ts";
import { nodeId } from "../../src/session/tree/recipe.ts";
import { createNoise } from "../../src/tensor/noise.ts";
import { relativeError } from "../../src/tensor/ops.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import { box, picture, same } from "../support/session-fixture.ts";

const CHECKPOINT = new URL("../fixtures/parity/sd1/checkpoint", import.meta.url).pathname;
const red = "make it red";
let model: EditModel;
let c: Tensor;
let folder: string;
beforeAll(async () => {
  model = await loadModel(CHECKPOINT);
  c = createNoise(3).randn([model.latentChannels, 4, 5]);
  folder = await mkdtemp(join(tmpdir(), "emilie-presets-"));
});
afterAll(async () => {
  await model.dispose();
  await rm(folder, { recursive: true });
});

const left: Tensor = {
  data: Float32Array.from({ length: 20 }, (_, i) => (i % 5 < 2 ? 1 : 0)),
  shape: [1, 4, 5],
};
const plain: Omit<EditOptions, "references"> = {
  steps: 6,
  sampler: "euler",
  textGuidance: 5,
  imageGuidance: 1.5,
  guidanceInterval: [0, 1],
};
const counted = async (options: EditOptions, regions: readonly Region[] = [{ instruction: red }]) => {
  const { denoise } = model.calls;
  const { c: next } = await edit(model, c, regions, { ...plain, ...options });
  return { c: next, calls: model.calls.denoise - denoise };
};

describe("the guidance interval", () => {
  it.each(CONTROLS)("%s: computes one term in each step outside of it", async (control) => {
    for (const mask of [undefined, left]) {
      const regions = [{ instruction: red, mask }];
      const whole = await counted({ control }, regions);
      // Where the direction is masked, the base is needed outside of the mask.
      const alone = mask && control.endsWith("direction") ? 2 : 1;
      expect(whole.calls).toBe(6 * 3);
      const none = await counted({ control, guidanceInterval: [0, 0] }, regions);
      expect(none.calls).toBe(6 * alone);
      const ones = { textGuidance: 1, imageGuidance: 1 };
      expect(same(none.c, (await counted({ control, ...ones }, regions)).c)).toBe(true);
      const half = await counted({ control, guidanceInterval: [0, 0.5] }, regions);
      expect(half.calls).toBe(3 * 3 + 3 * alone);
      expect(relativeError(half.c, whole.c)).toBeGreaterThan(0);
    }
  });

  it("is by the middle of a step: neighbouring intervals share the steps between them", async () => {
    for (const steps of [1, 2, 5, 7]) {
      const guided = async (from: number, to: number) =>
        ((await counted({ steps, guidanceInterval: [from, to] })).calls - steps) / 2;
      const parts = [await guided(0, 0.33), await guided(0.33, 0.71), await guided(0.71, 1)];
      expect(parts.reduce((a, b) => a + b)).toBe(steps);
    }
  });

  it("without it, several regions act at weight 1, and what is pushed away from does not act", async () => {
    const right = { ...left, data: left.data.map((m) => 1 - m) };
    const regions: Region[] = [
      { instruction: red, mask: left },
      { instruction: "make it blue", mask: right, weight: -3 },
    ];
    const none = await counted({ guidanceInterval: [0, 0] }, regions);
    const at = [
      { ...regions[0]!, weight: 1 },
      { ...regions[1]!, weight: 0 },
    ];
    const alike = await counted({ imageGuidance: 1 }, at);
    expect(same(none.c, alike.c)).toBe(true);
    expect(none.calls).toBe(alike.calls);
  });

  it("under “direction” strength is kept outside of it", async () => {
    const weak = await counted({ control: "direction", strength: 0.5, guidanceInterval: [0, 0] });
    const alike = await counted({ control: "direction", textGuidance: 0.5, imageGuidance: 1 });
    expect(same(weak.c, alike.c)).toBe(true);
  });

  it.each([[[-0.1, 1]], [[0.6, 0.5]], [[0, 1.1]], [[0, Number.NaN]], [[0.5]]])(
    "%j is refused",
    async (given) => {
      const guidanceInterval = given as unknown as [number, number];
      await expect(counted({ guidanceInterval })).rejects.toMatchObject({ code: "option.invalid" });
    },
  );
});

describe("presets", () => {
  const calls = ({ steps, guidanceInterval: [from, to] }: ReturnType<typeof resolveOptions>) =>
    steps + 2 * steps * (to - from);

  it("cost more from draft to best, and the checkpoint's own steps are balanced", async () => {
    const stated = { ...model, defaults: { steps: 8, sampler: "ddim", textGuidance: 1, imageGuidance: 1 } };
    for (const facts of [model, stated as EditModel]) {
      const costs = presetsOf(facts).map((preset) => calls(resolveOptions(facts, { preset })));
      expect(costs).toEqual(costs.toSorted((a, b) => a - b));
      expect(new Set(costs).size).toBe(3);
      expect(resolveOptions(facts)).toEqual(resolveOptions(facts, { preset: "balanced" }));
    }
    expect(presetOf(stated as EditModel, "balanced")).toEqual(stated.defaults);
    // What diffusers does when it is told nothing.
    const best = { steps: 100, textGuidance: 7.5, imageGuidance: 1.5, guidanceInterval: [0, 1] };
    expect(resolveOptions(model, { preset: "best" })).toMatchObject(best);
  });

  it("give way to every option beside them", async () => {
    const options = { ...plain };
    for (const preset of presetsOf(model)) {
      expect(resolveOptions(model, { ...options, preset })).toMatchObject(options);
      expect(resolveOptions(model, { preset, steps: 3 }).steps).toBe(3);
      const undefinedIsAbsent = resolveOptions(model, { preset, steps: undefined });
      expect(undefinedIsAbsent).toEqual(resolveOptions(model, { preset }));
    }
  });

  it("take a sampler that the checkpoint's configuration can make", () => {
    const facts = (schedulerConfig: Record<string, unknown>) => ({ defaults: {}, schedulerConfig });
    const ancestral = facts({ _class_name: "EulerAncestralDiscreteScheduler" });
    expect(presetOf(ancestral, "balanced").sampler).toBe("dpm++2m");
    expect(presetOf(ancestral, "best").sampler).toBe("euler-ancestral");
    const clipped = facts({ _class_name: "EulerAncestralDiscreteScheduler", thresholding: true });
    expect(presetOf(clipped, "balanced").sampler).toBe("euler-ancestral");
    const unipc = facts({ _class_name: "UniPCMultistepScheduler" });
    expect(presetOf(unipc, "draft").sampler).toBe("unipc");
  });

  it("another word is refused", async () => {
    const preset = "fastest" as "draft";
    expect(() => resolveOptions(model, { preset })).toThrow(/draft, balanced, best, got "fastest"/);
  });
});

describe("recipes", () => {
  it("record what a preset stood for and not its name; what spares nothing leaves ids as they were", async () => {
    const session = await openSession(model, picture);
    const from = session.root;
    const draft = await session.edit(red, { preset: "draft", mask: box, from });
    const { steps, sampler, guidanceInterval } = presetOf(model, "draft");
    expect(draft.recipe).toMatchObject({ steps, sampler, guidanceInterval });
    expect(draft.recipe).not.toHaveProperty("preset");
    const said = { ...presetOf(model, "draft"), mask: box, from };
    expect(await session.edit(red, said)).toBe(draft);

    const older = await session.edit(red, { ...plain, steps: 1, from });
    expect(older.recipe).not.toHaveProperty("guidanceInterval");
    expect(await nodeId(older.recipe!)).toBe(older.id);
    expect(await session.edit(red, { ...plain, steps: 1, from })).toBe(older);
  });

  it("are done again bit for bit: in the session, from its file, by its script", async () => {
    const session = await openSession(model, picture);
    const sparing = { steps: 4, guidanceInterval: [0.2, 0.6] } as const;
    await session.edit(red, { ...sparing, mask: box });
    const last = await session.edit("make it blue", { preset: "draft" });
    expect(last.recipe).toHaveProperty("guidanceInterval");
    const file = join(folder, "sparing.emilie");
    await session.save(file);
    const opened = await loadSession(file, { model });
    expect((await opened.verify()).map(({ result }) => result)).toEqual(["same", "same", "same"]);
    const nodes = [...session.nodes.values()].slice(1);
    const again = await runScript(session, scriptOf(session, nodes), { from: session.root });
    expect([...again.values()]).toEqual(nodes);
  });

  it("with another preset are done again as it says", async () => {
    const session = await openSession(model, picture);
    const first = await session.edit(red, {
      ...plain,
      steps: 3,
      stopAfter: 2,
      control: "direction",
    });
    const { node } = await session.replay(first, { preset: "draft" });
    expect(node.recipe).toMatchObject({ ...presetOf(model, "draft"), control: "direction" });
    expect(node.recipe?.stopAfter).toBeUndefined();
    const { node: finer } = await session.replay(first, { preset: "draft", steps: 5 });
    expect(finer.recipe).toMatchObject({ ...presetOf(model, "draft"), steps: 5 });
  });

  it.each([
    [{ reuse: 3 }, /deep features shared between steps \(reuse 3\), which this version/],
    [{ window: { margin: 1, least: 4, whole: 0.4 } }, /a share of 0.4 of its steps on the whole picture/],
  ])("of earlier versions open, go on, and are not said to be reproduced: %j", async (extra, message) => {
    const session = await openSession(model, picture);
    const plainNode = await session.edit(red, { ...plain, mask: box });
    // As an earlier version recorded it: the optional keys in the order of the schema.
    const { guidanceInterval, ...rest } = plainNode.recipe!;
    const recipe = recipeSchema.parse({ ...rest, guidanceInterval, ...extra });
    const id = await nodeId(recipe);
    const { latent, mask } = plainNode;
    const cost = { seconds: 1, unetCalls: 6 };
    session.restore({ id, parent: session.root, recipe, latent, mask, changed: true, cost });
    const file = join(folder, `retired-${id}.emilie`);
    await session.save(file);

    const opened = await loadSession(file, { model });
    expect(opened.warnings).toEqual([]);
    const old = opened.nodes.get(id)!;
    expect(same(old.latent, latent)).toBe(true);
    const results = (await opened.verify()).map(({ node, result }) => [node.id, result]);
    expect(results).toEqual([...opened.nodes.keys()].map((key) => [key, key === id ? "unknown" : "same"]));
    const refused = { code: "session.version", message: expect.stringMatching(message) };
    const { denoise } = model.calls;
    await expect(opened.replay(old, { instruction: "make it blue" })).rejects.toMatchObject(refused);
    expect(() => scriptOf(opened)).toThrow(message);
    expect(model.calls.denoise).toBe(denoise);
    const next = await opened.edit("make it blue", { ...plain, steps: 1, from: old });
    expect(next.parent).toBe(old);
  });

  it("of earlier versions are computed where every step was a full one", async () => {
    const session = await openSession(model, picture);
    const { latent, mask, recipe } = await session.edit(red, { ...plain, steps: 2, mask: box });
    for (const extra of [{ window: { margin: 1, least: 4, whole: 0.25 } }, { reuse: 5, stopAfter: 1 }]) {
      const older = recipeSchema.parse({ ...recipe, ...extra });
      const exact =
        "reuse" in extra
          ? (
              await session.edit(red, {
                ...plain,
                steps: 2,
                stopAfter: 1,
                mask: box,
                from: session.root,
                seed: 0,
              })
            ).latent
          : latent;
      const cost = { seconds: 1, unetCalls: 6 };
      const id = await nodeId(older);
      session.restore({ id, parent: session.root, recipe: older, latent: exact, mask, changed: true, cost });
    }
    expect(new Set((await session.verify()).map(({ result }) => result))).toEqual(new Set(["same"]));
  });

  it("of a file that says version 2 spare nothing", async () => {
    const session = await openSession(model, picture);
    await session.edit(red, { steps: 1, guidanceInterval: [0, 0.5] });
    const file = join(folder, "newer.emilie");
    await session.save(file);
    const { readContainer } = await import("../../src/session/file/container.node.ts");
    const { manifest } = await readContainer(file);
    expect(manifest.version).toBe(9);
    const older = JSON.stringify({ ...manifest, version: 2 });
    expect(() => parseManifest(older, "older.emilie")).toThrow(/version 2, which has no/);
  });
});

it("a relevance map is computed once for all that it depends on, and its threshold is none of it", async () => {
  const session = await openSession(model, picture);
  const calls = async (work: () => Promise<unknown>) => {
    const before = model.calls.denoise;
    await work();
    return model.calls.denoise - before;
  };
  const first = await session.relevanceMap(red, { draws: 2 });
  expect(await calls(() => session.relevanceMap(red, { draws: 2, threshold: 0.6 }))).toBe(0);
  const again = await session.relevanceMap(red, { draws: 2 });
  expect([again.map.data, again.mask.data]).toEqual([first.map.data, first.mask.data]);
  const wider = await session.relevance(red, { draws: 2, threshold: 0.01 });
  expect(wider.data).not.toEqual(first.mask.data);
  for (const other of [{ seed: 1 }, { draws: 3 }, { level: 0.5 }, { base: "leave it" }]) {
    expect(await calls(() => session.relevanceMap(red, { draws: 2, ...other }))).toBeGreaterThan(0);
  }
  expect(await calls(() => session.relevanceMap("make it blue", { draws: 2 }))).toBe(4);

  // An edit with an automatic mask, and a branch of it with another seed: eight calls for the mask, once.
  const edited = { ...plain, steps: 2, from: session.root, mask: "auto" } as const;
  expect(await calls(() => session.edit(red, { ...edited, seed: 1 }))).toBe(8 + 2 * 3);
  expect(await calls(() => session.edit(red, { ...edited, seed: 2 }))).toBe(2 * 3);
  expect(await calls(() => session.edit(red, { ...edited, seed: 2 }))).toBe(0);
  expect(await calls(() => session.relevanceMap(red))).toBe(8); // of the new head
  expect(session.relevances.size).toBeLessThanOrEqual(64);
});
