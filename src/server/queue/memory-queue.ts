/**
 * The queue in memory; the one on the disk is this one with a notebook.
 *
 * Every change goes through #set or #remove, one after the other: it is written down first and counts only then. What could not
 * be written down has not happened.
 */
import { randomBytes } from "node:crypto";
import { EmilieError } from "../../errors.ts";
import { Turns } from "../../util/turns.ts";
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
  readonly #turns = new Turns();
  readonly #limits: QueueLimits;

  constructor(limits: Partial<QueueLimits> = {}) {
    this.#limits = { ...QUEUE_LIMITS, ...limits };
  }

  add(session: string, work: Work): Promise<Job> {
    return this.#turn(async () => {
      const waiting = [...this.jobs.values()].filter(({ state }) => state === "waiting");
      const own = waiting.filter((job) => job.session === session);
      const { total, perSession } = this.#limits;
      if (waiting.length >= total || own.length >= perSession) {
        const what = waiting.length >= total ? `${total} jobs` : `${perSession} jobs of this session`;
        throw new EmilieError("queue.full", `${what} are already waiting. Try again when some are done.`);
      }
      return this.#set({
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
      });
    });
  }

  take(worker: string): Promise<Job | null> {
    return this.#turn(async () => {
      const [next] = this.#order();
      if (!next) return null;
      const attempts = next.attempts + 1;
      const taken = await this.#set({
        ...next,
        ...{ state: "running", started: Date.now(), attempts, worker, nodes: [] },
      });
      this.#served.set(next.session, ++this.#clock);
      return taken;
    });
  }

  update(id: string, change: JobChange): Promise<Job> {
    return this.#turn(() => this.#set({ ...this.#job(id), ...change }));
  }

  finish(id: string, end: JobEnd): Promise<Job> {
    return this.#turn(() => this.#finish(id, end));
  }

  withdraw(id: string): Promise<Job> {
    return this.#turn(async () => {
      const job = this.#job(id);
      return job.state === "waiting" ? this.#finish(id, { state: "cancelled" }) : job;
    });
  }

  release(id: string): Promise<Job> {
    return this.#turn(async () => {
      const job = this.#job(id);
      if (job.state !== "running") return job;
      return this.#set({ ...job, state: "waiting", worker: null, attempts: job.attempts - 1 });
    });
  }

  recover(worker?: string): Promise<Job[]> {
    return this.#turn(async () => {
      const lost = [...this.jobs.values()].filter(
        (job) => job.state === "running" && (worker === undefined || job.worker === worker),
      );
      const changed: Job[] = [];
      for (const job of lost) {
        if (job.attempts < MAX_ATTEMPTS)
          changed.push(await this.#set({ ...job, state: "waiting", worker: null }));
        else {
          const message = `The worker ended ${job.attempts} times while it ran this job. What it had finished is kept.`;
          const error = { code: "job.interrupted", message };
          changed.push(await this.#finish(job.id, { state: "failed", error }));
        }
      }
      return changed;
    });
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

  forget(session: string): Promise<void> {
    return this.#turn(async () => {
      for (const job of this.jobs.values()) {
        if (job.session === session && job.state !== "running") await this.#remove(job.id);
      }
    });
  }

  /** Writes a change down, before it is seen by anybody. Where this throws, nothing may have been changed. */
  protected async persist(_job: Job): Promise<void> {}
  protected async erase(_id: string): Promise<void> {}

  #turn<T>(action: () => Promise<T>): Promise<T> {
    return this.#turns.take("queue", action);
  }

  async #set(job: Job): Promise<Job> {
    await this.persist(job);
    this.jobs.set(job.id, job);
    return job;
  }

  async #remove(id: string): Promise<void> {
    await this.erase(id);
    this.jobs.delete(id);
  }

  async #finish(id: string, { state, error = null }: JobEnd): Promise<Job> {
    const job = this.#job(id);
    if (job.finished !== null) return job;
    const ended = await this.#set({ ...job, state, error, worker: null, finished: Date.now() });
    const finished = [...this.jobs.values()].filter((one) => one.finished !== null);
    const old = finished.sort((a, b) => a.finished! - b.finished!).slice(0, -this.#limits.finished);
    // The job has ended, whether or not an older one can be removed; the next end tries again.
    for (const one of old) await this.#remove(one.id).catch(() => {});
    return ended;
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
