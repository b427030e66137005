/** Means, intervals, slopes and rates on rows whose answer is known. */
import { describe, expect, it } from "vitest";
import { estimate, meanHeight, slope, uniform } from "./aggregate.ts";
import { fromBootstrap, studentInterval } from "./interval.ts";
import { standardAggregates } from "./standard-aggregates.ts";
import type { Aggregate, ResultRow } from "./types.ts";

describe("estimate", () => {
  it("gives the mean over all samples, and no interval under four scenes however many rows they have", () => {
    const rows = ["a", "a", "b"].map((cluster) => ({ cluster, value: 2 }));
    expect(estimate(rows)).toEqual({ value: 2, low: null, high: null, clusters: 2, n: 3 });
    const many = Array.from({ length: 300 }, (_, i) => ({ cluster: String(i % 3), value: i }));
    expect(estimate(many)).toMatchObject({ value: 149.5, low: null, high: null, clusters: 3 });
    expect(estimate([])).toBeUndefined();
  });

  it("is Student's over the scenes' means where they are symmetric, and counts no scene twice", () => {
    const rows = [1, 2, 3, 4].flatMap((value) => [
      { cluster: String(value), value: value - 1 },
      { cluster: String(value), value: value + 1 },
    ]);
    const { low, high } = estimate(rows)!;
    // 2.5 ± 3.182446·√(5/3)/√4
    expect(low).toBeCloseTo(2.5 - 2.054261, 5);
    expect(high).toBeCloseTo(2.5 + 2.054261, 5);
    const skewed = estimate([0, 0, 0, 0, 6].map((value, i) => ({ cluster: String(i), value })))!;
    // Student's alone would reach from −2.13 to 4.53.
    expect(skewed.low).toBeCloseTo(1.2 - 2.776445 * 1.2, 4);
    expect(skewed.high).toBeGreaterThan(6);
  });

  it("over a number of trainings that was set before is Student's, from two on", () => {
    // 2 ± 4.302653·1/√3
    const three = studentInterval([1, 2, 3]);
    expect(three.low).toBeCloseTo(2 - 2.484138, 5);
    expect(three.high).toBeCloseTo(2 + 2.484138, 5);
    expect(studentInterval([1])).toEqual({ low: null, high: null });
    expect(studentInterval([5, 5])).toEqual({ low: 5, high: 5 });
  });

  it("is exact for rates, and bounds a difference of rates in which no scene is discordant", () => {
    const same = (value: number, n: number) =>
      Array.from({ length: n }, (_, i) => ({ cluster: String(i), value }));
    const five = Array.from({ length: 9 }, (_, i) => ({ cluster: String(i), value: Number(i < 5) }));
    // Clopper and Pearson's, by table.
    expect(estimate(five, "rate")).toMatchObject({
      low: expect.closeTo(0.212, 3),
      high: expect.closeTo(0.863, 3),
    });
    // 1 − 0.025^(1/n)
    expect(estimate(same(0, 10), "rate")!.high).toBeCloseTo(0.308497, 6);
    expect(estimate(same(1, 40), "rate")).toMatchObject({ low: expect.closeTo(0.911903, 5), high: 1 });
    expect(estimate(same(0, 40), "difference of rates")).toMatchObject({
      low: expect.closeTo(-0.088097, 5),
      high: expect.closeTo(0.088097, 5),
    });
    expect(estimate(same(0, 3), "difference of rates")).toMatchObject({ low: null, high: null });
    expect(estimate(same(8, 10))).toMatchObject({ low: 8, high: 8 });
  });

  it("of an older file follows from its bootstrap's width, for rates from the value", () => {
    // Four scenes at 1, 2, 3, 4: a standard error of √(5/4)/2 for the bootstrap, of √(5/3)/2 for Student.
    const half = 1.959964 * Math.sqrt(5 / 16);
    const old = { value: 2.5, low: 2.5 - half, high: 2.5 + half };
    expect(fromBootstrap(old, 4, "mean").low).toBeCloseTo(2.5 - 2.054261, 5);
    expect(fromBootstrap(old, 3, "mean")).toEqual({ low: null, high: null });
    const rate = { value: 0.5556, low: 0.2222, high: 0.8889 };
    expect(fromBootstrap(rate, 9, "rate")).toMatchObject({ low: expect.closeTo(0.212, 3) });
    const same = { value: 0, low: 0, high: 0 };
    expect(fromBootstrap(same, 40, "difference of rates").high).toBeCloseTo(0.088097, 5);
  });

  const random = uniform(7);
  const exponential = () => -Math.log(1 - random());
  const normal = () => Math.sqrt(2 * exponential()) * Math.cos(2 * Math.PI * random());
  const POPULATIONS = {
    normal: { draw: normal, mean: 0, quantity: "mean" },
    exponential: { draw: exponential, mean: 1, quantity: "mean" },
    "a rate of 0.95": { draw: () => Number(random() < 0.95), mean: 0.95, quantity: "rate" },
    "a rate of 0.6": { draw: () => Number(random() < 0.6), mean: 0.6, quantity: "rate" },
    "a difference of two rates": {
      draw: () => Number(random() < 0.8) - Number(random() < 0.6),
      mean: 0.2,
      quantity: "difference of rates",
    },
  } as const;

  it.each(
    Object.keys(POPULATIONS).flatMap((name) => [4, 6, 9, 10, 20, 40].map((scenes) => ({ name, scenes }))),
  )("covers what it says: $name, $scenes scenes", ({ name, scenes }) => {
    const { draw, mean, quantity } = POPULATIONS[name as keyof typeof POPULATIONS];
    const RUNS = 4000;
    let covered = 0;
    for (let run = 0; run < RUNS; run++) {
      const samples = Array.from({ length: scenes }, (_, i) => ({ cluster: String(i), value: draw() }));
      const { low, high } = estimate(samples, quantity)!;
      if (low! <= mean && high! >= mean) covered++;
    }
    expect(covered / RUNS).toBeGreaterThanOrEqual(0.93);
  });
});

it("slopes and areas are those of the geometry", () => {
  const line = [1, 2, 3, 4].map((x) => ({ x, y: 3 * x - 1 }));
  expect(slope(line)).toBeCloseTo(3, 12);
  expect(slope([{ x: 1, y: 5 }])).toBeNaN();
  expect(meanHeight([...line].reverse())).toBeCloseTo(6.5, 12);
  expect(meanHeight([{ x: 1, y: 5 }])).toBeNaN();
});

describe("the standard tables", () => {
  const row = (method: string, item: string, turn: number, over: Partial<ResultRow>): ResultRow => ({
    method,
    item,
    part: "chains",
    seed: 0,
    turn,
    instruction: "make it winter",
    kind: "winter",
    global: true,
    masked: false,
    picture: "cache/x.png",
    metrics: {},
    success: true,
    collapsed: false,
    unetCalls: 8,
    seconds: 1,
    ...over,
  });
  /** Two items of three turns; image iteration fails at a turn of the second, and drifts. */
  const rows = ["a", "b"].flatMap((item) =>
    [1, 2, 3].flatMap((turn) => [
      row("emilie", item, turn, { metrics: { l2: 0.01, psnr: item === "a" ? null : 20 } }),
      row("image-iteration", item, turn, {
        metrics: { l2: (0.1 * turn) ** 2, psnr: 10 },
        success: !(item === "b" && turn === 2),
        collapsed: item === "b" && turn === 3,
        global: turn < 3,
      }),
    ]),
  );
  const aggregates = standardAggregates(rows, ["emilie", "image-iteration"]);
  const find = (metric: string, method: string, over: Partial<Aggregate> = {}) =>
    aggregates.find(
      (a) =>
        a.metric === metric &&
        a.method === method &&
        a.group === (over.group ?? "all") &&
        a.turn === (over.turn ?? null) &&
        a.against === over.against,
    )?.estimate;

  it("count a chain as right as long as every turn of it was, and as collapsed from then on", () => {
    const rate = (metric: string) => [1, 2, 3].map((k) => find(`${metric}@${k}`, "image-iteration")?.value);
    expect(rate("SR")).toEqual([1, 0.5, 0.5]);
    expect(rate("CR")).toEqual([0, 0, 0.5]);
    expect(find("SR@4", "image-iteration")).toBeUndefined();
    expect(find("SR@2", "emilie", { against: "image-iteration" })).toMatchObject({
      value: 0.5,
      low: null,
      high: null,
    });
    expect(find("SR@2", "emilie")).toMatchObject({ value: 1, clusters: 2, n: 2 });
  });

  it("have slopes by chain, levels by group and by turn, and leave out what is not finite", () => {
    expect(find("slope.rmse", "image-iteration")?.value).toBeCloseTo(0.1, 12);
    expect(find("slope.rmse", "emilie", { against: "image-iteration" })?.value).toBeCloseTo(-0.1, 12);
    expect(find("psnr", "emilie")).toMatchObject({ value: 20, clusters: 1, n: 3 });
    expect(find("l2", "image-iteration", { group: "local" })?.value).toBeCloseTo(0.09, 12);
    expect(find("l2", "image-iteration", { group: "chains", turn: 2 })?.value).toBeCloseTo(0.04, 12);
    expect(find("success", "image-iteration", { turn: 2 })?.value).toBe(0.5);
  });

  it("have a strict rate beside the old one, from what each turn says; none where no turn does", () => {
    expect(find("SR-strict@2", "emilie")).toBeUndefined();
    const strict = rows.map((r) => ({
      ...r,
      metrics: { ...r.metrics, "success.strict": Number(r.success && r.turn < 3) },
    }));
    const found = standardAggregates(strict, ["emilie", "image-iteration"]);
    const rate = (metric: string, method: string) =>
      found.find((a) => a.metric === metric && a.method === method && a.group === "all" && !a.against)!
        .estimate.value;
    expect([1, 2, 3].map((k) => rate(`SR-strict@${k}`, "emilie"))).toEqual([1, 1, 0]);
    expect([1, 2, 3].map((k) => rate(`SR@${k}`, "emilie"))).toEqual([1, 1, 1]);
    expect(rate("SR-strict@2", "image-iteration")).toBe(0.5);
  });

  it("let all items of a scene move together", () => {
    const twins = rows.flatMap((r) => [
      { ...r, item: `${r.item}~1` },
      { ...r, item: `${r.item}~2` },
    ]);
    const found = standardAggregates(twins, ["emilie", "image-iteration"]);
    expect(found.find((a) => a.metric === "SR@2" && a.method === "image-iteration")?.estimate).toEqual({
      ...{ value: 0.5, low: null, high: null },
      ...{ clusters: 2, n: 4 },
    });
  });
});
