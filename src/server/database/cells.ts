/**
 * Cells of a benchmark (one method on one item with one seed) in the same engine: every machine that runs the same command takes cells by
 * ticket, under a lease, and brings back what the others have made. A cell's key is a hash over everything that it depends on, so
 * its result is anybody's.
 */
import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { EmilieError, type ErrorCode, isEmilieError } from "../../errors.ts";
import { type Blobs, openBlobs } from "./blobs.ts";
import { Database } from "./database.ts";
import { HEARTBEAT_MS, LEASE_SECONDS, lostJob } from "./leases.ts";
import { queueOf } from "./tickets.ts";
import { every } from "./worker.ts";

/** One file of a cell's result: what is noted of it as JSON, and its bytes. */
export interface CellPart {
  readonly key: string;
  readonly facts: unknown;
  readonly bytes: Uint8Array;
}

interface StoredPart {
  readonly key: string;
  readonly facts: unknown;
  readonly blob: string;
}

const TRIES = 2;

export class Cells {
  readonly #database: Database;
  readonly #blobs: Blobs;
  readonly #queue: string;
  readonly #held = new Map<string, string>();
  readonly #stop: () => void;
  #wake: () => void = () => {};

  private constructor(database: Database, blobs: Blobs, queue: string, onProblem: (error: unknown) => void) {
    this.#database = database;
    this.#blobs = blobs;
    this.#queue = queue;
    this.#stop = every(HEARTBEAT_MS, () => this.#beat(), onProblem);
  }

  /** @param group cells that are taken by those who know them: a model's fingerprint. @throws EmilieError as Database.open */
  static async open(
    url: string,
    {
      blobs,
      group,
      onProblem = () => {},
    }: { blobs?: string; group: string; onProblem?: (message: string) => void },
  ): Promise<Cells> {
    const database = await Database.open(url, { connections: 4, onProblem });
    try {
      const opened = await openBlobs(database, blobs);
      const cells = new Cells(database, opened, await queueOf("cells", group), (error) =>
        onProblem(String(error)),
      );
      await database.listen(({ kind }) => {
        if (kind === "cell") cells.#wake();
      });
      return cells;
    } catch (error) {
      await database.close();
      throw error;
    }
  }

  /** Cells that somebody has to compute; those that were offered before are not offered again. */
  async offer(keys: readonly string[]): Promise<void> {
    await this.#database.transaction(async (on) => {
      const fresh = await on.query<{ key: string }>(
        `INSERT INTO @schema.cells (key, run, cell) SELECT key, $2, 'null' FROM unnest($1::text[]) AS key ON CONFLICT (key) DO NOTHING RETURNING key`,
        [keys, this.#queue],
      );
      for (const { key } of fresh)
        await this.#database.boss.send(
          this.#queue,
          { key },
          { retryLimit: 0, retentionDays: 365, db: on.db },
        );
    });
  }

  /** One that nobody computes, now this process's; null where there is none for now. */
  async take(known: ReadonlySet<string>): Promise<string | null> {
    const { boss } = this.#database;
    const lease = randomUUID();
    const key = await this.#database.transaction(async (on) => {
      const others: string[] = [];
      let found: string | null = null;
      while (found === null && others.length < 64) {
        const [ticket] = await boss.fetch<{ key: string }>(this.#queue, {
          batchSize: 1,
          ignoreStartAfter: true,
          db: on.db,
        });
        if (!ticket) break;
        if (!known.has(ticket.data.key)) others.push(ticket.id);
        else {
          await boss.deleteJob(this.#queue, ticket.id, { db: on.db });
          const taken = await on.query(
            `UPDATE @schema.cells SET worker = $2, lease = $3, lease_until = now() + $4 * interval '1 second', tries = tries + 1
             WHERE key = $1 AND turns IS NULL AND error IS NULL RETURNING key`,
            [ticket.data.key, hostname(), lease, LEASE_SECONDS],
          );
          if (taken.length > 0) found = ticket.data.key;
        }
      }
      if (others.length > 0) {
        await boss.cancel(this.#queue, others, { db: on.db });
        await boss.resume(this.#queue, others, { db: on.db });
      }
      return found;
    });
    if (key !== null) this.#held.set(key, lease);
    return key;
  }

  /** What a cell has come to. @throws EmilieError "job.lost" where another has it by now */
  async put(key: string, parts: readonly CellPart[]): Promise<void> {
    const stored: StoredPart[] = parts.map((part) => ({
      key: part.key,
      facts: part.facts,
      blob: `cells/${key}/${randomUUID()}`,
    }));
    await this.#blobs.put(parts.map(({ bytes }, i) => ({ name: stored[i]!.blob, bytes })));
    await this.#end(key, JSON.stringify(stored), null);
  }

  /** It cannot be computed: everybody is told why. One that was stopped is another's. */
  async fail(key: string, error: unknown): Promise<void> {
    if (isEmilieError(error) && error.code === "aborted") return this.#giveBack(key);
    const code = isEmilieError(error) ? error.code : "runtime.failed";
    await this.#end(
      key,
      null,
      JSON.stringify({ code, message: error instanceof Error ? error.message : String(error) }),
    );
  }

  /** Those of the cells that are there, with their results. @throws EmilieError with what one of them failed with */
  async results(keys: readonly string[]): Promise<Map<string, CellPart[]>> {
    const rows = await this.#database.query<{
      key: string;
      turns: StoredPart[] | null;
      error: { code: ErrorCode; message: string } | null;
    }>(
      "SELECT key, turns, error FROM @schema.cells WHERE key = ANY($1) AND (turns IS NOT NULL OR error IS NOT NULL)",
      [keys],
    );
    const found = new Map<string, CellPart[]>();
    for (const { key, turns, error } of rows) {
      if (error) {
        // The next run tries it again.
        await this.#database.query("DELETE FROM @schema.cells WHERE key = $1", [key]);
        throw new EmilieError(error.code, error.message);
      }
      const bytes = await this.#blobs.get(turns!.map(({ blob }) => blob));
      if (bytes.some((one) => one === null))
        throw new EmilieError("io.failed", `A result of the cell ${key.slice(0, 12)} is not in the bucket.`);
      found.set(
        key,
        turns!.map(({ key, facts }, i) => ({ key, facts, bytes: bytes[i]! })),
      );
    }
    return found;
  }

  /** Until something has ended somewhere, or a second has passed. */
  async change(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      setTimeout(resolve, 1000);
    });
  }

  async close(): Promise<void> {
    this.#stop();
    for (const key of this.#held.keys()) await this.#giveBack(key).catch(() => {});
    await this.#database.close();
  }

  async #end(key: string, turns: string | null, error: string | null): Promise<void> {
    const lease = this.#held.get(key);
    this.#held.delete(key);
    const ended = await this.#database.query(
      "UPDATE @schema.cells SET turns = $3, error = $4, lease_until = NULL WHERE key = $1 AND lease = $2 RETURNING key",
      [key, lease, turns, error],
    );
    if (ended.length === 0) throw lostJob(key.slice(0, 12));
    await this.#database.notify({ kind: "cell" });
  }

  async #giveBack(key: string): Promise<void> {
    const lease = this.#held.get(key);
    this.#held.delete(key);
    await this.#database.transaction(async (on) => {
      const given = await on.query(
        "UPDATE @schema.cells SET lease = NULL, lease_until = NULL, tries = tries - 1 WHERE key = $1 AND lease = $2 RETURNING key",
        [key, lease],
      );
      if (given.length > 0)
        await this.#database.boss.send(this.#queue, { key }, { retryLimit: 0, db: on.db });
    });
    await this.#database.notify({ kind: "cell" });
  }

  async #beat(): Promise<void> {
    if (this.#held.size > 0) {
      await this.#database.query(
        `UPDATE @schema.cells c SET lease_until = now() + $3 * interval '1 second' FROM unnest($1::text[], $2::uuid[]) AS h (key, lease)
         WHERE c.key = h.key AND c.lease = h.lease AND c.lease_until IS NOT NULL`,
        [[...this.#held.keys()], [...this.#held.values()], LEASE_SECONDS],
      );
    }
    await this.#recover();
  }

  async #recover(): Promise<void> {
    await this.#database.transaction(async (on) => {
      const lost = await on.query<{ key: string; run: string; tries: number }>(
        "SELECT key, run, tries FROM @schema.cells WHERE lease_until < now() FOR UPDATE SKIP LOCKED",
      );
      for (const { key, run, tries } of lost) {
        const message = `${tries} machines ended while they computed the cell ${key.slice(0, 12)}.`;
        const error = tries < TRIES ? null : JSON.stringify({ code: "job.interrupted", message });
        await on.query(
          "UPDATE @schema.cells SET lease = NULL, lease_until = NULL, error = $2 WHERE key = $1",
          [key, error],
        );
        if (error === null) await this.#database.boss.send(run, { key }, { retryLimit: 0, db: on.db });
      }
    });
  }
}
