/** Servers and workers that share a database and a bucket: one session, whichever of them is asked. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Bucket, startBucket } from "./bucket.ts";
import { type Cluster, freePort, startCluster } from "./cluster.ts";
import { type Place, type Started, startServer, startWorker, stop } from "./processes.ts";

let cluster: Cluster;
let bucket: Bucket;
let place: Place;
let servers: Awaited<ReturnType<typeof startServer>>[];
let workers: Started[];
let healthPorts: number[];
beforeAll(async () => {
  [cluster, bucket] = await Promise.all([startCluster(), startBucket()]);
  place = { database: await cluster.create(), blobs: bucket.address };
  healthPorts = [await freePort(), await freePort()];
  workers = await Promise.all(
    ["one", "two"].map((name, i) =>
      startWorker(place, ["--name", name, "--health-port", `${healthPorts[i]}`]),
    ),
  );
  servers = await Promise.all([startServer(place), startServer(place)]);
});
afterAll(async () => {
  await stop(...(servers ?? []), ...(workers ?? []));
  await Promise.all([cluster?.stop(), bucket?.stop()]);
});
const clients = () =>
  servers.map(({ client }) => client) as [(typeof servers)[0]["client"], (typeof servers)[0]["client"]];

describe("two servers and two workers", () => {
  it("show the same session, and each every event and picture", async () => {
    const [first, second] = clients();
    const session = await first.createSession({ example: "cottage" });
    expect((await second.sessions()).map(({ id }) => id)).toContain(session.id);
    const heard: string[] = [];
    const job = await first.edit(session.id, {
      instruction: "make it winter",
      steps: 3,
      previews: 2,
      seed: 7,
    });
    const done = await second.finished(job.id, { onEvent: (event) => void heard.push(event.type) });
    expect(done).toMatchObject({ state: "done", error: null });
    expect(heard).toContain("progress");
    const pictures = await Promise.all(
      [first, second].map(async (client) => (await client.picture(session.id, done.nodes[0]!)).size),
    );
    expect(pictures[0]).toBeGreaterThan(1000);
    expect(pictures[1]).toBe(pictures[0]);
    const { a, b } = { a: session.root, b: done.nodes[0]! };
    expect((await second.compare(session.id, a, b)).inside.pixels).toBeGreaterThan(0);
  });

  it("crop and edit in one job, which ends after the edit", async () => {
    const [first, second] = clients();
    const session = await first.createSession({ example: "cottage" });
    const crop = { x: 8, y: 8, width: 96, height: 96 };
    const job = await first.edit(session.id, {
      instruction: "make it winter",
      ...{ crop, steps: 2, previews: 0 },
    });
    const done = await second.finished(job.id);
    expect(done).toMatchObject({ state: "done", error: null });
    expect(done.nodes).toHaveLength(2);
    const { nodes } = await second.session(session.id);
    expect(nodes.find(({ id }) => id === done.nodes[1])).toMatchObject({ parent: done.nodes[0], width: 96 });
    const only = await second.finished((await first.edit(session.id, { crop, from: session.root })).id);
    expect(only).toMatchObject({ state: "done", nodes: { length: 1 } });
  });

  it("take edits of one session from both, one after the other, and lose none", async () => {
    const [first, second] = clients();
    const session = await first.createSession({ example: "cottage" });
    const jobs = await Promise.all(
      Array.from({ length: 8 }, (_, seed) =>
        [first, second][seed % 2]!.edit(session.id, {
          instruction: "make it winter",
          steps: 2,
          previews: 0,
          from: session.root,
          seed,
        }),
      ),
    );
    const ended = await Promise.all(jobs.map((job, i) => [second, first][i % 2]!.finished(job.id)));
    expect(ended.map(({ state }) => state)).toEqual(Array(8).fill("done"));
    const { nodes } = await second.session(session.id);
    expect(nodes.map(({ id }) => id).sort()).toEqual(
      [session.root, ...ended.flatMap((job) => job.nodes)].sort(),
    );
    // At most one at a time: each begins when the one before has ended.
    const times = ended
      .map(({ started, finished }) => [started!, finished!] as const)
      .sort((a, b) => a[0] - b[0]);
    for (const [i, [started]] of times.entries())
      if (i > 0) expect(started).toBeGreaterThanOrEqual(times[i - 1]![1] - 5);
  });

  it("stop a job that another server's worker runs, and one that waits", async () => {
    const [first, second] = clients();
    const session = await first.createSession({ example: "cottage" });
    const edit = { instruction: "make it winter", steps: 400, previews: 0, from: session.root };
    const running = await first.edit(session.id, { ...edit, seed: 1 });
    const waiting = await first.edit(session.id, { ...edit, seed: 2 });
    await expect
      .poll(async () => (await second.job(running.id)).progress?.step ?? 0, { timeout: 60_000 })
      .toBeGreaterThan(0);
    expect((await second.cancelJob(waiting.id)).state).toBe("cancelled");
    await second.cancelJob(running.id);
    expect((await first.finished(running.id)).state).toBe("cancelled");
    expect((await first.session(session.id)).nodes).toHaveLength(1);
  });

  it("end a running edit with its preview when another server is asked to", async () => {
    const [first, second] = clients();
    const session = await first.createSession({ example: "cottage" });
    const job = await first.edit(session.id, {
      instruction: "make it winter",
      steps: 400,
      previews: 0,
      seed: 3,
    });
    await expect
      .poll(async () => (await second.job(job.id)).progress?.step ?? 0, { timeout: 60_000 })
      .toBeGreaterThan(0);
    await second.keepPreview(job.id);
    expect(await first.finished(job.id)).toMatchObject({ state: "done", kept: true });
  });

  it("say who is there", async () => {
    const { url } = servers[0]!;
    const listed = (await (await fetch(`${url}/workers`)).json()) as { name: string; models: string[] }[];
    expect(listed.map(({ name, models }) => [name, models])).toEqual([
      ["one", ["checkpoint"]],
      ["two", ["checkpoint"]],
    ]);
    const metrics = await (await fetch(`${url}/metrics`)).text();
    expect(metrics).toMatch(/^emilie_workers 2$/m);
    expect(metrics).toMatch(/^emilie_queue_oldest_seconds 0$/m);
    expect((await fetch(`${url}/health`)).status).toBe(200);
  });

  it("count the jobs that each has run, whichever ran which", async () => {
    const [first] = clients();
    const ended = (await first.jobs()).filter(({ state }) => state === "done").length;
    expect(ended).toBeGreaterThan(0);
    const answered = async (path: string) =>
      Promise.all(healthPorts.map((port) => fetch(`http://127.0.0.1:${port}${path}`)));
    for (const path of ["/live", "/health"])
      expect((await answered(path)).map(({ status }) => status)).toEqual([200, 200]);
    const counted = async () => {
      const texts = await Promise.all((await answered("/metrics")).map((answer) => answer.text()));
      const done = texts.map((text) => /^emilie_jobs_total\{state="done"\} (\d+)$/m.exec(text)?.[1] ?? "0");
      return done.reduce((sum, count) => sum + Number(count), 0);
    };
    // A worker counts a job after it has been told to others.
    await expect.poll(counted).toBe(ended);
  });
});
