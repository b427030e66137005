/** Questions about a whole queue: its own answer, or what follows from the list of its jobs. */
import type { Job, JobQueue } from "./queue.ts";

/** How many jobs are begun before this one; null where it does not wait. */
export async function positionOf(queue: JobQueue, job: Job): Promise<number | null> {
  if (job.state !== "waiting") return null;
  if (queue.position) return queue.position(job.id);
  const order = (await queue.order()).findIndex(({ id }) => id === job.id);
  // The queue's word, since a job that was just taken is not yet at work here.
  const running = (await queue.list()).filter(({ state }) => state === "running").length;
  return order < 0 ? null : order + running;
}

export interface QueueFigures {
  readonly waiting: number;
  readonly running: number;
  /** How long the one that waits longest has waited, in seconds. */
  readonly oldestSeconds: number;
}

export async function figuresOf(queue: JobQueue): Promise<QueueFigures> {
  if (queue.figures) return queue.figures();
  const jobs = await queue.list();
  const waiting = jobs.filter(({ state }) => state === "waiting");
  const oldest = Math.min(...waiting.map(({ created }) => created));
  return {
    waiting: waiting.length,
    running: jobs.filter(({ state }) => state === "running").length,
    oldestSeconds: waiting.length === 0 ? 0 : Math.max(0, (Date.now() - oldest) / 1000),
  };
}
