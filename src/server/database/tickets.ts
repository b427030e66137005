/**
 * Which job is next: pg-boss's word. A job that may run gets a ticket in one of pg-boss's queues, and whoever fetches the ticket has the
 * job. Fairness lies in who gets a ticket, and in the ticket's priority.
 *
 * At most one job of a session has a ticket or runs, so a session with a thousand jobs has one in the queue. A ticket's turn is {@link TURN} more
 * than the last of its session and of its owner, and at least the clock, which is at what was begun last (start-time fair queueing, Goyal et
 * al. 1996): who comes new is next after what is under way. The clock moves on a little with every job, so that those who keep coming new do
 * not stay before the others for ever.
 */
import { randomUUID } from "node:crypto";
import { sha256 } from "../../util/sha256.ts";
import type { Database, Queries, Transaction } from "./database.ts";
import { LEASE_SECONDS } from "./leases.ts";
import { SHARDS, type TicketKind } from "./migrations.ts";

/** pg-boss ends a ticket by itself only long after the lease has: this is no more than its tidying up. */
const TICKET = { retryLimit: 0, expireInHours: 23, retentionDays: 365 } as const;
/** How long the worker that has served a session before is waited for. */
const PREFERRED_SECONDS = 2;
/** Between two turns of one session, in jobs begun: whoever comes new after as many is behind it. */
export const TURN = 32;
/** How many tickets that are not for this worker are looked past. */
const MAX_PASSED = 64;

const shards = new Map<string, number>();
/** A model's tickets are in one of pg-boss's queues, whose number its name decides. */
export async function queueOf(kind: TicketKind, model: string): Promise<string> {
  let shard = shards.get(model);
  if (shard === undefined) {
    shard = Number.parseInt((await sha256(new TextEncoder().encode(model))).slice(0, 8), 16) % SHARDS;
    shards.set(model, shard);
  }
  return `${kind}-${shard}`;
}

export const flowOf = (session: string) => `session ${session}`;

/** Locks the flow $1 until the transaction ends. */
export const LOCK_FLOW =
  "INSERT INTO @schema.turns (flow) VALUES ($1) ON CONFLICT (flow) DO UPDATE SET used = now()";

/** Of a statement that begins a `job`, as a WITH of that name: notes whose turn it was, and who serves the session now. */
export const BEGUN = `
  served AS (UPDATE @schema.turns t SET worker = job.worker, used = now() FROM job WHERE t.flow = 'session ' || job.session),
  ticked AS (UPDATE @schema.clock c SET turn = greatest(c.turn, job.turn) + 1 FROM job)`;

/** Whom tickets are fetched for. */
export interface Taker {
  readonly name: string;
  /** Null: of any model. */
  readonly models: readonly string[] | null;
}

export class Tickets {
  readonly #database: Database;
  /** Whether a session's next job waits for the end of the one before. */
  readonly #serial: boolean;

  constructor(database: Database, serial: boolean) {
    this.#database = database;
    this.#serial = serial;
  }

  /** Gives the session's next job a ticket, where it may have one. The session's flow is locked by the caller. */
  async admit(on: Transaction, session: string): Promise<void> {
    const [next] = await on.query<{
      id: string;
      model: string;
      owner: string;
      turn: string | null;
      busy: boolean;
    }>(
      `SELECT j.id, j.model, j.owner, j.turn, EXISTS (
         SELECT 1 FROM @schema.jobs o WHERE $2 AND o.session = $1 AND (o.state = 'running' OR o.state = 'waiting' AND o.ticket IS NOT NULL)
       ) AS busy
       FROM @schema.jobs j WHERE j.session = $1 AND j.state = 'waiting' AND j.ticket IS NULL ORDER BY j.seq LIMIT 1`,
      [session, this.#serial],
    );
    // In the order of coming: one that was interrupted is before those that wait with a ticket.
    if (!next || (next.busy && next.turn === null)) return;
    const turn = next.turn === null ? await this.#nextTurn(on, session, next.owner) : Number(next.turn);
    const ticket = randomUUID();
    const queue = await queueOf("edits", next.model);
    await this.#database.boss.send(
      queue,
      { job: next.id },
      { ...TICKET, id: ticket, priority: -turn, db: on.db },
    );
    await on.query(
      "UPDATE @schema.jobs SET ticket = $2, turn = $3, admitted = clock_timestamp() WHERE id = $1",
      [next.id, ticket, turn],
    );
    await this.#database.notify({ kind: "work" }, on);
  }

  /** Changes of a session's jobs take turns. */
  async lock(on: Queries, session: string): Promise<void> {
    await on.query(LOCK_FLOW, [flowOf(session)]);
  }

  /** The best ticket of one of the queues that is for this worker: its job's id; null where there is none. */
  async fetch(on: Transaction, { name, models }: Taker, queue: string): Promise<string | null> {
    const { boss } = this.#database;
    const passed: string[] = [];
    let found: string | null = null;
    while (found === null && passed.length < MAX_PASSED) {
      const [ticket] = await boss.fetch<{ job: string }>(queue, {
        batchSize: 1,
        priority: true,
        ignoreStartAfter: true,
        db: on.db,
      });
      if (!ticket) break;
      const [job] = await on.query<{ id: string; model: string; reserved: boolean }>(
        `SELECT j.id, j.model, EXISTS (
           SELECT 1 FROM @schema.turns t JOIN @schema.workers w ON w.name = t.worker
           WHERE t.flow = 'session ' || j.session AND t.worker <> $3 AND w.seen > now() - $5 * interval '1 second'
             AND j.admitted > clock_timestamp() - $4 * interval '1 second'
         ) AS reserved
         FROM @schema.jobs j WHERE j.id = $1 AND j.ticket = $2 AND j.state = 'waiting' FOR UPDATE`,
        [ticket.data.job, ticket.id, name, PREFERRED_SECONDS, LEASE_SECONDS],
      );
      // A ticket whose job was withdrawn meanwhile is spent.
      if (!job) await boss.complete(queue, ticket.id, { db: on.db });
      else if (job.reserved || (models && !models.includes(job.model))) passed.push(ticket.id);
      else found = job.id;
    }
    // Back to where they were: nobody has seen that they were away.
    if (passed.length > 0) {
      await boss.cancel(queue, passed, { db: on.db });
      await boss.resume(queue, passed, { db: on.db });
    }
    return found;
  }

  /** Ends a ticket, used or not. */
  async end(on: Transaction, { model, ticket }: { model: string; ticket: string | null }): Promise<void> {
    if (ticket !== null)
      await this.#database.boss.deleteJob(await queueOf("edits", model), ticket, { db: on.db });
  }

  async #nextTurn(on: Queries, session: string, owner: string): Promise<number> {
    // Without a name there is one user, whose sessions take turns.
    const flows = [flowOf(session), ...(owner === "" ? [] : [`owner ${owner}`])];
    const [row] = await on.query<{ turn: string }>(
      `INSERT INTO @schema.turns (flow, turn)
       SELECT f, greatest((SELECT turn FROM @schema.clock), (SELECT max(turn) + $2 FROM @schema.turns WHERE flow = ANY($1))) FROM unnest($1::text[]) f
       ON CONFLICT (flow) DO UPDATE SET turn = greatest(excluded.turn, @schema.turns.turn + $2), used = now()
       RETURNING turn`,
      [flows.sort(), TURN],
    );
    return Number(row!.turn);
  }
}
