/** Jobs that workers elsewhere run: what is asked of them goes through the database. */
import { EmilieError } from "../../errors.ts";
import type { JobControl } from "../dispatcher.ts";
import { positionOf } from "../queue/position.ts";
import type { Job } from "../queue/queue.ts";
import type { JobInfo } from "../schemas/index.ts";
import { jobView } from "../view.ts";
import type { PgQueue } from "./pg-queue.ts";
import type { SharedEvents } from "./shared-events.ts";

export class RemoteJobs implements JobControl {
  readonly #queue: PgQueue;
  readonly #events: SharedEvents;

  constructor(queue: PgQueue, events: SharedEvents) {
    this.#queue = queue;
    this.#events = events;
  }

  /** The ticket has told the workers. */
  wake(): void {}

  async cancel(id: string): Promise<void> {
    // It may be taken, or given back, between the two.
    for (let tries = 0; tries < 10; tries++) {
      if ((await this.#queue.get(id)).finished !== null) return;
      if ((await this.#queue.withdraw(id)).finished !== null) return;
      if (await this.#queue.ask(id, "cancel")) return;
    }
  }

  async keep(id: string): Promise<void> {
    const job = await this.#queue.get(id);
    if (job.work.kind !== "edit")
      throw new EmilieError("option.invalid", "only an edit can be ended with its preview");
    if (job.state !== "running" || !(await this.#queue.ask(id, "keep")))
      throw new EmilieError(
        "option.invalid",
        `the job is ${job.state}; only a running one has a preview to keep`,
      );
  }

  async view(job: Job): Promise<JobInfo> {
    const progress = job.finished === null ? this.#events.progressOf(job.id) : null;
    return jobView(job, await positionOf(this.#queue, job), progress);
  }
}
