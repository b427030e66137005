/**
 * Compiles, once for a run of the tests, what they start as threads and processes: the command line, ONNX Runtime's worker and the
 * server's. From the sources each of them would be compiled by tsx while it starts, a second for a command and a third of one for each
 * loaded model. They are the same modules, which still find the repository's files: `import.meta.url` stays the source's.
 * And what tests make of weights is kept in a folder of the run, never in the cache of whoever runs them.
 */
import { rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "vite";
import type { TestProject } from "vitest/node";

const root = resolve(import.meta.dirname, "../..");

const sourceUrls = {
  name: "source-urls",
  transform(code: string, id: string) {
    if (!id.startsWith(root) || id.includes("/node_modules/")) return undefined;
    return code.replaceAll("import.meta.url", JSON.stringify(pathToFileURL(id).href));
  },
};

export default async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  // Sources change while tests are watched: then tsx compiles them each time. Projects that run together share what the first has compiled.
  if (project.config.watch || process.env.EMILIE_COMPILED) return undefined;
  const folder = join(root, "node_modules/.cache/emilie-tests", String(process.pid));
  await build({
    configFile: false,
    root,
    logLevel: "warn",
    plugins: [sourceUrls],
    build: {
      ssr: true,
      target: "node20",
      outDir: folder,
      emptyOutDir: true,
      copyPublicDir: false,
      rollupOptions: {
        input: {
          index: "src/index.ts",
          server: "src/server.ts",
          main: "src/cli/main.ts",
          worker: "src/runtime/worker.node.ts",
          "server-worker": "src/server/worker/main.ts",
        },
        output: { entryFileNames: "[name].mjs", chunkFileNames: "[name]-[hash].mjs" },
      },
    },
  });
  process.env.EMILIE_COMPILED = folder;
  process.env.EMILIE_CACHE = join(folder, "cache");
  return () => rm(folder, { recursive: true, force: true });
}
