/**
 * npm run bench:compare -- OUT NAME=RUN NAME=RUN … [--method emilie-no-mask]
 *
 * Two checkpoints instead of two methods: the rows that one method has in several runs (folders of `emilie bench`, each with
 * its own --model), under the runs' names, and the paired differences of all others to the first. Writes OUT/results.json,
 * from which bench:figures and bench:compact make tables and figures as from any run.
 */
import { mkdir } from "node:fs/promises";
import { parseArgs } from "node:util";
import { readResults, writeResults } from "../src/bench/results.node.ts";
import { standardAggregates } from "../src/bench/standard-aggregates.ts";
import type { BenchResults } from "../src/bench/types.ts";

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: { method: { type: "string", default: "emilie-no-mask" } },
});
const [out, ...named] = positionals;
const runs = named.map((word) => /^([^=]+)=(.+)$/s.exec(word)?.slice(1) as [string, string] | undefined);
if (out === undefined || runs.length < 2 || runs.includes(undefined)) {
  console.error("Usage: npm run bench:compare -- OUT NAME=RUN NAME=RUN … [--method NAME]");
  process.exit(2);
}
const results: [name: string, results: BenchResults][] = [];
for (const [name, folder] of runs as [string, string][]) results.push([name, await readResults(folder)]);
const names = results.map(([name]) => name);
const first = results[0]![1];
for (const [name, { dataset, seeds }] of results) {
  if (dataset.hash !== first.dataset.hash || String(seeds) !== String(first.seeds))
    throw new Error(`${name} was run on other pictures or seeds than ${names[0]}: nothing can be paired.`);
}
const rows = results.flatMap(([name, { rows }]) =>
  rows.filter(({ method }) => method === flags.method).map((row) => ({ ...row, method: name })),
);
await mkdir(out, { recursive: true });
await writeResults(
  {
    ...first,
    command: ["compare", ...names],
    created: new Date().toISOString(),
    methods: results.map(([name, { model, methods }]) => ({
      ...methods.find((one) => one.name === flags.method)!,
      name,
      title: `${name}, checkpoint ${model.fingerprint.slice(0, 12)}`,
    })),
    aggregates: standardAggregates(rows, names, names[0]),
    rows,
  },
  out,
);
console.log(`${rows.length} rows of ${names.join(", ")} → ${out}/results.json`);
