/** What is tidied up now and then, by whichever process has the time: one at a time, and nothing that anybody still needs. */
import type { Blobs } from "./blobs.ts";
import { recoverCalls } from "./call-service.ts";
import type { Database } from "./database.ts";
import type { PgQueue } from "./pg-queue.ts";

const DAY_MS = 24 * 3_600_000;
/** How many events are kept for those who come back: more than any server tells from memory. */
const KEPT_EVENTS = 20_000;

/** What dead workers have left goes on elsewhere. Every process looks, every two seconds: it is two index scans. */
export async function recoverLost(database: Database, queue: PgQueue): Promise<void> {
  await queue.recoverExpired();
  await recoverCalls(database);
}

/** Rows that nobody asks for any more, and pg-boss's own upkeep. */
export async function sweepRows(database: Database): Promise<void> {
  await database.query("DELETE FROM @schema.events WHERE id < (SELECT number - $1 FROM @schema.event_count)", [KEPT_EVENTS]);
  await database.query("DELETE FROM @schema.previews WHERE expires < now()");
  await database.query("DELETE FROM @schema.calls WHERE created < now() - interval '1 day'");
  await database.query("DELETE FROM @schema.workers WHERE seen < now() - interval '1 day'");
  // A flow that has rested begins where everybody is anyway.
  await database.query(
    `DELETE FROM @schema.turns t WHERE used < now() - interval '1 day' AND turn <= (SELECT turn FROM @schema.clock)
     AND NOT EXISTS (SELECT 1 FROM @schema.jobs j WHERE j.state IN ('waiting', 'running') AND t.flow IN ('session ' || j.session, 'owner ' || j.owner))`,
  );
  await database.boss.maintain();
}

/**
 * Removes blobs that no row has named for a day. A blob's name is new with every write, so an old one that no row names now, none
 * will ever name.
 *
 * @returns how many
 */
export async function sweepBlobs(database: Database, blobs: Blobs, before = new Date(Date.now() - DAY_MS)): Promise<number> {
  let removed = 0;
  for await (const names of blobs.before(before)) {
    const unnamed = await database.query<{ name: string }>(
      `SELECT name FROM unnest($1::text[]) AS name
       WHERE NOT EXISTS (SELECT 1 FROM @schema.pieces p WHERE p.blob = name) AND NOT EXISTS (SELECT 1 FROM @schema.files f WHERE f.blob = name)`,
      [names],
    );
    await blobs.remove(unnamed.map(({ name }) => name));
    removed += unnamed.length;
  }
  return removed;
}
