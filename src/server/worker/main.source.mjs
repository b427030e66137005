// Starts main.ts from source: a child process does not inherit the loader of tsx, and vitest's is not for processes.
import { register } from "tsx/esm/api";

register();
await import("./main.ts");
