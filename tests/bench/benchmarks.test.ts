/** npm run bench -- NAME: every name in its list is a file that says at its top how it is called. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, it } from "vitest";
import { BENCHMARKS } from "../../benchmarks/names.ts";

it.each(Object.entries(BENCHMARKS))(
  "npm run bench -- %s is described where it is written",
  (name, [file]) => {
    const source = readFileSync(resolve(import.meta.dirname, `../../benchmarks/${file}.ts`), "utf8");
    const header = source.slice(0, source.indexOf("*/"));
    expect(header).toMatch(new RegExp(`npm run bench -- ${name}(?![\\w-])`));
  },
);
