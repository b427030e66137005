/** Any session comes back from its file as it was: trees, recipes, latents and masks of any values. */
import fc from "fast-check";
import { expect, it } from "vitest";
import { CONTROLS } from "../../src/method/gradient-control.ts";
import { samplerNames } from "../../src/samplers/index.ts";
import { readContainer } from "../../src/session/file/container.node.ts";
import { sourceOf } from "../../src/session/file/model-source.node.ts";
import { packSession } from "../../src/session/file/pack.node.ts";
import { loadSession } from "../../src/session/file/store.node.ts";
import { openSession } from "../../src/session/open.node.ts";
import { describeMask, nodeId, type Recipe } from "../../src/session/tree/recipe.ts";
import { unionOf } from "../../src/session/tree/run.ts";
import { at, checkWhole, height, model, picture, savedSession, width } from "../support/session-fixture.ts";

savedSession();

// JSON has no -0.
const number = fc.double({ noNaN: true, noDefaultInfinity: true }).map((n) => n + 0);
const text = fc.string({ unit: "grapheme", maxLength: 40 });
/** A mask by what its values are made of: whole 8-bit levels, or any. */
const mask = fc.option(fc.tuple(fc.boolean(), fc.nat(1000)), { nil: null });
const anyNode = fc.record({
  parent: fc.nat(),
  name: fc.option(text, { nil: undefined }),
  regions: fc.array(fc.record({ instruction: text, weight: fc.option(number, { nil: undefined }), mask }), {
    minLength: 1,
    maxLength: 3,
  }),
  seed: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map(String),
  steps: fc.integer({ min: 1, max: 1000 }),
  sampler: fc.constantFrom(...samplerNames),
  textGuidance: number,
  imageGuidance: number,
  control: fc.constantFrom(...CONTROLS),
  base: text,
  strength: fc.option(
    fc.double({ min: 0, max: 1, noNaN: true }).map((n) => n + 0),
    { nil: undefined },
  ),
  guidanceInterval: fc.option(
    fc
      .tuple(fc.double({ min: 0, max: 0.5, noNaN: true }), fc.double({ min: 0.5, max: 1, noNaN: true }))
      .map(([from, to]): [number, number] => [from + 0, to]),
    { nil: undefined },
  ),
  reuse: fc.option(fc.integer({ min: 2, max: 1000 }), { nil: undefined }),
  changed: fc.boolean(),
  seconds: fc.double({ min: 0, max: 1e6, noNaN: true }).map((n) => n + 0),
  latent: fc.array(fc.float({ noNaN: false }), { minLength: 1, maxLength: 8 }),
});

const maskOf = ([exact, k]: [boolean, number]) => ({
  width,
  height,
  data: Float32Array.from({ length: width * height }, (_, i) =>
    exact ? ((i * k) % 256) / 255 : ((i * k) % 1009) / 1009,
  ),
});

it("parse(serialise(session)) is the session, bit for bit, and its file says the same again", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyNode, { maxLength: 6 }), fc.nat(), async (nodes, head) => {
      const session = await openSession(model, picture);
      for (const { parent: p, name, regions, changed, seconds, latent, ...settings } of nodes) {
        const parent = [...session.nodes.values()][p % session.nodes.size]!;
        const masks = regions.map((region) => (region.mask ? maskOf(region.mask) : undefined));
        const described = await Promise.all(masks.map((one) => one && describeMask(one)));
        const { strength, guidanceInterval, reuse, ...rest } = settings;
        const recipe: Recipe = {
          version: 1,
          model: session.modelFacts,
          parent: parent.id,
          regions: regions.map(({ instruction, weight }, i) => ({
            instruction,
            weight,
            mask: described[i] ?? null,
          })),
          ...rest,
          ...(strength === undefined ? {} : { strength }),
          ...(guidanceInterval === undefined ? {} : { guidanceInterval }),
          ...(reuse === undefined ? {} : { reuse }),
        };
        masks.forEach((one, i) => {
          if (one) session.masks.set(described[i]!.sha256, one);
        });
        const { shape, data } = session.root.latent;
        session.restore({
          id: await nodeId(recipe),
          parent,
          name,
          recipe,
          latent: { shape, data: data.map((_, i) => latent[i % latent.length]!) },
          mask: unionOf(masks),
          changed,
          cost: { seconds, unetCalls: nodes.length },
        });
      }
      session.head = [...session.nodes.values()][head % session.nodes.size]!;
      await session.save(at("any.emilie"), { onChange: "overwrite" });
      const opened = await loadSession(at("any.emilie"), { model });
      expect(opened.warnings).toEqual([]);
      expect(checkWhole(opened, session)).toBe(0);
      const { source, ...manifest } = (await readContainer(at("any.emilie"))).manifest;
      expect(source).toEqual(sourceOf(model, at("any.emilie")));
      expect(JSON.parse(JSON.stringify((await packSession(opened)).manifest))).toEqual(manifest);
    }),
    { numRuns: 25 },
  );
});
