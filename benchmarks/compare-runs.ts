/**
 * npm run bench -- compare OUT NAME=RUN:METHOD NAME=RUN:METHOD …
 *
 * Against another baseline than image iteration, or two checkpoints instead of two methods: the rows of a method in a run (a
 * folder of `emilie bench`, each with its own --model) under a name, and the paired differences of all others to the first. Writes OUT/results.json,
 * from which `npm run bench -- figures` and `npm run bench -- compact` make tables and figures as from any run.
 */
import { mkdir } from "node:fs/promises";
import { parseArgs } from "node:util";
import { readResults, writeResults } from "../packages/bench/src/results.node.ts";
import { standardAggregates } from "../packages/bench/src/standard-aggregates.ts";
import type { BenchResults } from "../packages/bench/src/types.ts";

const { positionals } = parseArgs({ allowPositionals: true });
const [out, ...words] = positionals;
const sides = words.map((word) => /^([^=]+)=(.+):([^:]+)$/s.exec(word)?.slice(1) ?? []);
if (out === undefined || sides.length < 2 || sides.some(([name]) => name === undefined)) {
  console.error("Usage: npm run bench -- compare OUT NAME=RUN:METHOD NAME=RUN:METHOD …");
  process.exit(2);
}
const results: { name: string; method: string; run: BenchResults }[] = [];
for (const [name, folder, method] of sides as [string, string, string][]) {
  const run = await readResults(folder);
  if (!run.methods.some((one) => one.name === method))
    throw new Error(`${name}: there is no ${method} in its results.`);
  results.push({ name, method, run });
}
const names = results.map(({ name }) => name);
const first = results[0]!.run;
for (const { name, run } of results) {
  if (run.dataset.hash !== first.dataset.hash || String(run.seeds) !== String(first.seeds))
    throw new Error(`${name} was run on other pictures or seeds than ${names[0]}: nothing can be paired.`);
}
const rows = results.flatMap(({ name, method, run }) =>
  run.rows.filter((row) => row.method === method).map((row) => ({ ...row, method: name })),
);
await mkdir(out, { recursive: true });
await writeResults(
  {
    ...first,
    command: ["compare", ...results.map(({ name, method }) => `${name}=${method}`)],
    created: new Date().toISOString(),
    methods: results.map(({ name, method, run }) => ({
      ...run.methods.find((one) => one.name === method)!,
      name,
      title: `${method}, checkpoint ${run.model.fingerprint.slice(0, 12)}`,
    })),
    intervals: "scenes-t",
    aggregates: standardAggregates(rows, names, names[0]),
    rows,
  },
  out,
);
console.log(`${rows.length} rows of ${names.join(", ")} → ${out}/results.json`);
