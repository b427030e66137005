/** Rows of jobs, and what is asked of all of them at once. */
import type { QueueFigures } from "../queue/position.ts";
import type { Job } from "../queue/queue.ts";
import type { Database } from "./database.ts";
import { TURN } from "./tickets.ts";

export interface Row extends Omit<Job, "created" | "started" | "finished"> {
  readonly created: string;
  readonly started: string | null;
  readonly finished: string | null;
  readonly model: string;
  readonly turn: string | null;
  readonly ticket: string | null;
}

export const COLUMNS =
  "id, session, work, state, created, started, finished, attempts, worker, nodes, replaced, relevance, kept, remarks, error, model, turn, ticket";

export function json(value: unknown): string | null {
  return value === null || value === undefined ? null : JSON.stringify(value);
}

export function jobOf({ model: _, turn: __, ticket: ___, created, started, finished, ...row }: Row): Job {
  const number = (value: string | null) => (value === null ? null : Number(value));
  const {
    last: _last,
    now: _now,
    lease: _lease,
    asked: _asked,
    ...job
  } = row as typeof row & Record<string, unknown>;
  return { ...job, created: Number(created), started: number(started), finished: number(finished) } as Job;
}

/** Waiting jobs in the order in which they will be taken, as near as it can be said before they are. */
export async function waitingRows(database: Database, columns: string): Promise<Row[]> {
  const rows = await database.query<Row & { last: string | null; now: string }>(
    `SELECT ${columns}, (SELECT t.turn FROM @schema.turns t WHERE t.flow = 'session ' || session) AS last,
       (SELECT c.turn FROM @schema.clock c) AS now
     FROM @schema.jobs WHERE state = 'waiting' ORDER BY seq`,
  );
  // Those without a ticket will get the turns after the ones that their sessions have.
  const last = new Map<string, number>();
  const turns = rows.map((row) => {
    const known = last.get(row.session) ?? (row.last === null ? -TURN : Number(row.last));
    const turn = row.turn === null ? Math.max(known + TURN, Number(row.now)) : Number(row.turn);
    last.set(row.session, Math.max(known, turn));
    return turn;
  });
  const places = rows.map((_, i) => i).sort((a, b) => turns[a]! - turns[b]! || a - b);
  return places.map((i) => rows[i]!);
}

/** By job, how many are begun before it. */
export async function placesIn(database: Database): Promise<Map<string, number>> {
  const rows = await waitingRows(database, "id, session, turn");
  const { running } = await figuresIn(database);
  return new Map(rows.map(({ id }, i) => [id, running + i]));
}

/** What is known about all jobs without reading them. */
export async function figuresIn(database: Database): Promise<QueueFigures> {
  const [row] = await database.query<{ waiting: number; running: number; oldest: string | null }>(
    `SELECT count(*) FILTER (WHERE state = 'waiting')::int AS waiting, count(*) FILTER (WHERE state = 'running')::int AS running,
       min(created) FILTER (WHERE state = 'waiting') AS oldest FROM @schema.jobs WHERE state IN ('waiting', 'running')`,
  );
  const { waiting, running, oldest } = row!;
  return {
    waiting,
    running,
    oldestSeconds: oldest === null ? 0 : Math.max(0, (Date.now() - Number(oldest)) / 1000),
  };
}
