/** The queue in memory; the one on the disk is this one with a notebook. */
import { randomBytes } from "node:crypto";
import { EmilieError } from "../../errors.ts";
import {
  type Job,
  type JobChange,
  type JobEnd,
  type JobQueue,
  MAX_ATTEMPTS,
  QUEUE_LIMITS,
  type QueueLimits,
  type Work,
} from "./queue.ts";

export class MemoryQueue implements JobQueue {
  /** In the order they came. */
  protected readonly jobs = new Map<string, Job>();
  /** By session: when one of its jobs was begun last, as a count. */
  readonly #served = new Map<string, number>();
  #clock = 0;
  readonly #limits: QueueLimits;

  constructor(limits: Partial<QueueLimits> = {}) {
    this.#limits = { ...QUEUE_LIMITS, ...limits };
  }

  async add(session: string, work: Work): Promise<Job> {
    const waiting = [...this.jobs.values()].filter(({ state }) => state === "waiting");
    const own = waiting.filter((job) => job.session === session);
    const { total, perSession } = this.#limits;
    if (waiting.length >= total || own.length >= perSession) {
      const what = waiting.length >= total ? `${total} jobs` : `${perSession} jobs of this session`;
      throw new EmilieError("queue.full", `${what} are waiting already. Try again when some are done.`);
    }
    const job: Job = {
      id: randomBytes(8).toString("hex"),
      session,
      work,
      state: "waiting",
      created: this.#now(),
      started: null,
      finished: null,
      attempts: 0,
      worker: null,
      nodes: [],
      replaced: null,
      relevance: null,
      kept: false,
      remarks: [],
      error: null,
    };
    return this.#set(job);
  }

  async take(worker: string): Promise<Job | null> {
    const [next] = this.#order();
    if (!next) return null;
    this.#served.set(next.session, ++this.#clock);
    return this.#set({
      ...next,
      state: "running",
      started: Date.now(),
      attempts: next.attempts + 1,
      worker,
      nodes: [],
    });
  }

  async update(id: string, change: JobChange): Promise<Job> {
    return this.#set({ ...this.#job(id), ...change });
  }

  async finish(id: string, { state, error = null }: JobEnd): Promise<Job> {
    const job = this.#job(id);
    if (job.finished !== null) return job;
    const ended = await this.#set({ ...job, state, error, worker: null, finished: Date.now() });
    const finished = [...this.jobs.values()].filter((one) => one.finished !== null);
    const old = finished.sort((a, b) => a.finished! - b.finished!).slice(0, -this.#limits.finished);
    for (const one of old) await this.#remove(one.id);
    return ended;
  }

  async recover(worker?: string): Promise<Job[]> {
    const lost = [...this.jobs.values()].filter(
      (job) => job.state === "running" && (worker === undefined || job.worker === worker),
    );
    const changed: Job[] = [];
    for (const job of lost) {
      if (job.attempts < MAX_ATTEMPTS)
        changed.push(await this.#set({ ...job, state: "waiting", worker: null }));
      else {
        const message = `The worker ended ${job.attempts} times while it ran this job. What it had finished is kept.`;
        changed.push(
          await this.finish(job.id, { state: "failed", error: { code: "job.interrupted", message } }),
        );
      }
    }
    return changed;
  }

  async get(id: string): Promise<Job> {
    return this.#job(id);
  }

  async list(session?: string): Promise<Job[]> {
    return [...this.jobs.values()].filter((job) => session === undefined || job.session === session);
  }

  async order(): Promise<Job[]> {
    return this.#order();
  }

  /** Not to be interrupted: no two may take the same job. */
  #order(): Job[] {
    const bySession = new Map<string, Job[]>();
    for (const job of this.jobs.values()) {
      if (job.state !== "waiting") continue;
      bySession.set(job.session, [...(bySession.get(job.session) ?? []), job]);
    }
    // Who was served longest ago is next; who never was comes in the order of asking, after nobody.
    const served = new Map([...bySession.keys()].map((session) => [session, this.#served.get(session) ?? 0]));
    const order: Job[] = [];
    let turn = this.#clock;
    while (bySession.size > 0) {
      const session = [...bySession.keys()].reduce((best, one) =>
        served.get(one)! < served.get(best)! ? one : best,
      );
      const jobs = bySession.get(session)!;
      order.push(jobs.shift()!);
      served.set(session, ++turn);
      if (jobs.length === 0) bySession.delete(session);
    }
    return order;
  }

  async forget(session: string): Promise<void> {
    for (const job of await this.list(session)) {
      if (job.state === "waiting") await this.finish(job.id, { state: "cancelled" });
      if (job.state !== "running") await this.#remove(job.id);
    }
  }

  /** Is called before a change is seen by anybody. */
  protected async persist(_job: Job): Promise<void> {}
  protected async erase(_id: string): Promise<void> {}

  async #set(job: Job): Promise<Job> {
    // The new state counts from here on, so that no second take() sees the job while this one is written down.
    this.jobs.set(job.id, job);
    await this.persist(job);
    return job;
  }

  async #remove(id: string): Promise<void> {
    this.jobs.delete(id);
    await this.erase(id);
  }

  /** Later than all before, so that the order of coming is the order of these. */
  #now(): number {
    const last = [...this.jobs.values()].reduce((latest, { created }) => Math.max(latest, created), 0);
    return Math.max(Date.now(), last + 1);
  }

  #job(id: string): Job {
    const job = this.jobs.get(id);
    if (job) return job;
    throw new EmilieError("server.missing", `There is no job ${JSON.stringify(id.slice(0, 40))}.`);
  }
}
