/** `emilie bench` on the shipped checkpoint and dataset, small: two items, two turns, two steps. */
import { spawn } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, truncate } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openDataset } from "../../packages/bench/src/datasets/index.node.ts";
import { METHODS } from "../../packages/bench/src/methods/index.ts";
import { parseResults, readResults } from "../../packages/bench/src/results.node.ts";
import { type BenchPlan, runBench } from "../../packages/bench/src/run.node.ts";
import type { BenchDataset, ResultRow, ScoredTurn, Scorer } from "../../packages/bench/src/types.ts";
import { readPicture } from "../../src/images/codec.node.ts";
import { samePicture } from "../../src/images/picture.ts";
import type { EditModel } from "../../src/method/edit-model.ts";
import { loadModel } from "../../src/models/load.node.ts";
import { EMILIE } from "../support/command.ts";
import { emilie } from "../support/command-line.ts";

const root = resolve(import.meta.dirname, "../..");
let folder: string;
let model: EditModel;
let dataset: BenchDataset;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "emilie-bench-"));
  model = await loadModel("picturebook");
  const whole = await openDataset("imie-picturebook");
  dataset = { ...whole, items: whole.items.slice(0, 2) };
});
afterAll(async () => {
  await model.dispose();
  await rm(folder, { recursive: true });
});

const NAMES = ["emilie", "image-iteration", "image-iteration-masked"];
const plan = (over: Partial<BenchPlan> = {}): BenchPlan => ({
  model,
  dataset,
  methods: NAMES.map((name) => METHODS[name]!),
  seeds: [0],
  mode: { mode: "same-steps", steps: 2, sampler: "ddim" },
  turns: 2,
  out: folder,
  ...over,
});
/** A folder of its own, with nothing in the cache. */
const fresh = async () => mkdtemp(join(folder, "out-"));
const picture = (row: ResultRow, out = folder) => readPicture(join(out, row.picture));

describe("a run", () => {
  it("has a row for every turn, and all of it a second time without computing anything", async () => {
    const first = await runBench(plan());
    expect(first).toMatchObject({ computed: 12, reused: 0 });
    const { rows } = first.results;
    expect(rows.map(({ method, item, turn }) => `${method} ${item} ${turn}`)).toEqual(
      NAMES.flatMap((name) =>
        ["chains-00", "chains-01"].flatMap((item) => [1, 2].map((turn) => `${name} ${item} ${turn}`)),
      ),
    );
    for (const row of rows) {
      expect(row.unetCalls, row.method).toBe(2);
      expect(row.metrics.psnr, row.method).toBeGreaterThan(10);
      expect(typeof row.success).toBe("boolean");
    }
    const calls = { ...model.calls };
    const second = await runBench(plan());
    expect(model.calls).toEqual(calls);
    expect(second).toMatchObject({ computed: 0, reused: 12 });
    expect(second.results.rows).toEqual(rows);
    expect(second.results.aggregates).toEqual(first.results.aggregates);
    expect(await readResults(folder)).toEqual(second.results);
    const lines = (await readFile(join(folder, "results.csv"), "utf8")).trimEnd().split("\r\n");
    expect(lines).toHaveLength(1 + rows.length);
    expect(lines[0]).toMatch(/^method,item,part,seed,turn,instruction,.*,psnr,/);
    for (const line of lines) expect(line.split(",")).toHaveLength(lines[0]!.split(",").length);
  });

  it("takes over what fits, and computes what is new: another seed, more turns, other settings", async () => {
    const out = await fresh();
    const one = {
      methods: [METHODS.emilie!],
      dataset: { ...dataset, items: dataset.items.slice(0, 1) },
      out,
    };
    expect(await runBench(plan(one))).toMatchObject({ computed: 2, reused: 0 });
    expect(await runBench(plan({ ...one, seeds: [0, 1] }))).toMatchObject({ computed: 2, reused: 2 });
    expect(await runBench(plan({ ...one, turns: 1 }))).toMatchObject({ computed: 0, reused: 1 });
    const mode = { mode: "same-steps", steps: 1, sampler: "ddim" } as const;
    expect(await runBench(plan({ ...one, mode }))).toMatchObject({ computed: 2, reused: 0 });
  });

  it("goes on after an interruption, without the chain that was under way", async () => {
    const out = await fresh();
    const controller = new AbortController();
    const { signal } = controller;
    const stop = runBench(plan({ out, signal, onProgress: ({ done }) => done === 5 && controller.abort() }));
    await expect(stop).rejects.toMatchObject({ code: "aborted" });
    expect(await readdir(out)).toEqual(["cache"]);
    // Two chains of two turns were done, and one turn of the third.
    const labels: string[] = [];
    const rest = await runBench(
      plan({ out, onProgress: ({ phase, label }) => phase === "pictures" && labels.push(label) }),
    );
    expect(rest).toMatchObject({ computed: 8, reused: 4 });
    expect(labels[0]).toBe("image-iteration-masked, chains-00, seed 0, turn 1");
    const { rows } = await readResults(folder);
    for (const [i, row] of rest.results.rows.entries()) {
      expect(samePicture(await picture(row, out), await picture(rows[i]!)), row.method).toBe(true);
      expect(row.metrics).toEqual(rows[i]!.metrics);
    }
  });

  it("computes a turn again whose picture was cut off", async () => {
    const out = await fresh();
    const one = {
      methods: [METHODS.emilie!],
      dataset: { ...dataset, items: dataset.items.slice(0, 1) },
      out,
    };
    const { rows } = (await runBench(plan(one))).results;
    await truncate(join(out, rows[1]!.picture), 100);
    const again = await runBench(plan(one));
    expect(again).toMatchObject({ computed: 2, reused: 0 });
    expect(again.results.rows[1]!.metrics).toEqual(rows[1]!.metrics);
  });

  it("asks a network once for each picture, and puts its name before its metrics", async () => {
    const out = await fresh();
    const seen: ScoredTurn[] = [];
    const scorer: Scorer = {
      name: "mean",
      model: "the mean level",
      hash: "1",
      score: async (turn) => {
        seen.push(turn);
        return { red: turn.result.data[0]!, ...(turn.caption ? { "mean.words": turn.caption.length } : {}) };
      },
      dispose: async () => {},
    };
    const over = { methods: [METHODS.emilie!], out, scorers: [scorer] };
    const { rows, scorers } = (await runBench(plan(over))).results;
    expect(scorers).toEqual([{ name: "mean", model: "the mean level", hash: "1" }]);
    expect(seen).toHaveLength(4);
    expect(rows[0]!.metrics["mean.red"]).toBe(seen[0]!.result.data[0]);
    expect(rows[0]!.metrics["mean.words"]).toBe(dataset.items[0]!.turns[0]!.caption!.length);
    expect(samePicture(seen[1]!.before, seen[0]!.result)).toBe(true);
    expect((await runBench(plan(over))).results.rows).toEqual(rows);
    expect(seen).toHaveLength(4);
    await runBench(plan({ ...over, scorers: [{ ...scorer, hash: "2" }] }));
    expect(seen).toHaveLength(8);
  });
});

describe("the methods", () => {
  it("emilie touches no pixel that no mask allowed; image iteration touches most", async () => {
    const { rows } = await readResults(folder);
    const touched = (name: string) =>
      rows.filter(({ method }) => method === name).flatMap(({ metrics }) => metrics["changed.outside"] ?? []);
    expect(touched("emilie").length).toBeGreaterThan(1);
    expect(touched("emilie").every((share) => share === 0)).toBe(true);
    expect(touched("image-iteration-masked").every((share) => share === 0)).toBe(true);
    expect(touched("image-iteration").every((share) => share > 0.5)).toBe(true);
  });

  it("differ from image iteration only from the second turn on, where there is no mask", async () => {
    const out = await fresh();
    const methods = ["emilie-no-mask", "image-iteration", "vae-only", "vae-once"].map(
      (name) => METHODS[name]!,
    );
    const encoded = model.calls.encodeImage;
    const one = { ...dataset, items: dataset.items.slice(0, 1) };
    const { rows } = (await runBench(plan({ methods, out, dataset: one }))).results;
    // Once a session; once a turn; once a turn; once.
    expect(model.calls.encodeImage - encoded).toBe(1 + 2 + 2 + 1);
    const of = (name: string, turn: number) =>
      picture(rows.find((row) => row.method === name && row.turn === turn)!, out);
    expect(samePicture(await of("emilie-no-mask", 1), await of("image-iteration", 1))).toBe(true);
    expect(samePicture(await of("emilie-no-mask", 2), await of("image-iteration", 2))).toBe(false);
    expect(samePicture(await of("vae-only", 1), await of("vae-once", 2))).toBe(true);
    expect(samePicture(await of("vae-only", 2), await of("vae-once", 2))).toBe(false);
  });

  it.each(Object.values(METHODS).filter(({ name }) => !NAMES.includes(name)))(
    "$name gives a picture a turn, and the same for the same seed",
    async (method) => {
      const one = { methods: [method], dataset: { ...dataset, items: dataset.items.slice(0, 1) } };
      const [a, b] = [await fresh(), await fresh()];
      const first = (await runBench(plan({ ...one, out: a }))).results.rows;
      const second = (await runBench(plan({ ...one, out: b }))).results.rows;
      expect(first).toHaveLength(2);
      for (const [i, row] of first.entries())
        expect(samePicture(await picture(row, a), await picture(second[i]!, b))).toBe(true);
    },
  );
});

describe("emilie bench", () => {
  const bench = (...args: string[]) => emilie("bench", "--out", join(folder, "line"), ...args);

  it("says what came out in a table, and in files", async () => {
    const args = ["--limit", "1", "--turns", "2", "--parts", "chains,noop", "--same-steps", "1"];
    const { code, stdout, stderr } = await bench(...args);
    expect(stderr).toMatch(/turn 8 of 8/);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^ {2}method +right .*\n {2}emilie +[01]\.\d\d \(.*\n {2}image-iteration /m);
    expect(stdout).toContain("8 turns computed, 0 from the cache");
    const again = await bench(...args, "--resume", "--json");
    expect(JSON.parse(again.stdout)).toMatchObject({ computed: 0, reused: 8, rows: 8, warnings: [] });
    const results = parseResults(JSON.parse(await readFile(join(folder, "line/results.json"), "utf8")));
    expect(results.command).toEqual(["--out", "line", ...args, "--resume", "--json"]);
    expect(results.methods.map(({ settings }) => settings.steps)).toEqual([1, 1]);
  });

  it("writes EdiVal's names for its scorer, and shows CLIP's column where captions are known", async () => {
    const fixtures = join(root, "tests/fixtures/datasets");
    const out = join(folder, "scorers");
    const args = ["--out", out, "--same-steps", "1", "--limit", "1"];
    const edival = await emilie(
      "bench",
      "--dataset",
      join(fixtures, "edival"),
      ...args,
      "--turns",
      "1",
      "--methods",
      "concat,image-iteration",
    );
    expect(edival.code).toBe(0);
    expect(edival.stdout).toMatch(/2 pictures for the authors' own scorer → .*edival, without concat/);
    expect((await readdir(join(out, "edival/image-iteration/multipass"))).sort()).toEqual([
      "0_input_raw.jpg",
      "0_input_raw_turn_1.png",
    ]);
    const scored = ["--methods", "image-iteration-masked", "--scorers", "picturebook-clip"];
    const editbench = await emilie("bench", "--dataset", join(fixtures, "editbench"), ...args, ...scored);
    expect(editbench.stdout).toMatch(/^ {2}method .*CLIP-T/m);
  });

  it("stops by Ctrl-C, keeps what is finished, and goes on from there", { timeout: 300_000 }, async () => {
    const out = join(folder, "stopped");
    const args = [
      "bench",
      "--limit",
      "2",
      "--turns",
      "2",
      "--parts",
      "chains",
      "--same-steps",
      "2",
      "--out",
      out,
    ];
    const child = spawn(process.execPath, [...EMILIE, ...args], { cwd: root });
    let said = "";
    child.stderr.on("data", (text) => {
      said += text;
      // Two turns are one chain; the next one is under way.
      if (said.includes("turn 2 of 8") && !child.killed) child.kill("SIGINT");
    });
    const code = await new Promise((done) => child.on("close", done));
    expect(said).toMatch(/the same command resumes from there/);
    expect(code).toBe(130);
    const rest = JSON.parse((await emilie(...args, "--json")).stdout);
    expect(rest.computed + rest.reused).toBe(8);
    expect(rest.reused).toBeGreaterThanOrEqual(2);
    expect(rest.computed).toBeGreaterThanOrEqual(2);
  });

  it("names what there is where something is not", async () => {
    const wrong = async (...args: string[]) => {
      const { code, stderr } = await bench(...args);
      expect(code).toBe(2);
      return stderr;
    };
    expect(await wrong("--methods", "emilie,magic")).toMatch(/"magic".*emilie, .*image-iteration/);
    expect(await wrong("--parts", "short")).toMatch(/no part "short".*chains, long, noop, cycle/);
    expect(await wrong("--experiment", "luck")).toMatch(/'luck' is invalid.*iteration, control/);
    expect(await wrong("--limit", "0")).toMatch(/whole number from 1/);
    const missing = await bench("--dataset", join(folder, "nothing"));
    expect([missing.code, missing.stderr]).toEqual([1, expect.stringMatching(/no dataset .*nothing/)]);
    const taste = await bench("--scorers", join(folder, "taste"));
    expect([taste.code, taste.stderr]).toEqual([1, expect.stringMatching(/taste/)]);
  });

  it("refuses results that are none", () => {
    expect(() => parseResults({ version: 2 }, "old.json")).toThrow(/old\.json.*version/);
  });
});
