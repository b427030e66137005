/** The two contracts, as they are, against a real PostgreSQL and a real S3 server. */
import { afterAll } from "vitest";
import { openBlobs } from "../../src/server/database/blobs.ts";
import { Database } from "../../src/server/database/database.ts";
import { PgQueue } from "../../src/server/database/pg-queue.ts";
import { PgStore } from "../../src/server/database/pg-store.ts";
import { queueContract } from "../server/queue-contract.ts";
import { storeContract } from "../server/store-contract.ts";
import { KEYS, startBucket } from "./bucket.ts";
import { startCluster } from "./cluster.ts";

Object.assign(process.env, KEYS);
const [cluster, bucket] = await Promise.all([startCluster(), startBucket()]);
const opened: Database[] = [];
afterAll(async () => {
  for (const database of opened) await database.close();
  await Promise.all([cluster.stop(), bucket.stop()]);
});

async function open(): Promise<Database> {
  const database = await Database.open(await cluster.create(), { connections: 4 });
  opened.push(database);
  return database;
}

queueContract({
  // The contract takes several jobs of one session without ending them, which the service does not.
  "in PostgreSQL": async (limits) => new PgQueue(await open(), { limits, serial: false }),
});
storeContract({
  "in PostgreSQL": async () => {
    const database = await open();
    return new PgStore(database, await openBlobs(database, undefined));
  },
  "in PostgreSQL and a bucket": async () => {
    const database = await open();
    return new PgStore(database, await openBlobs(database, bucket.address));
  },
});
