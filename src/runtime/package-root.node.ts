/** A package's own folder, from a module in src/ or from a bundle in dist/. */
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { EmilieError } from "../errors.ts";

/** Whether this is the TypeScript source (tsx, vitest) rather than the built package. */
export const fromSource = import.meta.url.endsWith(".ts");

/** The folder of the package with this name that a module (its import.meta.url) is in. */
export function packageRoot(name = "emilie", module: string = import.meta.url): string {
  const start = dirname(fileURLToPath(module));
  for (let folder = start; ; folder = dirname(folder)) {
    const manifest = join(folder, "package.json");
    if (existsSync(manifest) && JSON.parse(readFileSync(manifest, "utf8")).name === name) return folder;
    if (dirname(folder) === folder) {
      throw new EmilieError(
        "runtime.missing",
        `The folder of the package ${name} was not found above ${start}. When bundling an application, keep ${name} external.`,
      );
    }
  }
}
