/** Who is there to compute: each worker writes down what it can do and what it is at, every few seconds. */
import type { ListedModel } from "../catalog.ts";
import type { WorkerInfo } from "../schemas/index.ts";
import type { Database } from "./database.ts";
import { LEASE_SECONDS } from "./leases.ts";

export interface WorkerFacts {
  readonly host: string;
  readonly pid: number;
  readonly version: string;
  readonly device: string;
  /** Without the folders that they lie in. */
  readonly models: readonly ListedModel[];
}

export interface WorkerState {
  /** What it runs; null: nothing. */
  readonly job: string | null;
  /** The model in memory. */
  readonly loaded: string | null;
  /** Resident memory of the inference process, in bytes. */
  readonly memory: number;
}

/** A worker that is restarted is away for less; what it can do is known meanwhile. */
const REMEMBERED_SECONDS = 600;

export async function register(
  database: Database,
  name: string,
  facts: WorkerFacts,
  state: WorkerState,
): Promise<void> {
  await database.query(
    `INSERT INTO @schema.workers (name, facts, state) VALUES ($1, $2, $3)
     ON CONFLICT (name) DO UPDATE SET facts = excluded.facts, state = excluded.state, seen = now()`,
    [name, JSON.stringify(facts), JSON.stringify(state)],
  );
}

export async function unregister(database: Database, name: string): Promise<void> {
  await database.query("DELETE FROM @schema.workers WHERE name = $1", [name]);
}

interface Row {
  readonly name: string;
  readonly facts: WorkerFacts;
  readonly state: WorkerState;
  readonly started: Date;
  readonly seen: Date;
  readonly alive: boolean;
  readonly sessions: number;
}

/** Those that are alive. */
export async function listWorkers(database: Database): Promise<WorkerInfo[]> {
  const rows = await read(database);
  return rows
    .filter(({ alive }) => alive)
    .map(({ name, facts, state, started, seen, sessions }) => ({
      ...{ name, host: facts.host, version: facts.version, device: facts.device },
      models: facts.models.map(({ id }) => id),
      ...{ loaded: state.loaded, job: state.job, memory: state.memory, sessions },
      ...{ started: started.getTime(), seen: seen.getTime() },
    }));
}

/** Models that some worker has, as a list of models shows them. */
export async function modelsOfWorkers(database: Database): Promise<ListedModel[]> {
  const models = new Map<string, ListedModel>();
  for (const { facts } of await read(database))
    for (const model of facts.models) if (!models.has(model.id)) models.set(model.id, model);
  return [...models.values()];
}

function read(database: Database): Promise<Row[]> {
  return database.query<Row>(
    `SELECT w.*, w.seen > now() - $1 * interval '1 second' AS alive,
       (SELECT count(*)::int FROM @schema.turns t WHERE t.worker = w.name AND t.used > now() - interval '1 hour') AS sessions
     FROM @schema.workers w WHERE w.seen > now() - $2 * interval '1 second' ORDER BY w.name`,
    [LEASE_SECONDS, REMEMBERED_SECONDS],
  );
}
