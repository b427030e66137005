/**
 * The connection to PostgreSQL: transactions that are tried again while the database is away, notifications, the version of the
 * tables, and pg-boss, whose tickets say which job is next.
 *
 * A transaction may be done twice, where its answer was lost on the way. Whatever runs in one is written so that the second time changes
 * nothing: rows have names that their writer chose, and a session knows its last change.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Client, Notification, Pool, PoolClient, PoolConfig, QueryConfig } from "pg";
import type PgBoss from "pg-boss";
import { EmilieError } from "../../errors.ts";
import { checkDatabaseUrl, withoutSecrets } from "./address.ts";
import { MIGRATIONS, SEARCH_INDEX, TICKET_QUEUES } from "./migrations.ts";

export const SCHEMA = "emilie";
export const BOSS_SCHEMA = "emilie_boss";
/** What one process listens to. */
const CHANNEL = "emilie";
/** How long a transaction is tried while there is no database. A restart takes seconds, a failover half a minute. */
const PATIENCE_MS = 60_000;
const PAUSES_MS = [50, 100, 250, 500, 1000];
/** Somebody who stops in the middle of a transaction, as a machine that was suspended, does not hold up the others for longer. */
const IDLE_IN_TRANSACTION_MS = 10_000;
const STATEMENT_MS = 60_000;
const LOCK_MS = 15_000;

/** A transaction, or a connection of its own. */
export interface Queries {
  query<R>(text: string, values?: readonly unknown[]): Promise<R[]>;
}

/** One that pg-boss's statements are part of. */
export type Transaction = Queries & { readonly db: PgBoss.Db };

export interface Notice {
  readonly kind: string;
  readonly [key: string]: unknown;
}

export class Database {
  readonly boss: PgBoss;
  readonly #pool: Pool;
  readonly #listeners = new Set<(notice: Notice) => void>();
  readonly #onReconnect = new Set<() => void>();
  readonly #url: string;
  readonly #connect: (config: PoolConfig) => Client;
  readonly #config: PoolConfig;
  #listening: Client | null = null;
  #closed = false;
  /** Why it could not be reached when it was last tried; null where it could. */
  problem: string | null = null;
  readonly #onProblem: (message: string) => void;

  private constructor(
    url: string,
    pool: Pool,
    connect: (config: PoolConfig) => Client,
    config: PoolConfig,
    boss: PgBoss,
    onProblem: (message: string) => void,
  ) {
    this.#url = url;
    this.#pool = pool;
    this.#connect = connect;
    this.#config = config;
    this.boss = boss;
    this.#onProblem = onProblem;
    // A connection that breaks while nobody uses it is replaced with the next use.
    pool.on("error", () => {});
    boss.on("error", (error) => onProblem(`pg-boss: ${error.message}`));
  }

  /**
   * Connects, and looks whether the tables are there.
   *
   * @throws EmilieError "option.invalid" (the address), "database.missing" (pg or pg-boss is not installed), "database.unreachable",
   * "database.version" (the tables are of another version than this program)
   */
  static async open(
    url: string,
    {
      connections = 10,
      onProblem = () => {},
      check = true,
    }: { connections?: number; onProblem?: (message: string) => void; check?: boolean } = {},
  ): Promise<Database> {
    checkDatabaseUrl(url);
    const { pg, Boss } = await packages();
    const config: PoolConfig = {
      connectionString: url,
      application_name: "emilie",
      connectionTimeoutMillis: 10_000,
      keepAlive: true,
      idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_MS,
      statement_timeout: STATEMENT_MS,
      lock_timeout: LOCK_MS,
    };
    const pool = new pg.Pool({ ...config, max: connections });
    // pg-boss has no connections of its own: its statements run in the transactions that they belong to.
    const db = { executeSql: (text: string, values: unknown[]) => pool.query(text, values as never) };
    const boss = new Boss({ db, schema: BOSS_SCHEMA, migrate: false, supervise: false, schedule: false });
    const database = new Database(url, pool, (given) => new pg.Client(given), config, boss, onProblem);
    try {
      await database.#reach();
      if (check) await database.#checkVersion();
    } catch (error) {
      await database.close();
      throw error;
    }
    return database;
  }

  /** The address, as it may be shown. */
  get name(): string {
    return withoutSecrets(this.#url);
  }

  async query<R>(text: string, values: readonly unknown[] = []): Promise<R[]> {
    return this.#patiently(() => this.#connected((on) => on.query<R>(text, values)));
  }

  /** @throws EmilieError "database.unreachable" where it stayed away for a minute; what `action` throws */
  transaction<T>(action: (on: Transaction) => Promise<T>): Promise<T> {
    return this.#patiently(() =>
      this.#connected(async (on, client) => {
        await client.query("BEGIN");
        const result = await action(on);
        await client.query("COMMIT");
        return result;
      }),
    );
  }

  async #connected<T>(action: (on: Transaction, client: PoolClient) => Promise<T>): Promise<T> {
    const client = await this.#pool.connect();
    // A client that breaks between two statements says so here, and in the next statement.
    const onError = () => {};
    client.on("error", onError);
    let broken: Error | undefined;
    try {
      return await action(queriesOn(client), client);
    } catch (error) {
      broken = await client.query("ROLLBACK").then(
        () => (isOutdated(error) ? (error as Error) : undefined),
        (cause: Error) => cause,
      );
      throw error;
    } finally {
      client.off("error", onError);
      client.release(broken);
    }
  }

  /** Tells every process that listens. Ids and numbers only: a notice has less than 8 kB. */
  async notify(notice: Notice, on: Queries = this): Promise<void> {
    await on.query("SELECT pg_notify($1, $2)", [CHANNEL, JSON.stringify(notice)]);
  }

  /**
   * Hears every notice. `onGap`: the connection was lost and is back, and notices may have been missed meanwhile.
   */
  async listen(onNotice: (notice: Notice) => void, onGap: () => void = () => {}): Promise<void> {
    this.#listeners.add(onNotice);
    this.#onReconnect.add(onGap);
    if (!this.#listening) await this.#patiently(() => this.#startListening());
  }

  async version(): Promise<number> {
    const [found] = await this.query<{ is: boolean }>(
      "SELECT to_regclass('@schema.migrations') IS NOT NULL AS is",
    );
    if (!found!.is) return 0;
    const [{ version } = { version: 0 }] = await this.query<{ version: number }>(
      "SELECT coalesce(max(version), 0)::int AS version FROM @schema.migrations",
    );
    return version;
  }

  /**
   * Brings the tables to this program's version, one step after the other, each wholly or not at all.
   *
   * @returns the versions before and after
   * @throws EmilieError "database.version" where they are of a newer one: nothing runs backwards
   */
  async migrate(): Promise<{ from: number; to: number }> {
    const from = await this.version();
    if (from > MIGRATIONS.length) throw newerTables(this.name, from);
    await this.transaction(async (on) => {
      // Two that migrate at once take turns.
      await on.query("SELECT pg_advisory_xact_lock(hashtext('emilie.migrate'))");
      await on.query("CREATE SCHEMA IF NOT EXISTS @schema");
      await on.query(
        "CREATE TABLE IF NOT EXISTS @schema.migrations (version integer PRIMARY KEY, applied timestamptz NOT NULL DEFAULT now())",
      );
      const [{ version }] = (await on.query<{ version: number }>(
        "SELECT coalesce(max(version), 0)::int AS version FROM @schema.migrations",
      )) as [{ version: number }];
      for (const [i, text] of MIGRATIONS.entries()) {
        if (i < version) continue;
        await on.query("SET LOCAL search_path TO @schema, public");
        await on.query(text);
        await on.query("INSERT INTO @schema.migrations (version) VALUES ($1)", [i + 1]);
      }
    });
    // Those two are not one transaction with the rest, and take turns all the same.
    await this.transaction(async (on) => {
      await on.query("SELECT pg_advisory_xact_lock(hashtext('emilie.migrate'))");
      await on.query(SEARCH_INDEX);
      await this.#migrateBoss();
    });
    return { from, to: MIGRATIONS.length };
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.boss.stop({ graceful: false, close: false, wait: false }).catch(() => {});
    await this.#listening?.end().catch(() => {});
    await this.#pool.end().catch(() => {});
  }

  /** Whether it answers; its error where it does not. */
  async check(): Promise<string | null> {
    try {
      await this.#pool.query("SELECT 1");
      this.problem = null;
    } catch (error) {
      this.problem = (error as Error).message;
    }
    return this.problem;
  }

  async #migrateBoss(): Promise<void> {
    const { Boss } = await packages();
    const pool = this.#pool;
    const db = { executeSql: (text: string, values: unknown[]) => pool.query(text, values as never) };
    const boss = new Boss({ db, schema: BOSS_SCHEMA, migrate: true, supervise: false, schedule: false });
    boss.on("error", (error) => this.#onProblem(`pg-boss: ${error.message}`));
    await boss.start();
    const there = new Set((await boss.getQueues()).map(({ name }) => name));
    for (const queue of TICKET_QUEUES) if (!there.has(queue)) await boss.createQueue(queue);
    await boss.stop({ graceful: false, close: false, wait: false });
  }

  async #checkVersion(): Promise<void> {
    const version = await this.version();
    if (version > MIGRATIONS.length) throw newerTables(this.name, version);
    if (version < MIGRATIONS.length) {
      const what =
        version === 0
          ? "has no tables of emilie"
          : `has tables of version ${version}, and this emilie needs ${MIGRATIONS.length}`;
      throw new EmilieError(
        "database.version",
        `${this.name} ${what}. Run: emilie database migrate --database …, or start one server with --migrate.`,
      );
    }
    await this.boss.start();
  }

  async #reach(): Promise<void> {
    try {
      await this.#pool.query("SELECT 1");
    } catch (cause) {
      throw this.#unreachable(cause);
    }
  }

  #unreachable(cause: unknown): EmilieError {
    const { message } = cause as Error;
    return new EmilieError("database.unreachable", `The database ${this.name} cannot be used: ${message}.`, {
      cause,
    });
  }

  async #patiently<T>(action: () => Promise<T>): Promise<T> {
    const begun = performance.now();
    for (let n = 0; ; n++) {
      try {
        const result = await action();
        this.problem = null;
        return result;
      } catch (error) {
        if (!mayPass(error)) throw error;
        if (this.problem === null && !isConflict(error))
          this.#onProblem(`The database does not answer: ${(error as Error).message}`);
        if (!isConflict(error)) this.problem = (error as Error).message;
        if (this.#closed || performance.now() - begun > PATIENCE_MS) throw this.#unreachable(error);
      }
      const pause = PAUSES_MS[Math.min(n, PAUSES_MS.length - 1)]!;
      await sleep(pause * (0.5 + Math.random()));
    }
  }

  async #startListening(): Promise<void> {
    const client = this.#connect(this.#config);
    let lost = false;
    const onLost = () => {
      if (lost) return;
      lost = true;
      if (this.#listening === client) this.#listening = null;
      if (!this.#closed) void this.#listenAgain();
    };
    client.on("error", onLost);
    await client.connect();
    client.on("end", onLost);
    client.on("notification", ({ payload }: Notification) => {
      const notice = JSON.parse(payload ?? "null") as Notice | null;
      if (notice) for (const listener of this.#listeners) listener(notice);
    });
    await client.query(`LISTEN ${CHANNEL}`);
    this.#listening = client;
  }

  async #listenAgain(): Promise<void> {
    while (!this.#closed) {
      try {
        await this.#startListening();
        for (const onGap of this.#onReconnect) onGap();
        return;
      } catch {
        await sleep(250);
      }
    }
  }
}

function queriesOn(client: PoolClient): Transaction {
  return {
    query: async <R>(text: string, values: readonly unknown[] = []) =>
      (await client.query(prepared(text, values))).rows as R[],
    db: { executeSql: (text: string, values: unknown[]) => client.query(prepared(text, values)) },
  };
}

const statements = new Map<string, { readonly name: string; readonly text: string }>();

/** A statement by a name of its own: each connection parses and plans it once, which takes longer than running it. Texts are constant, so they are few. */
function prepared(text: string, values: readonly unknown[]): QueryConfig {
  if (values.length === 0) return { text: text.replaceAll("@schema", SCHEMA) };
  let statement = statements.get(text);
  if (statement === undefined) {
    statement = { name: `emilie${statements.size}`, text: text.replaceAll("@schema", SCHEMA) };
    statements.set(text, statement);
  }
  return { ...statement, values: [...values] };
}

/** A connection's plan of a table that was migrated meanwhile; another connection plans anew. */
function isOutdated(error: unknown): boolean {
  const { code = "", message = "" } = error as { code?: string; message?: string };
  return code === "0A000" && message.includes("cached plan");
}

function newerTables(name: string, version: number): EmilieError {
  return new EmilieError(
    "database.version",
    `${name} has tables of version ${version}; this emilie knows versions up to ${MIGRATIONS.length}, and nothing runs backwards. ` +
      "Update emilie on this machine.",
  );
}

/** Two transactions were in each other's way: the other one is through. */
function isConflict(error: unknown): boolean {
  return ["40001", "40P01", "55P03"].includes((error as { code?: string }).code ?? "");
}

/** The database is away, restarts, or had no connection left; not that it refuses what it was asked. */
function mayPass(error: unknown): boolean {
  const { code = "", message = "" } = error as { code?: string; message?: string };
  if (isConflict(error) || isOutdated(error) || /^(57P0[123]|08\w{3}|53300|25P03)$/.test(code)) return true;
  if (
    /^(ECONNREFUSED|ECONNRESET|EPIPE|ETIMEDOUT|ENOENT|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|EAI_AGAIN)$/.test(
      code,
    )
  )
    return true;
  return /^Connection terminated|^Client has encountered a connection error|timeout exceeded when trying to connect|^timeout expired/.test(
    message,
  );
}

async function packages() {
  try {
    const [{ default: pg }, { default: Boss }] = await Promise.all([import("pg"), import("pg-boss")]);
    return { pg, Boss };
  } catch (cause) {
    throw new EmilieError(
      "database.missing",
      "--database needs two packages that emilie does not install by itself: npm install pg pg-boss@10",
      { cause },
    );
  }
}
