/** What a server works with when sessions and jobs are in a database: nothing of it is this machine's own. */
import { randomBytes } from "node:crypto";
import { Catalog } from "../catalog.ts";
import type { Engine, EngineOptions } from "../engine.ts";
import type { Metrics } from "../metrics.ts";
import { Retry } from "../retry.ts";
import { WorkerProcess } from "../worker/process.ts";
import { openBlobs } from "./blobs.ts";
import { Database } from "./database.ts";
import { PgQueue } from "./pg-queue.ts";
import { PgStore } from "./pg-store.ts";
import { RemoteJobs } from "./remote-jobs.ts";
import { RemoteWorker } from "./remote-worker.ts";
import { SharedEvents } from "./shared-events.ts";
import { recoverLost, sweepBlobs, sweepRows } from "./sweep.ts";
import { tokenCheck } from "./tokens.ts";
import { every } from "./worker.ts";
import { listWorkers, modelsOfWorkers } from "./workers.ts";

const RECOVER_MS = 2000;
const ROWS_MS = 60_000;
const BLOBS_MS = 3_600_000;

export async function openSharedEngine(
  url: string,
  options: EngineOptions & { readonly blobs?: string; readonly migrate?: boolean },
  metrics: Metrics,
): Promise<Engine> {
  const onProblem = (error: unknown) => metrics.problem(error);
  if (options.migrate) {
    const first = await Database.open(url, { check: false, onProblem });
    await first.migrate().finally(() => first.close());
  }
  const database = await Database.open(url, { connections: 20, onProblem });
  try {
    const blobs = await openBlobs(database, options.blobs);
    const store = new PgStore(database, blobs);
    const queue = new PgQueue(database, { limits: options.queue });
    const events = await SharedEvents.open(database, onProblem);
    const local = new WorkerProcess({ memoryLimit: options.workerMemory, silence: options.workerSilence });
    const worker = new RemoteWorker(database, local);
    await worker.listen();
    const listModels = async () => ({ models: await modelsOfWorkers(database) });
    const catalog = new Catalog(listModels, events, options.model, {}, true);
    const retry = new Retry(onProblem);
    let named = false;
    const look = async () => {
      await recoverLost(database, queue);
      worker.alive = (await listWorkers(database)).length;
      named = await hasTokens(database);
    };
    await look();
    const timers = [
      every(RECOVER_MS, look, onProblem),
      every(ROWS_MS, () => sweepRows(database), onProblem),
      every(BLOBS_MS, async () => void (await sweepBlobs(database, blobs)), onProblem),
    ];
    return {
      ...{ store, queue, events, worker, catalog, retry },
      dispatcher: new RemoteJobs(queue, events),
      disk: {
        note: () => {},
        problem: async () => (await database.check()) ?? (await blobs.problem()),
      },
      linkKey: await linkKey(database),
      tokens: {
        get exist() {
          return named;
        },
        check: tokenCheck(database),
      },
      workers: () => listWorkers(database),
      workerPid: () => local.pid,
      peakWorkerMemory: () => local.peakMemory,
      start() {},
      async close() {
        for (const stop of timers) stop();
        retry.stop();
        catalog.dispose();
        await local.dispose();
        await events.sent();
        await database.close();
      },
    };
  } catch (error) {
    await database.close();
    throw error;
  }
}

/** Links that one server has made are good at every other. */
async function linkKey(database: Database): Promise<Uint8Array> {
  const [row] = await database.query<{ value: string }>(
    `INSERT INTO @schema.settings VALUES ('link-key', $1) ON CONFLICT (name) DO UPDATE SET value = @schema.settings.value RETURNING value`,
    [randomBytes(32).toString("hex")],
  );
  return Buffer.from(row!.value, "hex");
}

async function hasTokens(database: Database): Promise<boolean> {
  const [row] = await database.query<{ is: boolean }>(
    "SELECT EXISTS (SELECT 1 FROM @schema.tokens WHERE revoked IS NULL) AS is",
  );
  return row!.is;
}
