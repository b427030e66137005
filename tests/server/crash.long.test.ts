/** What is lost when a process is killed: nothing that was finished. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { EmilieClient, type JobInfo } from "../../src/client/index.ts";
import { startServer } from "../../src/server.ts";
import { bytesOf, edit, serve } from "../support/server-fixture.ts";
import { spawnServer } from "../support/spawn-server.ts";

let data: string;
beforeAll(async () => {
  data = await mkdtemp(join(tmpdir(), "emilie-crash-"));
});
afterAll(() => rm(data, { recursive: true, force: true }));

/** Long enough to be hit in the middle, short enough to be done twice. */
const LONG = { instruction: "make it winter", steps: 16, previews: 0 };

describe("a killed worker", () => {
  it("costs no node and no waiting job; the interrupted job is begun once more, then reported", async () => {
    const { client, server, logs, close } = await serve();
    try {
      const { id, root: original } = await client.createSession({ example: "cottage" });
      const finished = (await edit(client, id, { instruction: "make it autumn" })).nodes[0]!;
      const picture = await bytesOf(client.picture(id, finished));

      const killOnce = await client.edit(id, { ...LONG, from: original });
      const waiting = await client.edit(id, {
        instruction: "make it night",
        from: original,
        steps: 2,
        previews: 0,
      });
      let kills = 0;
      const onKill = (most: number) => (event: { type: string }) => {
        if (event.type !== "progress" || kills >= most) return;
        kills++;
        process.kill(server.workerPid()!, "SIGKILL");
      };
      const retried = await client.finished(killOnce.id, { onEvent: onKill(1) });
      expect(retried).toMatchObject({ state: "done", attempts: 2, error: null });
      expect(kills).toBe(1);
      expect(logs.join("\n")).toContain("SIGKILL");
      expect(await client.finished(waiting.id)).toMatchObject({ state: "done", attempts: 1 });

      const killTwice = await client.edit(id, { ...LONG, from: original, seed: 9 });
      let lastAttempt = 0;
      const failed = await client.finished(killTwice.id, {
        onEvent: (event) => {
          // Once in each attempt.
          if (event.type === "job")
            lastAttempt = event.job.state === "running" ? event.job.attempts : lastAttempt;
          if (event.type === "progress" && kills < 1 + lastAttempt) onKill(Number.POSITIVE_INFINITY)(event);
        },
      });
      expect(failed).toMatchObject({ state: "failed", attempts: 2, error: { code: "job.interrupted" } });

      const now = await client.session(id);
      expect(now.nodes.map((node) => node.id)).toEqual([
        original,
        finished,
        ...retried.nodes,
        ...(await client.job(waiting.id)).nodes,
      ]);
      expect(await bytesOf(client.picture(id, finished))).toEqual(picture);
      expect(await edit(client, id, { instruction: "make it summer" })).toMatchObject({ state: "done" });
      expect((await client.health()).worker.restarts).toBe(3);
    } finally {
      await close();
    }
  });
});

describe("a worker without memory", () => {
  it("fails the job with a clear message, once, and the server lives", async () => {
    const folder = join(data, "memory");
    const first = await startServer({ port: 0, data: folder });
    const { id } = await new EmilieClient({ baseUrl: first.url }).createSession({ example: "cottage" });
    await first.close();
    // Less than the process takes without any model.
    const tight = await startServer({ port: 0, data: folder, workerMemory: 40e6 });
    try {
      const client = new EmilieClient({ baseUrl: tight.url });
      const failed = await edit(client, id, { instruction: "make it winter" });
      expect(failed).toMatchObject({ state: "failed", attempts: 1, error: { code: "runtime.memory" } });
      expect(failed.error!.message).toContain("memory");
      expect((await client.session(id)).nodes).toHaveLength(1);
      // It answers, and says that no edit can run.
      expect(await client.health()).toMatchObject({
        status: "degraded",
        problems: [expect.stringMatching(/cannot be started.*SIGKILL/)],
      });
    } finally {
      await tight.close();
    }
    const last = await startServer({ port: 0, data: folder });
    const again = await edit(new EmilieClient({ baseUrl: last.url }), id, { instruction: "make it winter" });
    expect(again).toMatchObject({ state: "done" });
    await last.close();
  });
});

describe("a killed server", () => {
  it("goes on where it was: finished nodes intact, waiting jobs run, the interrupted one again", async () => {
    const folder = join(data, "server");
    const first = await spawnServer(folder);
    let client = new EmilieClient({ baseUrl: first.url });
    const { id, root: original } = await client.createSession({ example: "cottage" });
    const finished = (await edit(client, id, { instruction: "make it autumn" })).nodes[0]!;
    const picture = await bytesOf(client.picture(id, finished));
    const interrupted = await client.edit(id, { ...LONG, from: original });
    const waiting = await client.edit(id, {
      instruction: "make it night",
      from: original,
      steps: 2,
      previews: 0,
    });
    const worker = await childOf(first.process.pid!);
    const stop = new AbortController();
    for await (const event of client.events({ signal: stop.signal })) {
      if (event.type === "progress") break;
    }
    stop.abort();
    first.process.kill("SIGKILL");
    await new Promise((resolve) => first.process.once("exit", resolve));
    // The worker does not outlive its server.
    if (worker !== null) await expect.poll(() => isAlive(worker), { timeout: 20_000 }).toBe(false);

    const second = await spawnServer(folder);
    try {
      client = new EmilieClient({ baseUrl: second.url });
      const jobs: JobInfo[] = [];
      for (const job of [interrupted, waiting]) jobs.push(await client.finished(job.id));
      expect(jobs).toMatchObject([
        { state: "done", attempts: 2 },
        { state: "done", attempts: 1 },
      ]);
      const now = await client.session(id);
      expect(now.nodes.map((node) => node.id)).toEqual([
        original,
        finished,
        ...jobs.flatMap(({ nodes }) => nodes),
      ]);
      expect(await bytesOf(client.picture(id, finished))).toEqual(picture);
      // Two servers on one folder would give one job to two workers.
      await expect(startServer({ port: 0, data: folder })).rejects.toMatchObject({ code: "server.busy" });
    } finally {
      second.process.kill("SIGTERM");
      const code = await new Promise((resolve) => second.process.once("exit", resolve));
      expect(code).toBe(0);
    }
  });
});

async function childOf(pid: number): Promise<number | null> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8").catch(() => "");
  return Number(text.trim().split(" ")[0]) || null;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe("a data folder that is removed", () => {
  it("stops the server with the reason, and an exit code; the next one begins anew", async () => {
    const { server, folder, logs } = await serve({ preload: false });
    await rm(folder, { recursive: true });
    expect(await server.lost).toMatchObject({
      code: "io.failed",
      message: expect.stringMatching(/was removed while the server ran/),
    });
    expect(logs.filter((line) => line.startsWith("!"))).toEqual([expect.stringMatching(/was removed/)]);
    await expect(fetch(`${server.url}/health`)).rejects.toThrow();
    const next = await serve({ data: folder, preload: false });
    expect(await next.client.sessions()).toEqual([]);
    await next.close();
    await rm(folder, { recursive: true, force: true });

    const own = join(data, "own");
    const { process: child } = await spawnServer(own);
    const ended = new Promise((done) => child.once("exit", done));
    await rm(own, { recursive: true });
    expect(await ended).toBe(1);
  });
});
