/** The package's own folder, from a module in src/ or from a bundle in dist/. */
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { EmilieError } from "../errors.ts";

/** Whether this is the TypeScript source (tsx, vitest) rather than the built package. */
export const fromSource = import.meta.url.endsWith(".ts");

export function packageRoot(): string {
  const start = dirname(fileURLToPath(import.meta.url));
  for (let folder = start; ; folder = dirname(folder)) {
    const manifest = join(folder, "package.json");
    if (existsSync(manifest) && JSON.parse(readFileSync(manifest, "utf8")).name === "emilie") return folder;
    if (dirname(folder) === folder) {
      throw new EmilieError(
        "runtime.missing",
        `The package's folder was not found above ${start}. When bundling an application, keep emilie external.`,
      );
    }
  }
}
