// Starts worker.node.ts from source: a worker_thread does not inherit the loader of tsx, and vitest's is not for workers.
// A run of the tests has compiled it beforehand (tests/support/compiled.ts).
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const compiled = process.env.EMILIE_COMPILED;
if (compiled) await import(pathToFileURL(join(compiled, "worker.mjs")).href);
else {
  const { register } = await import("tsx/esm/api");
  register();
  await import("./worker.node.ts");
}
