/** What dies, stops or is stopped: nothing is lost, nothing is done twice, nobody waits for ever. */

import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Cluster, startCluster } from "./cluster.ts";
import { type Place, type Started, startServer, startWorker, stop } from "./processes.ts";

let cluster: Cluster;
let place: Place;
let server: Awaited<ReturnType<typeof startServer>>;
const workers: Started[] = [];
beforeAll(async () => {
  cluster = await startCluster();
  place = { database: await cluster.create() };
  workers.push(await startWorker(place, ["--name", "one"]));
  server = await startServer(place);
});
afterAll(async () => {
  await stop(server, ...workers);
  await cluster.stop();
});
const long = { instruction: "make it winter", steps: 400, previews: 0 };
const short = { instruction: "make it winter", steps: 2, previews: 0 };
const LATE = { timeout: 180_000, interval: 100 };

async function running(): Promise<{ session: string; job: string }> {
  const session = await server.client.createSession({ example: "cottage" });
  const job = await server.client.edit(session.id, { ...long, seed: 1 });
  await expect
    .poll(async () => (await server.client.job(job.id)).progress?.step ?? 0, LATE)
    .toBeGreaterThan(0);
  return { session: session.id, job: job.id };
}
const workerOf = async (job: string): Promise<string | null> => {
  const client = new pg.Client(place.database);
  await client.connect();
  const { rows } = await client.query("SELECT worker FROM emilie.jobs WHERE id = $1", [job]);
  await client.end();
  return rows[0].worker;
};

describe("a worker", () => {
  it("that is asked to end gives its job back, which goes on elsewhere and counts no attempt", async () => {
    const { job } = await running();
    workers.push(await startWorker(place, ["--name", "two"]));
    const [one] = workers;
    one!.process.kill("SIGTERM");
    expect(await one!.ended).toBe(0);
    await expect.poll(() => workerOf(job), LATE).toBe("two");
    expect((await server.client.job(job)).attempts).toBe(1);
    expect(await server.client.cancelJob(job)).toMatchObject({ id: job });
    expect((await server.client.finished(job)).state).toBe("cancelled");
  });

  it("that is stopped for longer than its lease, and goes on, commits nothing", async () => {
    const { job, session } = await running();
    const two = workers[1]!;
    // The inference process too, as when the machine sleeps.
    two.process.kill("SIGSTOP");
    workers.push(await startWorker(place, ["--name", "three"]));
    await expect.poll(() => workerOf(job), LATE).toBe("three");
    two.process.kill("SIGCONT");
    // As soon as the other has a preview to keep.
    await expect
      .poll(
        () =>
          server.client.keepPreview(job).then(
            () => true,
            () => false,
          ),
        LATE,
      )
      .toBe(true);
    const done = await server.client.finished(job);
    expect(done).toMatchObject({ state: "done", attempts: 2 });
    expect((await server.client.session(session)).nodes.map(({ id }) => id)).toEqual([
      expect.any(String),
      ...done.nodes,
    ]);
    await expect.poll(() => two.log() === "" || /job/.test(two.log()), LATE).toBe(true);
    // And it works on.
    const again = await server.client.edit(session, { ...short, seed: 5 });
    expect((await server.client.finished(again.id)).state).toBe("done");
  });

  it("that is killed leaves its job to another; a second one that dies with it ends it", async () => {
    const { job } = await running();
    let name = await workerOf(job);
    const kill = () => workers[name === "two" ? 1 : 2]!.process.kill("SIGKILL");
    kill();
    await expect.poll(() => workerOf(job), LATE).toBe(name === "two" ? "three" : "two");
    name = await workerOf(job);
    kill();
    expect(await server.client.finished(job)).toMatchObject({
      state: "failed",
      error: { code: "job.interrupted" },
    });
  });
});

describe("the database", () => {
  it("is killed, and everything goes on", async () => {
    workers.push(await startWorker(place, ["--name", "four"]));
    const { session, job } = await running();
    await cluster.kill();
    expect((await fetch(`${server.url}/live`)).status).toBe(200);
    expect((await fetch(`${server.url}/health`)).status).toBe(503);
    await cluster.start();
    await expect.poll(async () => (await fetch(`${server.url}/health`)).status, LATE).toBe(200);
    await server.client.cancelJob(job);
    expect((await server.client.finished(job)).finished).not.toBeNull();
    const again = await server.client.edit(session, { ...short, seed: 9 });
    expect((await server.client.finished(again.id)).state).toBe("done");
  });
});

describe("a server with named tokens", () => {
  it("asks for one, and refuses it when it is revoked", async () => {
    const { createToken, revokeToken } = await import("../../src/server/database/tokens.ts");
    const { Database } = await import("../../src/server/database/database.ts");
    const database = await Database.open(place.database);
    const token = await createToken(database, "ada");
    const other = await startServer(place);
    try {
      const ask = (headers: Record<string, string> = {}) =>
        fetch(`${other.url}/api/v1/sessions`, { headers }).then(({ status }) => status);
      expect(await ask()).toBe(401);
      expect(await ask({ authorization: `Bearer ${token}` })).toBe(200);
      await revokeToken(database, "ada");
      await createToken(database, "bob");
      expect(await ask({ authorization: `Bearer ${token}` })).toBe(401);
    } finally {
      await stop(other);
      await database.close();
    }
  });
});
