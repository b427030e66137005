/** Pictures in any format carry their recipes and say that a model has edited them; replay makes them again. */
import { copyFile, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readPicture, readXmp, writePicture } from "../../src/images/codec.node.ts";
import type { Mask } from "../../src/images/mask.ts";
import { blankPicture, type Picture, samePicture } from "../../src/images/picture.ts";
import { readPngText } from "../../src/images/png-text.ts";
import { readMask } from "../../src/images/read-mask.node.ts";
import { DIGITAL_SOURCE_TYPE, MAX_XMP_BYTES, readXmpValue } from "../../src/images/xmp.ts";
import type { EditModel } from "../../src/method/edit-model.ts";
import { loadModel } from "../../src/models/load.node.ts";
import { publicModelName } from "../../src/models/open.node.ts";
import { replayPath } from "../../src/session/file/replay-path.node.ts";
import type { StoredSession } from "../../src/session/file/store.node.ts";
import { openSession } from "../../src/session/open.node.ts";
import { exportPicture } from "../../src/session/picture/export.node.ts";
import { readPath } from "../../src/session/picture/picture-path.node.ts";
import { emilie } from "../support/command-line.ts";

const CHECKPOINT = new URL("../fixtures/parity/sd1/checkpoint", import.meta.url).pathname;
/** Soft colours, as lossy formats like them, and a mask that is not simple. */
const [width, height] = [72, 48];
const photo: Picture = {
  width,
  height,
  data: Uint8ClampedArray.from({ length: width * height * 4 }, (_, i) => {
    const [x, y] = [(i >> 2) % width, Math.floor(i / (4 * width))];
    return [3 * x, 5 * y, 128 + 90 * Math.sin(x / 11 + y / 7), 255][i % 4]!;
  }),
};
const mask = {
  width,
  height,
  data: Float32Array.from({ length: width * height }, (_, i) =>
    i % width > 30 ? ((i * 7919) % 256) / 255 : 0,
  ).map(Math.fround),
};

let folder: string;
let model: EditModel;
let session: StoredSession;
const at = (name: string) => join(folder, name);
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "emilie-export-"));
  model = await loadModel(CHECKPOINT);
  session = await openSession(model, photo);
  await session.edit("make it red & <green>", { steps: 1, seed: 5 });
  await session.edit("make it blue", { steps: 1, mask, strength: 0.75 });
  await session.save(at("session.emilie"));
});
afterAll(async () => {
  await model.dispose();
  await rm(folder, { recursive: true });
});

describe("an exported picture", () => {
  it.each(["png", "jpg", "webp", "avif", "tiff"])(
    ".%s says that a model has edited it, and how",
    async (extension) => {
      const file = at(`picture.${extension}`);
      expect(await exportPicture(session, file)).toEqual([]);
      const bytes = await readFile(file);
      const xmp = (await readXmp(bytes))!;
      expect(xmp).toContain(DIGITAL_SOURCE_TYPE);
      expect(xmp).toContain("make it red &amp; &lt;green&gt;; make it blue");
      // The folder that the checkpoint lies in is nobody's business.
      expect(xmp).toContain("<Iptc4xmpExt:AISystemUsed>emilie with checkpoint</Iptc4xmpExt:AISystemUsed>");
      const path = await readPath(bytes, file);
      const told = { id: "checkpoint", fingerprint: session.modelFacts.fingerprint };
      expect(JSON.parse(readXmpValue(xmp, "recipe")!)).toEqual({
        ...JSON.parse(JSON.stringify(session.head.recipe)),
        model: told,
        parent: path.steps[0]!.id,
      });
      expect(path.model).toEqual(told);
      for (const said of [bytes.toString("latin1"), JSON.stringify(path)]) {
        expect(said).not.toContain(dirname(CHECKPOINT));
      }
      const { session: again, steps } = await replayPath(model, photo, path, []);
      expect(steps.map(({ same }) => same)).toEqual([true, true]);
      expect(samePicture(await again.head.render(), await session.head.render())).toBe(true);
    },
  );

  it("without its recipe still carries the mark, and nothing of what was asked", async () => {
    for (const name of ["quiet.png", "quiet.jpg"]) {
      await exportPicture(session, at(name), { recipe: false });
      const bytes = await readFile(at(name));
      const xmp = (await readXmp(bytes))!;
      expect(xmp).toContain(DIGITAL_SOURCE_TYPE);
      expect(bytes.toString("latin1")).not.toMatch(/make it|emilie:path|emilie-path/);
      await expect(readPath(bytes, name)).rejects.toMatchObject({ code: "session.malformed" });
    }
  });

  it("of the original carries nothing: no model has edited it", async () => {
    await exportPicture(session, at("original.jpg"), { node: session.root });
    expect(await readXmp(await readFile(at("original.jpg")))).toBeUndefined();
  });

  it("that another program has saved as another format keeps its recipes in the XMP", async () => {
    await exportPicture(session, at("first.png"));
    await sharp(at("first.png")).keepXmp().jpeg().toFile(at("converted.jpg"));
    expect((await readPath(await readFile(at("converted.jpg")), "it")).steps).toHaveLength(2);
  });

  it("whose recipes are too many for it says so, and a PNG keeps them all", async () => {
    const long = await openSession(model, blankPicture(16, 16));
    for (let i = 0; i < 3; i++) {
      await long.edit(
        `make it ${Array.from({ length: 4000 }, (_, k) => (k * 7919 + i).toString(36)).join(" ")}`,
        { steps: 1, textGuidance: 1, imageGuidance: 1 },
      );
    }
    expect(await exportPicture(long, at("long.jpg"))).toEqual([expect.stringMatching(/cannot be replayed/)]);
    expect((await readXmp(await readFile(at("long.jpg"))))!.length).toBeLessThan(MAX_XMP_BYTES);
    expect(await exportPicture(long, at("long.png"))).toEqual([]);
    expect((await readPath(await readFile(at("long.png")), "it")).steps).toHaveLength(3);
  });

  it("is not begun where it could not be ended", async () => {
    const before = model.calls.decodeLatent;
    const fresh = await session.edit("make it yellow", { steps: 1 });
    for (const [name, quality] of [
      ["a.bmp", undefined],
      ["a.png", 80],
      ["a.jpg", 0],
    ] as const) {
      const refused = exportPicture(session, at(name), { node: fresh, quality });
      await expect(refused).rejects.toMatchObject({ code: "option.invalid" });
    }
    expect(model.calls.decodeLatent).toBe(before);
    session.delete(fresh);
  });
});

describe("a model's public name", () => {
  it.each([
    ["picturebook", "picturebook"],
    ["timbrooks/instruct-pix2pix@fp16", "timbrooks/instruct-pix2pix@fp16"],
    ["/home/me/secret/model/", "model"],
    ["C:\\Users\\me\\model.safetensors", "model.safetensors"],
    ["clients/acme/model", "model"],
    ["acme/model.safetensors", "model.safetensors"],
    ["models/picturebook", "picturebook"], // a folder that is there comes before the hub's
    [
      "timbrooks/instruct-pix2pix + acme/style.safetensors=0.8",
      "timbrooks/instruct-pix2pix + style.safetensors=0.8",
    ],
    [
      "../mine + /home/me/a.safetensors=1 + ~/b.safetensors=-0.5",
      "mine + a.safetensors=1 + b.safetensors=-0.5",
    ],
  ])("of %s is %s", (name, told) => {
    expect(publicModelName(name)).toBe(told);
    expect(publicModelName(told)).toBe(told);
  });
});

describe("a mask by its words", () => {
  it("is the file's or the shape's, at the picture's size", async () => {
    await writePicture(blankPicture(36, 24), at("white.png"));
    const warnings: string[] = [];
    const onWarning = (message: string) => void warnings.push(message);
    const white = await readMask(at("white.png"), session.original, { onWarning });
    expect(white).toMatchObject({ width, height });
    expect(warnings).toEqual([
      expect.stringMatching(/same everywhere.*as without a mask/),
      expect.stringMatching(/scaled to fit/),
    ]);
    const box = (await readMask("invert:box:0,0,72,24", photo)) as Mask;
    expect(box.data.reduce((sum, m) => sum + m, 0)).toBe((width * height) / 2);
    await expect(readMask("nowhere.png", photo)).rejects.toMatchObject({ code: "image.unreadable" });
  });
});

describe("emilie export and emilie replay", () => {
  it("a JPEG is replayed: the edits bit for bit, the pixels as near as the format keeps them", async () => {
    await writePicture(photo, at("photo.png"));
    const exported = await emilie("export", at("session.emilie"), at("out.jpg"), "--quality", "95", "--json");
    expect(exported.stderr).toBe("");
    expect(JSON.parse(exported.stdout)).toMatchObject({
      instruction: "make it blue",
      width,
      height,
      warnings: [],
    });
    const replayed = await emilie("replay", at("out.jpg"), "--image", at("photo.png"), "--out", at("exact"));
    expect(replayed.stdout).toMatch(/is lossy.*PSNR \d/s);
    expect(replayed.code).toBe(0);
    const exact = await readPicture(at("exact/02-make-it-blue.png"));
    expect(samePicture(exact, await session.head.render())).toBe(true);
    const json = await emilie("replay", at("out.jpg"), "--image", at("photo.png"), "--json");
    const { reproduced, picture } = JSON.parse(json.stdout);
    expect(reproduced).toBe(true);
    expect(picture).toMatchObject({ same: null, lossy: true });
    expect(picture.psnr).toBeGreaterThan(25);
  });

  it("a TIFF is compared byte for byte, and one that was scaled since is said to be so", async () => {
    expect((await emilie("export", at("session.emilie"), at("out.tiff"))).code).toBe(0);
    const same = await emilie("replay", at("out.tiff"), "--image", at("photo.png"));
    expect(same).toMatchObject({ code: 0, stdout: expect.stringMatching(/same, byte for byte/) });
    await sharp(at("out.tiff")).resize(36, 24).keepXmp().webp().toFile(at("small.webp"));
    const small = await emilie("replay", at("small.webp"), "--image", at("photo.png"));
    expect(small).toMatchObject({ code: 0, stdout: expect.stringMatching(/another size \(36×24/) });
    await sharp(at("out.tiff")).jpeg().toFile(at("bare.jpg"));
    const bare = await emilie("replay", at("bare.jpg"), "--image", at("photo.png"));
    expect(bare).toMatchObject({ code: 1, stderr: expect.stringMatching(/carries no recipes/) });
  });

  it("--no-recipe and --node; what is no session or no format is said", async () => {
    const nodes = [...session.nodes.keys()];
    const quiet = await emilie(
      "export",
      at("session.emilie"),
      at("q.webp"),
      "--no-recipe",
      "--node",
      nodes[1]!,
    );
    expect(quiet.code).toBe(0);
    expect(quiet.stdout).toMatch(/make it red/);
    expect(readXmpValue((await readXmp(await readFile(at("q.webp"))))!, "path")).toBeUndefined();
    expect(await emilie("export", at("photo.png"), at("q.webp"))).toMatchObject({ code: 2 });
    expect(await emilie("export", at("session.emilie"), at("q.bmp"))).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/\.avif/),
    });
    expect(await emilie("export", at("session.emilie"), at("q.png"), "--node", "zzz")).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/--node zzz/),
    });
    expect(await emilie("export", at("session.emilie"), at("q.jpg"), "--quality", "0")).toMatchObject({
      code: 2,
    });
  });

  it("the pictures of emilie edit carry text and XMP", async () => {
    await copyFile(at("photo.png"), at("p.png"));
    const done = await emilie(
      "edit",
      at("p.png"),
      "make it red",
      "--steps",
      "1",
      "--model",
      CHECKPOINT,
      "--out",
      at("edit"),
    );
    expect(done.code).toBe(0);
    const bytes = await readFile(at("edit/01-make-it-red.png"));
    expect(Object.keys(readPngText(bytes)).sort()).toEqual(["XML:com.adobe.xmp", "emilie", "emilie-path"]);
    expect(await readXmp(bytes)).toContain(DIGITAL_SOURCE_TYPE);
    expect(Object.keys(readPngText(await readFile(at("edit/00-original.png"))))).toEqual([]);
  });
});
