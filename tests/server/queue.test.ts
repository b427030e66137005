/** The contract of every job queue, run against the implementations that need nothing installed. */
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DiskQueue } from "../../src/server/queue/disk-queue.ts";
import { MemoryQueue } from "../../src/server/queue/memory-queue.ts";
import type { JobQueue, QueueLimits } from "../../src/server/queue/queue.ts";
import { queueContract, said, work } from "./queue-contract.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "emilie-queues-"));
});
afterAll(() => rm(folder, { recursive: true }));

let count = 0;
const QUEUES: Record<string, (limits?: Partial<QueueLimits>) => Promise<JobQueue>> = {
  "in memory": async (limits) => new MemoryQueue(limits),
  "on the disk": async (limits) => DiskQueue.open(join(folder, `${++count}`), limits),
};

queueContract(QUEUES);

describe("the queue on the disk", () => {
  it("goes on where it was after a kill: running jobs wait again, ended ones are remembered", async () => {
    const path = join(folder, "again");
    const first = await DiskQueue.open(path);
    const jobs = [];
    for (const text of ["done", "running", "waiting", "waiting too"])
      jobs.push(await first.add("a", work(text)));
    await first.take("w");
    await first.finish(jobs[0]!.id, { state: "done" });
    await first.take("w");
    // No goodbye: the files are as a kill leaves them.
    const second = await DiskQueue.open(path);
    expect((await second.recover()).map(said)).toEqual(["running"]);
    expect((await second.order()).map(said)).toEqual(["running", "waiting", "waiting too"]);
    expect(await second.get(jobs[0]!.id)).toMatchObject({ state: "done" });
    expect((await readdir(path)).filter((name) => !name.endsWith(".json"))).toEqual([]);
  });
});
