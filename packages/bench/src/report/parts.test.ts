import { describe, expect, it } from "vitest";
import type { Aggregate, BenchResults } from "../types.ts";
import { excludesZero, fixed, interval, shown, signed } from "./format.ts";
import { html, raw } from "./html.ts";
import { inOrder, metricInfo } from "./metrics.ts";
import { scale, spread } from "./scale.ts";
import { bestOf, curvesOf, estimateOf, select } from "./select.ts";

describe("html", () => {
  it("escapes what is put in, in text and in attributes, and not what is markup already", () => {
    const wild = `<script>alert("1")</script> & 'x'`;
    expect(html`<b title="${wild}">${wild}</b>`.text).toBe(
      '<b title="&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt; &amp; &#39;x&#39;">' +
        "&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt; &amp; &#39;x&#39;</b>",
    );
    expect(html`<p>${[html`<i>${"<"}</i>`, raw("<br>"), null, false, undefined, 0]}</p>`.text).toBe(
      "<p><i>&lt;</i><br>0</p>",
    );
  });

  it("replaces characters that no document may hold", () => {
    expect(html`${"a\u0000b\u001bc\td"}`.text).toBe("a\ufffdb\ufffdc\td");
  });
});

describe("numbers", () => {
  it("are written in the metric's unit, with a true minus, and 0 only where it is 0", () => {
    const changed = metricInfo("changed.outside");
    expect(shown(0.87154, changed)).toBe("87.15");
    expect(shown(0, changed)).toBe("0");
    expect(shown(0.000001, changed)).toBe("0.00");
    expect(fixed(-1.255, 1)).toBe("−1.3");
    expect(fixed(-0.001, 2)).toBe("0.00");
    expect(signed(0.5, metricInfo("success"))).toBe("+0.500");
    expect(interval({ low: -0.25, high: 1 }, metricInfo("success"))).toBe("[−0.250, 1.000]");
  });

  it("say nothing where there is nothing to say", () => {
    const psnr = metricInfo("psnr");
    expect([null, undefined, Number.NaN].map((value) => shown(value, psnr))).toEqual(["–", "–", "–"]);
    expect(shown(Number.POSITIVE_INFINITY, psnr)).toBe("∞");
  });
});

describe("metrics", () => {
  it("are known by their name, also inside and outside the mask, at a turn, and as a slope", () => {
    expect(metricInfo("ssim.inside")).toMatchObject({ label: "SSIM inside", better: "higher" });
    expect(metricInfo("SR@5")).toMatchObject({ label: "SR@5", better: "higher", range: [0, 1] });
    expect(metricInfo("CR@10")).toMatchObject({ better: "lower" });
    expect(metricInfo("slope.l2")).toMatchObject({ label: "Slope of L2", better: "lower" });
    expect(metricInfo("of.tomorrow")).toEqual({
      name: "of.tomorrow",
      label: "of.tomorrow",
      digits: 4,
      about: "",
    });
  });

  it("stand in one order, turns by their number", () => {
    expect(inOrder(["zebra", "SR@10", "l1", "SR@2", "psnr", "SR@1", "psnr"])).toEqual([
      ...["SR@1", "SR@10", "psnr", "SR@2", "l1", "zebra"],
    ]);
  });
});

describe("axes", () => {
  it("have round ticks that hold all values", () => {
    const { ticks, at } = scale([0.237, 0.318], [0, 100]);
    expect(ticks.map(({ text }) => text)).toEqual(["0.22", "0.24", "0.26", "0.28", "0.30", "0.32"]);
    expect(at(0.22)).toBeCloseTo(0);
    expect(at(0.32)).toBeCloseTo(100);
    expect(scale([-2.4, 1], [0, 1]).ticks.map(({ text }) => text)).toEqual(["−3", "−2", "−1", "0", "1"]);
  });

  it("keep exact ends where asked, whole turns, and room around a single value", () => {
    const turns = scale([1, 25], [0, 240], { exact: true, whole: true });
    expect(turns.ticks.map(({ text }) => text)).toEqual(["5", "10", "15", "20", "25"]);
    expect([turns.at(1), turns.at(25)]).toEqual([0, 240]);
    expect(scale([1, 2], [0, 1], { exact: true, whole: true }).ticks.map(({ text }) => text)).toEqual([
      "1",
      "2",
    ]);
    for (const value of [0, 0.01, 7]) {
      const place = scale([value, value], [0, 1], { exact: true }).at(value);
      expect(place).toBeGreaterThanOrEqual(0);
      expect(place).toBeLessThanOrEqual(1);
    }
  });

  it("move labels apart, in order and within the limits", () => {
    const places = spread([50, 50, 51, 10, 99], 12, [0, 100]);
    const sorted = places.toSorted((a, b) => a - b);
    sorted.slice(1).forEach((place, i) => void expect(place - sorted[i]!).toBeGreaterThanOrEqual(12 - 1e-9));
    expect(Math.min(...places)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...places)).toBeLessThanOrEqual(100);
    expect(places[3]).toBe(Math.min(...places));
    expect(places[4]).toBe(Math.max(...places));
  });
});

describe("the best value", () => {
  const level = (method: string, value: number, metric = "psnr"): Aggregate => ({
    ...{ metric, method, group: "all", turn: null },
    estimate: { value, low: value - 1, high: value + 1, clusters: 3, n: 9 },
  });
  const difference = (method: string, low: number, high: number, metric = "psnr"): Aggregate => ({
    ...level(method, (low + high) / 2, metric),
    estimate: { value: (low + high) / 2, low, high, clusters: 3, n: 9 },
    against: "base",
  });
  const best = (metric: string, ...aggregates: Aggregate[]) => {
    const methods = ["ours", "theirs", "base"].map((name) => ({
      name,
      title: name,
      reference: "",
      settings: {},
    }));
    const results = { methods, aggregates, rows: [] } as unknown as BenchResults;
    return bestOf(select(results), metricInfo(metric), "all");
  };

  it("is marked only where its paired interval excludes 0, however far the levels lie apart", () => {
    const levels = [level("ours", 30), level("theirs", 25), level("base", 20)];
    expect(best("psnr", ...levels, difference("ours", 2, 18))).toEqual(["ours"]);
    expect(best("psnr", ...levels, difference("ours", -1, 21))).toEqual([]);
    expect(best("psnr", ...levels, difference("theirs", 1, 9))).toEqual([]);
    expect(best("psnr", ...levels)).toEqual([]);
  });

  it("is never marked without an interval: one scene is no evidence", () => {
    const levels = [level("ours", 30), level("base", 20)];
    const without = difference("ours", 2, 18);
    const alone = { ...without, estimate: { ...without.estimate, low: null, high: null, clusters: 1 } };
    expect(best("psnr", ...levels, alone)).toEqual([]);
    expect(excludesZero(alone.estimate)).toBe(false);
    expect(interval(alone.estimate, metricInfo("psnr"))).toBe("[–]");
  });

  it("may be the reference's, where every other method is worse for certain", () => {
    const levels = [level("ours", 10), level("theirs", 12), level("base", 20)];
    const worse = difference("ours", -12, -8);
    expect(best("psnr", ...levels, worse, difference("theirs", -10, -2))).toEqual(["base"]);
    expect(best("psnr", ...levels, worse, difference("theirs", -17, 1))).toEqual([]);
  });

  it("goes the metric's way: down, to 1, or nowhere; equals are marked together", () => {
    const lower = [level("ours", 1, "l1"), level("theirs", 1, "l1"), level("base", 2, "l1")];
    const both = [difference("ours", -1.5, -0.5, "l1"), difference("theirs", -1.2, -0.8, "l1")];
    expect(best("l1", ...lower, ...both)).toEqual(["ours", "theirs"]);
    const sharp = [level("ours", 0.98, "sharpness"), level("base", 1.4, "sharpness")];
    expect(best("sharpness", ...sharp, difference("ours", -0.5, -0.3, "sharpness"))).toEqual(["ours"]);
    const unknown = [level("ours", 2, "x"), level("base", 1, "x"), difference("ours", 0.5, 1.5, "x")];
    expect(best("x", ...unknown)).toEqual([]);
  });

  it("is nobody's where a method has no PSNR because nothing differs", () => {
    const none = level("theirs", 0, "changed.outside");
    const levels = [level("ours", 40, "psnr.original.outside"), level("base", 20, "psnr.original.outside")];
    const certain = difference("ours", 10, 30, "psnr.original.outside");
    expect(best("psnr.original.outside", ...levels, certain)).toEqual(["ours"]);
    expect(best("psnr.original.outside", ...levels, certain, none)).toEqual([]);
  });

  it("leaves out what is not finite: JSON makes null of it", () => {
    const lost = {
      value: null,
      low: null,
      high: null,
      clusters: 3,
      n: 9,
    } as unknown as Aggregate["estimate"];
    const levels = [{ ...level("ours", 0), estimate: lost }, level("theirs", 25), level("base", 20)];
    expect(best("psnr", ...levels, difference("theirs", 1, 9))).toEqual(["theirs"]);
    expect(excludesZero(lost)).toBe(false);
  });
});

describe("curves", () => {
  it("of SR go over the k of SR@k, and a metric of one turn has none", () => {
    const one = (metric: string, turn: number | null, value: number): Aggregate => ({
      ...{ metric, method: "ours", group: "all", turn },
      estimate: { value, low: value, high: value, clusters: 1, n: 1 },
    });
    const aggregates = [one("SR@10", null, 0.5), one("SR@2", null, 0.9), one("psnr", 1, 30)];
    const results = { methods: [], aggregates, rows: [] } as unknown as BenchResults;
    const selection = select(results);
    const [curve] = curvesOf(selection, "SR", "all");
    expect(curve?.points.map(({ turn, estimate }) => [turn, estimate.value])).toEqual([
      [2, 0.9],
      [10, 0.5],
    ]);
    expect(curvesOf(selection, "psnr", "all")).toEqual([]);
    expect(estimateOf(results, { metric: "SR@2", method: "ours", group: "all" })?.value).toBe(0.9);
  });
});
