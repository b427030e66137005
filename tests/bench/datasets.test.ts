/** Datasets in each layout, by miniatures of them; and what is said of those that are wrong. */
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { openDataset, readTurnMask } from "../../packages/bench/src/datasets/index.node.ts";
import { writePicture } from "../../src/images/codec.node.ts";
import { blankPicture } from "../../src/images/picture.ts";

const root = resolve(import.meta.dirname, "../..");
const fixtures = join(root, "tests/fixtures/datasets");

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "emilie-datasets-"));
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});

async function put(path: string, content: string | [width: number, height: number]): Promise<void> {
  const file = join(folder, path);
  await mkdir(dirname(file), { recursive: true });
  if (typeof content === "string") await writeFile(file, content);
  else await writePicture(blankPicture(...content), file);
}

describe("imie-picturebook", () => {
  it("opens by name, whole", async () => {
    const dataset = await openDataset("imie-picturebook");
    expect(dataset).toMatchObject({ name: "imie-picturebook", licence: "MIT" });
    expect(dataset.hash).toMatch(/^[0-9a-f]{64}$/);
    expect(dataset.items).toHaveLength(70);
    const partOf = (name: string) => dataset.items.filter(({ part }) => part === name).length;
    expect(["chains", "long", "noop", "cycle"].map(partOf)).toEqual([40, 10, 10, 10]);
    const [first] = dataset.items;
    expect(first!.turns[0]).toEqual({
      instruction: "make the walls blue",
      kind: "wall",
      global: false,
      caption: expect.stringContaining("a blue house"),
      mask: join(root, "packages/bench/datasets/imie-picturebook/chains/00-1-brush.png"),
      target: join(root, "packages/bench/datasets/imie-picturebook/chains/00-1.png"),
      changeMask: join(root, "packages/bench/datasets/imie-picturebook/chains/00-1-mask.png"),
    });
  });

  it("tells how far it is, and stops when told to", async () => {
    const controller = new AbortController();
    const seen: number[] = [];
    const opening = openDataset("imie-picturebook", {
      signal: controller.signal,
      onProgress: (done, total) => {
        seen.push(done, total);
        if (done === 2) controller.abort();
      },
    });
    await expect(opening).rejects.toThrow(/abort/i);
    expect(seen).toEqual([1, 70, 2, 70]);
  });
});

describe("sessions in folders", () => {
  it("are read with the masks and targets there are", async () => {
    const { items, name } = await openDataset(join(fixtures, "imie"));
    const at = (file: string) => join(fixtures, "imie", file);
    expect(name).toBe("imie");
    expect(items.map(({ id }) => id)).toEqual(["harbour", "market"]);
    expect(items[0]!.turns.map(({ instruction, mask }) => [instruction, mask])).toEqual([
      ["make it night", undefined],
      ["add a red boat", at("harbour/mask_2.png")],
      ["make the lighthouse blue", at("harbour/mask_3.png")],
      ["add fog", undefined],
    ]);
    expect(items[1]).toMatchObject({
      image: at("market/input.jpg"),
      turns: [
        {
          instruction: "make it winter",
          global: true,
          caption: "a market in the snow",
          target: at("market/target_1.png"),
        },
        { instruction: "add a dog", kind: "add", mask: at("market/mask_2.png") },
      ],
    });
  });

  it("need one picture, an instruction, and masks of turns that exist", async () => {
    await put("s1/a/instructions.txt", "make it night\n");
    await expect(openDataset(join(folder, "s1"))).rejects.toThrow(/item a: expected one picture.*found none/);
    await put("s1/a/input.png", [8, 8]);
    await put("s1/a/mask_2.png", [8, 8]);
    await expect(openDataset(join(folder, "s1"))).rejects.toThrow(
      /item a: mask_2.png belongs to turn 2.*1 to 1/,
    );
    await put("s1/a/instructions.txt", "\n \n");
    await expect(openDataset(join(folder, "s1"))).rejects.toThrow(/item a: instructions.txt has no line/);
    await put("s1/a/edits.json", '[{"instruction": "make it night", "mask": "x.png"}]');
    await expect(openDataset(join(folder, "s1"))).rejects.toThrow(
      /edits.json, turn 1: Unrecognized key: "mask"/,
    );
  });
});

describe("EditBench", () => {
  const at = (file: string) => join(fixtures, "editbench", file);

  it("is both parts, with the rich prompt unless another is asked for", async () => {
    const rich = await openDataset(join(fixtures, "editbench"));
    expect(rich.name).toBe("editbench-rich");
    expect(rich.items).toHaveLength(2);
    expect(rich.items[0]).toEqual({
      id: "natural-001-material_common_outdoor",
      part: "natural",
      image: at("references_natural/material_common_outdoor.png"),
      turns: [
        {
          instruction: 'a metal cat, sitting with its "tail" around it',
          global: false,
          caption: "a metal cat in a field",
          mask: at("masks_natural/material_common_outdoor.png"),
        },
      ],
    });
    const instruction = async (variant: string) =>
      (await openDataset(`${join(fixtures, "editbench")}:${variant}`)).items[1]!.turns[0]!.instruction;
    expect(await instruction("simple")).toBe("a green teapot");
    expect(await instruction("full")).toBe("a green teapot, on a table");
    await expect(instruction("poor")).rejects.toMatchObject({ code: "option.invalid" });
    const full = await openDataset(`${join(fixtures, "editbench")}:full`);
    expect(full.hash).not.toBe(rich.hash);
  });

  it("says which row and column is wrong", async () => {
    await put("eb/annotations_natural.csv", "aos,prompt_mask-simple,prompt_full\nx,y,z\n");
    await expect(openDataset(join(folder, "eb"))).rejects.toThrow(
      /annotations_natural.csv, row 1: prompt_mask-rich/,
    );
    await put("eb/annotations_natural.csv", "aos,prompt_mask-rich,prompt_full\nx,y\n");
    await expect(openDataset(join(folder, "eb"))).rejects.toThrow(
      /row 1: has 2 fields, and the first line 3/,
    );
    await put("eb/annotations_natural.csv", 'aos,prompt_mask-rich,prompt_full\nx,y"z,a\n');
    await expect(openDataset(join(folder, "eb"))).rejects.toThrow(/a quote is out of place in row 1/);
    await put("eb/annotations_natural.csv", "aos,prompt_mask-rich,prompt_full\n../../x,y,z\n");
    await expect(openDataset(join(folder, "eb"))).rejects.toThrow(/stays in the dataset's folder/);
  });
});

describe("MagicBrush", () => {
  it("multi: a session an item, each turn after the last", async () => {
    const { name, licence, items } = await openDataset(join(fixtures, "magicbrush"));
    const at = (file: string) => join(fixtures, "magicbrush/images/101", file);
    expect({ name, licence }).toEqual({ name: "magicbrush-multi", licence: "CC BY 4.0" });
    expect(items.map(({ id, turns }) => [id, turns.length])).toEqual([
      ["101", 2],
      ["202", 1],
    ]);
    expect(items[0]).toMatchObject({ part: "multi", image: at("101-input.png"), caption: "a dog" });
    expect(items[0]!.turns[1]).toEqual({
      instruction: "let the dog sit on grass",
      mask: `invert:alpha:${at("101-mask2.png")}`,
      target: at("101-output2.png"),
      caption: "a dog with a hat on grass",
    });
  });

  it("single: a turn an item, each from the truth", async () => {
    const { name, items } = await openDataset(`${join(fixtures, "magicbrush")}:single`);
    expect(name).toBe("magicbrush-single");
    expect(items.map(({ id, part, turns }) => [id, part, turns.length])).toEqual([
      ["101~turn1", "single", 1],
      ["101~turn2", "single", 1],
      ["202~turn1", "single", 1],
    ]);
    expect(items[1]!.image).toBe(join(fixtures, "magicbrush/images/101/101-output1.png"));
    expect(items[1]!.caption).toBe("a dog with a hat");
  });

  it("has masks that say where to edit when they are read, at the picture's size", async () => {
    const { items } = await openDataset(join(fixtures, "magicbrush"));
    const mask = await readTurnMask(items[1]!.turns[0]!.mask!, { width: 24, height: 16 });
    expect([mask.width, mask.height]).toEqual([24, 16]);
    // Cut out of the left half's alpha: edit there.
    expect([mask.data[0], mask.data[11], mask.data[12], mask.data[23]]).toEqual([1, 1, 0, 0]);
  });

  it("is found by name in the datasets folder, and said to be missing where it is not", async () => {
    vi.stubEnv("EMILIE_DATASETS", fixtures);
    expect((await openDataset("magicbrush:single")).items).toHaveLength(3);
    vi.stubEnv("EMILIE_DATASETS", folder);
    await expect(openDataset("magicbrush")).rejects.toThrow(/Put a split of MagicBrush, as dev or test at /);
    await expect(openDataset("nothing-like-it")).rejects.toThrow(/Expected imie-picturebook, .*or a folder/);
  });
});

describe("a user's own folder", () => {
  const dataset = (turn: object, more: object = {}) =>
    JSON.stringify({ name: "garden", items: [{ id: "rose", image: "rose.png", turns: [turn], ...more }] });
  const open = async (index: string) => {
    await put("own/dataset.json", index);
    return openDataset(join(folder, "own"));
  };
  beforeEach(async () => {
    await put("own/rose.png", [12, 8]);
    await put("own/mask.png", [12, 8]);
  });

  it("is the example of the guide, as it stands there", async () => {
    const guide = await readFile(join(root, "docs/bench.md"), "utf8");
    const [, index] = /```json\n(\{\n {2}"name": "garden"[\s\S]*?)```/.exec(guide)!;
    expect(index!.trim().split("\n").length).toBeLessThanOrEqual(10);
    for (const name of ["rose.png", "rose-mask.png", "rose-winter.png"]) await put(`guide/${name}`, [32, 24]);
    await put("guide/dataset.json", index!);
    const { name, items } = await openDataset(join(folder, "guide"));
    expect(name).toBe("garden");
    expect(items[0]!.turns).toHaveLength(2);
    expect(items[0]!.turns[1]!.mask).toBe(join(folder, "guide/rose-mask.png"));
  });

  it("has the same hash wherever it lies, and another as soon as one picture is another", async () => {
    const index = dataset({ instruction: "make it winter", mask: "mask.png" });
    const { hash } = await open(index);
    await cp(join(folder, "own"), join(folder, "moved"), { recursive: true });
    expect((await openDataset(join(folder, "moved"))).hash).toBe(hash);
    await put("own/unrelated.png", [1, 1]);
    expect((await open(index)).hash).toBe(hash);
    await writePicture(
      { ...blankPicture(12, 8), data: new Uint8ClampedArray(12 * 8 * 4).fill(7) },
      join(folder, "own/mask.png"),
    );
    expect((await open(index)).hash).not.toBe(hash);
    await put("own/mask.png", [12, 8]);
    expect((await open(index)).hash).toBe(hash);
    expect((await open(dataset({ instruction: "make it night", mask: "mask.png" }))).hash).not.toBe(hash);
  });

  it.each([
    [
      "an unknown key",
      { instruction: "x", masks: "m.png" },
      {},
      /item rose, turn 1: Unrecognized key: "masks"/,
    ],
    ["no instruction", { mask: "mask.png" }, {}, /item rose, turn 1, instruction: /],
    ["an empty instruction", { instruction: " " }, {}, /item rose, turn 1, instruction: /],
    ["no turns", {}, { turns: [] }, /item rose, turns: an item needs at least one turn/],
    ["a bad id", { instruction: "x" }, { id: "../x" }, /item \.\.\/x, id: an id has/],
    [
      "a missing picture",
      { instruction: "x", target: "gone.png" },
      {},
      /item rose, turn 1, target: there is no file gone.png/,
    ],
    [
      "a path out of the folder",
      { instruction: "x", mask: "../mask.png" },
      {},
      /item rose, turn 1, mask: a file is named/,
    ],
    [
      "an absolute path",
      { instruction: "x" },
      { image: "/etc/hostname" },
      /item rose, image: a file is named/,
    ],
    ["a backslash", { instruction: "x", mask: "a\\b.png" }, {}, /item rose, turn 1, mask: a file is named/],
    ["the folder itself", { instruction: "x", mask: "." }, {}, /item rose, turn 1, mask: a file is named/],
    [
      "a mask of another size",
      { instruction: "x", mask: "small.png" },
      {},
      /item rose, turn 1, mask: expected 12×8.*got 6×4/,
    ],
    [
      "no picture",
      { instruction: "x", target: "words.png" },
      {},
      /item rose, turn 1, target: words.png .*unsupported format/,
    ],
    [
      "a folder for a picture",
      { instruction: "x", target: "sub" },
      {},
      /item rose, turn 1, target: sub cannot be read/,
    ],
  ])("says so of %s", async (_, turn, more, message) => {
    await put("own/small.png", [6, 4]);
    await put("own/words.png", "these are words");
    await put("own/sub/x.png", [1, 1]);
    const opening = open(dataset(turn, more));
    await expect(opening).rejects.toThrow(message);
    await expect(opening).rejects.toMatchObject({ name: "EmilieError", code: "dataset.invalid" });
  });

  it("says so of no items, of ids that come twice, of what is no JSON, and of a variant", async () => {
    await expect(open('{"name": "x", "items": []}')).rejects.toThrow(
      /items: a dataset needs at least one item/,
    );
    const item = { id: "a", image: "rose.png", turns: [{ instruction: "x" }] };
    const twice = JSON.stringify({ name: "x", items: [item, { ...item, id: "A" }] });
    await expect(open(twice)).rejects.toThrow(/item A: there are two items of this id/);
    await expect(open("{")).rejects.toThrow(/dataset.json: is not JSON/);
    await open(dataset({ instruction: "x" }));
    await expect(openDataset(`${join(folder, "own")}:rich`)).rejects.toThrow(/no variants; leave :rich out/);
    await mkdir(join(folder, "empty"), { recursive: true });
    await expect(openDataset(join(folder, "empty"))).rejects.toThrow(/no layout is known/);
  });
});
