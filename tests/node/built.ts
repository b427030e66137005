/**
 * What long runs start over and over: the sources, or with EMILIE_BUILT=1 the package as `npm run build` has made it, which starts in a
 * fraction of the time.
 */
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

const root = resolve(import.meta.dirname, "../..");
const isBuilt = process.env.EMILIE_BUILT === "1";

/** Arguments of node that run the command line. */
export const COMMAND: readonly string[] = isBuilt
  ? [resolve(root, "dist/cli/main.mjs")]
  : ["--import", "tsx", resolve(root, "src/cli/main.ts")];

/** Arguments of node that run a module which imports one of {@link entry}'s. */
export const LOADER: readonly string[] = isBuilt ? [] : ["--import", "tsx"];

/** The address of one of the package's entries. */
export function entry(name: "index" | "server"): string {
  return pathToFileURL(resolve(root, isBuilt ? `dist/${name}.mjs` : `src/${name}.ts`)).href;
}
