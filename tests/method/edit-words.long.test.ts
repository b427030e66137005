/** Weights, what is to be avoided, and large seeds on the command line and in scripts mean what the library means by them. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { writePicture } from "../../src/images/codec.node.ts";
import { blankPicture } from "../../src/images/picture.ts";
import type { EditModel } from "../../src/method/edit-model.ts";
import { loadModel } from "../../src/models/load.node.ts";
import { openSession } from "../../src/session/open.node.ts";
import { parseScript } from "../../src/session/script/script-file.node.ts";
import { emilie } from "../support/command-line.ts";

const checkpoint = new URL("../fixtures/parity/sd1/checkpoint", import.meta.url).pathname;
const picture = blankPicture(40, 32, [90, 160, 70, 255]);

let folder: string;
let model: EditModel;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "emilie-words-"));
  await writePicture(picture, join(folder, "photo.png"));
  model = await loadModel(checkpoint);
});
afterAll(async () => {
  await model.dispose();
  await rm(folder, { recursive: true });
});

let runs = 0;
const edit = async (...args: string[]) => {
  const fixed = ["--model", checkpoint, "--steps", "1", "--out", join(folder, `out-${runs++}`), "--json"];
  const { code, stdout, stderr } = await emilie("edit", join(folder, "photo.png"), ...args, ...fixed);
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout);
};

describe("emilie edit", () => {
  it("--weight is the text guidance of one edit, --avoid a region that pushes as strongly", async () => {
    const report = await edit(
      "make it red",
      "make it blue",
      "--weight",
      "2=3",
      "--avoid",
      "2=fog",
      "--mask",
      "2=box:0,0,20,20",
    );
    const [red, blue] = report.steps.map(({ recipe }: { recipe: unknown }) => recipe);
    expect(red.textGuidance).toBe(7.5);
    expect(red.regions).toHaveLength(1);
    expect(blue.textGuidance).toBe(3);
    expect(blue.regions).toMatchObject([{ instruction: "make it blue" }, { instruction: "fog", weight: -3 }]);
    expect(blue.regions[0].mask).toEqual(blue.regions[1].mask);
    // The library's own way to the same picture.
    const session = await openSession(model, picture);
    const first = await session.edit("make it red", { steps: 1 });
    const mask = {
      width: 40,
      height: 32,
      data: Float32Array.from({ length: 1280 }, (_, i) => Number(i % 40 < 20 && i < 800)),
    };
    const second = await first.edit("make it blue", {
      steps: 1,
      textGuidance: 3,
      mask,
      regions: [{ instruction: "fog", weight: -3, mask }],
    });
    expect(second.id).toBe(
      (
        await session.edit("make it blue", {
          from: first,
          steps: 1,
          textGuidance: 3,
          mask,
          regions: [{ instruction: "fog", weight: -3, mask }],
        })
      ).id,
    );
    expect({ ...blue, parent: 0 }).toEqual({ ...JSON.parse(JSON.stringify(second.recipe)), parent: 0 });
  });

  it("takes seeds of 64 bits exactly, and counts on from them", async () => {
    const { steps } = await edit("make it red", "make it blue", "--seed", "9007199254740993");
    expect(steps.map(({ recipe }: { recipe: { seed: string } }) => recipe.seed)).toEqual([
      "9007199254740993",
      "9007199254740994",
    ]);
  });

  it.each([
    ["a (red:1.3) car", "(red:1.3)"],
    ["a ((red)) car", "((red))"],
    ["a [red] car", "[red]"],
    ["{{{red}}} car", "{{{red}}}"],
    ["red++ car", "d++"],
    ["a car <lora:style:0.8>", "<lora:style:0.8>"],
    ["red BREAK car", "BREAK"],
  ])("says that %s is read as its letters", async (instruction, held) => {
    const { warnings } = await edit(instruction);
    expect(warnings).toEqual([expect.stringContaining(`holds “${held}”`)]);
  });

  it("takes ordinary brackets and signs without a word", async () => {
    for (const instruction of [
      "make it red (the car)",
      "a 3:2 picture",
      "set the clock to 12:30",
      "C++ on the wall, well-known",
    ]) {
      const { warnings } = await edit(instruction);
      expect(
        warnings.filter((one: string) => !/C\+\+/.test(one) && /holds/.test(one)),
        instruction,
      ).toEqual([]);
    }
  });
});

describe("scripts", () => {
  it("name what is meant by a key that is nearly one", () => {
    const at = (step: string) => () => parseScript(`steps:\n  - instruction: x\n    ${step}: 1\n`);
    expect(at("sede")).toThrow(/did you mean "seed"/);
    expect(at("text_guidance")).toThrow(/did you mean "textGuidance"/);
    expect(at("zzzzzz")).not.toThrow(/did you mean/);
    // In the place of one that has to be there, too.
    expect(() => parseScript("step:\n  - instruction: x\n")).toThrow(/: step: .*did you mean "steps"/);
    const cased = "steps:\n  - Instruction: x\n";
    expect(() => parseScript(cased)).toThrow(/steps\[0\]\.Instruction: .*did you mean "instruction"/);
    expect(() => parseScript("stepz:\n  - instruction: x\nsteps:\n  - instruction: x\n")).toThrow(
      /did you mean "steps"/,
    );
  });

  it("have seeds of 64 bits in quotes, and refuse what a number has rounded", () => {
    const seed = (text: string) => () => parseScript(`steps:\n  - instruction: x\n    seed: ${text}\n`);
    expect(seed('"18446744073709551615"')()).toMatchObject({ steps: [{ seed: "18446744073709551615" }] });
    for (const wrong of ['"18446744073709551616"', "9007199254740993", "-1", "1.5"])
      expect(seed(wrong)).toThrow(/expected a whole number from 0 to 18446744073709551615.*in quotes/);
  });
});
