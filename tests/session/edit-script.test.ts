/** Edit scripts: what they may say, how a mistake is told, and that library, command line and session mean the same by one. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { writePicture } from "../../src/images/codec.node.ts";
import { pictureFromMask } from "../../src/images/mask.ts";
import type { EditModel } from "../../src/method/edit-model.ts";
import { CONTROLS } from "../../src/method/gradient-control.ts";
import { loadModel } from "../../src/models/load.node.ts";
import { samplerNames } from "../../src/samplers/index.ts";
import { loadSession } from "../../src/session/file/store.node.ts";
import { openSession } from "../../src/session/open.node.ts";
import type { EditScript } from "../../src/session/script/edit-script.ts";
import { planScript, scriptJsonSchema } from "../../src/session/script/script.ts";
import {
  formatScript,
  parseScript,
  readScript,
  runScript,
} from "../../src/session/script/script-file.node.ts";
import { scriptOf } from "../../src/session/script/script-of.ts";
import { emilie } from "../support/command-line.ts";
import { box, picture, same } from "../support/session-fixture.ts";

const root = resolve(import.meta.dirname, "../..");
const CHECKPOINT = join(root, "tests/fixtures/parity/sd1/checkpoint");
let model: EditModel;
let folder: string;
const at = (name: string) => join(folder, name);
beforeAll(async () => {
  model = await loadModel(CHECKPOINT);
  folder = await mkdtemp(join(tmpdir(), "emilie-script-"));
  await writePicture(picture, at("photo.png"));
  await writePicture(pictureFromMask(box), at("box.png"));
});
afterAll(async () => {
  await model.dispose();
  await rm(folder, { recursive: true });
});

const SCRIPT = `
defaults: { steps: 1, seed: 3 }
steps:
  - id: red
    instruction: make it red
    mask: box.png
  - instruction: make it blue # goes on from red, as step 2
    strength: 0.5
    seed: "18446744073709551615"
  - from: red
    instruction: make it green
    mask: soft:3:ellipse:20,16,12,9
    regions:
      - { instruction: make it grey, mask: "poly:0,0,12,0,0,12", weight: -1.5 }
  - id: again
    from: original
    instruction: make it yellow
    control: direction
    sampler: ddim
    textGuidance: 3
    imageGuidance: 1.25
    base: nothing
  - { from: 2, instruction: make it grey, mask: auto }
`;

describe("a script", () => {
  it("is done in order, with branches, defaults, masks beside its file and settings of its own", async () => {
    await writeFile(at("edits.yaml"), SCRIPT);
    const session = await openSession(model, picture);
    const seen: string[] = [];
    const nodes = await runScript(session, at("edits.yaml"), { onNode: (_, id) => void seen.push(id) });
    expect(seen).toEqual(["red", "2", "3", "again", "5"]);
    const [red, blue, green, again, grey] = [...nodes.values()];
    expect([red, blue, green, again, grey].map((node) => node!.parent)).toEqual([
      session.root,
      red,
      red,
      session.root,
      blue,
    ]);
    expect([...red!.mask!.data]).toEqual([...box.data]);
    expect(blue!.recipe).toMatchObject({ strength: 0.5, seed: "18446744073709551615", steps: 1 });
    expect(green!.recipe!.regions[1]).toMatchObject({ instruction: "make it grey", weight: -1.5 });
    expect(new Set(green!.mask!.data).size).toBeGreaterThan(2);
    expect(again!.recipe).toMatchObject({
      control: "direction",
      sampler: "ddim",
      textGuidance: 3,
      imageGuidance: 1.25,
      base: "nothing",
      seed: "3",
    });
    expect(grey!.recipe!.regions[0]!.mask).not.toBeNull();
    expect(session.head).toBe(grey);
  });

  it("is what a session stores: scriptOf gives one that makes the same nodes again", async () => {
    const session = await openSession(model, picture);
    await runScript(session, parseScript(SCRIPT.replaceAll("box.png", "box:4,4,20,16")));
    const script = scriptOf(session);
    const other = await openSession(model, picture);
    const nodes = await runScript(other, parseScript(formatScript(script)), { masks: session.masks });
    expect([...nodes.keys()]).toEqual([...nodes.values()].map(({ id }) => id));
    expect([...other.nodes.keys()]).toEqual([...session.nodes.keys()]);
    for (const [id, node] of nodes) expect(same(node.latent, session.nodes.get(id)!.latent)).toBe(true);
    // In the session itself, nothing is computed again.
    const before = model.calls.denoise;
    await runScript(session, script);
    expect(model.calls.denoise).toBe(before);
  });

  it("may go on from nodes of the session, by id or by name; anything else is refused before the first edit", async () => {
    const session = await openSession(model, picture);
    const red = await session.edit("make it red", { steps: 1 });
    session.rename(red, "the red one");
    const step = { instruction: "make it blue", steps: 1 };
    const made = await runScript(session, {
      steps: [
        { ...step, from: red.id },
        { ...step, from: "the red one", seed: 1 },
      ],
    });
    expect([...made.values()].map(({ parent }) => parent)).toEqual([red, red]);
    const count = session.nodes.size;
    const stray = runScript(session, {
      steps: [
        { ...step, seed: 9 },
        { ...step, from: "elsewhere" },
      ],
    });
    await expect(stray).rejects.toThrow(/Step 2 starts from "elsewhere"/);
    expect(session.nodes.size).toBe(count);
  });
});

describe("mistakes in a script", () => {
  const step = "steps:\n  - instruction: make it red\n";
  it.each([
    [
      `${step}    sede: 3\n`,
      /edits\.yaml, line 3: steps\[0\]\.sede: there is no such key here; did you mean "seed"; keys here are id, from, .*seed/,
    ],
    [`${step}    strength: 1.5\n`, /line 3: steps\[0\]\.strength: .*1/],
    [`${step}    sampler: plms\n`, /line 3: steps\[0\]\.sampler: .*euler/],
    [`${step}  - instruction: x\n    from: 2\n`, /steps\[1\]\.from: there is no step 2 before step 2/],
    [`${step}    from: b\n  - { id: b, instruction: x }\n`, /steps\[0\]\.from: "b" is not a step before/],
    [`${step}  - { id: "1", instruction: x }\n`, /steps\[1\]\.id: "1" is taken/],
    [`${step}  - { id: original, instruction: x }\n`, /"original" is taken/],
    [`${step}    seed: -1\n`, /steps\[0\]\.seed/],
    [
      `${step}    regions: [{ instruction: "  " }]\n`,
      /line 3: steps\[0\]\.regions\[0\]\.instruction: .*empty/,
    ],
    [`${step}    mask: 5\n`, /steps\[0\]\.mask/],
    [`${step}    instruction: twice\n`, /line 3: .*unique/],
    ["steps: []", /line 1: steps/],
    ["instructions: [a]", /steps/],
    ["steps: [", /not YAML or JSON/],
    ["", /the whole/],
    [
      `a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c,*c,*c,*c,*c,*c,*c]`,
      /unfolds into too much/,
    ],
  ])("%j: option.invalid with line, key and place", (text, message) => {
    expect(() => parseScript(text, "edits.yaml")).toThrow(
      expect.objectContaining({ code: "option.invalid" }),
    );
    expect(() => parseScript(text, "edits.yaml")).toThrow(message);
  });

  it("a file that is missing or far too large is said", async () => {
    await expect(readScript(at("nowhere.yaml"))).rejects.toMatchObject({ code: "io.failed" });
    await writeFile(at("large.yaml"), Buffer.alloc(2 ** 20 + 1, 32));
    await expect(readScript(at("large.yaml"))).rejects.toThrow(/at most 1048576/);
  });

  it("masks that cannot be made, and auto for a region, are said before any edit", async () => {
    const session = await openSession(model, picture);
    for (const mask of ["box:30,0,40,4", "nowhere.png", "poly:1,2"]) {
      const script = { steps: [{ instruction: "a" }, { instruction: "b", mask }] };
      await expect(runScript(session, script), mask).rejects.toMatchObject({ name: "EmilieError" });
    }
    const regions = [{ instruction: "b", mask: "auto" }];
    await expect(runScript(session, { steps: [{ instruction: "a", regions }] })).rejects.toThrow(
      /needs its own mask/,
    );
    expect(session.nodes.size).toBe(1);
  });
});

/** Any valid script, whose masks are shapes. */
const text = fc.string({ minLength: 1, maxLength: 30 }).filter((s) => s.trim() !== "");
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });
const number = fc.double({ min: -50, max: 50, noNaN: true }).map((n) => n + 0);
const settings = {
  seed: maybe(fc.oneof(fc.nat(), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map(String))),
  steps: maybe(fc.integer({ min: 1, max: 1000 })),
  sampler: maybe(fc.constantFrom(...samplerNames)),
  strength: maybe(fc.double({ min: 0, max: 1, noNaN: true })),
  textGuidance: maybe(number),
  imageGuidance: maybe(fc.double({ min: 1, max: 100, noNaN: true })),
  control: maybe(fc.constantFrom(...CONTROLS)),
  base: maybe(fc.string({ maxLength: 20 })),
};
const mask = maybe(fc.constantFrom("auto", "box:1,2,3,4", "invert:box:0,0,4,4", "ellipse:9,9,4,4"));
const region = fc.record({ instruction: text, weight: maybe(number) });
const anyStep = fc.record({
  instruction: text,
  mask,
  regions: maybe(fc.array(region, { maxLength: 3 })),
  ...settings,
});
const anyScript: fc.Arbitrary<EditScript> = fc
  .record({ defaults: maybe(fc.record(settings)), steps: fc.array(anyStep, { minLength: 1, maxLength: 6 }) })
  .chain((script) =>
    fc.array(fc.nat(), { minLength: script.steps.length, maxLength: script.steps.length }).map((from) => ({
      ...script,
      steps: script.steps.map((step, i) => ({
        ...step,
        id: `step ${i}`,
        from: i > 0 ? 1 + (from[i]! % i) : undefined,
      })),
    })),
  );
/** Without the keys that are undefined, as JSON has it. */
const plain = (value: unknown) => JSON.parse(JSON.stringify(value));

describe("any script", () => {
  it("comes back from YAML and from JSON as it was, and has a plan", () => {
    fc.assert(
      fc.property(anyScript, (script) => {
        expect(parseScript(formatScript(plain(script)))).toEqual(plain(script));
        expect(parseScript(JSON.stringify(script))).toEqual(plain(script));
        const plan = planScript(plain(script));
        plan.forEach(
          ({ from }, i) =>
            void expect(i === 0 ? from : /^step \d$/.test(from!)).toBe(i === 0 ? undefined : true),
        );
      }),
      { numRuns: 60 },
    );
  });

  it("with any value put in any place, or any text, is a script or a typed error", () => {
    const path = fc.array(
      fc.oneof(fc.constantFrom("steps", "defaults", "mask", "from", "id", "regions", "weight"), fc.nat(3)),
      {
        minLength: 1,
        maxLength: 4,
      },
    );
    fc.assert(
      fc.property(anyScript, path, fc.jsonValue(), fc.nat(200), (script, keys, value, cut) => {
        const spoiled = plain(script);
        let place = spoiled;
        for (const key of keys.slice(0, -1))
          if (typeof place[key] === "object" && place[key]) place = place[key];
        place[keys.at(-1)!] = value;
        for (const one of [JSON.stringify(spoiled), formatScript(plain(script)).slice(0, cut)]) {
          try {
            parseScript(one);
          } catch (error) {
            expect(error).toMatchObject({ name: "EmilieError", code: "option.invalid" });
          }
        }
      }),
      { numRuns: 150 },
    );
  });
});

describe("the published JSON schema", () => {
  it("is the one the library checks by (npm run schema writes it)", async () => {
    const published = JSON.parse(await readFile(join(root, "schema/edit-script.schema.json"), "utf8"));
    expect(published).toEqual(plain(scriptJsonSchema()));
    const manifest = JSON.parse(await readFile(join(root, "package.json"), "utf8"));
    expect(manifest.files).toContain("schema/*.json");
  });

  it("the example script is one", async () => {
    const script = await readScript(join(root, "examples/edits.yaml"));
    expect(script.steps.length).toBeGreaterThan(2);
  });
});

describe("emilie edit --script", () => {
  const settings = (out: string) => ["--model", CHECKPOINT, "--out", at(out)];

  it("gives the library's nodes, and emilie show --script prints them as a script again", async () => {
    await writeFile(at("edits.yaml"), SCRIPT);
    const done = await emilie(
      "edit",
      at("photo.png"),
      "--script",
      at("edits.yaml"),
      ...settings("script"),
      "--json",
    );
    expect(done.stderr).not.toMatch(/rror/);
    expect(done.code).toBe(0);
    const report = JSON.parse(done.stdout);
    expect(report.steps.map(({ id, from }: { id: string; from: string }) => [id, from])).toEqual([
      ["red", "original"],
      ["2", "red"],
      ["3", "red"],
      ["again", "original"],
      ["5", "2"],
    ]);
    const session = await openSession(model, picture);
    const nodes = await runScript(session, at("edits.yaml"));
    const saved = await loadSession(report.session, { model });
    expect([...saved.nodes.keys()].slice(1)).toEqual([...nodes.values()].map(({ id }) => id));

    const printed = await emilie("show", report.session, "--script");
    expect(printed.code).toBe(0);
    await writeFile(at("printed.yaml"), printed.stdout);
    const again = await emilie(
      "edit",
      report.session,
      "--script",
      at("printed.yaml"),
      ...settings("script"),
      "--json",
    );
    expect(again.code).toBe(0);
    expect((await loadSession(report.session, { model })).nodes.size).toBe(saved.nodes.size);
  });

  it("options stand in place of the script's defaults; what cannot be meant is a usage error", async () => {
    await writeFile(
      at("one.json"),
      JSON.stringify({ defaults: { steps: 2, seed: 1 }, steps: [{ instruction: "x", seed: 4 }] }),
    );
    const options = ["--strength", "0.25", "--steps", "1", "--json"];
    const done = await emilie(
      "edit",
      at("photo.png"),
      "--script",
      at("one.json"),
      ...settings("one"),
      ...options,
    );
    expect(JSON.parse(done.stdout).steps[0].recipe).toMatchObject({ steps: 1, seed: "4", strength: 0.25 });
    const both = await emilie("edit", at("photo.png"), "make it red", "--script", at("one.json"));
    expect(both).toMatchObject({ code: 2, stderr: expect.stringMatching(/belong in the script/) });
    await writeFile(at("bad.yaml"), "steps:\n  - instruction: x\n    colour: red\n");
    const bad = await emilie("edit", at("photo.png"), "--script", at("bad.yaml"), "--json");
    expect(bad.code).toBe(1);
    expect(JSON.parse(bad.stdout).error.message).toMatch(/bad\.yaml, line 3: steps\[0\]\.colour/);
    const strong = await emilie("edit", at("photo.png"), "x", "--strength", "2");
    expect(strong).toMatchObject({ code: 2, stderr: expect.stringMatching(/from 0 to 1/) });
  });
});
