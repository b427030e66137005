/**
 * npm run bench -- compact IN/results.json OUT.json [--limit BYTES]
 *
 * A run's results made small enough to be kept with the project (300,000 bytes unless told): environment, methods, settings,
 * aggregates, and the edits in columns with four digits. Says what had to be left out. Report and figures can be made from it.
 */

import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { parseArgs } from "node:util";
import { compactJson, compactResults } from "../packages/bench/src/report/compact.ts";
import { readResultsFile } from "../packages/bench/src/report/results.node.ts";
import { writeAtomically } from "../src/session/file/atomic.node.ts";

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: { limit: { type: "string", default: "300000" } },
});
const [file, out] = positionals;
const limit = Number(flags.limit);
if (file === undefined || out === undefined || !(limit > 0)) {
  console.error("Usage: npm run bench -- compact IN/results.json OUT.json [--limit BYTES]");
  process.exit(2);
}
const compact = compactResults(await readResultsFile(file), limit);
const text = Buffer.from(compactJson(compact));
await mkdir(dirname(out), { recursive: true });
await writeAtomically(out, [text]);
console.log(`${out}: ${text.length} bytes, without ${compact.leftOut.join("; ")}`);
if (text.length > limit) {
  console.error(`It cannot be made smaller than ${text.length} bytes, and ${limit} were asked for.`);
  process.exitCode = 1;
}
