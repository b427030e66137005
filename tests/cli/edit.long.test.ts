/** `emilie edit` on a real, tiny checkpoint, as a person or a script runs it. */
import { spawn } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readPicture, writePicture } from "../../src/images/codec.node.ts";
import { maskFromBox, pictureFromMask } from "../../src/images/mask.ts";
import { blankPicture, cropPicture, type Picture, samePicture } from "../../src/images/picture.ts";
import { readPngText } from "../../src/images/png-text.ts";
import { selectRegion } from "../../src/images/select-region.ts";
import { loadModel } from "../../src/models/load.node.ts";
import { openSession } from "../../src/session/session.ts";
import { EMILIE } from "../support/command.ts";
import { emilie } from "../support/command-line.ts";

const root = resolve(import.meta.dirname, "../..");
const checkpoint = join(root, "tests/fixtures/parity/sd1/checkpoint");

/** A size and an aspect that no model has: 61 × 37, with soft colours and some transparency. */
const photo: Picture = {
  width: 61,
  height: 37,
  data: Uint8ClampedArray.from({ length: 61 * 37 * 4 }, (_, i) => {
    const [x, y] = [(i >> 2) % 61, Math.floor(i / 244)];
    return [4 * x, 6 * y, 128 + 100 * Math.sin(x / 9 + y / 5), x < 3 ? 90 : 255][i % 4]!;
  }),
};
const box = { x: 20, y: 10, width: 23, height: 15 };

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "emilie-edit-"));
  await writePicture(photo, join(folder, "photo.png"));
  await writePicture(pictureFromMask(maskFromBox(61, 37, box)), join(folder, "mask.png"));
});
afterAll(() => rm(folder, { recursive: true }));

const edit = (out: string, ...args: string[]) =>
  emilie(
    "edit",
    join(folder, "photo.png"),
    "make it winter",
    "paint it blue",
    "leave it",
    ...settings(out),
    ...args,
  );
const settings = (out: string) => ["--model", checkpoint, "--steps", "2", "--out", join(folder, out)];
const open = (out: string, name: string) => readPicture(join(folder, out, name));

describe("a crop and an expansion", () => {
  it("stand alone, or before an edit, which then fills the border", async () => {
    const photoFile = join(folder, "photo.png");
    const crop = await emilie("edit", photoFile, "--crop", "10,5,40,30", ...settings("crop"), "--json");
    expect(crop.code).toBe(0);
    const [step] = JSON.parse(crop.stdout).steps;
    expect(step).toMatchObject({ unetCalls: 0, changes: { kind: "cropped", level: "kept" } });
    const cut = cropPicture(photo, { x: 10, y: 5, width: 40, height: 30 });
    expect(samePicture(await open("crop", "01-crop-to-40-30.png"), cut)).toBe(true);
    const file = join(folder, "crop/session.emilie");
    const wide = await emilie(
      "edit",
      file,
      "make it winter",
      "paint it blue",
      ...settings("wide"),
      "--json",
      ...[...["--expand", "1=left:50%,top:8", "--mask", "2=box:0,0,20,38", "--avoid", "2=fog"]],
    );
    expect(wide.code, wide.stderr).toBe(0);
    const { steps } = JSON.parse(wide.stdout);
    expect(steps.map(({ id }: { id: string }) => id)).toEqual(["1.canvas", "1", "2"]);
    expect(steps[1].change.outside).toMatchObject({ changedPixels: 0, pixels: 1200 });
    expect(steps[2].recipe.regions).toHaveLength(2);
    const replayed = await emilie("replay", file, "--verify", "--model", checkpoint, "--json");
    expect(replayed.code, replayed.stderr).toBe(0);
    const shown = await emilie("show", file);
    expect(shown.stdout).toMatch(/crop to 40×30/);
    expect(shown.stdout).toMatch(/expand to 60×38/);
    const png = join(folder, "wide", steps[2].file.split("/").at(-1));
    const again = await emilie(
      "replay",
      png,
      "--image",
      photoFile,
      "--model",
      checkpoint,
      "--out",
      join(folder, "again"),
    );
    expect(again.code, again.stderr).toBe(0);
  });

  it.each([
    [["--crop", "1,2,3"], /x,y,width,height/],
    [["--crop", "50,5,40,30"], /inside the 61×37 picture/],
    [["--expand", "up:3"], /left, top, right or bottom/],
    [["--expand", "left:999999999"], /64 megapixels/],
    [["make it winter", "--mask", "border"], /expand the picture first/],
    [["--mask", "box:0,0,8,8"], /at least one instruction/],
    [["--crop", "0,0,20,20", "--mask", "box:0,0,8,8"], /without an instruction/],
  ])("is refused before the model is loaded: %j", async (args, message) => {
    const { code, stderr } = await emilie(
      "edit",
      join(folder, "photo.png"),
      ...args,
      "--model",
      "no/such-model",
    );
    expect(code).toBeGreaterThan(0);
    expect(stderr).toMatch(message);
  });
});

describe("emilie edit", () => {
  it("writes the pictures at the user's size, and outside the masks the user's own pixels", async () => {
    const masks = [
      "--mask",
      `1=${join(folder, "mask.png")}`,
      "--mask",
      "2=box:2,3,10,12",
      "--mask",
      "3=box:0,0,4,4",
    ];
    const { code, stdout, stderr } = await edit("masked", ...masks);
    expect(stderr).not.toMatch(/Note|rror/);
    expect(code).toBe(0);
    expect((await readdir(join(folder, "masked"))).sort()).toEqual([
      "00-original.png",
      "01-make-it-winter.png",
      "02-paint-it-blue.png",
      "03-leave-it.png",
      "session.emilie",
      "strip.png",
    ]);
    expect(samePicture(await open("masked", "00-original.png"), photo)).toBe(true);
    const boxes = [box, { x: 2, y: 3, width: 10, height: 12 }, { x: 0, y: 0, width: 4, height: 4 }];
    let touched = (_x: number, _y: number): boolean => false;
    for (const [i, name] of ["01-make-it-winter.png", "02-paint-it-blue.png", "03-leave-it.png"].entries()) {
      const result = await open("masked", name);
      expect([result.width, result.height]).toEqual([61, 37]);
      const [before, { x: left, y: top, width, height }] = [touched, boxes[i]!];
      touched = (x, y) => before(x, y) || (x >= left && x < left + width && y >= top && y < top + height);
      let changed = 0;
      for (let at = 0; at < result.data.length; at++) {
        const [x, y] = [(at >> 2) % 61, Math.floor(at / 244)];
        if (!touched(x, y)) expect(result.data[at], `${name} at ${x},${y}`).toBe(photo.data[at]);
        else if (result.data[at] !== photo.data[at]) changed++;
      }
      expect(changed).toBeGreaterThan(100);
    }
    expect(stdout).toMatch(/outside of it +nothing: all [\d,]+ pixels are the same bytes/);
  });

  it("selects the thing at a point in the picture that its own edit begins with", async () => {
    const { code, stderr } = await edit("pointed", "--mask", "2=at:30,18");
    expect(stderr).not.toMatch(/rror/);
    expect(code).toBe(0);
    const [before, after] = await Promise.all([
      open("pointed", "01-make-it-winter.png"),
      open("pointed", "02-paint-it-blue.png"),
    ]);
    const thing = selectRegion(before, { point: { x: 30, y: 18 } });
    const changed = (inside: boolean) =>
      [...thing.data.keys()].filter(
        (i) =>
          thing.data[i]! > 0 === inside &&
          before.data.subarray(4 * i, 4 * i + 4).some((value, c) => value !== after.data[4 * i + c]),
      ).length;
    expect(thing.data.some((m) => m === 0)).toBe(true);
    expect(changed(false)).toBe(0);
    expect(changed(true)).toBeGreaterThan(20);
  });

  it("prints one document with --json, and gives the library's pictures, again and again", async () => {
    const mask = ["--mask", `2=${join(folder, "mask.png")}`];
    const first = await edit("json", ...mask, "--seed", "5", "--json");
    expect(first.code).toBe(0);
    const report = JSON.parse(first.stdout);
    expect(report).toMatchObject({
      image: { width: 61, height: 37 },
      model: { id: checkpoint },
      stopped: false,
      warnings: [],
    });
    expect(report.steps.map((step: { from: string }) => step.from)).toEqual(["original", "1", "2"]);
    // Two steps, the second of them without guidance.
    expect(report.steps[0]).toMatchObject({ unetCalls: 4, mask: null, change: { outside: { pixels: 0 } } });
    expect(report.steps[1].change.outside).toEqual({
      pixels: 61 * 37 - 23 * 15,
      changedPixels: 0,
      mae: 0,
      psnr: null,
    });
    await edit("again", ...mask, "--seed", "5");
    // A session also tells how long its edits took.
    for (const name of (await readdir(join(folder, "json"))).filter((name) => name.endsWith(".png"))) {
      expect(await readFile(join(folder, "again", name)), name).toEqual(
        await readFile(join(folder, "json", name)),
      );
    }

    const model = await loadModel(checkpoint);
    try {
      const session = await openSession(model, photo);
      const winter = await session.edit("make it winter", { seed: 5, steps: 2 });
      // --seed is the first edit's; those after it count on.
      const blue = await session.edit("paint it blue", { seed: 6, steps: 2, mask: maskFromBox(61, 37, box) });
      expect(samePicture(await winter.render(), await open("json", "01-make-it-winter.png"))).toBe(true);
      expect(samePicture(await blue.render(), await open("json", "02-paint-it-blue.png"))).toBe(true);
      const text = readPngText(await readFile(join(folder, "json", "02-paint-it-blue.png")));
      // A picture tells no folders: the model by its last part, and so the parent by the id that goes with it.
      expect(JSON.parse(text.emilie!)).toEqual({
        ...JSON.parse(JSON.stringify(blue.recipe)),
        model: { ...blue.recipe!.model, id: "checkpoint" },
        parent: expect.stringMatching(/^[0-9a-f]{12}$/),
      });
    } finally {
      await model.dispose();
    }
  });

  it("takes every option, and a mask of the model's own making", async () => {
    const { code, stdout } = await emilie(
      ...["edit", join(folder, "photo.png"), "make it winter", ...settings("options"), "--json"],
      ...["--mask", "auto", "--seed", "9", "--sampler", "ddim", "--text-guidance", "3"],
      ...["--image-guidance", "1.25", "--control", "anchored+direction"],
    );
    expect(code).toBe(0);
    const [step] = JSON.parse(stdout).steps;
    expect(step.mask).toBe("auto");
    expect(step.recipe).toMatchObject({
      seed: "9",
      steps: 2,
      sampler: "ddim",
      textGuidance: 3,
      imageGuidance: 1.25,
      control: "anchored+direction",
    });
    expect(step.change.outside.changedPixels).toBe(0);
    expect(step.change.inside.pixels + step.change.outside.pixels).toBe(61 * 37);
  });

  it("returns the parent for a mask that is all black, says so, and runs no UNet", async () => {
    const black = join(folder, "black.png");
    await writePicture(blankPicture(61, 37, [0, 0, 0, 255]), black);
    const { code, stdout } = await edit("black", "--mask", `2=${black}`, "--json");
    expect(code).toBe(0);
    const report = JSON.parse(stdout);
    expect(report.warnings).toEqual([expect.stringMatching(/all black/)]);
    expect(report.steps[1]).toMatchObject({ unetCalls: 0, change: { outside: { changedPixels: 0 } } });
    const [before, after] = ["01-make-it-winter.png", "02-paint-it-blue.png"].map((name) =>
      open("black", name),
    );
    expect(samePicture((await before)!, (await after)!)).toBe(true);
  });

  it.each([
    [["edit"], /missing required argument/],
    [["edit", "x.png"], /instruction, --crop or --expand, or --script/],
    [["edit", "x.png", "hi", "--steps", "-3"], /whole number from 1 to 1000/],
    [["edit", "x.png", "hi", "--text-guidance", "NaN"], /number from -100 to 100/],
    [["edit", "x.png", "hi", "--sampler", "plms"], /dpm\+\+2m/],
    [["edit", "x.png", "hi", "--control", "none"], /threshold/],
    [["edit", "x.png", "hi", "--colour"], /unknown option/],
    [["edit", "x.png", "hi", "--mask", "2=x.png"], /there is no edit 2/],
    [["edit", "x.png", "hi", "--mask", "auto", "--mask", "1=auto"], /given twice for edit 1/],
    [["edit", "x.png", "hi", "--steps", "2", "--steps", "3"], /--steps <steps>' is given twice/],
    [["edit", "x.png", "hi", "--sede", "2"], /unknown option '--sede'[\s\S]*--seed/],
    [["edit", "x.png", "hi", "--weight", "2=5"], /there is no edit 2/],
    [["edit", "x.png", "hi", "--weight", "strong"], /Expected a number from -100 to 100/],
    [["edit", "x.png", "hi", "--avoid", "fog", "--mask", "auto"], /needs the mask of its edit/],
    [["edit", "x.png", "a", "b", "--seed", "18446744073709551615"], /count up.*2\^64/],
    [["edit", "x.png", " "], /empty/],
    [["paint"], /unknown command/],
  ])("%j is a usage error: exit code 2, and what is allowed", async (args, message) => {
    const { code, stdout, stderr } = await emilie(...args);
    expect(code).toBe(2);
    expect(stdout).toBe("");
    expect(stderr).toMatch(message);
    expect(stderr).toMatch(/--help/);
  });

  it("says in one line what did not work, as a document with --json, exit code 1", async () => {
    const missing = await emilie("edit", join(folder, "nowhere.png"), "hi", "--json");
    expect(missing.code).toBe(1);
    expect(JSON.parse(missing.stdout)).toMatchObject({ error: { code: "image.unreadable" } });
    expect(missing.stderr.trim().split("\n")).toHaveLength(1);
    const unknown = await emilie(
      "edit",
      join(folder, "photo.png"),
      "hi",
      "--model",
      join(folder, "no-model"),
    );
    expect(unknown).toMatchObject({ code: 1, stdout: "" });
    expect(unknown.stderr).toMatch(/There is no checkpoint/);
    const photo = join(folder, "photo.png");
    const blocked = await emilie("edit", photo, "hi", "--model", checkpoint, "--out", join(photo, "out"));
    expect(blocked.code).toBe(1);
    expect(blocked.stderr).toMatch(/cannot be made/);
    const outside = await emilie("edit", join(folder, "photo.png"), "hi", "--mask", "box:60,0,9,9");
    expect(outside.code).toBe(1);
    expect(outside.stderr).toMatch(/inside the 61×37 picture/);
  });

  it("helps: exit code 0, on stdout, with examples", async () => {
    for (const args of [["--help"], ["edit", "--help"], ["--version"]]) {
      const { code, stdout, stderr } = await emilie(...args);
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      expect(stdout.length).toBeGreaterThan(4);
    }
    expect((await emilie("edit", "--help")).stdout).toContain('$ emilie edit photo.jpg "make it winter"');
  });

  it("stops after the current step on Ctrl-C, keeps what is finished, and exits with 130", async () => {
    const out = join(folder, "stopped");
    const args = ["edit", join(folder, "photo.png"), "make it winter", "make it night"];
    const options = ["--model", checkpoint, "--steps", "400", "--out", out, "--json"];
    const child = spawn(process.execPath, [...EMILIE, ...args, ...options], {
      cwd: root,
    });
    let [stdout, stderr] = ["", ""];
    child.stdout.on("data", (chunk) => {
      stdout += chunk;
    });
    child.stderr.on("data", (chunk) => {
      stderr += chunk;
      // The second edit is under way.
      if (/2\/2 .*step 100 of 400/.test(stderr) && !child.killed) child.kill("SIGINT");
    });
    const code = await new Promise((done) => child.on("close", done));
    expect(stderr).toMatch(/Stopping after this step/);
    expect(stderr).toMatch(/1 of 2 edits were finished/);
    expect(code).toBe(130);
    expect((await readdir(out)).sort()).toEqual([
      "00-original.png",
      "01-make-it-winter.png",
      "session.emilie",
      "strip.png",
    ]);
    const report = JSON.parse(stdout);
    expect(report).toMatchObject({ stopped: true });
    expect(report.steps).toHaveLength(1);
  });
});
