/**
 * The command line, the server and its worker, killed at random moments: no node that was shown is lost, every job that was
 * accepted ends, no lock is left in the way, and nothing stays in the temporary folder.
 */
import { spawn } from "node:child_process";
import { mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { EmilieClient } from "../../src/client/index.ts";
import { readContainer } from "../../src/session/file/container.node.ts";
import { EMILIE, entry } from "../support/command.ts";
import { killsOf, seededRandom } from "../support/kills.ts";
import { COTTAGE, serve } from "../support/server-fixture.ts";
import { spawnServer } from "../support/spawn-server.ts";

const root = resolve(import.meta.dirname, "../..");
/** Tiny: most of the time that is killed in is not the networks'. */
const MODEL = join(root, "tests/fixtures/parity/sd1/checkpoint");
let folder: string;
let temporary: string;
/** What onnxruntime writes of itself is no copy of anybody's session. */
const QUIET = { ORT_DISABLE_TELEMETRY: "1" };
beforeAll(async () => {
  Object.assign(process.env, QUIET);
  folder = await mkdtemp(join(tmpdir(), "emilie-kills-"));
  temporary = join(folder, "tmp");
  await mkdir(temporary);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** What is not ours: tsx, which runs the sources here, keeps what it compiled. */
const leftIn = async (path: string) => (await readdir(path)).filter((name) => !name.startsWith("tsx-"));
const leftovers = async (path: string) =>
  (await readdir(path, { recursive: true })).filter((name) => /\.(part|lock)$/.test(name));

/** `emilie edit` on one session; its node where it was let end. */
function runEdit(session: string, seed: number, killAfter: number): Promise<string | null> {
  const what = ["edit", COTTAGE, "make it winter", "--model", MODEL];
  const args = [...what, "--steps", "1", "--seed", `${seed}`, "--session", session];
  const child = spawn(process.execPath, [...EMILIE, ...args, "--out", join(folder, "out"), "--json"], {
    cwd: root,
    env: { ...process.env, TMPDIR: temporary },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const timer = setTimeout(() => child.kill("SIGKILL"), killAfter);
  let said = "";
  child.stdout.setEncoding("utf8").on("data", (text) => {
    said += text;
  });
  return new Promise((done, fail) => {
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      if (signal === "SIGKILL") done(null);
      else if (code === 0) done(said);
      else fail(new Error(`emilie edit ended with ${code}: ${said}`));
    });
  });
}

const CLI = killsOf("cli");
it(`the command line, ${CLI} times`, async () => {
  const random = seededRandom("cli");
  const session = join(folder, "cli.emilie");
  const begin = performance.now();
  await runEdit(session, 0, 600_000);
  const whole = performance.now() - begin;
  let known = (await readContainer(session)).manifest.nodes.length;
  for (let kills = 0, seed = 1; kills < CLI; seed++) {
    // Most of it is starting; what matters happens towards the end.
    const ended = await runEdit(session, seed, whole * (0.3 + 0.8 * random()));
    if (ended === null) kills++;
    const { manifest, lost, notes } = await readContainer(session);
    expect([lost, notes]).toEqual([[], []]);
    // Nothing is ever lost, and what was said to be saved is there.
    expect(manifest.nodes.length).toBeGreaterThanOrEqual(known + (ended === null ? 0 : 1));
    known = manifest.nodes.length;
  }
  await runEdit(session, 1_000_000, 600_000);
  expect((await readContainer(session)).manifest.nodes).toHaveLength(known + 1);
  expect((await readdir(folder)).filter((name) => /\.(part|lock)$/.test(name))).toEqual([]);
  expect(await leftIn(temporary)).toEqual([]);
}, 36_000_000);

const SERVER = killsOf("server");
it(`the server, ${SERVER} times`, async () => {
  const random = seededRandom("server");
  const data = join(folder, "data");
  const jobs = new Set<string>();
  const nodes = new Set<string>();
  let session = "";
  for (let kill = 0; kill <= SERVER; kill++) {
    const server = await spawnServer(data, { TMPDIR: temporary }, ["--model", MODEL]);
    const client = new EmilieClient({ baseUrl: server.url });
    const ended = new Promise((done) => server.process.once("exit", done));
    // What it writes itself, as it takes jobs up, is there for a moment only.
    await expect.poll(() => leftovers(data), { timeout: 20_000 }).toEqual([]);
    expect(await leftIn(temporary)).toEqual([]);
    session ||= (await client.createSession({ example: "cottage" })).id;
    const here = new Set((await client.session(session)).nodes.map(({ id }) => id));
    expect([...nodes].filter((id) => !here.has(id))).toEqual([]);
    const request = { instruction: "make it winter", steps: 2, previews: 0, from: [...here][0]! };
    const stop = new AbortController();
    const watch = (async () => {
      for await (const event of client.events({ signal: stop.signal }))
        if (event.type === "node") nodes.add(event.node.id);
    })().catch(() => {});
    const timer = sleep(kill === SERVER ? 0 : 100 + 3000 * random()).then(
      () => kill < SERVER && server.process.kill("SIGKILL"),
    );
    try {
      for (let i = 0; i < 2; i++)
        jobs.add((await client.edit(session, { ...request, seed: 10 * kill + i })).id);
    } catch {
      // It was killed before it answered, so it has promised nothing.
    }
    await timer;
    if (kill === SERVER) {
      for (const id of jobs) {
        const job = await client.finished(id);
        const twice = job.state === "failed" && job.error?.code === "job.interrupted" && job.attempts === 2;
        expect(job.state === "done" || twice, JSON.stringify(job)).toBe(true);
      }
      server.process.kill("SIGTERM");
      expect(await ended).toBe(0);
    } else await ended;
    stop.abort();
    await watch;
  }
}, 36_000_000);

const WORKER = killsOf("worker");
it(`the worker, ${WORKER} times`, async () => {
  const random = seededRandom("worker");
  const { startServer } = (await import(entry("server"))) as typeof import("../../src/server.ts");
  const { client, server, close, folder: data } = await serve({ preload: false, model: MODEL }, startServer);
  // The worker starts with the first picture.
  const before = process.env.TMPDIR;
  process.env.TMPDIR = temporary;
  try {
    const { id, root: from } = await client.createSession({ example: "cottage" });
    const made: string[] = [];
    for (let kill = 0; kill < WORKER; kill++) {
      const job = await client.edit(id, {
        instruction: "make it winter",
        steps: 3,
        previews: 0,
        from,
        seed: kill,
      });
      await sleep(600 * random());
      const pid = server.workerPid();
      if (pid) {
        process.kill(pid, "SIGKILL");
        // Where the job was done before, the next one would be sent to a process that is dying, and be killed twice.
        await expect.poll(() => server.workerPid(), { timeout: 20_000, interval: 5 }).not.toBe(pid);
      }
      const done = await client.finished(job.id);
      expect(done).toMatchObject({ state: "done", error: null });
      made.push(...done.nodes);
      const here = (await client.session(id)).nodes.map((node) => node.id);
      expect(here).toEqual([from, ...made]);
    }
    expect(await leftovers(data)).toEqual([]);
    expect(await leftIn(temporary)).toEqual([]);
  } finally {
    process.env.TMPDIR = before;
    if (before === undefined) delete process.env.TMPDIR;
    await close();
  }
}, 36_000_000);
