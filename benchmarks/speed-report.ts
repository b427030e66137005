/**
 * npm run bench -- speed-report [OUT.json…] [--page docs/results/speed.md]
 *
 * Puts what benchmarks printed with --json into the page: the results are kept beside it (speed.json, by command, the newest
 * stays), every block `<!-- bench: NAME SUBJECT | COMMAND -->` … `<!-- end -->` of the page is written anew from them, and the
 * figures are drawn. What lies outside the blocks is left alone. Without files the page is made again from what is kept.
 */
import { existsSync } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { parseArgs } from "node:util";
import { writeAtomically } from "../src/session/file/atomic.node.ts";
import { usage } from "./options.ts";
import type { BenchRecord } from "./record.ts";
import { keyOf, type SpeedFigure, speedFigures, writeBlocks } from "./speed-page.ts";

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    page: { type: "string", default: new URL("../docs/results/speed.md", import.meta.url).pathname },
  },
});
const { page } = flags;
if (!existsSync(page)) usage(`--page: there is no file ${page}.`);
const store = page.replace(/\.md$/, ".json");
const kept = new Map<string, BenchRecord>();
for (const one of existsSync(store) ? (JSON.parse(await readFile(store, "utf8")) as BenchRecord[]) : [])
  kept.set(one.command, one);
for (const file of positionals) {
  const one = recordOf(file, await readFile(file, "utf8").catch(() => usage(`There is no file ${file}.`)));
  kept.set(one.command, one);
}
const records = [...kept.values()].sort(
  (a, b) => compare(keyOf(a), keyOf(b)) || compare(a.command, b.command),
);

const figures: SpeedFigure[] = speedFigures(records);
const folder = join(dirname(page), "figures");
await mkdir(folder, { recursive: true });
for (const { name, text } of figures) await writeAtomically(join(folder, name), [Buffer.from(text)]);
const before = await readFile(page, "utf8");
const { text, left } = writeBlocks(before, records, figures);
await writeAtomically(store, [Buffer.from(`${JSON.stringify(records, null, 1)}\n`)]);
await writeAtomically(page, [Buffer.from(text)]);
for (const path of [page, store, ...figures.map(({ name }) => join(folder, name))])
  console.log(relative(process.cwd(), path));
for (const key of left) console.error(`No block of the page is for "${key}".`);

/** A benchmark's document: the record itself, or one that brings its record along. */
function recordOf(file: string, text: string): BenchRecord {
  try {
    const json = JSON.parse(text);
    const one = json.record ?? json;
    if (typeof one.bench === "string" && typeof one.command === "string" && Array.isArray(one.rows))
      return one;
  } catch {
    // said below
  }
  return usage(`${file} is not what a benchmark prints with --json (bench, command, machine, rows).`);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
