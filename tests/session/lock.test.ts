/** Locks between processes: those of the dead are taken over, the living are named. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { EmilieError } from "../../src/errors.ts";
import { locked, writeAtomically } from "../../src/session/file/atomic.node.ts";
import { acquire, SILENT_MS } from "../../src/session/file/lock.node.ts";

let folder: string;
let stranger: ChildProcess;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "emilie-locks-"));
  stranger = spawn("sleep", ["600"]);
});
afterAll(async () => {
  stranger.kill();
  await rm(folder, { recursive: true });
});

let count = 0;
const next = () => join(folder, `.${++count}.lock`);
const busy = (holder: string) => new EmilieError("io.failed", `held by ${holder}`);
const at = (file: string) => acquire(file, { wait: 0, busy });

/** What a holder of this machine writes. */
async function example() {
  const file = next();
  const lock = await at(file);
  const text = await readFile(file, "utf8");
  await lock.release();
  return JSON.parse(text) as Record<string, unknown>;
}

it.runIf(process.platform === "linux")("takes over what nobody can hold any more, at once", async () => {
  const me = await example();
  const gone = {
    "a number that a stranger has now": JSON.stringify({ ...me, pid: stranger.pid, key: "a" }),
    "our own number, from a process before us, as in a container": JSON.stringify({
      ...me,
      start: "1",
      key: "a",
    }),
    "a number that nobody has": JSON.stringify({ ...me, pid: 2 ** 22 + 1, key: "a" }),
    "an earlier version's, of a stranger": `${stranger.pid} ${hostname()}`,
    "an earlier version's, with our own number": `${process.pid} ${hostname()}`,
    "an earlier version's server": `${stranger.pid}`,
  };
  for (const [what, text] of Object.entries(gone)) {
    const file = next();
    await writeFile(file, text);
    // Fresh: only who it names can say that it is left behind. One that is alive would be an error here.
    await (await at(file).catch((error) => Promise.reject(new Error(what, { cause: error })))).release();
  }
  expect(await readdir(folder)).toEqual([]);
});

it("asks the heartbeat where the holder cannot be looked up", async () => {
  const me = await example();
  for (const text of [
    JSON.stringify({ ...me, host: "elsewhere", space: "another boot", key: "b" }),
    "",
    "{",
  ]) {
    const file = next();
    await writeFile(file, text);
    const old = new Date(Date.now() - SILENT_MS - 1000);
    await utimes(file, old, old);
    await (await at(file)).release();
  }
  expect(await readdir(folder)).toEqual([]);
});

it("names a holder that lives", async () => {
  const file = next();
  const lock = await at(file);
  await expect(at(file)).rejects.toThrow(`held by process ${process.pid} on ${hostname()}, since 20`);
  expect(await lock.isHeld()).toBe(true);
  await lock.release();
  await (await at(file)).release();
});

it("does its work again where another has taken the lock over meanwhile", async () => {
  const path = join(folder, "data");
  const me = await example();
  let runs = 0;
  await locked(path, async () => {
    if (runs++ === 0) {
      // As if we had stood still: somebody else has the lock now, has written, and is gone again.
      await writeFile(join(folder, ".data.lock"), JSON.stringify({ ...me, pid: 2 ** 22 + 1, key: "c" }));
      await writeFile(path, "theirs");
    }
    const before = await readFile(path, "utf8").catch(() => "");
    await writeAtomically(path, [Buffer.from(`${before} and ours`)]);
  });
  expect(runs).toBe(2);
  expect(await readFile(path, "utf8")).toBe("theirs and ours");
  expect(await readdir(folder)).toEqual(["data"]);
});
