/** What is too much is refused before work is done on it; what only looks like a file is not waited for. */
import { execFileSync } from "node:child_process";
import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseSafetensorsHeader } from "../../src/checkpoint/safetensors.ts";
import { readPicture } from "../../src/images/codec.node.ts";
import { blankPicture } from "../../src/images/picture.ts";
import { maskFromPolygon } from "../../src/images/shapes.ts";
import { MAX_TENSORS } from "../../src/limits.ts";
import type { EditModel } from "../../src/method/edit-model.ts";
import { loadModel } from "../../src/models/load.node.ts";
import { packContainer } from "../../src/session/file/container.node.ts";
import { packSession } from "../../src/session/file/pack.node.ts";
import { loadSession } from "../../src/session/file/store.node.ts";
import { openSession } from "../../src/session/open.node.ts";
import { parseScript, readScript } from "../../src/session/script/script-file.node.ts";
import { nodeId } from "../../src/session/tree/recipe.ts";
import { outsideStrings, parseJson } from "../../src/util/parse-json.ts";
import { emilie } from "../support/command-line.ts";

const CHECKPOINT = new URL("../fixtures/parity/sd1/checkpoint", import.meta.url).pathname;

let folder: string;
let model: EditModel;
const at = (name: string) => join(folder, name);
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "emilie-limits-"));
  model = await loadModel(CHECKPOINT);
});
afterAll(async () => {
  await model.dispose();
  await rm(folder, { recursive: true });
});

describe("JSON", () => {
  const limits = { length: 200, depth: 3, values: 6 };
  const parse = (text: string) => parseJson(text, limits, (what) => new Error(what));

  it.each([
    ['{"a": [1, 2, {"b": "]]]]}}}}[[[[,,,,,,,"}]}', undefined],
    ['["\\\\", "\\"[[[[", "\\\\\\"[[[["]', undefined],
    ["[[[]]]", undefined],
    ["[[[[]]]]", "nests deeper than 3 levels"],
    ["[1,2,3,4,5,6]", undefined],
    ["[1,2,3,4,5,6,7]", "holds more than 6 values"],
    [`"${"x".repeat(199)}"`, "has 201 characters; at most 200 are read"],
    ['{"a": "', "is not JSON"],
    ["", "is not JSON"],
  ])("%s", (text, problem) => {
    if (problem === undefined) expect(parse(text)).toEqual(JSON.parse(text));
    else expect(() => parse(text)).toThrow(problem);
  });

  it("is changed outside of its strings only", () => {
    const text = '{"NaN": NaN, "a\\"NaN": [NaN, "NaN\\\\"], "b": NaN}';
    expect(outsideStrings(text, (part) => part.replaceAll("NaN", "null"))).toBe(
      '{"NaN": null, "a\\"NaN": [null, "NaN\\\\"], "b": null}',
    );
  });
});

describe("a safetensors header", () => {
  it("of more tensors than any checkpoint has is refused", () => {
    const one = '{"dtype":"U8","shape":[0],"data_offsets":[0,0]}';
    const header = (count: number) =>
      new TextEncoder().encode(`{${Array.from({ length: count }, (_, i) => `"t${i}":${one}`).join(",")}}`);
    const most = header(MAX_TENSORS);
    expect(parseSafetensorsHeader(most, 8 + most.length, "x").tensors.size).toBe(MAX_TENSORS);
    const more = header(MAX_TENSORS + 2);
    expect(() => parseSafetensorsHeader(more, 8 + more.length, "x")).toThrow(
      /lists 100002 tensors; at most 100000/,
    );
    // Of a million nothing is made: there are too many values in the text.
    const million = header(1_000_000 / 5);
    expect(() => parseSafetensorsHeader(million, 8 + million.length, "x")).toThrow(
      /more than 1000000 values/,
    );
  });
});

describe("a script", () => {
  it.each([
    ["many keys", Array.from({ length: 3000 }, (_, i) => `k${i}: 1`).join("\n"), /map of more than 200 keys/],
    ["depth", "[".repeat(300_000), /nested deeper than 32/],
    ["depth in one line", "- ".repeat(200_000), /nested deeper than 32/],
    [
      "depth by indentation",
      Array.from({ length: 900 }, (_, i) => `${" ".repeat(i)}a:`).join("\n"),
      /deeper/,
    ],
    ["aliases", `[&a x${",*a".repeat(1000)}]`, /more than 100 aliases/],
    [
      "aliases of aliases",
      Array.from({ length: 30 }, (_, i) => `k${i}: &a${i} [${`*a${i - 1},`.repeat(3)}]`)
        .join("\n")
        .replaceAll("*a-1", "x"),
      /unfolds|cannot be read/,
    ],
    ["errors", `"${"\\q".repeat(100_000)}"`, /escapes nothing/],
    ["documents", "---\nsteps: []\n---\nsteps: []", /several documents/],
  ])("with too much of anything is refused with its line: %s", (_, text, message) => {
    expect(() => parseScript(text)).toThrow(
      expect.objectContaining({ code: "option.invalid", message: expect.stringMatching(message) }),
    );
  });

  it("of ten thousand steps is read", () => {
    const text = `steps:\n${"  - instruction: make it winter\n    seed: 4\n".repeat(10_000)}`;
    expect(parseScript(text).steps).toHaveLength(10_000);
  });
});

describe("a polygon", () => {
  it("over many rows has fewer corners", () => {
    const corners = (count: number) =>
      Array.from({ length: count }, (_, i) => [i % 2, i % 3 === 0 ? 0 : 60_000] as const);
    expect(() => maskFromPolygon(2, 60_000, corners(9999))).toThrow(
      /9999 corners over 60000 rows is too complex/,
    );
  });
});

describe("numbers that nobody means", () => {
  it("are refused before anything is computed", async () => {
    const session = await openSession(model, blankPicture(40, 32));
    const calls = model.calls.denoise;
    for (const wrong of [
      { textGuidance: 1e308 },
      { imageGuidance: -1e308 },
      { regions: [{ instruction: "x", weight: 1e300 }] },
      { base: "a".repeat(100_001) },
      { sampler: "__proto__" as never },
      { steps: 1e9 },
    ]) {
      await expect(session.edit("x", { steps: 1, ...wrong })).rejects.toMatchObject({
        code: "option.invalid",
      });
    }
    expect(model.calls.denoise).toBe(calls);
    expect(session.nodes.size).toBe(1);
    await expect(openSession(model, blankPicture(40, 32), { workingSize: 1e9 })).rejects.toThrow(
      /working size must be "own" or a whole number from 8 to 100000/,
    );
  });
});

describe("a session file", () => {
  it("with a tree four thousand deep opens, and its last picture is shown", async () => {
    const session = await openSession(model, blankPicture(40, 32, [10, 200, 30, 255]));
    const nothing = { width: 40, height: 32, data: new Float32Array(40 * 32) };
    await session.edit("nothing", { steps: 1, mask: nothing });
    const { manifest, pieces } = await packSession(session);
    const [root, first] = manifest.nodes;
    const nodes = [root!, first!];
    for (let i = 2; i < 4000; i++) {
      const parent = nodes.at(-1)!.id;
      const recipe = { ...first!.recipe!, parent };
      nodes.push({ ...first!, id: await nodeId(recipe), parent, recipe });
    }
    const { parts } = await packContainer({ ...manifest, nodes, head: nodes.at(-1)!.id }, pieces);
    await writeFile(at("deep.emilie"), parts);
    const opened = await loadSession(at("deep.emilie"), { model });
    expect(opened.nodes.size).toBe(4000);
    expect((await opened.head.render()).data).toEqual(session.original.data);
  });

  it("that says a working size far above its picture's is refused: every mask would be brought to it", async () => {
    const session = await openSession(model, blankPicture(200, 160), { workingSize: "own" });
    const { manifest, pieces } = await packSession(session);
    const { parts } = await packContainer({ ...manifest, workingSize: 65_536 }, pieces);
    await writeFile(at("vast.emilie"), parts);
    await expect(loadSession(at("vast.emilie"), { model })).rejects.toThrow(
      /at most 64 megapixels are allowed/,
    );
  });

  it("with a mask of another size than its picture is refused by the mask's header", async () => {
    const session = await openSession(model, blankPicture(40, 32));
    const mask = { width: 40, height: 32, data: new Float32Array(40 * 32).fill(1, 0, 40) };
    await session.edit("x", { steps: 1, mask });
    const { manifest, pieces } = await packSession(session);
    const png = pieces.find(({ name }) => name.startsWith("mask/"))!;
    const { createHash } = await import("node:crypto");
    const bytes = png.bytes.slice();
    // As wide and high as a bomb; what follows is never looked at.
    new DataView(bytes.buffer).setUint32(16, 8000);
    new DataView(bytes.buffer).setUint32(20, 8000);
    const changed = { ...png, bytes, sha256: createHash("sha256").update(bytes).digest("hex") };
    const all = pieces.map((piece) => (piece === png ? changed : piece));
    const entries = all.map(({ name, type, shape, sha256 }) => ({ name, type, shape, sha256 }));
    const { parts } = await packContainer({ ...manifest, pieces: entries }, all);
    await writeFile(at("bomb.emilie"), parts);
    await expect(loadSession(at("bomb.emilie"), { model })).rejects.toThrow(/is no PNG of 40×32 pixels/);
  });

  it("that names a model on another machine is not followed there", async () => {
    const session = await openSession(model, blankPicture(40, 32));
    const { manifest, pieces } = await packSession(session);
    for (const id of ["\\\\host\\share\\model", "//host/share/model"]) {
      const { parts } = await packContainer({ ...manifest, model: { ...manifest.model, id } }, pieces);
      await writeFile(at("far.emilie"), parts);
      await expect(loadSession(at("far.emilie"))).rejects.toMatchObject({ code: "session.model" });
      await expect(loadSession(at("far.emilie"))).rejects.toThrow(/on another machine/);
    }
  });
});

describe.skipIf(process.platform === "win32")("a pipe in a file's place", () => {
  const pipe = (name: string) => {
    execFileSync("mkfifo", [at(name)]);
    return at(name);
  };

  it("is refused at every door, and never waited for", async () => {
    const png = pipe("pipe.png");
    const said = /no plain file/;
    await expect(readPicture(png)).rejects.toMatchObject({ code: "image.unreadable" });
    await expect(readPicture(png)).rejects.toThrow(said);
    await expect(loadSession(pipe("pipe.emilie"), { model })).rejects.toThrow(said);
    await expect(readScript(pipe("pipe.yaml"))).rejects.toThrow(said);
    await expect(loadModel(pipe("pipe.safetensors"))).rejects.toMatchObject({ name: "EmilieError" });
    await expect(loadModel(CHECKPOINT, { lora: [{ file: pipe("lora.safetensors") }] })).rejects.toMatchObject(
      {
        name: "EmilieError",
      },
    );
    const session = await openSession(model, blankPicture(40, 32));
    await expect(session.edit("x", { mask: png })).rejects.toThrow(said);
    // Devices are no files either.
    await expect(readPicture("/dev/zero")).rejects.toThrow(said);
  });

  it.each([
    "model_index.json",
    "unet/config.json",
    "tokenizer/vocab.json",
    "scheduler/scheduler_config.json",
    "vae/diffusion_pytorch_model.safetensors",
  ])("is refused within a checkpoint: %s", async (file) => {
    const copy = at(`checkpoint-${file.replace("/", "-")}`);
    await cp(CHECKPOINT, copy, { recursive: true, dereference: true });
    await rm(join(copy, file));
    execFileSync("mkfifo", [join(copy, file)]);
    await expect(loadModel(copy)).rejects.toMatchObject({ name: "EmilieError" });
  });

  it("is refused by the command line's verbs", async () => {
    const [emilieFile, png] = [pipe("verb.emilie"), pipe("verb.png")];
    for (const args of [
      ["show", emilieFile],
      ["replay", emilieFile],
      ["replay", png],
      ["export", emilieFile, at("x.png")],
      ["edit", png, "x", "--model", CHECKPOINT],
      ["demo", "--script", pipe("verb.json")],
    ]) {
      const { code, stderr } = await emilie(...args);
      expect(code, args[0]).not.toBe(0);
      expect(stderr, args[0]).not.toMatch(/\n\s+at /);
    }
  });
});
