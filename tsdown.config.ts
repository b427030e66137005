/** The published packages, emilie and @emilie/bench: ESM, emilie with types. Dependencies stay outside; what the browser loads is built apart from Node's. */
import { defineConfig } from "tsdown";

const shared = {
  format: "esm",
  target: "es2022",
  outDir: "dist",
  sourcemap: true,
  fixedExtension: true,
} as const;

/** In the source a Worker is started from worker.web.ts, in the package from what that becomes. */
const builtWorker = {
  name: "built-worker",
  transform(code: string, id: string) {
    return id.endsWith("src/runtime/web.ts")
      ? code.replace('new URL("./worker.web.ts"', 'new URL("./worker.web.mjs"')
      : undefined;
  },
};

/** In the source each package imports the other by path, in the published packages by name. */
const packageNames = {
  name: "package-names",
  resolveId(source: string) {
    if (source.endsWith("/packages/bench/src/index.ts")) return { id: "@emilie/bench", external: true };
    if (/^\.\.?\/library\.ts$/.test(source)) return { id: "emilie/internal", external: true };
    return undefined;
  },
};

export default defineConfig([
  {
    ...shared,
    name: "node",
    platform: "node",
    entry: {
      index: "src/index.ts",
      internal: "src/internal.ts",
      "cli/main": "src/cli/main.ts",
      server: "src/server.ts",
      "server-worker": "src/server/worker/main.ts",
      worker: "src/runtime/worker.node.ts",
    },
    dts: { entry: ["src/index.ts", "src/server.ts"] },
    plugins: [packageNames],
    clean: true,
  },
  {
    ...shared,
    name: "web",
    platform: "browser",
    entry: { client: "src/client/index.ts", web: "src/web.ts", "worker.web": "src/runtime/worker.web.ts" },
    dts: { entry: ["src/client/index.ts", "src/web.ts"] },
    plugins: [builtWorker],
    clean: false,
  },
  {
    ...shared,
    name: "bench",
    platform: "node",
    entry: { index: "packages/bench/src/index.ts" },
    outDir: "packages/bench/dist",
    plugins: [packageNames],
    // What is its own and not emilie's would be taken in otherwise.
    deps: { neverBundle: ["hyparquet"] },
    clean: true,
  },
]);
