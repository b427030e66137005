/** What is left out of compact results that are still too large, in this order: what tables and figures need goes last. */
import type { Aggregate, BenchResults } from "../types.ts";
import { CURVES, HEADLINES } from "./metrics.ts";

export interface Reduction {
  /** What is missing afterwards, for the file. */
  readonly name: string;
  /** Returns the same object where there is nothing to leave out. */
  readonly apply: (results: BenchResults) => BenchResults;
}

/** Turns of a long curve that tell its shape. */
const MARKS = [1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 35, 40, 45, 50];

const KIND_METRICS = ["success", "psnr"];

const isMain = (metric: string) =>
  CURVES.includes(metric) || HEADLINES.includes(metric) || /^(SR|CR)@/.test(metric);
const isAtTurn = ({ turn }: Aggregate) => turn !== null;
const isMark = ({ turn }: Aggregate) => MARKS.includes(turn!);

export const REDUCTIONS: readonly Reduction[] = [
  {
    name: "kinds of edits by metrics other than success and psnr",
    apply: keepAggregates(({ group, metric }) => !group.startsWith("kind:") || KIND_METRICS.includes(metric)),
  },
  { name: "metrics of single edits that are not in the summary", apply: keepMetrics(isMain) },
  {
    name: `differences at turns other than ${MARKS.join(", ")}`,
    apply: keepAggregates((one) => one.against === undefined || !isAtTurn(one) || isMark(one)),
  },
  { name: "metrics of single edits", apply: keepMetrics(() => false) },
  {
    name: `curves of further metrics at turns other than ${MARKS.join(", ")}`,
    apply: keepAggregates((one) => !isAtTurn(one) || isMain(one.metric) || isMark(one)),
  },
  {
    name: "differences in SR@k and CR@k that are not in the summary",
    apply: keepAggregates(
      ({ metric, against }) => against === undefined || !metric.includes("@") || HEADLINES.includes(metric),
    ),
  },
  {
    name: "differences at single turns",
    apply: keepAggregates((one) => one.against === undefined || !isAtTurn(one)),
  },
  { name: "curves of further metrics", apply: keepAggregates((one) => !isAtTurn(one) || isCurve(one)) },
  {
    name: `curves at turns other than ${MARKS.join(", ")}`,
    apply: keepAggregates((one) => !isAtTurn(one) || isMark(one) || isDamage(one)),
  },
  {
    name: "single edits",
    apply: (results) => (results.rows.length === 0 ? results : { ...results, rows: [] }),
  },
];

/** For damaged masks `turn` carries the mask's IoU. */
function isDamage({ metric }: Aggregate): boolean {
  return metric === "leak" || metric === "missed";
}

function isCurve(one: Aggregate): boolean {
  return CURVES.includes(one.metric) || one.metric.includes("@") || isDamage(one);
}

function keepAggregates(keep: (one: Aggregate) => boolean): Reduction["apply"] {
  return (results) => {
    const aggregates = results.aggregates.filter(keep);
    return aggregates.length === results.aggregates.length ? results : { ...results, aggregates };
  };
}

function keepMetrics(keep: (metric: string) => boolean): Reduction["apply"] {
  return (results) => {
    if (results.rows.every(({ metrics }) => Object.keys(metrics).every(keep))) return results;
    const rows = results.rows.map((row) => ({
      ...row,
      metrics: Object.fromEntries(Object.entries(row.metrics).filter(([name]) => keep(name))),
    }));
    return { ...results, rows };
  };
}
