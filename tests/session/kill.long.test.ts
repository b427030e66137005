/** A process that is killed in the middle of its work loses nothing that it has said to be saved. */
import { spawn } from "node:child_process";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { EditModel } from "../../src/method/edit-model.ts";
import { loadModel } from "../../src/models/load.node.ts";
import { loadSession } from "../../src/session/file/store.node.ts";
import { entry, LOADER } from "../support/command.ts";
import { killsOf, seededRandom } from "../support/kills.ts";

const root = resolve(import.meta.dirname, "../..");
const checkpoint = join(root, "tests/fixtures/parity/sd1/checkpoint");
const KILLS = killsOf("library");
const random = seededRandom("library");

let model: EditModel;
let folder: string;
beforeAll(async () => {
  // As the worker does: another number of threads rounds otherwise.
  model = await loadModel(checkpoint, { threads: 1 });
  folder = await mkdtemp(join(tmpdir(), "emilie-kill-"));
});
afterAll(async () => {
  await model.dispose();
  await rm(folder, { recursive: true });
});

/** Runs the worker until it has saved `edits` edits and `delay` ms more, kills it, and returns the ids it said. */
function work(file: string, edits: number, delay: number): Promise<string[]> {
  const args = [...LOADER, join(root, "tests/session/kill.worker.mjs"), entry("index"), checkpoint, file];
  const child = spawn(process.execPath, args, { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
  return new Promise((done, fail) => {
    let [said, wrong] = ["", ""];
    child.stderr.on("data", (chunk) => {
      wrong += chunk;
    });
    child.stdout.on("data", (chunk) => {
      const before = said.split("\n").length - 1;
      said += chunk;
      const now = said.split("\n").length - 1;
      if (before < edits && now >= edits) setTimeout(() => child.kill("SIGKILL"), delay);
    });
    child.on("close", (code, signal) => {
      // An id without its line's end was being said when the process died.
      if (signal === "SIGKILL") done(said.split("\n").slice(0, -1));
      else fail(new Error(`the worker ended by itself with ${code}: ${wrong}`));
    });
  });
}

it(
  `${KILLS} kills at random moments: every saved node is there, whole, and the next process goes on`,
  async () => {
    const file = join(folder, "killed.emilie");
    const acknowledged = new Set<string>();
    for (let kill = 0; kill < KILLS; kill++) {
      for (const id of await work(file, 1 + (kill % 3), 40 * random())) acknowledged.add(id);
      const session = await loadSession(file, { model });
      expect(session.warnings).toEqual([]);
      expect([...acknowledged].filter((id) => !session.nodes.has(id))).toEqual([]);
    }
    const session = await loadSession(file, { model });
    // At most one edit a kill was saved and not yet said.
    expect(session.nodes.size - 1 - acknowledged.size).toBeLessThanOrEqual(KILLS);
    expect(acknowledged.size).toBeGreaterThanOrEqual(KILLS);
    const results = await session.verify();
    expect(results.every(({ result }) => result === "same")).toBe(true);
    await session.save(file);
    expect(await readdir(folder)).toEqual(["killed.emilie"]);
  },
  KILLS * 30_000,
);
