/**
 * npm run bench -- NAME [options]
 *
 * The benchmarks and the tools for their results, by name; without a name, the list of them. Each file says at its top what it measures, and
 * with which options: `npm run bench -- NAME --help` prints that.
 */
import { readFile } from "node:fs/promises";
import { BENCHMARKS } from "./names.ts";

const [name, ...options] = process.argv.slice(2);
const known = name !== undefined && Object.hasOwn(BENCHMARKS, name);
if (known) await runBenchmark(BENCHMARKS[name]![0]);
else {
  const list = Object.entries(BENCHMARKS).map(([key, [, purpose]]) => `  ${key.padEnd(15)}${purpose}`);
  const asked = name === undefined || name === "--help" || name === "-h";
  const text = `npm run bench -- NAME [options]; NAME --help shows its options.\n\n${list.join("\n")}`;
  if (asked) console.log(text);
  else {
    console.error(`There is no benchmark ${JSON.stringify(name)}.\n\n${text}`);
    process.exitCode = 2;
  }
}

async function runBenchmark(file: string): Promise<void> {
  const module = new URL(`./${file}.ts`, import.meta.url);
  if (options.includes("--help") || options.includes("-h")) {
    console.log(headerOf(await readFile(module, "utf8")));
    return;
  }
  // A benchmark reads its options where a script of its own has them.
  process.argv.splice(2, 1);
  await import(module.href);
}

/** The text of a file's first comment. */
function headerOf(source: string): string {
  const [, comment = ""] = /\/\*\*(.*?)\*\//s.exec(source) ?? [];
  return comment
    .split("\n")
    .map((line) => line.replace(/^ \* ?/, ""))
    .join("\n")
    .trim();
}
