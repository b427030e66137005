/**
 * Many machines, as many processes: `npm run bench -- scale [--only chaos,pause,throughput,overhead,tables] [--clients 100] [--edits 6]
 * [--workers 4] [--kill-workers 50] [--kill-servers 20] [--kill-database 5] [--sessions 100000] [--page]`.
 *
 * Starts a PostgreSQL and an S3 server of its own. chaos: clients edit, branch, cancel and download while workers, servers and
 * the database are killed. pause: a worker that is stopped for a minute. throughput: edits per second against the number of workers, whose
 * models are made to wait. overhead: what the database takes of an edit. tables: listing, opening and committing in big tables.
 * Each part's figures go into docs/results/scale.json, and docs/results/scale.md is written from that file; --page only does the latter.
 */
import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import type { TestProject } from "vitest/node";
import setup from "../tests/support/compiled.ts";
import { usage, whole } from "./options.ts";
import { commandLine, describeMachine, machine } from "./record.ts";
import { page, type ScaleResults } from "./scale/page.ts";

const { values: flags } = parseArgs({
  options: {
    only: { type: "string", default: "chaos,pause,throughput,overhead,tables" },
    clients: { type: "string", default: "100" },
    edits: { type: "string", default: "6" },
    workers: { type: "string", default: "4" },
    "kill-workers": { type: "string", default: "50" },
    "kill-servers": { type: "string", default: "20" },
    "kill-database": { type: "string", default: "5" },
    sessions: { type: "string", default: "100000" },
    page: { type: "boolean", default: false },
  },
});
const number = (name: Exclude<keyof typeof flags, "page" | "only">, least = 1) =>
  whole(name, flags[name], least)!;
const root = new URL("..", import.meta.url).pathname;
const file = `${root}docs/results/scale.json`;
const results: ScaleResults = existsSync(file) ? JSON.parse(await readFile(file, "utf8")) : {};

if (!flags.page) {
  const options = {
    clients: number("clients"),
    edits: number("edits"),
    workers: number("workers"),
    killWorkers: number("kill-workers", 0),
    killServers: number("kill-servers", 0),
    killDatabase: number("kill-database", 0),
    sessions: number("sessions"),
  };
  // What is started is compiled once, as for the tests.
  const clean = await setup({ config: { watch: false } } as TestProject);
  try {
    const parts = {
      chaos: async () => (await import("./scale/chaos.ts")).chaos(options),
      pause: async () => (await import("./scale/pause.ts")).pause(),
      throughput: async () => (await import("./scale/throughput.ts")).throughput(),
      overhead: async () => (await import("./scale/tables.ts")).overhead(),
      tables: async () => (await import("./scale/tables.ts")).tables(options.sessions),
    };
    for (const name of flags.only.split(",")) {
      if (!Object.hasOwn(parts, name)) usage(`--only ${name}: known are ${Object.keys(parts).join(", ")}.`);
      const part = name as keyof typeof parts;
      const measured = await parts[part]();
      console.log(name, measured);
      const how = { command: commandLine("scale", ["--only", name]), machine: describeMachine(machine()) };
      Object.assign(results, { [name]: { ...measured, ...how } });
      await writeFile(file, `${JSON.stringify(results, null, 2)}\n`);
    }
  } finally {
    await clean?.();
  }
}
await writeFile(`${root}docs/results/scale.md`, page(results));
