/**
 * Events that every server tells, whichever process they come from. Each is a row with a number, and a notice says that it is there; every
 * server has the same numbers, so a client that comes back to another server goes on where it was. Progress is a notice and nothing
 * else, and a preview the newest of its edit: nobody wants an older one.
 */
import { EventLog, type Events, type Filter, KEPT_EVENTS, type Logged } from "../events.ts";
import type { Progress, ServerEvent } from "../schemas/index.ts";
import type { Database, Notice, Queries } from "./database.ts";

const PREVIEW_SECONDS = 600;
const EVENT_NOTICE = JSON.stringify({ kind: "event" });

/** Events that are told when the transaction is through, and not otherwise. It is the last that a transaction does: others wait for their numbers. */
export async function emitIn(on: Queries, events: readonly ServerEvent[]): Promise<void> {
  await on.query(
    `WITH next AS (UPDATE @schema.event_count SET number = number + cardinality($1::text[]) RETURNING number - cardinality($1::text[]) AS before),
       kept AS (INSERT INTO @schema.events (id, event)
         SELECT before + e.at, e.event::json FROM next, unnest($1::text[]) WITH ORDINALITY AS e (event, at))
     SELECT pg_notify('emilie', $2)`,
    [events.map((event) => JSON.stringify(event)), EVENT_NOTICE],
  );
}

export class SharedEvents implements Events {
  readonly #database: Database;
  readonly #log: EventLog;
  readonly #onProblem: (error: unknown) => void;
  readonly #progress = new Map<string, Progress>();
  /** One after the other, in the order in which they were told. */
  #sending: Promise<unknown> = Promise.resolve();
  #reading: Promise<void> | null = null;
  #again = false;

  private constructor(database: Database, epoch: string, onProblem: (error: unknown) => void) {
    this.#database = database;
    this.#log = new EventLog(epoch);
    this.#onProblem = onProblem;
  }

  static async open(database: Database, onProblem: (error: unknown) => void): Promise<SharedEvents> {
    const [row] = await database.query<{ value: string; number: string }>(
      "SELECT value, (SELECT number FROM @schema.event_count) AS number FROM @schema.settings WHERE name = 'id'",
    );
    const events = new SharedEvents(database, row!.value.slice(0, 8), onProblem);
    await events.#read(Number(row!.number) - KEPT_EVENTS);
    await database.listen(
      (notice) => events.#hear(notice),
      () => events.#wake(),
    );
    events.#wake();
    return events;
  }

  get listeners(): number {
    return this.#log.listeners;
  }

  get last(): string {
    return this.#log.last;
  }

  /** How far a job is that runs somewhere; null where that is not known. */
  progressOf(job: string): Progress | null {
    return this.#progress.get(job) ?? null;
  }

  emit(event: ServerEvent): void {
    // The end of a job is told by the transaction that ends it.
    if (event.type === "job" && event.job.finished !== null) return;
    this.#sending = this.#sending.then(() => this.#send(event)).catch(this.#onProblem);
  }

  /** When all that was told is with the others. */
  async sent(): Promise<void> {
    await this.#sending;
  }

  async *follow(filter: Filter, since: string | undefined, signal: AbortSignal): AsyncGenerator<Logged> {
    if (since !== undefined) {
      // Another server may have told more than has arrived here.
      await this.#wake();
      for (const event of await this.#previews(filter)) yield { id: since, event };
    }
    yield* this.#log.follow(filter, since, signal);
  }

  async #send(event: ServerEvent): Promise<void> {
    const database = this.#database;
    if (event.type === "progress") return database.notify({ kind: "progress", ...event });
    if (event.type !== "preview") {
      await emitIn(database, [event]);
      return;
    }
    const { job, session, edit, step, picture } = event;
    await database.query(
      `INSERT INTO @schema.previews (job, edit, session, step, picture, expires)
       VALUES ($1, $2, $3, $4, $5, now() + ${PREVIEW_SECONDS} * interval '1 second')
       ON CONFLICT (job, edit) DO UPDATE SET step = excluded.step, picture = excluded.picture, expires = excluded.expires`,
      [job, edit, session, step, picture],
    );
    await database.notify({ kind: "preview", job, edit });
  }

  #hear(notice: Notice): void {
    if (notice.kind === "event") void this.#wake();
    else if (notice.kind === "progress") {
      const { kind: _, ...event } = notice;
      const told = event as unknown as Extract<ServerEvent, { type: "progress" }>;
      this.#progress.set(told.job, told.progress);
      this.#log.pass(told);
    } else if (notice.kind === "preview" && this.listeners > 0)
      void this.#tellPreview(notice).catch(this.#onProblem);
  }

  async #tellPreview({ job, edit }: Notice): Promise<void> {
    for (const event of await this.#previews({ job: String(job) }))
      if (event.type === "preview" && event.edit === edit) this.#log.pass(event);
  }

  async #previews({ job, session }: Filter): Promise<ServerEvent[]> {
    const rows = await this.#database.query<Omit<Extract<ServerEvent, { type: "preview" }>, "type">>(
      `SELECT p.job, p.session, p.edit, p.step, p.picture FROM @schema.previews p JOIN @schema.jobs j ON j.id = p.job
       WHERE p.expires > now() AND j.state = 'running' AND ($1::text IS NULL OR p.job = $1) AND ($2::text IS NULL OR p.session = $2)`,
      [job ?? null, session ?? null],
    );
    return rows.map((row) => ({ type: "preview", ...row }));
  }

  /** Reads what has come since it was read last. */
  #wake(): Promise<void> {
    this.#again = true;
    this.#reading ??= (async () => {
      while (this.#again) {
        this.#again = false;
        await this.#read(this.#log.number).catch(this.#onProblem);
      }
      this.#reading = null;
    })();
    return this.#reading;
  }

  async #read(after: number): Promise<void> {
    const rows = await this.#database.query<{ id: string; event: ServerEvent }>(
      "SELECT id, event FROM @schema.events WHERE id > $1 ORDER BY id",
      [after],
    );
    for (const { id, event } of rows) {
      if (event.type === "job" && event.job.finished !== null) this.#progress.delete(event.job.id);
      this.#log.accept(Number(id), event);
    }
  }
}
