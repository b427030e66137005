/**
 * What a test starts as a process of its own: the command line (`node ...EMILIE edit …`), or a module with the library. Compiled by
 * compiled.ts where a run of the tests has done so; otherwise the sources, by tsx.
 */
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const root = resolve(import.meta.dirname, "../..");
const compiled = process.env.EMILIE_COMPILED;

/** Arguments of node that run a module which imports an {@link entry}. */
export const LOADER: readonly string[] = compiled ? [] : ["--import", import.meta.resolve("tsx")];

/** Arguments of node that run the command line. */
export const EMILIE: readonly string[] = compiled
  ? [join(compiled, "main.mjs")]
  : [...LOADER, join(root, "src/cli/main.ts")];

/** The address of one of the library's entries. */
export function entry(name: "index" | "server"): string {
  return pathToFileURL(compiled ? join(compiled, `${name}.mjs`) : join(root, `src/${name}.ts`)).href;
}
