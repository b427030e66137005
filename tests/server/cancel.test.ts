/** A cancel that comes between the queue and the worker. */
import { expect, it } from "vitest";
import { Dispatcher } from "../../src/server/dispatcher.ts";
import { EventLog } from "../../src/server/events.ts";
import { Metrics } from "../../src/server/metrics.ts";
import { MemoryQueue } from "../../src/server/queue/memory-queue.ts";
import type { Job } from "../../src/server/queue/queue.ts";
import { Retry } from "../../src/server/retry.ts";
import { MemoryStore } from "../../src/server/store/memory-store.ts";
import { WorkerProcess } from "../../src/server/worker/process.ts";

/** Writes down that a job was taken only when it is told to, as a slow disk does. */
class SlowQueue extends MemoryQueue {
  write = () => {};
  #tellTaken = () => {};
  readonly #written = new Promise<void>((resolve) => {
    this.write = resolve;
  });
  readonly taken = new Promise<void>((resolve) => {
    this.#tellTaken = resolve;
  });

  protected override async persist(job: Job): Promise<void> {
    if (job.state !== "running") return;
    this.#tellTaken();
    await this.#written;
  }
}

async function takenJob() {
  const queue = new SlowQueue();
  const worker = new WorkerProcess({});
  const problems: string[] = [];
  const events = new EventLog();
  const dispatcher = new Dispatcher({
    queue,
    worker,
    events,
    store: new MemoryStore(),
    metrics: new Metrics((problem) => problems.push(problem)),
    retry: new Retry((problem) => problems.push(String(problem))),
    catalog: { resolve: async (id) => id },
  });
  const { id } = await queue.add("0".repeat(16), {
    kind: "relevance",
    from: "0".repeat(12),
    instruction: "make it red",
    seed: 0,
    options: {},
  });
  dispatcher.wake();
  await queue.taken;
  return { queue, worker, problems, events, dispatcher, id };
}

it("a job that was taken and is not yet at work is cancelled, told once, and never begun", async () => {
  const { queue, worker, problems, events, dispatcher, id } = await takenJob();
  const stop = new AbortController();
  const told = events.follow({ job: id }, events.last, stop.signal);
  // What is not written down yet has not happened.
  expect((await queue.get(id)).state).toBe("waiting");
  const cancelled = dispatcher.cancel(id);
  queue.write();
  await cancelled;
  const first = await told.next();
  expect(first.value!.event).toMatchObject({ type: "job", job: { state: "cancelled" } });
  // The next job shows that the dispatcher has gone past this one. Its session does not exist, so it fails.
  const next = await queue.add("1".repeat(16), (await queue.get(id)).work);
  dispatcher.wake();
  await expect.poll(async () => (await queue.get(next.id)).state).toBe("failed");
  expect(await queue.get(id)).toMatchObject({ state: "cancelled", error: null });
  expect(worker.state).toBe("stopped");
  expect(problems).toEqual([]);
  await dispatcher.cancel(id); // what has ended stays as it is
  const more = told.next();
  stop.abort();
  expect((await more).done).toBe(true);
});

it("one that is forgotten with its session meanwhile is no problem", async () => {
  const { queue, worker, problems, dispatcher, id } = await takenJob();
  const gone = [dispatcher.cancel(id), queue.forget("0".repeat(16))];
  queue.write();
  await Promise.all(gone);
  const next = await queue.add("1".repeat(16), {
    kind: "relevance",
    from: "0".repeat(12),
    instruction: "make it red",
    seed: 0,
    options: {},
  });
  dispatcher.wake();
  await expect.poll(async () => (await queue.get(next.id)).state).toBe("failed");
  expect(worker.state).toBe("stopped");
  expect(problems).toEqual([]);
});
