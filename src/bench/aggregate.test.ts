/** Means, intervals, slopes and rates on rows whose answer is known. */
import { describe, expect, it } from "vitest";
import { estimate, meanHeight, slope, uniform } from "./aggregate.ts";
import { standardAggregates } from "./standard-aggregates.ts";
import type { Aggregate, ResultRow } from "./types.ts";

describe("estimate", () => {
  it("gives the mean over all samples, and no interval where all are equal", () => {
    const equal = ["a", "a", "b"].map((cluster) => ({ cluster, value: 2 }));
    expect(estimate(equal)).toEqual({ value: 2, low: 2, high: 2, clusters: 2, n: 3 });
    expect(estimate([])).toBeUndefined();
  });

  it("has the interval of the items, not of the rows: a hundred seeds of two items say no more than two items", () => {
    const rows = Array.from({ length: 200 }, (_, i) => ({ cluster: i % 2 ? "a" : "b", value: i % 2 }));
    expect(estimate(rows)).toEqual({ value: 0.5, low: 0, high: 1, clusters: 2, n: 200 });
    const independent = rows.map((row, i) => ({ ...row, cluster: String(i) }));
    const { low, high } = estimate(independent)!;
    // ±1.96·√(0.25/200)
    expect(low).toBeCloseTo(0.5 - 0.069, 1);
    expect(high).toBeCloseTo(0.5 + 0.069, 1);
    expect(high - low).toBeLessThan(0.2);
  });

  it("covers the true mean about as often as it says", () => {
    const random = uniform(7);
    let covered = 0;
    for (let run = 0; run < 200; run++) {
      const samples = Array.from({ length: 40 }, (_, i) => ({ cluster: String(i), value: random() }));
      const { low, high } = estimate(samples, 300)!;
      if (low <= 0.5 && high >= 0.5) covered++;
    }
    expect(covered / 200).toBeGreaterThan(0.88);
    expect(covered / 200).toBeLessThan(0.99);
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
      low: 0,
      high: 1,
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

  it("let all items of a scene move together", () => {
    const twins = rows.flatMap((r) => [
      { ...r, item: `${r.item}~1` },
      { ...r, item: `${r.item}~2` },
    ]);
    const found = standardAggregates(twins, ["emilie", "image-iteration"]);
    expect(found.find((a) => a.metric === "SR@2" && a.method === "image-iteration")?.estimate).toEqual({
      ...{ value: 0.5, low: 0, high: 1 },
      ...{ clusters: 2, n: 4 },
    });
  });
});
