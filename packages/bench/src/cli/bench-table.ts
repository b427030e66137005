/** What `emilie bench` prints at the end of a run. */
import { formatCount, type Output, sayTable } from "../library.ts";
import type { BenchRun } from "../run.node.ts";
import type { Aggregate, BenchMethod } from "../types.ts";

/** The few numbers that say most; everything is in the files. */
const TOLD: readonly (readonly [metric: string, title: string, digits: number])[] = [
  ["success", "right", 2],
  ["SR@5", "SR@5", 2],
  ["SR-strict@5", "strict@5", 2],
  ["SR@10", "SR@10", 2],
  ["SR-strict@10", "strict@10", 2],
  ["CR@10", "CR@10", 2],
  ["psnr", "PSNR", 1],
  ["psnr.outside", "outside", 1],
  ["changed.outside", "touched", 3],
  ["slope.rmse", "drift ×1000", 2],
  ["clip.text", "CLIP-T", 3],
  ["blip.match", "BLIP match", 3],
  ["blip.cosine", "BLIP cosine", 3],
  ["seconds", "seconds", 2],
];

export function sayResults(
  { results, computed, reused }: BenchRun,
  methods: readonly BenchMethod[],
  report: string,
  output: Output,
): void {
  const of = (metric: string, method: string): Aggregate | undefined =>
    results.aggregates.find(
      (a) =>
        a.metric === metric &&
        a.method === method &&
        a.group === "all" &&
        a.turn === null &&
        a.against === undefined,
    );
  const told = TOLD.filter(([metric]) => methods.some(({ name }) => of(metric, name)));
  const number = (metric: string, method: string, digits: number) => {
    const estimate = of(metric, method)?.estimate;
    if (!estimate) return "–";
    const scale = metric === "slope.rmse" ? 1000 : 1;
    const [value, low, high] = [estimate.value, estimate.low, estimate.high].map((v) =>
      v === null ? "" : (scale * v).toFixed(digits),
    );
    return low === "" ? `${value} (–)` : `${value} (${low}–${high})`;
  };
  output.say();
  sayTable(output, [
    ["method", ...told.map(([, title]) => title)],
    ...methods.map(({ name }) => [name, ...told.map(([metric, , digits]) => number(metric, name, digits))]),
  ]);
  output.say(
    "\nIn brackets: 95 % intervals over scenes; (–): fewer than four scenes carry none. Errors are against the true pictures.",
  );
  output.say(`${formatCount(computed)} turns computed, ${formatCount(reused)} from the cache → ${report}`);
  const { aggregates, rows, ...facts } = results;
  output.document({
    ...facts,
    computed,
    reused,
    aggregates,
    report,
    rows: rows.length,
    warnings: output.warnings,
  });
}
