/**
 * The queue in PostgreSQL: a row for each job, which says everything about it, and a ticket of pg-boss for each that may run (tickets.ts).
 * Row and ticket change in one transaction. Whoever takes a job gets a lease; what it writes later is taken only with it.
 */
import { randomBytes, randomUUID } from "node:crypto";
import { EmilieError } from "../../errors.ts";
import type { QueueFigures } from "../queue/position.ts";
import {
  type Job,
  type JobChange,
  type JobEnd,
  type JobQueue,
  MAX_ATTEMPTS,
  type QueueLimits,
  type Work,
} from "../queue/queue.ts";
import type { ServerEvent } from "../schemas/index.ts";
import { jobView } from "../view.ts";
import type { Database, Queries, Transaction } from "./database.ts";
import { COLUMNS, figuresIn, jobOf, json, placesIn, type Row, waitingRows } from "./job-rows.ts";
import { LEASE_SECONDS, Leases, lostJob } from "./leases.ts";
import { emitIn } from "./shared-events.ts";
import { BEGUN, flowOf, LOCK_FLOW, queueOf, Tickets } from "./tickets.ts";

export interface PgQueueOptions {
  readonly limits?: Partial<QueueLimits>;
  /** What this process holds. Default: leases of its own. */
  readonly leases?: Leases;
  /** Whether jobs of one session run one after the other. Default true. */
  readonly serial?: boolean;
  /** Models that jobs are taken for. Default: all. */
  readonly models?: readonly string[];
}

/** A team's, not a person's. */
export const SHARED_LIMITS: QueueLimits = { total: 10_000, perSession: 32, finished: 10_000 };
/** How many jobs end here between two looks for those that are forgotten: counting thousands of rows takes longer than ending one. */
const ENDS_BETWEEN_LOOKS = 100;

/** For how long an order that was read is good enough to say a job's place by. */
const ORDER_MS = 250;

export class PgQueue implements JobQueue {
  readonly #database: Database;
  readonly #tickets: Tickets;
  readonly #limits: QueueLimits;
  readonly #leases: Leases;
  readonly #models: readonly string[] | null;
  #ends = 0;
  #ordered = { time: Number.NEGATIVE_INFINITY, places: Promise.resolve(new Map<string, number>()) };

  constructor(
    database: Database,
    { limits, leases = new Leases(), serial = true, models }: PgQueueOptions = {},
  ) {
    this.#database = database;
    this.#tickets = new Tickets(database, serial);
    this.#limits = { ...SHARED_LIMITS, ...limits };
    this.#leases = leases;
    this.#models = models ?? null;
  }

  async add(session: string, work: Work, owner = ""): Promise<Job> {
    const id = randomBytes(8).toString("hex");
    return this.#change(session, async (on) => {
      const [known] = await on.query<Row>(`SELECT ${COLUMNS} FROM @schema.jobs WHERE id = $1`, [id]);
      if (known) return jobOf(known);
      const { total, perSession } = this.#limits;
      const [waiting] = await on.query<{ all: number; own: number }>(
        `SELECT count(*)::int AS all, count(*) FILTER (WHERE session = $1)::int AS own FROM @schema.jobs WHERE state = 'waiting'`,
        [session],
      );
      if (waiting!.all >= total || waiting!.own >= perSession) {
        const what = waiting!.all >= total ? `${total} jobs` : `${perSession} jobs of this session`;
        throw new EmilieError("queue.full", `${what} are already waiting. Try again when some are done.`);
      }
      await on.query(
        `INSERT INTO @schema.jobs (id, session, model, owner, work, created)
         VALUES ($1, $2, coalesce((SELECT model FROM @schema.sessions WHERE id = $2), ''), $3, $4, $5)`,
        [id, session, owner, JSON.stringify(work), Date.now()],
      );
      await this.#tickets.admit(on, session);
      return this.#job(on, id);
    });
  }

  async take(worker: string): Promise<Job | null> {
    const queues = await this.#queues();
    const lease = randomUUID();
    const job = await this.#database.transaction(async (on) => {
      for (const queue of queues) {
        const id = await this.#tickets.fetch(on, { name: worker, models: this.#models }, queue);
        if (id === null) continue;
        const [row] = await on.query<Row>(
          `WITH job AS (UPDATE @schema.jobs SET state = 'running', started = $2, attempts = attempts + 1, worker = $3, nodes = '[]', lease = $4,
             lease_until = now() + $5 * interval '1 second', asked = NULL WHERE id = $1 RETURNING ${COLUMNS}), ${BEGUN} SELECT ${COLUMNS} FROM job`,
          [id, Date.now(), worker, lease, LEASE_SECONDS],
        );
        return jobOf(row!);
      }
      return null;
    });
    if (job) this.#leases.hold(job.id, lease);
    return job;
  }

  async update(id: string, change: JobChange): Promise<Job> {
    return this.#database.transaction((on) => this.updateIn(on, id, change));
  }

  /** @throws EmilieError "server.missing"; "job.lost" where this process has held its lease, and does no more */
  async updateIn(on: Queries, id: string, change: JobChange): Promise<Job> {
    return this.#note(on, { ...(await this.#own(on, id)), ...change });
  }

  /**
   * Does what belongs to a job, notes what it has made, ends it where that was its last, and tells of all of it. Nothing is done where
   * `isDone`: by a try whose answer was lost.
   *
   * @throws EmilieError "job.lost" where the job is not this process's any more
   */
  async commitIn(
    on: Transaction,
    { id, session }: Job,
    {
      made,
      last,
      isDone,
      act,
    }: {
      readonly made: string;
      readonly last: boolean;
      readonly isDone: (job: Job) => boolean;
      readonly act: () => Promise<{ kept: boolean; events: ServerEvent[] }>;
    },
  ): Promise<void> {
    // The session's flow first, then the row: a row is locked when all that it is joined with is there.
    const [row] = await on.query<Row & { lease: string | null }>(
      `WITH flow AS (${LOCK_FLOW} RETURNING 1) SELECT ${COLUMNS}, lease FROM flow, @schema.jobs j WHERE id = $2 FOR UPDATE OF j`,
      [flowOf(session), id],
    );
    if (row && isDone(jobOf(row))) return;
    if (row?.state !== "running" || row.lease !== this.#leases.of(id)) throw lostJob(id);
    const job = jobOf(row);
    const acted = await act();
    const nodes = [...new Set([...job.nodes, made])];
    const noted = { ...job, nodes, kept: job.kept || acted.kept };
    const now = last ? await this.#close(on, id, "done", null, noted) : await this.#note(on, noted);
    await emitIn(on, [...acted.events, { type: "job", job: jobView(now, null, null) }]);
  }

  async #note(on: Queries, { id, nodes, replaced, relevance, kept, remarks }: Job): Promise<Job> {
    const [row] = await on.query<Row>(
      `UPDATE @schema.jobs SET nodes = $2, replaced = $3, relevance = $4, kept = $5, remarks = $6 WHERE id = $1 RETURNING ${COLUMNS}`,
      [id, ...[nodes, replaced, relevance].map(json), kept, json(remarks ?? [])],
    );
    return jobOf(row!);
  }

  async finish(id: string, end: JobEnd): Promise<Job> {
    const { session } = await this.get(id);
    const ended = await this.#change(session, (on) => this.finishIn(on, id, end));
    this.#leases.drop(id);
    return ended;
  }

  /** The session's flow is locked by the caller. */
  async finishIn(on: Transaction, id: string, { state, error = null }: JobEnd): Promise<Job> {
    const now = await this.#job(on, id);
    if (now.finished !== null) return now;
    await this.#own(on, id);
    return this.#end(on, id, state, error);
  }

  async withdraw(id: string): Promise<Job> {
    const { session } = await this.get(id);
    return this.#change(session, async (on) => {
      const job = await this.#job(on, id);
      return job.state === "waiting" ? this.#end(on, id, "cancelled", null) : job;
    });
  }

  async release(id: string): Promise<Job> {
    const { session } = await this.get(id);
    const released = await this.#change(session, async (on) => {
      const job = await this.#job(on, id);
      if (job.state !== "running") return job;
      await this.#own(on, id);
      return this.#wait(on, id, -1);
    });
    this.#leases.drop(id);
    return released;
  }

  async recover(worker?: string): Promise<Job[]> {
    return this.#recover("worker = $1 OR $1 IS NULL", worker ?? null);
  }

  /** Jobs whose workers are not heard any more. Any process may look; each of the jobs is found once. */
  recoverExpired(): Promise<Job[]> {
    return this.#recover("lease_until < now() AND $1::text IS NULL", null);
  }

  async get(id: string): Promise<Job> {
    return this.#job(this.#database, id);
  }

  async list(session?: string): Promise<Job[]> {
    const rows = await this.#database.query<Row>(
      `SELECT ${COLUMNS} FROM @schema.jobs WHERE $1::text IS NULL OR session = $1 ORDER BY seq`,
      [session ?? null],
    );
    return rows.map(jobOf);
  }

  async order(): Promise<Job[]> {
    return (await waitingRows(this.#database, COLUMNS)).map(jobOf);
  }

  async position(id: string): Promise<number | null> {
    // A page asks for many at once, and a second later again.
    if (performance.now() - this.#ordered.time > ORDER_MS)
      this.#ordered = { time: performance.now(), places: placesIn(this.#database) };
    return (await this.#ordered.places).get(id) ?? (await placesIn(this.#database)).get(id) ?? null;
  }

  async forget(session: string): Promise<void> {
    await this.#change(session, async (on) => {
      const gone = await on.query<Row>(
        `DELETE FROM @schema.jobs WHERE session = $1 AND state <> 'running' RETURNING ${COLUMNS}`,
        [session],
      );
      for (const row of gone) if (row.finished === null) await this.#tickets.end(on, row);
    });
  }

  /** Asks whoever runs a job to stop it, or to end it with its preview. False where it does not run. */
  async ask(id: string, what: "cancel" | "keep"): Promise<boolean> {
    const asked = await this.#database.query(
      "UPDATE @schema.jobs SET asked = $2 WHERE id = $1 AND state = 'running' AND asked IS DISTINCT FROM 'cancel' RETURNING id",
      [id, what],
    );
    if (asked.length > 0) await this.#database.notify({ kind: "ask", job: id, what });
    return asked.length > 0;
  }

  /** Says that this process lives: its leases go on. What was asked of its jobs, and those that are another's by now. */
  async beat(): Promise<{ asked: { job: string; what: "cancel" | "keep" }[]; lost: string[] }> {
    const held = this.#leases.jobs;
    if (held.length === 0) return { asked: [], lost: [] };
    const rows = await this.#database.query<{ id: string; asked: "cancel" | "keep" | null }>(
      `UPDATE @schema.jobs j SET lease_until = now() + $3 * interval '1 second'
       FROM unnest($1::text[], $2::uuid[]) AS h (id, lease) WHERE j.id = h.id AND j.lease = h.lease AND j.state = 'running'
       RETURNING j.id, j.asked`,
      [held, held.map((job) => this.#leases.of(job)), LEASE_SECONDS],
    );
    const alive = new Set(rows.map(({ id }) => id));
    const asked = rows.flatMap(({ id, asked }) => (asked === null ? [] : [{ job: id, what: asked }]));
    // One that was ended meanwhile by this process itself is no longer held.
    return { asked, lost: held.filter((job) => !alive.has(job) && this.#leases.of(job) !== undefined) };
  }

  figures(): Promise<QueueFigures> {
    return figuresIn(this.#database);
  }

  async #recover(where: string, value: string | null): Promise<Job[]> {
    const lost = await this.#database.query<{ id: string; session: string }>(
      `SELECT id, session FROM @schema.jobs WHERE state = 'running' AND (${where}) ORDER BY seq`,
      [value],
    );
    const changed: Job[] = [];
    for (const { id, session } of lost) {
      const job = await this.#change(session, async (on) => {
        const [still] = await on.query<Row>(
          `SELECT ${COLUMNS} FROM @schema.jobs WHERE id = $2 AND state = 'running' AND (${where}) FOR UPDATE`,
          [value, id],
        );
        if (!still) return null;
        if (still.attempts < MAX_ATTEMPTS) return this.#wait(on, id, 0);
        const message = `The worker ended ${still.attempts} times while it ran this job. What it had finished is kept.`;
        return this.#end(on, id, "failed", { code: "job.interrupted", message });
      });
      if (job) changed.push(job);
      this.#leases.drop(id);
    }
    return changed;
  }

  /** Back to where it was, before the others of its session; one that was cancelled meanwhile ends. */
  async #wait(on: Transaction, id: string, attempts: number): Promise<Job> {
    const [row] = await on.query<Row & { asked: string | null }>(
      `UPDATE @schema.jobs SET state = 'waiting', worker = NULL, lease = NULL, lease_until = NULL, attempts = attempts + $2
       WHERE id = $1 RETURNING ${COLUMNS}, asked`,
      [id, attempts],
    );
    if (row!.asked === "cancel") return this.#end(on, id, "cancelled", null);
    await this.#tickets.end(on, row!);
    await on.query("UPDATE @schema.jobs SET ticket = NULL WHERE id = $1", [id]);
    await this.#tickets.admit(on, row!.session);
    return this.#tell(on, await this.#job(on, id));
  }

  /** In the transaction of the change itself: whoever is told of an end can rely on it, and is told, whatever happens to this process. */
  async #tell(on: Queries, job: Job): Promise<Job> {
    await emitIn(on, [{ type: "job", job: jobView(job, null, null) }]);
    return job;
  }

  async #end(on: Transaction, id: string, state: JobEnd["state"], error: Job["error"]): Promise<Job> {
    return this.#tell(on, await this.#close(on, id, state, error));
  }

  /** `made`: what it has made with its end, where that differs from what was noted. */
  async #close(
    on: Transaction,
    id: string,
    state: JobEnd["state"],
    error: Job["error"],
    made?: Pick<Job, "nodes" | "kept">,
  ): Promise<Job> {
    const [found] = await on.query<Row & { more: boolean }>(
      `UPDATE @schema.jobs j SET state = $2, error = $3, finished = $4, worker = NULL, lease = NULL, lease_until = NULL,
         nodes = coalesce($5, nodes), kept = coalesce($6, kept) WHERE id = $1 RETURNING ${COLUMNS},
         EXISTS (SELECT 1 FROM @schema.jobs o WHERE o.session = j.session AND o.state = 'waiting' AND o.id <> j.id) AS more`,
      [id, state, json(error), Date.now(), json(made?.nodes), made?.kept ?? null],
    );
    const { more, ...row } = found!;
    await this.#tickets.end(on, row);
    if (more) await this.#tickets.admit(on, row.session);
    const many = this.#limits.finished > ENDS_BETWEEN_LOOKS;
    if (!many || ++this.#ends % ENDS_BETWEEN_LOOKS === 0)
      await on.query(
        `DELETE FROM @schema.jobs WHERE id IN
           (SELECT id FROM @schema.jobs WHERE finished IS NOT NULL ORDER BY finished DESC, seq DESC OFFSET $1 LIMIT 1000)`,
        [this.#limits.finished],
      );
    return jobOf(row);
  }

  async #job(on: Queries, id: string): Promise<Job> {
    const [row] = await on.query<Row>(`SELECT ${COLUMNS} FROM @schema.jobs WHERE id = $1`, [id]);
    if (row) return jobOf(row);
    throw new EmilieError("server.missing", `There is no job ${JSON.stringify(id.slice(0, 40))}.`);
  }

  /** The job, its row locked; one that runs has to be this process's own. */
  async #own(on: Queries, id: string): Promise<Job> {
    const [row] = await on.query<Row & { lease: string | null }>(
      `SELECT ${COLUMNS}, lease FROM @schema.jobs WHERE id = $1 FOR UPDATE`,
      [id],
    );
    if (!row) return this.#job(on, id);
    if (row.state === "running" && row.lease !== this.#leases.of(id)) throw lostJob(id);
    if (row.state !== "running" && this.#leases.of(id) !== undefined) throw lostJob(id);
    return jobOf(row);
  }

  #change<T>(session: string, action: (on: Transaction) => Promise<T>): Promise<T> {
    return this.#database.transaction(async (on) => {
      await this.#tickets.lock(on, session);
      return action(on);
    });
  }

  /** Where tickets for this process may be: one after the other, from another one each time. */
  async #queues(): Promise<string[]> {
    const models = this.#models ?? Array.from({ length: 64 }, (_, i) => `${i}`);
    const names = [
      ...new Set([
        ...(this.#models ? [] : [await queueOf("edits", "")]),
        ...(await Promise.all(models.map((model) => queueOf("edits", model)))),
      ]),
    ];
    const first = Math.floor(Math.random() * names.length);
    return [...names.slice(first), ...names.slice(0, first)];
  }
}
