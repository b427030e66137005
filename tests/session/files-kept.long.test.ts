/** No verb writes in the place of a file that was not written for this very edit, its own input first of all. */
import { link, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readPicture, writePicture } from "../../src/images/codec.node.ts";
import { blankPicture, type Picture } from "../../src/images/picture.ts";
import type { EditModel } from "../../src/method/edit-model.ts";
import { loadModel } from "../../src/models/load.node.ts";
import { openSession } from "../../src/session/open.node.ts";
import { emilie } from "../support/command-line.ts";

const checkpoint = new URL("../fixtures/parity/sd1/checkpoint", import.meta.url).pathname;
const photo: Picture = {
  width: 40,
  height: 32,
  data: Uint8ClampedArray.from({ length: 40 * 32 * 4 }, (_, i) => (i % 4 === 3 ? 255 : (i * 7) % 251)),
};

let folder: string;
let model: EditModel;
const at = (...names: string[]) => join(folder, ...names);
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "emilie-kept-"));
  await writePicture(photo, at("photo.png"));
  model = await loadModel(checkpoint);
});
afterAll(async () => {
  await model.dispose();
  await rm(folder, { recursive: true });
});

const edit = async (image: string, out: string, ...args: string[]) => {
  const all = [image, ...args, "--model", checkpoint, "--steps", "1", "--out", out, "--json"];
  const { code, stdout, stderr } = await emilie("edit", ...all);
  return { code, stderr, report: JSON.parse(stdout) };
};
const everything = async (path: string) => {
  const files = new Map<string, string>();
  for (const name of (await readdir(path)).sort()) {
    if (!name.endsWith(".emilie")) files.set(name, (await readFile(join(path, name))).toString("base64"));
  }
  return files;
};

describe("emilie edit", () => {
  it("never writes onto its input, also where it has the very name of the result", async () => {
    const out = at("again");
    await edit(at("photo.png"), out, "make it red");
    const input = join(out, "01-make-it-red.png");
    const before = await readFile(input);
    const { code, report, stderr } = await edit(input, out, "make it red");
    expect(code).toBe(0);
    expect(await readFile(input)).toEqual(before);
    expect(report.steps[0].file).toBe(join(out, "01-make-it-red-2.png"));
    expect(stderr).toMatch(
      /01-make-it-red\.png is a different file and was not replaced; this one is saved as 01-make-it-red-2\.png/,
    );
    // The first one's original stays too, and each of the two is still replayed from its own.
    const sorted = await readdir(out);
    expect(sorted).toEqual(expect.arrayContaining(["00-original.png", "00-original-2.png", "strip-2.png"]));
    for (const file of [input, report.steps[0].file])
      expect(await emilie("replay", file, "--model", checkpoint)).toMatchObject({ code: 0 });
  });

  it("done twice it writes the same files once", async () => {
    const out = at("twice");
    await edit(at("photo.png"), out, "make it red", "make it blue");
    const before = await everything(out);
    await edit(at("photo.png"), out, "make it red", "make it blue");
    expect(await everything(out)).toEqual(before);
    // Another seed is another picture of that name; the strip of the same picture's edits is made anew.
    const { report } = await edit(at("photo.png"), out, "make it red", "--seed", "5");
    expect(report.steps[0].file).toBe(join(out, "01-make-it-red-2.png"));
    const after = await everything(out);
    expect([...after.keys()]).toEqual([...before.keys(), "01-make-it-red-2.png"].sort());
    for (const [name, bytes] of before) if (name !== "strip.png") expect(after.get(name), name).toBe(bytes);
  });

  it("leaves files of others under all its names: text, folders, links to files, links to nowhere", async () => {
    const out = at("others");
    await mkdir(join(out, "01-make-it-red.png"), { recursive: true });
    await writeFile(join(out, "strip.png"), "notes");
    await symlink(at("photo.png"), join(out, "00-original.png"));
    await link(at("photo.png"), join(out, "02-make-it-blue.png"));
    await symlink(at("nowhere.png"), join(out, "03-make-it-grey.png"));
    const before = await readFile(at("photo.png"));
    const { code, report } = await edit(at("photo.png"), out, "make it red", "make it blue", "make it grey");
    expect(code).toBe(0);
    const files = report.steps.map(({ file }: { file: string }) => file.slice(out.length + 1));
    expect(files).toEqual(["01-make-it-red-2.png", "02-make-it-blue-2.png", "03-make-it-grey-2.png"]);
    expect(report.strip).toBe(join(out, "strip-2.png"));
    expect(await readFile(join(out, "strip.png"), "utf8")).toBe("notes");
    expect(await readFile(at("photo.png"))).toEqual(before);
    expect((await readdir(out)).filter((name) => name.includes(".part"))).toEqual([]);
    expect((await readdir(folder)).includes("nowhere.png")).toBe(false);
  });

  it("keeps what somebody has painted on a picture that it wrote, recipes and all", async () => {
    const out = at("painted");
    const first = await edit(at("photo.png"), out, "make it red");
    const file: string = first.report.steps[0].file;
    const { readPngText } = await import("../../src/images/png-text.ts");
    const metadata = readPngText(await readFile(file));
    await writePicture(blankPicture(40, 32), file, { metadata });
    const painted = await readFile(file);
    await edit(at("photo.png"), out, "make it red");
    expect(await readFile(file)).toEqual(painted);
  });
});

describe("replay, export and the library", () => {
  it("replay --out takes free names", async () => {
    const out = at("replayed");
    await edit(at("photo.png"), at("r"), "make it red");
    await mkdir(out);
    await writeFile(join(out, "01-make-it-red.png"), "mine");
    const { code } = await emilie("replay", at("r", "session.emilie"), "--model", checkpoint, "--out", out);
    expect(code).toBe(0);
    expect(await readFile(join(out, "01-make-it-red.png"), "utf8")).toBe("mine");
    expect(await readPicture(join(out, "01-make-it-red-2.png"))).toMatchObject({ width: 40 });
  });

  it("export replaces an edit of the same picture, and nothing else without --force", async () => {
    await edit(at("photo.png"), at("e"), "make it red", "make it blue");
    const session = at("e", "session.emilie");
    const run = (...args: string[]) => emilie("export", session, ...args, "--model", checkpoint);
    await writeFile(at("notes.png"), "notes");
    const before = await readFile(at("photo.png"));
    for (const name of ["notes.png", "photo.png"]) {
      const refused = await run(at(name));
      expect(refused).toMatchObject({ code: 1, stderr: expect.stringMatching(/already exists.*--force/) });
    }
    expect(await readFile(at("photo.png"))).toEqual(before);
    for (const name of ["a.png", "a.jpg", "a.tiff"]) {
      expect((await run(at(name), "--node", "original")).code, name).toBe(0);
      expect((await run(at(name))).code, `${name} of the original is not an edit`).toBe(1);
      expect((await run(at(name), "--force")).code, name).toBe(0);
      expect((await run(at(name))).code, name).toBe(0);
    }
    expect((await run(at("b.png"))).code).toBe(0);
    const node = JSON.parse((await emilie("show", session, "--json")).stdout).nodes[1].id;
    expect((await run(at("b.png"), "--node", node)).code).toBe(0);
    expect((await run(at("notes.png"), "--force")).code).toBe(0);
  });

  it("node.save leaves the picture that the session was opened on, and overwrite insists", async () => {
    await writePicture(photo, at("source.png"));
    await symlink(at("source.png"), at("other-name.png"));
    const session = await openSession(model, at("source.png"));
    const node = await session.edit("make it red", { steps: 1 });
    for (const name of ["source.png", "other-name.png"])
      await expect(node.save(at(name)), name).rejects.toMatchObject({ code: "io.exists" });
    await node.save(at("result.png"));
    const next = await node.edit("make it blue", { steps: 1 });
    await next.save(at("result.png"));
    await expect(session.save(at("source.png"))).rejects.toMatchObject({ code: "session.changed" });
    await next.save(at("source.png"), { overwrite: true });
    expect(await readFile(at("source.png"))).toEqual(await readFile(at("result.png")));
  });

  it("bench leaves a folder whose files are not a run's, before anything is computed", async () => {
    for (const name of ["results.json", "report.html"]) {
      const out = at(`bench-${name}`);
      await mkdir(out);
      await writeFile(join(out, name), '{"mine": true}');
      const { code, stderr } = await emilie("bench", "--limit", "1", "--turns", "1", "--out", out);
      expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining(`has ${name}, which`) });
      expect(await readdir(out)).toEqual([name]);
    }
  });
});
