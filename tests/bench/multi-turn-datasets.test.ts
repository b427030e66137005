/** EdiVal-Bench, ImgEdit's multi-turn suite and MSE-Bench in the layouts that their authors publish, and results in the layouts that their scorers read. */
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { WITHDRAWS } from "../../packages/bench/src/datasets/imgedit.ts";
import { openDataset } from "../../packages/bench/src/datasets/index.node.ts";
import { pythonStrings } from "../../packages/bench/src/datasets/python-list.ts";
import { writeLayout } from "../../packages/bench/src/layouts.node.ts";
import { METHODS } from "../../packages/bench/src/methods/index.ts";
import type { BenchDataset, BenchResults, ResultRow } from "../../packages/bench/src/types.ts";
import { readPicture } from "../../src/images/codec.node.ts";

const fixtures = resolve(import.meta.dirname, "../fixtures/datasets");

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "emilie-multi-turn-"));
});
beforeEach(() => void vi.stubEnv("EMILIE_CACHE", join(folder, "cache")));
afterAll(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});

async function put(path: string, text: string): Promise<void> {
  await mkdir(dirname(join(folder, path)), { recursive: true });
  await writeFile(join(folder, path), text);
}

describe("EdiVal-Bench", () => {
  it("is a session a picture, with its longest row, whatever the ending of its picture", async () => {
    const dataset = await openDataset(join(fixtures, "edival"));
    expect(dataset).toMatchObject({ name: "edival-bench", resultLayout: "edival" });
    const images = join(fixtures, "edival/input_images_resize_512");
    expect(dataset.items.map(({ id, image }) => [id, image])).toEqual([
      ["0", join(images, "0_input_raw.jpg")],
      ["12", join(images, "12_input_raw.png")],
    ]);
    expect(dataset.items[0]!.turns).toEqual([
      {
        instruction: "Change the background to forest, remain the bear's fur unchanged",
        kind: "background_change",
        global: true,
      },
      { instruction: "Add fish on the below of bear", kind: "subject_add", global: false },
      { instruction: "Change the material of fish to glass", kind: "material_alter", global: false },
    ]);
    // Some instructions of the release have quotes around them; methods are given them as they are.
    expect(dataset.items[1]!.turns[1]!.instruction).toBe('"Change the count of ball to 3"');
  });

  it("says which row, picture or column is wrong", async () => {
    const csv = await readFile(join(fixtures, "edival/oai_instruction_generation_output.csv"), "utf8");
    const index = "oai_instruction_generation_output.csv";
    const opened = async (text: string) => {
      await put(`ev/${index}`, text);
      return openDataset(join(folder, "ev"));
    };
    await expect(opened(csv)).rejects.toThrow(
      /item 0, image: there is no file input_images_resize_512.0_input_raw.jpg/,
    );
    await cp(join(fixtures, "edival/input_images_resize_512"), join(folder, "ev"), { recursive: true });
    expect((await opened(csv)).items).toHaveLength(2);
    await expect(opened(csv.replace("task_type", "task"))).rejects.toThrow(
      /row 1: there is no column task_type/,
    );
    await expect(opened(csv.replace("\n0,1,", "\n0,2,"))).rejects.toThrow(
      /row 1: turns is 2, and there are 1 instr/,
    );
    await expect(opened(csv.replace("\n0,1,", "\n../0,1,"))).rejects.toThrow(
      /image_index: expected a whole number/,
    );
    await expect(opened(csv.replace("['background_change']", "background_change"))).rejects.toMatchObject({
      code: "dataset.invalid",
      message: expect.stringContaining("expected a list of words in quotes"),
    });
  });

  it("reads lists as Python prints them", () => {
    expect(pythonStrings(`['a', "it's", 'say "no"', 'tab\\t', '\\u00e9', "it\\'s"]`)).toEqual([
      "a",
      "it's",
      'say "no"',
      "tab\t",
      "é",
      "it's",
    ]);
    expect(pythonStrings("[ ]")).toEqual([]);
    expect(pythonStrings("['a',]")).toEqual(["a"]);
    for (const text of ["a", "['a' 'b']", "['a", "[1]", "['a'] + ['b']", "[,]", "[None]"])
      expect([text, pythonStrings(text)]).toEqual([text, undefined]);
  });
});

describe("ImgEdit's multi-turn suite", () => {
  const at = join(fixtures, "imgedit");

  it("is chains, from the folder of the release or the one above it", async () => {
    const dataset = await openDataset(at);
    expect(dataset.name).toBe("imgedit-multiturn-chains");
    expect(dataset.items.map(({ id, part, turns }) => [id, part, turns.length])).toEqual([
      ["content_memory-000066341", "content_memory", 3],
      ["version_backtrace-000209651", "version_backtrace", 3],
      ["version_backtrace-000038819", "version_backtrace", 2],
    ]);
    expect(dataset.items[0]!.image).toBe(join(at, "multiturn/content_memory/000066341.jpg"));
    expect((await openDataset(join(at, "multiturn"))).hash).toBe(dataset.hash);
  });

  it("as branches, goes on from the version before what a turn withdraws, in the same scene", async () => {
    const { name, items } = await openDataset(`${at}:branches`);
    expect(name).toBe("imgedit-multiturn-branches");
    expect(items[1]).toMatchObject({
      id: "version_backtrace-000209651~branch3",
      part: "version_backtrace.branch",
    });
    expect(items[1]!.turns.map(({ instruction }) => instruction)).toEqual([
      "add a green vest",
      "withdraw the previous round of modifications, make the vest brighter",
    ]);
    expect(items[2]).toMatchObject({ id: "version_backtrace-000038819", part: "version_backtrace" });
    for (const text of ["Undo the last edit and add a cat", "roll back round 2, then paint the car"])
      expect([text, WITHDRAWS.test(text)]).toEqual([text, true]);
    for (const text of ["cancel the sign above the door", "return the ball", "replace the last car"])
      expect([text, WITHDRAWS.test(text)]).toEqual([text, false]);
  });

  it("reads one object of numbered sessions too, as in the authors' guide, and says what is wrong", async () => {
    const file = "ie/content_memory/annotation.json";
    const opened = async (text: string) => {
      await put(file, text);
      return openDataset(join(folder, "ie"));
    };
    await mkdir(join(folder, "ie/content_memory"), { recursive: true });
    await cp(join(at, "multiturn/content_memory/000066341.jpg"), join(folder, "ie/content_memory/a.jpg"));
    const one = { id: "a.jpg", turn1: "x", turn2: "y" };
    expect((await opened(JSON.stringify({ 1: one }, null, 2))).items).toHaveLength(1);
    expect((await opened(JSON.stringify({ 1: one }))).items).toHaveLength(1);
    expect((await opened(`${JSON.stringify(one)}\r\n`)).items[0]!.turns).toHaveLength(2);
    await expect(
      opened(`${JSON.stringify(one)}\n{"id": "../b.jpg", "turn1": "x", "turn2": "y"}\n`),
    ).rejects.toThrow(/annotation.json, line 2, id: expected a picture's name without folders/);
    await expect(opened('{"id": "a.jpg", "turn1": "x"}')).rejects.toThrow(/line 1, turn2/);
    await expect(opened("{nonsense}")).rejects.toThrow(/line 1: is not JSON/);
    await expect(opened("\n")).rejects.toThrow(/is empty/);
    await expect(openDataset(`${at}:trees`)).rejects.toMatchObject({ code: "option.invalid" });
  });
});

describe("MSE-Bench", () => {
  it("is read from parquet as the hub has it, pictures and all", async () => {
    const dataset = await openDataset(join(fixtures, "mse-bench"));
    expect(dataset).toMatchObject({ name: "mse-bench", licence: "Apache-2.0" });
    expect(dataset.items.map(({ id, turns }) => [id, turns.length])).toEqual([
      ["0", 3],
      ["17", 2],
    ]);
    expect(dataset.items[1]).toMatchObject({ caption: "A desk." });
    expect(dataset.items[1]!.turns[0]).toEqual({
      instruction: "Add a lamp, with a “warm” light.",
      kind: "add",
      caption: "A desk with a lamp.",
    });
    const picture = await readPicture(dataset.items[1]!.image);
    expect([picture.width, picture.height]).toEqual([32, 24]);
    expect([...picture.data.subarray(0, 8)]).toEqual([0, 0, 200, 255, 8, 0, 200, 255]);
    // Unpacked once, under emilie's cache and nowhere else.
    expect(await readdir(join(folder, "cache/datasets/mse-bench"))).toHaveLength(2);
    expect((await openDataset(join(fixtures, "mse-bench"))).hash).toBe(dataset.hash);
  });

  it("says so of another dataset's parquet, and of what is none", async () => {
    await mkdir(join(folder, "mse/data"), { recursive: true });
    const file = join(folder, "mse/data/train.parquet");
    await cp(join(fixtures, "mse-bench/other.parquet"), file);
    await expect(openDataset(join(folder, "mse"))).rejects.toThrow(
      /train.parquet: expected the columns of MSE-Bench, .* image, index, .* missing/,
    );
    const whole = await readFile(join(fixtures, "mse-bench/data/train-00000-of-00001.parquet"));
    for (const bytes of [
      Buffer.from("version https://git-lfs.github.com/spec/v1\n"),
      whole.subarray(0, 3000),
      Buffer.alloc(0),
    ]) {
      await writeFile(file, bytes);
      await expect(openDataset(join(folder, "mse"))).rejects.toMatchObject({
        code: "dataset.invalid",
        message: expect.stringContaining("is no parquet file that can be read"),
      });
    }
  });
});

describe("results for the authors' scorers", () => {
  const methods = [METHODS["image-iteration"]!, METHODS.concat!];

  /** A run as it lies in a folder, without its numbers. */
  async function run(dataset: BenchDataset, out: string, seeds = [0]): Promise<BenchResults> {
    const rows: Partial<ResultRow>[] = [];
    for (const { name } of methods)
      for (const { id, turns } of dataset.items)
        for (const seed of seeds)
          for (const turn of turns.keys()) {
            const picture = `cache/${[name, id, seed, turn + 1].join("-")}.png`;
            await put(join(out, picture), picture);
            rows.push({ method: name, item: id, seed, turn: turn + 1, picture });
          }
    return { rows } as unknown as BenchResults;
  }

  const filesBelow = async (path: string) =>
    (await readdir(join(folder, path), { recursive: true, withFileTypes: true }))
      .filter((entry) => entry.isFile())
      .map(({ parentPath, name }) => join(parentPath, name).slice(join(folder, path).length + 1))
      .sort();

  it("EdiVal: multipass/INDEX_input_raw.png and its turns, without methods that make no sequence", async () => {
    const dataset = await openDataset(join(fixtures, "edival"));
    const results = await run(dataset, "out-ev", [0, 1]);
    const written = await writeLayout(results, { dataset, methods, out: join(folder, "out-ev") });
    expect(written).toEqual({ folder: "edival", pictures: 16, leftOut: ["concat"] });
    const names = [
      ...["0_input_raw.jpg", "0_input_raw_turn_1.png", "0_input_raw_turn_2.png", "0_input_raw_turn_3.png"],
      ...[
        "12_input_raw.png",
        "12_input_raw_turn_1.png",
        "12_input_raw_turn_2.png",
        "12_input_raw_turn_3.png",
      ],
    ];
    expect(await filesBelow("out-ev/edival")).toEqual(
      ["image-iteration.seed-1", "image-iteration"].flatMap((method) =>
        names.map((name) => `${method}/multipass/${name}`),
      ),
    );
    expect(
      await readFile(
        join(folder, "out-ev/edival/image-iteration.seed-1/multipass/12_input_raw_turn_2.png"),
        "utf8",
      ),
    ).toBe("cache/image-iteration-12-1-2.png");
  });

  it("MagicBrush: iter from whole sessions and inde from turns alone, into the same folders", async () => {
    for (const protocol of ["multi", "single"]) {
      const dataset = await openDataset(`${join(fixtures, "magicbrush")}:${protocol}`);
      await writeLayout(await run(dataset, "out-mb"), { dataset, methods, out: join(folder, "out-mb") });
    }
    expect(await filesBelow("out-mb/magicbrush")).toEqual(
      ["101/101_1.png", "101/101_inde_2.png", "101/101_iter_2.png", "202/202_1.png"].map(
        (name) => `image-iteration/${name}`,
      ),
    );
    const text = (name: string) =>
      readFile(join(folder, "out-mb/magicbrush/image-iteration/101", name), "utf8");
    expect(await text("101_iter_2.png")).toBe("cache/image-iteration-101-0-2.png");
    expect(await text("101_inde_2.png")).toBe("cache/image-iteration-101~turn2-0-1.png");
  });

  it("other datasets have none", async () => {
    const dataset = await openDataset(join(fixtures, "editbench"));
    const results = { rows: [] as readonly ResultRow[] } as BenchResults;
    expect(await writeLayout(results, { dataset, methods, out: folder })).toBeUndefined();
  });
});
