/** What the queue in PostgreSQL does beyond the contract: who is next, whose a job is, and who is waited for. */
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { Database } from "../../src/server/database/database.ts";
import { Leases } from "../../src/server/database/leases.ts";
import { PgQueue } from "../../src/server/database/pg-queue.ts";
import { register } from "../../src/server/database/workers.ts";
import { said, work } from "../server/queue-contract.ts";
import { startCluster } from "./cluster.ts";

const cluster = await startCluster();
let database: Database;
const opened: Database[] = [];
beforeEach(async () => {
  database = await Database.open(await cluster.create(), { connections: 6 });
  opened.push(database);
});
afterAll(async () => {
  for (const one of opened) await one.close();
  await cluster.stop();
});
const many = { total: 5000, perSession: 5000 };
const facts = { host: "here", pid: 1, version: "1", device: "cpu", models: [] };
const idle = { job: null, loaded: null, memory: 0 };

async function run(queue: PgQueue, count: number): Promise<(string | null)[]> {
  const taken: (string | null)[] = [];
  for (let i = 0; i < count; i++) {
    const job = await queue.take("w");
    taken.push(said(job));
    if (job) await queue.finish(job.id, { state: "done" });
  }
  return taken;
}

describe("turns", () => {
  it("a thousand jobs of one session delay another's first by one", async () => {
    const queue = new PgQueue(database, { limits: many });
    for (let i = 0; i < 1000; i++) await queue.add("many", work(`m${i}`));
    expect(await run(queue, 2)).toEqual(["m0", "m1"]);
    const first = await queue.add("few", work("f"));
    expect(await queue.position(first.id)).toBeLessThanOrEqual(1);
    expect(await run(queue, 2)).toContain("f");
  }, 120_000);

  it("sessions that keep coming do not keep out one that waits", async () => {
    const queue = new PgQueue(database, { limits: many });
    await queue.add("old", work("old 1"));
    await queue.add("old", work("old 2"));
    await run(queue, 1);
    const taken: (string | null)[] = [];
    for (let i = 0; i < 80; i++) {
      await queue.add(`new ${i}`, work(`new ${i}`));
      await queue.add(`newer ${i}`, work(`newer ${i}`));
      taken.push(...(await run(queue, 1)));
    }
    expect(taken).toContain("old 2");
  });

  it("users take turns, however many sessions each has", async () => {
    const queue = new PgQueue(database, { limits: many });
    for (let i = 0; i < 30; i++) await queue.add(`s${i}`, work(`ada ${i}`), "ada");
    for (let i = 0; i < 3; i++) await queue.add(`t${i}`, work(`bob ${i}`), "bob");
    const taken = await run(queue, 7);
    expect(taken.filter((one) => one?.startsWith("bob"))).toEqual(["bob 0", "bob 1", "bob 2"]);
  });

  it("one session has one job under way", async () => {
    const queue = new PgQueue(database);
    await queue.add("a", work("a1"));
    await queue.add("a", work("a2"));
    const first = await queue.take("w1");
    expect(said(first)).toBe("a1");
    expect(await queue.take("w2")).toBeNull();
    await queue.finish(first!.id, { state: "done" });
    expect(said(await queue.take("w2"))).toBe("a2");
  });
});

describe("a lease", () => {
  const expire = () =>
    database.query(
      "UPDATE @schema.jobs SET lease_until = now() - interval '1 second' WHERE state = 'running'",
    );

  it("that has run out is another's: its former holder changes nothing", async () => {
    const [leases, others] = [new Leases(), new Leases()];
    const queue = new PgQueue(database, { leases });
    const other = new PgQueue(database, { leases: others });
    const { id } = await queue.add("a", work("1"));
    await queue.take("w1");
    await expire();
    expect((await other.recoverExpired()).map((job) => job.state)).toEqual(["waiting"]);
    expect((await other.take("w2"))?.id).toBe(id);
    const lost = { code: "job.lost" };
    await expect(queue.update(id, { nodes: ["0123456789ab"] })).rejects.toMatchObject(lost);
    await expect(queue.finish(id, { state: "done" })).rejects.toMatchObject(lost);
    await expect(database.transaction((on) => leases.check(on))).rejects.toMatchObject(lost);
    expect(await queue.beat()).toMatchObject({ lost: [id] });
    expect(await other.get(id)).toMatchObject({ state: "running", worker: "w2", nodes: [] });
    await database.transaction((on) => others.check(on));
    expect(await other.finish(id, { state: "done" })).toMatchObject({ state: "done", attempts: 2 });
  });

  it("is not given to a third worker", async () => {
    const queue = new PgQueue(database);
    const { id } = await queue.add("a", work("1"));
    for (const worker of ["w1", "w2"]) {
      expect((await queue.take(worker))?.id).toBe(id);
      await expire();
      await queue.recoverExpired();
    }
    expect(await queue.take("w3")).toBeNull();
    expect(await queue.get(id)).toMatchObject({
      state: "failed",
      attempts: 2,
      error: { code: "job.interrupted" },
    });
  });

  it("goes on with every beat, which brings what was asked", async () => {
    const queue = new PgQueue(database);
    const { id } = await queue.add("a", work("1"));
    await queue.take("w1");
    await expire();
    expect(await queue.ask(id, "cancel")).toBe(true);
    expect(await queue.beat()).toEqual({ asked: [{ job: id, what: "cancel" }], lost: [] });
    expect(await queue.recoverExpired()).toEqual([]);
    // Given back, a job that was cancelled is not begun again.
    expect(await queue.release(id)).toMatchObject({ state: "cancelled" });
  });
});

describe("a worker", () => {
  it("that served a session is waited for, for two seconds, and not for longer", async () => {
    const queue = new PgQueue(database);
    await register(database, "w1", facts, idle);
    await register(database, "w2", facts, idle);
    await queue.add("a", work("a1"));
    const first = await queue.take("w1");
    await queue.finish(first!.id, { state: "done" });
    await queue.add("a", work("a2"));
    await queue.add("b", work("b1"));
    expect(said(await queue.take("w2"))).toBe("b1");
    expect(await queue.take("w2")).toBeNull();
    await database.query(
      "UPDATE @schema.jobs SET admitted = now() - interval '3 seconds' WHERE state = 'waiting'",
    );
    expect(said(await queue.take("w2"))).toBe("a2");
  });

  it("that is gone is not waited for", async () => {
    const queue = new PgQueue(database);
    await register(database, "w1", facts, idle);
    await queue.add("a", work("a1"));
    await queue.finish((await queue.take("w1"))!.id, { state: "done" });
    await database.query("UPDATE @schema.workers SET seen = now() - interval '1 minute'");
    await queue.add("a", work("a2"));
    expect(said(await queue.take("w2"))).toBe("a2");
  });

  it("is given no job of a model that it does not have", async () => {
    const queue = new PgQueue(database, { models: ["painter"] });
    await queue.add("a", work("a1"));
    expect(await queue.take("w1")).toBeNull();
    await database.query("UPDATE @schema.jobs SET model = 'painter'");
    expect(said(await new PgQueue(database).take("w1"))).toBe("a1");
  });
});
