/** What is tidied up now and then, by whichever process has the time: one at a time, and nothing that anybody still needs. */
import { type Blobs, blobsBefore } from "./blobs.ts";
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
  await database.query(
    "DELETE FROM @schema.events WHERE id < (SELECT number - $1 FROM @schema.event_count)",
    [KEPT_EVENTS],
  );
  await database.query("DELETE FROM @schema.previews WHERE expires < now()");
  await database.query("DELETE FROM @schema.calls WHERE created < now() - interval '1 day'");
  await database.query("DELETE FROM @schema.cells WHERE created < now() - interval '90 days'");
  await database.query("DELETE FROM @schema.workers WHERE seen < now() - interval '1 day'");
  // A flow that has rested begins where everybody is anyway.
  await database.query(
    `DELETE FROM @schema.turns t WHERE used < now() - interval '1 day' AND turn <= (SELECT turn FROM @schema.clock)
     AND NOT EXISTS (SELECT 1 FROM @schema.jobs j WHERE j.state IN ('waiting', 'running') AND t.flow IN ('session ' || j.session, 'owner ' || j.owner))`,
  );
  await restartTurns(database);
  await database.boss.maintain();
}

/**
 * Removes blobs that no row has named for a day. A blob's name is new with every write, so an old one that no row names now, none
 * will ever name.
 *
 * @returns how many
 */
export async function sweepBlobs(
  database: Database,
  blobs: Blobs,
  before = new Date(Date.now() - DAY_MS),
): Promise<number> {
  let removed = 0;
  for await (const names of blobsBefore(database, before)) {
    const unnamed = await database.query<{ name: string }>(
      `SELECT u.blob AS name FROM unnest($1::text[]) AS u (blob)
       WHERE NOT EXISTS (SELECT 1 FROM @schema.pieces p WHERE p.blob = u.blob)
         AND NOT EXISTS (SELECT 1 FROM @schema.files f WHERE f.blob = u.blob)
         AND NOT EXISTS (SELECT 1 FROM @schema.cells c WHERE u.blob LIKE 'cells/%' AND c.key = split_part(u.blob, '/', 2))`,
      [names],
    );
    await blobs.remove(unnamed.map(({ name }) => name));
    removed += unnamed.length;
  }
  return removed;
}

/** Turns are priorities of pg-boss, whole numbers of 32 bits: they begin anew when nobody waits, long before they are used up. */
async function restartTurns(database: Database): Promise<void> {
  await database.transaction(async (on) => {
    await on.query("LOCK TABLE @schema.turns IN EXCLUSIVE MODE");
    const [row] = await on.query<{ due: boolean }>(
      `SELECT turn > 1000000 AND NOT EXISTS (SELECT 1 FROM @schema.jobs WHERE state IN ('waiting', 'running')) AS due FROM @schema.clock`,
    );
    if (!row!.due) return;
    await on.query("UPDATE @schema.turns SET turn = -1000");
    await on.query("UPDATE @schema.clock SET turn = 0");
  });
}
