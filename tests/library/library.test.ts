/** The library as the design shows it: files in, files out, branches by their node. */
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { pictureFromMask } from "../../src/images/mask.ts";
import { samePicture } from "../../src/images/picture.ts";
import { readPngText } from "../../src/images/png-text.ts";
import {
  type EditModel,
  loadModel,
  loadSession,
  openSession,
  readPicture,
  writePicture,
} from "../../src/index.ts";
import { readPath } from "../../src/session/picture/picture-path.node.ts";
import { box, options, picture } from "../support/session-fixture.ts";

const CHECKPOINT = new URL("../fixtures/parity/sd1/checkpoint", import.meta.url).pathname;
let folder: string;
let model: EditModel;
const at = (name: string) => join(folder, name);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "emilie-library-"));
  model = await loadModel(CHECKPOINT);
  await writePicture(picture, at("photo.png"));
  await writePicture(pictureFromMask(box), at("roof.png"));
});
afterAll(async () => {
  await model.dispose();
  await rm(folder, { recursive: true });
});

describe("a session in Node", () => {
  it("takes masks as files, and makes the node that the mask itself makes", async () => {
    const session = await openSession(model, at("photo.png"));
    const byPath = await session.edit("make it red", { ...options, mask: at("roof.png") });
    session.head = session.root;
    const byUrl = await session.edit("make it red", { ...options, mask: pathToFileURL(at("roof.png")) });
    const byMask = await session.edit("make it red", { ...options, mask: box, from: session.root });
    expect(byUrl).toBe(byPath);
    const { sha256 } = byPath.recipe!.regions[0]!.mask!;
    for (const mask of ["box:4,4,20,16", `sha256:${sha256}`]) {
      expect(await session.root.edit("make it red", { ...options, mask })).toBe(byPath);
    }
    expect(byMask).toBe(byPath);
    const region = { instruction: "make it grey", mask: at("roof.png") };
    const both = await byPath.edit("make it blue", { ...options, mask: box, regions: [region] });
    expect(both.recipe!.regions[1]!.mask).toEqual(byPath.recipe!.regions[0]!.mask);
    const everywhere = [{ instruction: "make it grey", mask: "auto" }];
    await expect(session.edit("make it red", { regions: everywhere })).rejects.toMatchObject({
      code: "option.invalid",
    });
    await expect(session.edit("make it red", { mask: at("none.png") })).rejects.toMatchObject({
      code: "image.unreadable",
    });
  });

  it("edits a node by itself: a branch, and the new head", async () => {
    const session = await openSession(model, at("photo.png"));
    const winter = await session.edit("make it winter", options);
    await session.edit("make it blue", options);
    const night = await winter.edit("make it night", options);
    expect(night.parent).toBe(winter);
    expect(session.head).toBe(night);
    expect(session.children(winter)).toHaveLength(2);
  });

  it("starts from the head of the call, also where a mask is read first", async () => {
    const session = await openSession(model, at("photo.png"));
    const red = await session.edit("make it red", options);
    const pending = session.edit("make it blue", { ...options, mask: at("roof.png") });
    session.head = session.root;
    expect((await pending).parent).toBe(red);
  });

  it("saves a node as a picture that tells its recipes, and so does an opened session's node", async () => {
    const session = await openSession(model, at("photo.png"));
    const roof = await session.edit("make it red", { ...options, mask: at("roof.png") });
    await roof.save(at("out.png"));
    const text = readPngText(await readFile(at("out.png")));
    const { id, fingerprint } = roof.recipe!.model;
    const told = { ...roof.recipe, model: { id: basename(id), fingerprint } };
    expect(JSON.parse(text.emilie!)).toEqual(JSON.parse(JSON.stringify(told)));
    expect(samePicture(await readPicture(at("out.png")), await roof.render())).toBe(true);
    expect(await roof.save(at("out.webp"), { quality: 70 })).toEqual([]);
    expect((await readPicture(at("out.webp"))).width).toBe(picture.width);
    expect((await readPath(await readFile(at("out.webp")), "out.webp")).steps).toHaveLength(1);
    await expect(roof.save(at("out.bmp"))).rejects.toMatchObject({ code: "option.invalid" });

    await session.save(at("one.emilie"));
    const opened = await loadSession(at("one.emilie"), { model });
    await opened.head.save(at("again.png"));
    expect(await readFile(at("again.png"))).toEqual(await readFile(at("out.png")));
  });
});

describe("a process that loads a model", () => {
  it("ends by itself, also when the model was never used or disposed of", async () => {
    const entry = new URL("../../src/index.ts", import.meta.url).href;
    const code = `const { loadModel } = await import(${JSON.stringify(entry)}); await loadModel(${JSON.stringify(CHECKPOINT)});`;
    const args = ["--import", import.meta.resolve("tsx"), "--input-type=module", "-e", code];
    // Killed by the timeout it would reject.
    await promisify(execFile)(process.execPath, args, { timeout: 60_000 });
  });
});
