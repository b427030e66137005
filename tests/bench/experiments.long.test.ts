/** The named experiments: what they are made of at full size, and the smallest real run of those with tables of their own. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openDataset } from "../../packages/bench/src/datasets/index.node.ts";
import { EXPERIMENTS } from "../../packages/bench/src/experiments/index.ts";
import { maskQualityAggregates } from "../../packages/bench/src/experiments/mask-quality.ts";
import { overlap } from "../../packages/bench/src/mask-damage.ts";
import { METHODS } from "../../packages/bench/src/methods/index.ts";
import { runBench } from "../../packages/bench/src/run.node.ts";
import type { Aggregate, BenchDataset, BenchItem, ResultRow } from "../../packages/bench/src/types.ts";
import { readPicture } from "../../src/images/codec.node.ts";
import type { EditModel } from "../../src/method/edit-model.ts";
import { loadModel } from "../../src/models/load.node.ts";

let folder: string;
let dataset: BenchDataset;
let model: EditModel;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "emilie-experiments-"));
  dataset = await openDataset("imie-picturebook");
  model = await loadModel("picturebook");
});
afterAll(async () => {
  await model.dispose();
  await rm(folder, { recursive: true });
});

const plain: ResultRow = {
  method: "emilie",
  item: "chains-00",
  part: null,
  seed: 0,
  turn: 1,
  instruction: "make the walls blue",
  kind: "wall",
  global: false,
  masked: true,
  picture: "cache/x.png",
  metrics: {},
  success: true,
  collapsed: false,
  unetCalls: 8,
  seconds: 1,
};

const itemsOf = (name: string, limit?: number) => EXPERIMENTS[name]!.items(dataset, { limit, folder });
const ofPart = (items: readonly BenchItem[], part: string) => items.filter((item) => item.part === part);
const level = async (file: string, x: number) => (await readPicture(file)).data[4 * x]!;

describe("the experiments", () => {
  it.each(Object.values(EXPERIMENTS))("$name is as large as it says", async (experiment) => {
    const items = await experiment.items(dataset, { folder });
    expect(new Set(items.map(({ id }) => id)).size).toBe(items.length);
    const edits = items.flatMap((item) =>
      experiment.methods
        .filter((name) => METHODS[name] && !name.startsWith("vae-"))
        .filter((name) => experiment.applies?.(name, item) ?? true)
        .map(() => item.turns.length * experiment.seeds),
    );
    expect(experiment.methods.filter((name) => !METHODS[name])).toEqual([]);
    const said = Number(/([\d,]+) edits/.exec(experiment.cost)![1]!.replace(",", ""));
    expect(edits.reduce((a, b) => a + b)).toBe(said);
    expect(said).toBeLessThan(3500);
  });

  it("iteration: ten turns, local and global cycles apart, the VAE alone on no-ops only", async () => {
    const items = await itemsOf("iteration", 2);
    expect(items.map(({ part }) => part)).toEqual(
      ["noop", "cycle-local", "cycle-global", "long"].flatMap((part) => [part, part]),
    );
    expect(items.every(({ turns }) => turns.length === 10)).toBe(true);
    expect(ofPart(items, "cycle-local").every(({ turns }) => turns.every(({ mask }) => mask))).toBe(true);
    const { applies } = EXPERIMENTS.iteration!;
    expect(items.filter((item) => applies!("vae-only", item))).toEqual(ofPart(items, "noop"));
  });

  it("control: each local edit from its true picture; under the soft mask nobody says what is right", async () => {
    const items = await itemsOf("control", 1);
    const chain = dataset.items.find(({ id }) => id === "chains-00")!;
    expect(ofPart(items, "single").map(({ id, image }) => [id, image])).toEqual([
      ["chains-00~1", chain.image],
      ["chains-00~2", chain.turns[0]!.target],
      ["chains-00~3", chain.turns[1]!.target],
    ]);
    const [soft] = ofPart(items, "soft");
    expect(soft!.turns[0]).toMatchObject({ global: true, changeMask: undefined });
    expect(await level(soft!.turns[0]!.mask!, 0)).toBeLessThan(3);
    expect(await level(soft!.turns[0]!.mask!, 127)).toBeGreaterThan(252);
  });

  it("mask-quality: every damage at every overlap, from the exact mask of what the truth changes", async () => {
    const items = await itemsOf("mask-quality", 1);
    expect(items).toHaveLength(16);
    expect(items[0]!.turns[0]!.mask).toBe(items[0]!.turns[0]!.changeMask);
    const whole = await readPicture(items[0]!.turns[0]!.mask!);
    for (const { id, turns } of items.slice(1)) {
      const worse = await readPicture(turns[0]!.mask!);
      const red = ({ data }: { data: Uint8ClampedArray }) =>
        data.filter((_, i) => i % 4 === 0).map((v) => v / 255);
      expect(Math.abs(overlap(red(worse), red(whole)) - Number(id.split("@")[1])), id).toBeLessThan(0.06);
      expect(turns[0]!.changeMask).toBe(items[0]!.turns[0]!.changeMask);
    }
  });

  it("drift-50: 25 local edits that need no truth, and 50 turns of what has one", async () => {
    const items = await itemsOf("drift-50", 1);
    const [local] = ofPart(items, "local-25");
    expect(local!.turns).toHaveLength(25);
    expect(local!.turns.every(({ mask, target }) => mask !== undefined && target === undefined)).toBe(true);
    const [cycle] = ofPart(items, "cycle-local");
    expect(cycle!.turns).toHaveLength(50);
    expect(cycle!.turns[49]).toEqual(cycle!.turns[1]);
    const { applies } = EXPERIMENTS["drift-50"]!;
    const runs = (method: string) => items.filter((item) => applies!(method, item)).map(({ part }) => part);
    expect(runs("image-iteration")).toEqual(items.map(({ part }) => part));
    expect(runs("reencode-every-5")).toEqual(["noop", "cycle-local", "cycle-global"]);
  });

  it("drift-50 measures visits to the encoder against latent iteration, gated against gated", () => {
    const psnr: Record<string, number> = {
      emilie: 20,
      "emilie-gated": 30,
      "reencode-every-5": 23,
      "reencode-every-5-gated": 31,
      "image-iteration": 19,
    };
    const rows = Object.keys(psnr).flatMap((method) =>
      [0, 1, 2, 3].flatMap((scene) =>
        Array.from({ length: 50 }, (_, i): ResultRow => {
          const metrics = { psnr: psnr[method]! + scene - i / 10 };
          return {
            ...plain,
            method,
            item: `noop-0${scene}`,
            part: "noop",
            kind: "noop",
            turn: i + 1,
            metrics,
          };
        }),
      ),
    );
    const found = EXPERIMENTS["drift-50"]!.aggregates!(rows, Object.keys(psnr));
    const at = (method: string, turn: number) =>
      found.filter((one) => one.method === method && one.metric === "psnr" && one.turn === turn);
    expect(at("reencode-every-5", 50)).toMatchObject([
      { against: "emilie", estimate: { value: expect.closeTo(3, 9), n: 4 } },
    ]);
    expect(at("reencode-every-5-gated", 10)).toMatchObject([
      { against: "emilie-gated", estimate: { value: expect.closeTo(1, 9), clusters: 4 } },
    ]);
    expect(at("image-iteration", 50)).toEqual([]);
  });
});

describe("a small run", () => {
  const run = async (
    name: string,
    methods: readonly string[],
    keep: (item: BenchItem) => boolean,
    turns?: number,
  ) => {
    const experiment = EXPERIMENTS[name]!;
    const items = (await itemsOf(name, 1)).filter(keep);
    const { results } = await runBench({
      model,
      dataset: { ...dataset, items },
      methods: methods.map((method) => METHODS[method]!),
      seeds: [0],
      mode: { mode: "same-steps", steps: 2, sampler: "ddim" },
      turns,
      out: folder,
      experiment,
    });
    return results;
  };
  const find = (aggregates: readonly Aggregate[], over: Partial<Aggregate>) =>
    aggregates.find((a) => Object.entries(over).every(([key, value]) => a[key as keyof Aggregate] === value));

  it("of iteration tells the round trip and the UNet apart", async () => {
    const methods = ["emilie-no-mask", "image-iteration", "vae-only", "vae-once"];
    const { aggregates, rows } = await run("iteration", methods, ({ part }) => part === "noop", 3);
    const drift = (over: Partial<Aggregate>) =>
      find(aggregates, { metric: "slope.rmse", group: "noop", ...over });
    expect(drift({ method: "vae-once", against: undefined })?.estimate.value).toBe(0);
    expect(drift({ method: "vae-only", against: "vae-once" })?.estimate.n).toBe(1);
    expect(drift({ method: "image-iteration", against: "emilie-no-mask" })?.estimate.n).toBe(1);
    expect(rows).toHaveLength(12);
  });

  it("of control: bare readings leak, laid over the parent nothing does, and the picture follows a soft mask", async () => {
    const methods = ["emilie", "emilie-bare", "emilie-literal-bare", "vae-once"];
    const { aggregates } = await run("control", methods, ({ id }) => /~(1|soft)$/.test(id));
    const leak = (method: string) =>
      find(aggregates, { metric: "leak", group: "single", method, turn: null, against: undefined })!.estimate
        .value;
    expect(leak("emilie")).toBe(0);
    expect(leak("emilie-bare")).toBeGreaterThan(0);
    expect(leak("emilie-bare")).toBeLessThan(3 * leak("vae-once"));
    expect(leak("emilie-literal-bare")).toBeGreaterThan(3 * leak("emilie-bare"));
    const follows = find(aggregates, {
      metric: "soft.spearman",
      group: "soft",
      method: "emilie",
      turn: null,
    });
    expect(follows!.estimate.value).toBeGreaterThan(0.3);
  });
});

it("areas under the curves of mask quality are those of the numbers", () => {
  const row = (name: string, missed: number): ResultRow => ({
    ...plain,
    item: `chains-00~${name}`,
    part: name.split("@")[0]!,
    metrics: { "error.ratio": missed, "l2.outside": 0.01, l2: 0.04 },
  });
  // From 1 down to 0.4: what is missed rises from 0 to 0.3, 0.6 and then, at most, 1; or stays at 0.
  const rows = [row("whole@1", 0), row("erode@0.8", 0.3), row("erode@0.6", 0.6), row("erode@0.4", 2.5)];
  const dilated = ["dilate@0.8", "dilate@0.6", "dilate@0.4"].map((part) => row(part, 0));
  const found = maskQualityAggregates([...rows, ...dilated], ["emilie"]);
  const area = (metric: string, group: string) =>
    found.find((a) => a.metric === metric && a.group === group)!.estimate.value;
  const eroded = (0.2 * (0 + 0.3 + 0.3 + 0.6 + 0.6 + 1)) / 2 / 0.6;
  expect(area("auc.missed", "erode")).toBeCloseTo(eroded, 12);
  expect(area("auc.missed", "dilate")).toBe(0);
  expect(area("auc.leak", "dilate")).toBeCloseTo(0.1, 12);
  expect(area("auc.rmse", "erode")).toBeCloseTo(0.2, 12);
  const curve = (metric: string, group: string) =>
    found
      .filter((a) => a.metric === metric && a.group === group)
      .map(({ turn, estimate }) => [turn, estimate.value]);
  expect(curve("missed", "erode")).toEqual([
    [100, 0],
    [80, 0.3],
    [60, 0.6],
    [40, 1],
  ]);
  expect(curve("leak", "shift")).toEqual([[100, 0.1]]);
});
