/** The parts of a preference study: orders, sides, intervals by hand, what a study is made of, and what is refused. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { analyse, wilson } from "../../packages/bench/src/study/analyse.ts";
import {
  readStudy,
  readStudyPicture,
  updateStudy,
  writeStudy,
} from "../../packages/bench/src/study/file.node.ts";
import { makeStudy } from "../../packages/bench/src/study/make.node.ts";
import { planOf } from "../../packages/bench/src/study/plan.ts";
import { raterOf, withChoice, withRater } from "../../packages/bench/src/study/raters.ts";
import { csvOf, rowsOf } from "../../packages/bench/src/study/rows.ts";
import { simulate } from "../../packages/bench/src/study/simulate.ts";
import type { Asked, Letter, Rater, Study } from "../../packages/bench/src/study/study.ts";
import { writePicture } from "../../src/images/codec.node.ts";
import { blankPicture } from "../../src/images/picture.ts";
import { emilie } from "../support/command-line.ts";
import { METHODS, writeRun } from "../support/study-fixture.ts";

let folder: string;
let run: string;
let study: Study;
const out = () => join(folder, "study.json");
const [methodA, methodB] = METHODS;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "emilie-study-"));
  run = await writeRun(folder, { items: 10, identical: 1 });
  study = await makeStudy(run, run, { out: out(), methodA, methodB });
});
afterAll(() => rm(folder, { recursive: true }));

const now = new Date("2026-01-02T03:04:05Z");
/** A rater who has chosen by a rule. */
function rated(
  name: string,
  choose: (asked: Asked, i: number) => Letter,
  answers = Number.POSITIVE_INFINITY,
): Rater {
  const rater = raterOf(study, name);
  return rater.order
    .slice(0, answers)
    .reduce((so, asked, i) => withChoice(so, choose(asked, i), i + 1, now), rater);
}

describe("a rater's order", () => {
  it.each([1, 2, 3, 4, 5, 9, 10, 11, 40, 101])("of %i pairs has each once, and a tenth twice", (pairs) => {
    for (let seed = 0; seed < 20; seed++) {
      const order = planOf(pairs, seed, "Ann");
      const first = order.filter(({ repeat }) => !repeat);
      expect(first.map(({ pair }) => pair).sort((x, y) => x - y)).toEqual([...Array(pairs).keys()]);
      const repeats = pairs < 5 ? 0 : Math.max(1, Math.round(pairs / 10));
      expect(order.length - pairs).toBe(repeats);
      const lefts = (of: readonly Asked[]) => of.filter(({ left }) => left === "a").length;
      expect(Math.abs(2 * lefts(first) - first.length)).toBeLessThanOrEqual(1);
      expect(Math.abs(2 * lefts(order) - order.length)).toBeLessThanOrEqual(2);
      order.forEach(({ pair, left, repeat }, i) => {
        if (!repeat) return;
        const before = order.findIndex((asked) => asked.pair === pair);
        expect(order[before]!.left).not.toBe(left);
        expect(i - before).toBeGreaterThanOrEqual(Math.ceil(pairs / 3));
      });
    }
  });

  it("is the same for the same name, and another for another name or seed", () => {
    expect(planOf(30, 1, "Ann")).toEqual(planOf(30, 1, "ann"));
    expect(planOf(30, 1, "Ann")).not.toEqual(planOf(30, 1, "Ben"));
    expect(planOf(30, 1, "Ann")).not.toEqual(planOf(30, 2, "Ann"));
  });

  it("puts each method left about as often at every place", () => {
    const lefts = Array.from({ length: 400 }, (_, seed) => planOf(7, seed, "Ann")[0]!.left);
    const share = lefts.filter((left) => left === "a").length / 400;
    // Six standard deviations.
    expect(Math.abs(share - 0.5)).toBeLessThan(0.15);
  });
});

describe("Wilson's interval", () => {
  it("is what the formula gives by hand", () => {
    // p = 0.75, n = 20: (0.75 + 1.9208/20 ± 1.96·√(0.75·0.25/20 + 3.8415/1600)) / (1 + 3.8415/20)
    const rate = wilson(15, 20)!;
    expect(rate).toMatchObject({ value: 0.75, count: 15, n: 20 });
    expect(rate.low).toBeCloseTo(0.5313, 4);
    expect(rate.high).toBeCloseTo(0.8881, 4);
    expect(wilson(1, 10)!.low).toBeCloseTo(0.01788, 5);
    expect(wilson(1, 10)!.high).toBeCloseTo(0.40415, 5);
  });

  it("ends at 0 and 1 for all and none, and is not said of no votes", () => {
    expect(wilson(0, 10)!.low).toBe(0);
    expect(wilson(0, 10)!.high).toBeCloseTo(0.27754, 4);
    expect(wilson(10, 10)!.high).toBe(1);
    expect(wilson(0, 0)).toBeNull();
  });
});

describe("a study", () => {
  it("has the final turn of each item, without pairs of the same picture", () => {
    expect(study.pairs).toHaveLength(9);
    expect(study.identical).toBe(1);
    expect(study.pairs.every(({ turn }) => turn === 2)).toBe(true);
    const pair = study.pairs.find(({ item }) => item === "scene-3")!;
    expect(pair).toMatchObject({
      instructions: ["edit 1 of scene 3", "edit 2 of scene 3"],
      source: { path: "data/scene-3.png" },
      a: { path: `run/pictures/${methodA}/3-2.png` },
      b: { path: `run/pictures/${methodB}/3-2.png` },
    });
  });

  it("has other turns, or fewer pairs, when that is asked for", async () => {
    const pairs = async (options: object) =>
      (await makeStudy(run, run, { out: out(), methodA, methodB, ...options })).pairs;
    expect(await pairs({ turn: "each" })).toHaveLength(18);
    expect((await pairs({ turn: 1 })).every(({ turn }) => turn === 1)).toBe(true);
    const [few, again, others] = [
      await pairs({ limit: 4 }),
      await pairs({ limit: 4 }),
      await pairs({ limit: 4, seed: 5 }),
    ];
    expect(few.length).toBeGreaterThanOrEqual(3);
    expect(again).toEqual(few);
    expect(others).not.toEqual(few);
  });

  it("is refused for runs that cannot be compared", async () => {
    const options = { out: out(), methodA, methodB };
    const other = await mkdtemp(join(folder, "other-"));
    const elsewhere = await writeRun(other, { items: 3 });
    const refused = (making: Promise<unknown>, message: RegExp, code = "study.invalid") =>
      Promise.all([expect(making).rejects.toThrow(message), expect(making).rejects.toMatchObject({ code })]);
    await refused(makeStudy(run, run, { ...options, methodB: methodA }), /Both sides are zebra-method/);
    await refused(makeStudy(run, elsewhere, options), /different datasets/);
    await refused(
      makeStudy(run, run, { out: out(), methodA }),
      /has 2 methods. Choose with --method-b/,
      "option.invalid",
    );
    await refused(makeStudy(run, run, { ...options, methodA: "x" }), /no method x/, "option.invalid");
    await refused(makeStudy(run, run, { ...options, turn: 7 }), /no item, seed and turn in common/);
    await refused(
      makeStudy(run, run, { ...options, dataset: join(other, "data") }),
      /not the one of the runs/,
    );
    await refused(makeStudy(join(folder, "data"), run, options), /not a finished run/);
    const same = await writeRun(await mkdtemp(join(folder, "same-")), { items: 2, identical: 2 });
    await refused(makeStudy(same, same, options), /the same picture twice/);
    const results = JSON.parse(await readFile(join(elsewhere, "results.json"), "utf8"));
    results.rows[1].picture = "../data/scene-0.png";
    await writeFile(join(elsewhere, "results.json"), JSON.stringify(results));
    await refused(makeStudy(elsewhere, elsewhere, options), /is outside that folder/);
    results.command = ["--dataset=away"];
    await writeFile(join(elsewhere, "results.json"), JSON.stringify(results));
    await refused(
      makeStudy(elsewhere, elsewhere, options),
      /away, cannot be opened.*with --dataset/,
      "option.invalid",
    );
  });

  it("says so when its file is none, and when a picture is no longer what was judged", async () => {
    await writeFile(join(folder, "bad.json"), '{"version": 1}');
    await expect(readStudy(join(folder, "bad.json"))).rejects.toMatchObject({ code: "study.invalid" });
    await expect(readStudy(join(folder, "none.json"))).rejects.toThrow(/cannot be read/);
    const source = study.pairs[0]!.source;
    await expect(readStudyPicture(out(), source)).resolves.toBeInstanceOf(Uint8Array);
    const file = join(folder, "moved.png");
    await writePicture(blankPicture(2, 2), file);
    await expect(readStudyPicture(out(), { ...source, path: "moved.png" })).rejects.toThrow(
      /not the one that the study/,
    );
  });

  it("loses no choice when several write at once", async () => {
    const file = join(folder, "busy.json");
    await writeStudy(file, study);
    const names = ["Ann", "Ben", "Cem", "Dua"];
    await Promise.all(
      [...names, ...names, ...names].map((name) =>
        updateStudy(file, (so) => ({
          study: withRater(so, withChoice(raterOf(so, name), "a", 1, now)),
          result: null,
        })),
      ),
    );
    const { raters } = await readStudy(file);
    expect(raters.map(({ name, choices }) => [name, choices.length]).sort()).toEqual(
      names.map((name) => [name, 3]),
    );
  });

  it("takes names of people, and of no metric", () => {
    for (const name of ["Ann", "  Änne  Müller ", "张伟", "rater_7", "J. R."])
      expect(raterOf(study, name).choices).toEqual([]);
    expect(raterOf(study, "  Änne  Müller ").name).toBe("Änne Müller");
    for (const name of ["", " ", "simulated:psnr", "=1+1", "<b>", "a\nb\u0000", "x".repeat(41)])
      expect(() => raterOf(study, name), name).toThrow(/A rater's name/);
  });
});

describe("the analysis", () => {
  it("counts by hand: win rate, groups, consistency, side", () => {
    // Prefers method a on the even items and b on the odd ones, always.
    const steady = rated("Ann", ({ pair }) => (study.pairs[pair]!.part === "even" ? "a" : "b"));
    // Takes the left picture, whatever it is.
    const leaning = rated("Ben", ({ left }) => left);
    const { people, raters, pairs, identical } = analyse({ ...study, raters: [steady, leaning] });
    expect({ pairs, identical, raters: people.raters }).toEqual({ pairs: 9, identical: 1, raters: 2 });

    // Scenes 1 to 9 (0 is the same twice): 2, 4, 6, 8 are even.
    expect(raters[0]).toMatchObject({
      name: "Ann",
      answered: 10,
      asked: 10,
      a: { count: 4, n: 9 },
      consistency: { count: 1, n: 1, value: 1 },
      medianSeconds: 5.5,
    });
    const lefts = leaning.order.filter(({ left, repeat }) => left === "a" && !repeat).length;
    expect([4, 5]).toContain(lefts);
    // The sides of the repeat are swapped, so whoever takes the left is inconsistent.
    expect(raters[1]).toMatchObject({
      a: { count: lefts, n: 9 },
      consistency: { count: 0, n: 1 },
      left: { count: 10, n: 10 },
    });
    expect(raters[1]!.left!.low).toBeGreaterThan(0.5);

    const group = (name: string) => people.groups.find((one) => one.group === name)?.a;
    expect(group("all")).toMatchObject({ count: 4 + lefts, n: 18 });
    const evenLefts = leaning.order.filter(
      ({ left, repeat, pair }) => left === "a" && !repeat && study.pairs[pair]!.part === "even",
    ).length;
    expect(group("part even")).toMatchObject({ count: 4 + evenLefts, n: 8 });
    expect(group("part odd")).toMatchObject({ count: lefts - evenLefts, n: 10 });
    // Scenes 1 to 4 are global.
    expect(group("global")).toMatchObject({ n: 8 });
    expect(group("local")).toMatchObject({ n: 10 });
    // All pairs are of turn 2, which is nothing of its own.
    expect(group("turn 2")).toBeUndefined();

    const { majority } = people;
    expect(majority.a + majority.b + majority.tied).toBe(9);
    expect(majority.a).toBe(evenLefts);
    expect(majority.b).toBe(5 - (lefts - evenLefts));
  });

  it("counts what has been answered so far, and nothing of nobody", () => {
    const half = rated("Ann", () => "b", 4);
    const report = analyse({ ...study, raters: [half, raterOf(study, "Ben")] });
    expect(report.raters).toHaveLength(1);
    expect(report.raters[0]).toMatchObject({
      answered: 4,
      asked: 10,
      a: { count: 0, n: 4 },
      consistency: null,
    });
    expect(analyse(study)).toMatchObject({ people: { raters: 0, groups: [] }, simulated: [], raters: [] });
  });

  it("keeps metrics apart from people", () => {
    const person = rated("Ann", () => "a");
    const metric = simulate(study, "psnr", now);
    expect(metric.name).toBe("simulated:psnr");
    const report = analyse({ ...study, raters: [person, metric] });
    expect(report.people).toMatchObject({
      raters: 1,
      groups: [{ group: "all", a: { count: 9, n: 9 } }, {}, {}, {}, {}],
    });
    // psnr: the first method is ahead on odd scenes, of which there are 5 of 9.
    expect(report.simulated).toMatchObject([
      { name: "simulated:psnr", raters: 1, majority: { a: 5, b: 4, tied: 0 } },
    ]);
    expect(report.raters[1]).toMatchObject({
      simulated: true,
      consistency: { value: 1 },
      medianSeconds: null,
    });
    // l2 is an error: less is better, and says the same.
    expect(
      simulate(study, "l2", now)
        .choices.map(({ chosen }) => chosen)
        .sort(),
    ).toEqual(metric.choices.map(({ chosen }) => chosen).sort());
    expect(() => simulate(study, "clip.text")).toThrow(
      /has no clip.text for both methods. There is psnr, l2/,
    );
  });

  it("is exported choice by choice", () => {
    const rows = rowsOf({
      ...study,
      raters: [rated("Ann", () => "a"), simulate(study, "psnr", now)],
    });
    expect(rows).toHaveLength(20);
    for (const { left, right, chosen, side } of rows) {
      expect([left, right].sort()).toEqual([...METHODS].sort());
      expect(side === "left" ? left : right).toBe(chosen);
    }
    const [header, first] = csvOf(rows).split("\r\n");
    expect(header).toBe(
      "rater,simulated,question,repeat,item,part,seed,turn,kind,global,left,right,chosen,side,seconds,at",
    );
    expect(first).toMatch(/^Ann,false,1,false,scene-\d,(even|odd),0,2,last,(true|false),/);
    expect(csvOf([{ ...rows[0]!, kind: 'a "b", c' }])).toContain(',"a ""b"", c",');
  });
});

describe("on the command line", () => {
  it("a metric's rater, its analysis and its export", async () => {
    const file = join(folder, "cli.json");
    await writeStudy(file, study);
    expect(await emilie("study", "simulate", file, "--metric", "psnr")).toMatchObject({
      code: 0,
      stdout: expect.stringContaining("It is a metric, not a person."),
    });
    const analysed = await emilie("study", "analyse", file, "--json");
    expect(JSON.parse(analysed.stdout)).toMatchObject({
      people: { raters: 0 },
      simulated: [{ name: "simulated:psnr" }],
    });
    const said = await emilie("study", "analyse", file);
    expect(said.stdout).toContain("simulated:psnr, a metric, not a person");
    expect(said.stdout).toMatch(/all +9 +55\.6 % +21\.2 % to 86\.3 %/);
    const csv = await emilie("study", "export", file, "--csv");
    expect(csv.stdout.split("\r\n")).toHaveLength(12);
    const json = await emilie("study", "export", file);
    expect(JSON.parse(json.stdout)).toHaveLength(10);
    expect(await emilie("study", "simulate", file, "--metric", "none", "--json")).toMatchObject({ code: 1 });
    expect(await emilie("study")).toMatchObject({ code: 2, stderr: expect.stringContaining("Give a run") });
    expect(await emilie("study", run, "--turn", "0")).toMatchObject({ code: 2 });
  });

  it("a study that is there is not written over", async () => {
    const file = join(folder, "kept.json");
    await writeStudy(file, study);
    const before = await readFile(file, "utf8");
    const flags = ["--method-a", methodA, "--method-b", methodB, "--out", file, "--no-open"];
    const { code, stderr } = await emilie("study", run, ...flags, "--turn", "each");
    expect(code).toBe(1);
    expect(stderr).toContain("contains another study, which was not replaced");
    expect(await readFile(file, "utf8")).toBe(before);
  });
});
