/** Reading results.json, in full or compact. */

import { fromBootstrap } from "../interval.ts";
import { BENCH_JSON, EmilieError, parseJson, readFileWithin } from "../library.ts";
import { quantityOf } from "../standard-aggregates.ts";
import type { BenchResults } from "../types.ts";
import { type CompactResults, expandResults } from "./compact.ts";

/**
 * Results from a file that `emilie bench` or benchmarks/compact-results.ts wrote. Throws option.invalid for anything else,
 * and io.failed where the file cannot be read.
 */
export async function readResultsFile(path: string): Promise<BenchResults> {
  const text = await readFileWithin(path, BENCH_JSON.length).catch((cause: Error) => {
    throw new EmilieError("io.failed", `${path} cannot be read: ${cause.message}`, { cause });
  });
  const refuse = (reason: string, cause?: unknown) =>
    new EmilieError(
      "option.invalid",
      `${path} is not a results.json of emilie bench: ${reason}. Give the results.json in the folder that bench wrote.`,
      { cause },
    );
  const found = parseJson(text.toString("utf8"), BENCH_JSON, (what, cause) => refuse(`it ${what}`, cause));
  const results = found as Partial<BenchResults> &
    Partial<Pick<CompactResults, "layout" | "series" | "sessions">>;
  if (typeof found !== "object" || found === null || !Array.isArray(results.methods)) {
    throw refuse("it names no methods");
  }
  if (results.version !== 1) {
    throw refuse(`its version is ${JSON.stringify(results.version) ?? "missing"}, and this emilie reads 1`);
  }
  if (results.layout === "columns") {
    if (!Array.isArray(results.series) || !Array.isArray(results.sessions)) throw refuse("it has no series");
    return withoutOldIntervals(expandResults(found as CompactResults));
  }
  if (!Array.isArray(results.aggregates) || !Array.isArray(results.rows))
    throw refuse("it has no aggregates or rows");
  return withoutOldIntervals(found as BenchResults);
}

/** Older files have percentile bootstraps, whose intervals are too narrow: they are read by the rule of newer ones. */
function withoutOldIntervals(results: BenchResults): BenchResults {
  if (results.intervals !== undefined) return results;
  const aggregates = results.aggregates.map((one) => {
    const { metric, against, estimate } = one;
    const interval = fromBootstrap(estimate, estimate.clusters, quantityOf(metric, against !== undefined));
    return { ...one, estimate: { ...estimate, ...interval } };
  });
  return { ...results, aggregates };
}
