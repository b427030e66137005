/**
 * npm run bench -- check-claims [--write] [PAGE]
 *
 * Compares every number in the tables of docs/results/README.md, and those of some sentences, with the committed JSON that it is said to come from
 * (claims.ts): as many decimals as are printed, the interval where one is printed, and bold exactly where a difference's interval excludes 0. Fails on a
 * mismatch, on a table that nobody has said the source of, and on a cell that is not in its file; and the tables of the pages of claimed-pages.ts.
 * With --write the pages take the files' numbers.
 */
import { readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { excludesZero, fixed } from "../packages/bench/src/report/format.ts";
import { readResultsFile } from "../packages/bench/src/report/results.node.ts";
import { estimateOf } from "../packages/bench/src/report/select.ts";
import type { BenchResults, Estimate } from "../packages/bench/src/types.ts";
import { checkPages } from "./claimed-pages.ts";
import { SENTENCES } from "./claimed-sentences.ts";
import { type Ref, TABLES } from "./claims.ts";

/** Tables of words, and of other people's numbers. */
const WITHOUT_NUMBERS = ["Corrected", "Published numbers"];
/** A value, bold or not, with its interval. */
const STATED =
  /(\*\*)?([+−]?)(\d+(?:\.\d+)?)(\*\*)?((?: %| dB| · 10⁻³ a turn)?)(?: \[([+−]?[\d.]+), ([+−]?[\d.]+)\])?/g;

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: { write: { type: "boolean", default: false } },
});
const folder = resolve(import.meta.dirname, "../docs/results");
const path = positionals[0] ?? join(folder, "README.md");
const page = await readFile(path, "utf8");
const files = new Map<string, BenchResults>();
for (const name of new Set([
  ...TABLES.map(({ file }) => file),
  ...SENTENCES.map(({ file }) => file),
  "training",
])) {
  files.set(name, await readResultsFile(join(folder, `${name}.json`)));
}
const problems: string[] = [];
let checked = 0;

/** The text with its numbers as the file has them. */
function asInFile(text: string, refs: readonly Ref[], file: string, where: string, prose = false): string {
  const stated = [...text.matchAll(STATED)];
  if (stated.length !== refs.length) {
    problems.push(
      `${where}: "${text}" states ${stated.length} numbers, and ${refs.length} are said to be in ${file}.json`,
    );
    return text;
  }
  let i = 0;
  return text.replace(STATED, (whole, ...groups) => {
    const [, sign, digits, , unit, low, high] = groups as (string | undefined)[];
    const ref = refs[i++]!;
    const estimate = estimateOf(files.get(ref.file ?? file)!, ref);
    if (!estimate) {
      problems.push(`${where}: ${file}.json has no ${JSON.stringify(ref)}`);
      return whole;
    }
    const made = written(estimate, ref, {
      digits: [decimalsOf(digits!), Math.max(decimalsOf(low ?? digits!), decimalsOf(high ?? ""))],
      ...{ signed: sign !== "", unit: unit!, interval: low !== undefined, prose },
    });
    checked += low === undefined ? 1 : 3;
    return made;
  });
}

const decimalsOf = (number: string): number => number.split(".")[1]?.length ?? 0;

interface Form {
  /** Decimals of the value, and of its interval. */
  readonly digits: readonly [number, number];
  readonly signed: boolean;
  readonly unit: string;
  readonly interval: boolean;
  /** In a sentence nothing is bold. */
  readonly prose: boolean;
}

function written(estimate: Estimate, { against, scale = 1 }: Ref, form: Form): string {
  const text = (value: number, digits: number) => fixed(value * scale, digits);
  const [decimals, ofInterval] = form.digits;
  const plus = form.signed && against !== undefined && estimate.value > 0 ? "+" : "";
  const value = plus + text(estimate.value, decimals);
  const bold = !form.prose && against !== undefined && excludesZero(estimate);
  const { low, high } = estimate;
  const shown = form.interval && low !== null && high !== null;
  return `${bold ? `**${value}**` : value}${form.unit}${shown ? ` [${text(low, ofInterval)}, ${text(high, ofInterval)}]` : ""}`;
}

const lines = page.split("\n");
let heading = "";
let tables = 0;
for (let i = 0; i < lines.length; i++) {
  const title = /^#+ (.*)/.exec(lines[i]!);
  if (title) {
    heading = title[1]!;
    tables = 0;
  }
  if (!lines[i]!.startsWith("|") || WITHOUT_NUMBERS.includes(heading)) continue;
  const index = tables++;
  const claim = TABLES.find((one) => one.heading === heading && (one.index ?? 0) === index);
  if (!claim) problems.push(`${heading}: its table ${index + 1} is in no claim of benchmarks/claims.ts`);
  const seen = new Set<string>();
  // Head and rule have no numbers.
  for (i += 2; lines[i]?.startsWith("|"); i++) {
    if (!claim) continue;
    const [label, ...cells] = lines[i]!.slice(1, -1)
      .split("|")
      .map((cell) => cell.trim());
    const row = claim.rows[label!];
    seen.add(label!);
    if (!row || row.length !== cells.length) {
      problems.push(`${heading}: nothing is claimed of the row "${label}", or of as many cells as it has`);
      continue;
    }
    const made = cells.map((cell, k) =>
      cell === "" || row[k] === null || !/\d/.test(cell)
        ? cell
        : asInFile(cell, row[k]!, claim.file, `${heading}, ${label}`),
    );
    const line = `| ${[label, ...made].join(" | ")} |`.replace(/\| {2}(?=\|)/g, "| ");
    if (line !== lines[i])
      problems.push(`${heading}, ${label}: the page says\n  ${lines[i]}\nand ${claim.file}.json\n  ${line}`);
    lines[i] = line;
  }
  const missing = claim ? Object.keys(claim.rows).filter((label) => !seen.has(label)) : [];
  if (missing.length > 0)
    problems.push(`${heading}: rows are claimed that the table has not: ${missing.join("; ")}`);
}
let text = lines.join("\n");
for (const { from, to, file, refs } of SENTENCES) {
  const [before, rest, ...more] = text.split(from);
  const end = rest?.indexOf(to) ?? -1;
  if (rest === undefined || more.length > 0 || end < 0) {
    problems.push(`"${from} … ${to}" is not once on the page`);
    continue;
  }
  const made = asInFile(rest.slice(0, end), refs, file, from, true);
  if (made !== rest.slice(0, end))
    problems.push(`the page says\n  ${from}${rest.slice(0, end)}\nand ${file}.json\n  ${from}${made}`);
  text = before + from + made + rest.slice(end);
}
if (flags.write && text !== page) await writeFile(path, text);
const pages = await checkPages(folder, flags.write);
problems.push(...pages.problems);
checked += pages.checked;
for (const problem of problems) console.error(problem);
console.log(
  `${checked} numbers compared with ${files.size + pages.files} files; ${problems.length} differences`,
);
if (problems.length > 0) process.exitCode = 1;
