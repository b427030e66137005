/** Sessions on the command line: saved by `edit`, gone on from, shown, replayed; and pictures replayed from their text. */
import { copyFile, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readPicture, writePicture } from "../../src/images/codec.node.ts";
import { blankPicture, type Picture, samePicture } from "../../src/images/picture.ts";
import { readPngText, writePngText } from "../../src/images/png-text.ts";
import { readContainer } from "../../src/session/file/container.node.ts";
import { emilie } from "../support/command-line.ts";

const root = resolve(import.meta.dirname, "../..");
const checkpoint = join(root, "tests/fixtures/parity/sd1/checkpoint");
const photo: Picture = {
  width: 61,
  height: 37,
  data: Uint8ClampedArray.from({ length: 61 * 37 * 4 }, (_, i) => {
    const [x, y] = [(i >> 2) % 61, Math.floor(i / 244)];
    return [4 * x, 6 * y, 128 + 100 * Math.sin(x / 9 + y / 5), 255][i % 4]!;
  }),
};

let folder: string;
const at = (...names: string[]) => join(folder, ...names);
const begin = (out: string, ...args: string[]) =>
  emilie("edit", at("photo.png"), ...args, "--model", checkpoint, "--steps", "2", "--out", at(out));
const show = async (file: string) => JSON.parse((await emilie("show", at(file), "--json")).stdout);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "emilie-replay-"));
  await writePicture(photo, at("photo.png"));
  const first = await begin("out", "make it winter", "paint it blue", "--mask", "2=box:20,10,23,15");
  expect(first).toMatchObject({ code: 0 });
});
afterAll(() => rm(folder, { recursive: true }));

describe("a session on the command line", () => {
  it("is saved beside the pictures, and shown as a tree", async () => {
    const { code, stdout } = await emilie("show", at("out/session.emilie"));
    expect(code).toBe(0);
    expect(stdout).toMatch(/61×37, 2 edits by .*checkpoint/);
    expect(stdout).toMatch(/^[0-9a-f]{12} {2}original$/m);
    expect(stdout).toMatch(/make it winter +everywhere, \d+\.\d dB from its parent/);
    expect(stdout).toMatch(
      /paint it blue {2}← head +mask 15 %, \d+\.\d dB from its parent, \d+\.\d dB from the original/,
    );
    const document = await show("out/session.emilie");
    expect(document.nodes.map((node: { maskShare: number | null }) => node.maskShare)).toEqual([
      null,
      1,
      (23 * 15) / (61 * 37),
    ]);
    expect(document.nodes[2].drift.parent.outside).toMatchObject({ changedPixels: 0, psnr: null });
    expect(document).toMatchObject({ head: document.nodes[2].id, warnings: [] });
  });

  it("is gone on from at its head, or from any node, by the settings that are given", async () => {
    await copyFile(at("out/session.emilie"), at("on.emilie"));
    const on = ["--steps", "2", "--out", at("on")];
    const next = await emilie("edit", at("on.emilie"), "make it night", ...on, "--json");
    expect(next.code).toBe(0);
    const report = JSON.parse(next.stdout);
    expect(report.session).toBe(at("on.emilie"));
    expect(report.steps[0].file).toBe(at("on", "03-make-it-night.png"));
    const [, winter, blue] = (await show("out/session.emilie")).nodes;
    expect(report.steps[0].recipe.parent).toBe(blue.id);
    const branch = await emilie(
      "edit",
      at("on.emilie"),
      "make it grey",
      "and dark",
      "--from",
      winter.id.slice(0, 6),
      ...on,
    );
    expect(branch).toMatchObject({ code: 0 });
    const { nodes, head } = await show("on.emilie");
    expect(nodes.map((node: { instruction: string }) => node.instruction)).toEqual([
      ...["", "make it winter", "paint it blue", "make it night", "make it grey", "and dark"],
    ]);
    expect(nodes[4].parent).toBe(winter.id);
    expect(head).toBe(nodes[5].id);
    expect((await readdir(at("on"))).sort()).toEqual([
      ...["00-original.png", "03-make-it-night.png", "04-make-it-grey.png", "05-and-dark.png", "strip.png"],
    ]);
    const { stdout } = await emilie("show", at("on.emilie"));
    expect(stdout).toMatch(/├─ paint it blue/);
    expect(stdout).toMatch(/└─ make it grey/);
  });

  it("grows when the same picture is edited into the same folder, and computes nothing again", async () => {
    await begin("grow", "make it winter");
    const again = await begin("grow", "make it winter", "make it night");
    expect(again.code).toBe(0);
    const { nodes } = await show("grow/session.emilie");
    expect(nodes).toHaveLength(3);
    await writePicture({ ...photo, data: photo.data.map((v) => 255 - v) }, at("other.png"));
    const other = ["edit", at("other.png"), "hi", "--model", checkpoint, "--steps", "1", "--out", at("grow")];
    const { code, stderr } = await emilie(...other);
    expect(code).toBe(0);
    expect(stderr).toMatch(/session-2\.emilie/);
    expect((await show("grow/session.emilie")).nodes).toHaveLength(3);
    const named = await emilie(...other, "--session", at("grow/session.emilie"));
    expect(named).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/another picture, model or working size/),
    });
  });

  it.each([
    [["edit", "x.png", "hi", "--from", "1"], 2, /a node of a saved session/],
    [["edit", "SESSION", "hi", "--from", "zzz"], 2, /no node is called so/],
    [["show", "NOTES"], 1, /not a session that can be opened/],
    [["replay", "NOTES"], 1, /not a session that can be opened/],
    [["replay", "PHOTO"], 1, /carries no recipes/],
  ])("%j is refused with exit code %d, and says why", async (args, expected, message) => {
    await writeFile(at("notes.emilie"), "my notes");
    const named: Record<string, string> = {
      SESSION: "out/session.emilie",
      NOTES: "notes.emilie",
      PHOTO: "photo.png",
    };
    const { code, stderr } = await emilie(...args.map((arg) => (arg in named ? at(named[arg]!) : arg)));
    expect(stderr).toMatch(message);
    expect(code).toBe(expected);
  });
});

describe("replay of a session", () => {
  it("reproduces it bit for bit", async () => {
    const before = await readFile(at("out/session.emilie"));
    const { code, stdout } = await emilie(
      "replay",
      at("out/session.emilie"),
      "--verify",
      "--out",
      at("again"),
    );
    expect(stdout.match(/✓ .*the same, bit for bit/g)).toHaveLength(3);
    expect(code).toBe(0);
    expect(await readFile(at("out/session.emilie"))).toEqual(before);
    const name = "02-paint-it-blue.png";
    expect(await readFile(at("again", name))).toEqual(await readFile(at("out", name)));
  });

  it("puts back what a damaged file has lost; with --verify it only says so", async () => {
    // In the same folder, from which the model's place is written.
    const hurt = at("out/hurt.emilie");
    const whole = await readFile(at("out/session.emilie"));
    const { manifest } = await readContainer(at("out/session.emilie"));
    const header = 8 + Number(whole.readBigUInt64LE());
    // The pieces lie in the order of the manifest: the original, then the latents.
    const position = header + manifest.pieces[0]!.shape[0]! + 5;
    whole[position]! ^= 4;
    await writeFile(hurt, whole);
    const shown = await emilie("show", hurt);
    expect(shown.stderr).toMatch(/latent of "the original".* is lost/);
    const verified = await emilie("replay", hurt, "--verify", "--json");
    expect(verified.code).toBe(0);
    expect(JSON.parse(verified.stdout).nodes[0].result).toBe("restored");
    expect(await readFile(hurt)).toEqual(whole);
    expect((await emilie("replay", hurt)).code).toBe(0);
    expect(await readFile(hurt)).toEqual(await readFile(at("out/session.emilie")));
  });
});

describe("replay of a picture", () => {
  const name = "02-paint-it-blue.png";

  it("makes it again from the recipes in its text and the original beside it, byte for byte", async () => {
    const { code, stdout } = await emilie("replay", at("out", name), "--out", at("remade"));
    expect(stdout).toMatch(/The picture is the same, byte for byte/);
    expect(code).toBe(0);
    expect(await readFile(at("remade", name))).toEqual(await readFile(at("out", name)));
  });

  it("takes the original from --image, and asks for it where it is nowhere", async () => {
    await copyFile(at("out", name), at(name));
    const asked = await emilie("replay", at(name));
    expect(asked).toMatchObject({ code: 1, stderr: expect.stringMatching(/61×37 pixels.*--image/s) });
    const image = ["--image", at("photo.png")];
    // Away from its session the picture tells only the model's name.
    const lost = await emilie("replay", at(name), ...image);
    expect(lost).toMatchObject({ code: 1, stderr: expect.stringMatching(/made with checkpoint .*--model/) });
    const model = ["--model", checkpoint];
    expect((await emilie("replay", at(name), ...image, ...model)).code).toBe(0);
    await writePicture(blankPicture(61, 37), at("blank.png"));
    const wrong = await emilie("replay", at(name), "--image", at("blank.png"), ...model);
    expect(wrong).toMatchObject({ code: 1, stderr: expect.stringMatching(/not the original/) });
  });

  it("says which node and how much of the picture differs, exit code 1", async () => {
    const picture = await readPicture(at("out", name));
    picture.data[4 * 61 + 1]! ^= 32;
    const text = readPngText(await readFile(at("out", name)));
    const path = JSON.parse(text["emilie-path"]!);
    path.steps[1].latent = "0".repeat(64);
    const metadata = { ...text, "emilie-path": JSON.stringify(path) };
    await writePicture(picture, at("out/changed.png"), { metadata });
    const { code, stdout, stderr } = await emilie("replay", at("out/changed.png"), "--json");
    expect(code).toBe(1);
    const document = JSON.parse(stdout);
    expect(document).toMatchObject({ reproduced: false, picture: { same: false, changedPixels: 1 } });
    expect(document.nodes.map((node: { result: string }) => node.result)).toEqual(["same", "differs"]);
    expect(stderr).toMatch(/Not reproduced: [0-9a-f]{12} \(paint it blue\)/);
  });

  it("says which masks are missing, and takes them from files", async () => {
    const png = await readFile(at("out", name));
    const path = JSON.parse(readPngText(png)["emilie-path"]!);
    const [[hash, mask]] = Object.entries(path.masks) as [[string, string]];
    await writeFile(at("mask.png"), Buffer.from(mask, "base64"));
    await writeFile(
      at("out/bare.png"),
      writePngText(png, { "emilie-path": JSON.stringify({ ...path, masks: {} }) }),
    );
    const { code, stderr } = await emilie("replay", at("out/bare.png"));
    expect(code).toBe(1);
    expect(stderr).toContain(hash);
    expect(stderr).toMatch(/of edit 2, "paint it blue": 61×37/);
    expect((await emilie("replay", at("out/bare.png"), "--mask", at("mask.png"))).code).toBe(0);
    expect(samePicture(await readPicture(at("out/bare.png")), await readPicture(at("out", name)))).toBe(true);
  });
});
