/** For node --import: the added setting in a process that a test starts. Its threads compute networks, and know no settings. */
import { isMainThread } from "node:worker_threads";

if (isMainThread) await import("./added-setting.ts");
