/**
 * npm run bench -- figures RESULTS.json OUTDIR [--report]
 *
 * The figures of a run as .svg files and its tables as Markdown, from results.json in full or compact; with --report also
 * report.html (without pictures from compact results). What docs/results shows is written by this.
 */
import { parseArgs } from "node:util";
import { writeFigures } from "../packages/bench/src/report/figures.node.ts";
import { writeReport } from "../packages/bench/src/report/index.node.ts";
import { readResultsFile } from "../packages/bench/src/report/results.node.ts";

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: { report: { type: "boolean", default: false } },
});
const [file, folder] = positionals;
if (file === undefined || folder === undefined) {
  console.error("Usage: npm run bench -- figures RESULTS.json OUTDIR [--report]");
  process.exit(2);
}
const results = await readResultsFile(file);
const written = await writeFigures(results, folder);
if (flags.report) written.push(await writeReport(results, folder));
for (const path of written) console.log(path);
