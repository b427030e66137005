// Starts worker.node.ts from source: a worker_thread does not inherit the loader of tsx, and vitest's is not for workers.
import { register } from "tsx/esm/api";

register();
await import("./worker.node.ts");
