/** `emilie bench --database`: two machines with the same command share the cells, and write what one alone writes. */
import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { afterAll, expect, it } from "vitest";
import { EMILIE } from "../support/command.ts";
import { startCluster } from "./cluster.ts";

const run = promisify(execFile);
const cluster = await startCluster();
const folder = await mkdtemp(join(tmpdir(), "emilie-cells-"));
afterAll(async () => {
  await cluster.stop();
  await rm(folder, { recursive: true });
});

async function bench(out: string, database?: string): Promise<{ computed: number; reused: number }> {
  const args = ["bench", "--methods", "emilie", "--parts", "chains", "--limit", "2"];
  const more = ["--turns", "2", "--same-steps", "2", "--out", join(folder, out), "--json"];
  const { stdout } = await run(process.execPath, [...EMILIE, ...args, ...more], {
    cwd: resolve(import.meta.dirname, "../.."),
    env: { ...process.env, EMILIE_THREADS: "1", ...(database ? { EMILIE_DATABASE: database } : {}) },
    maxBuffer: 2 ** 26,
  });
  return JSON.parse(stdout);
}

/** Pictures by their names in the cache, and the rows without their timings. */
async function resultsOf(out: string): Promise<{ pictures: Record<string, string>; rows: unknown }> {
  const pictures: Record<string, string> = {};
  for (const name of (await readdir(join(folder, out, "cache"), { recursive: true })).sort())
    if (name.endsWith(".png"))
      pictures[name] = (await readFile(join(folder, out, "cache", name))).toString("base64");
  const { rows, command } = JSON.parse(await readFile(join(folder, out, "results.json"), "utf8"));
  const untimed = JSON.stringify(rows, (key, value) => (key === "seconds" ? undefined : value));
  return { pictures, rows: [untimed, command.filter((word: string) => !word.includes(out))] };
}

it("gives the same bytes as one machine alone", async () => {
  const database = await cluster.create();
  await bench("alone");
  await Promise.all([bench("first", database), bench("second", database)]);
  const alone = await resultsOf("alone");
  expect(Object.keys(alone.pictures)).toHaveLength(4);
  for (const out of ["first", "second"]) {
    const shared = await resultsOf(out);
    expect(shared.pictures).toEqual(alone.pictures);
    expect(shared.rows).toEqual(alone.rows);
  }
  // Each cell was computed once: a third machine has nothing left to do.
  const third = await bench("third", database);
  expect(third.computed).toBe(0);
}, 600_000);
