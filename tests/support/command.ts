/** How a test starts the command line as a process of its own: `node ...EMILIE edit …`. */
import { join, resolve } from "node:path";

const root = resolve(import.meta.dirname, "../..");
const compiled = process.env.EMILIE_COMPILED;

/** Arguments for node: what compiled.ts has made of the sources, or tsx with the sources. */
export const EMILIE: readonly string[] = compiled
  ? [join(compiled, "main.mjs")]
  : ["--import", import.meta.resolve("tsx"), join(root, "src/cli/main.ts")];
