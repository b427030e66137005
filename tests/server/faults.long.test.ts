/**
 * A whole server on a disk that fails at its n-th call while people work: every job it accepted runs, every node it showed is
 * there, what it answered with an error did not happen, and /health says what is wrong for as long as it is.
 */
import { afterAll, beforeAll, expect, it } from "vitest";
import { isEmilieError } from "../../src/errors.ts";
import { everyFault, FaultyDisk } from "../support/faulty-disk.ts";
import { edit, type Fixture, serve } from "../support/server-fixture.ts";

const CHECKPOINT = new URL("../fixtures/parity/sd1/checkpoint", import.meta.url).pathname;
const ALL = process.env.EMILIE_FAULTS === "all";

let fixture: Fixture;
let disk: FaultyDisk;
beforeAll(async () => {
  fixture = await serve({ model: CHECKPOINT, limits: { requestsPerSecond: 1e6, burst: 1e6 } });
  disk = new FaultyDisk(fixture.folder);
});
afterAll(async () => {
  disk.restore();
  await fixture.close();
});

/** Null where the server answered with an error. */
async function answer<T>(request: Promise<T>): Promise<T | null> {
  return request.catch((error: unknown) => {
    expect(isEmilieError(error), String(error)).toBe(true);
    return null;
  });
}

it("goes on where the disk failed once, or until it works again", async () => {
  const { client } = fixture;
  let { id, root } = await client.createSession({ example: "cottage" });
  let seed = 0;
  const runs = await everyFault(
    async (fault) => {
      let before = await client.session(id);
      // The queue remembers some hundred finished jobs, and a small session is read and written sooner.
      if (before.nodes.length > 40) {
        await client.deleteSession(id);
        ({ id, root } = await client.createSession({ example: "cottage" }));
        before = await client.session(id);
      }
      const jobs = (await client.jobs(id)).map((job) => job.id);
      const change = { steps: 1, previews: 0, from: root } as const;
      disk.arm(fault);
      const accepted: string[] = [];
      for (let i = 0; i < 2; i++) {
        const job = await answer(client.edit(id, { ...change, instruction: "make it red", seed: ++seed }));
        if (job) accepted.push(job.id);
      }
      const named = await answer(client.renameSession(id, `${fault.at}`));
      const made = await answer(client.createSession({ example: "road" }));
      if (fault.manner === "lasting" && disk.failed) {
        // What failed may be a flush or a picture that can be made again, which no answer tells: an earlier answer stands for a second.
        await expect
          .poll(async () => (await client.health()).problems.join(), { timeout: 30_000 })
          .toMatch(/cannot be written/);
        expect((await client.health()).status).toBe("degraded");
      }
      const { failed } = disk;
      disk.disarm();
      for (const job of accepted)
        expect(await client.finished(job)).toMatchObject({ state: "done", error: null });
      await expect.poll(async () => (await client.health()).status, { timeout: 10_000 }).toBe("ok");

      const after = await client.session(id);
      const mine = await client.jobs(id);
      // Nothing ran but what was accepted, and each made its node.
      expect(mine.map((job) => job.id)).toEqual([...jobs, ...accepted]);
      const nodes = mine.filter((job) => accepted.includes(job.id)).flatMap((job) => job.nodes);
      expect(after.nodes.map((node) => node.id)).toEqual([...before.nodes.map((node) => node.id), ...nodes]);
      expect(nodes).toHaveLength(accepted.length);
      expect(after.name).toBe(named ? named.name : before.name);
      const sessions = (await client.sessions()).map((session) => session.id);
      expect(sessions.sort()).toEqual([id, ...(made ? [made.id] : [])].sort());
      if (made) await client.deleteSession(made.id);
      return { failed };
    },
    { every: ALL ? 1 : 13 },
  );
  expect(runs).toBeGreaterThan(5);
  // All of it, once more, from the disk.
  expect(await edit(client, id, { instruction: "make it blue" })).toMatchObject({ state: "done" });
}, 3_600_000);
