/**
 * `emilie worker`: a process that takes jobs from the database and writes what they make, and its child, the inference process, which
 * only computes. The heartbeat is this process's, so a step that takes a minute is not mistaken for a dead worker.
 */
import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import type { Precision } from "../../checkpoint/derived.ts";
import type { NodeDevice } from "../../models/load.node.ts";
import { Catalog, type ListModels } from "../catalog.ts";
import { Dispatcher } from "../dispatcher.ts";
import { Metrics } from "../metrics.ts";
import { packageVersion } from "../package-version.ts";
import { Retry } from "../retry.ts";
import { WorkerProcess } from "../worker/process.ts";
import { openBlobs } from "./blobs.ts";
import { CallService } from "./call-service.ts";
import { committer } from "./commit.ts";
import { Database } from "./database.ts";
import { HEARTBEAT_MS, Leases } from "./leases.ts";
import { PgQueue } from "./pg-queue.ts";
import { PgStore } from "./pg-store.ts";
import { SharedEvents } from "./shared-events.ts";
import { recoverLost } from "./sweep.ts";
import { register, unregister } from "./workers.ts";

export interface WorkerOptions {
  readonly database: string;
  /** s3://bucket?endpoint=…; default: pictures are in the database too. */
  readonly blobs?: string;
  /** Names as `emilie models` lists them; the first may be a folder. Default picturebook. */
  readonly models?: readonly string[];
  readonly device?: NodeDevice;
  readonly precision?: Precision;
  readonly vae?: string;
  readonly previewVae?: string;
  readonly workerMemory?: number;
  /** Default: the machine's name, and something of its own. */
  readonly name?: string;
  readonly log?: (line: string) => void;
}

export interface RunningWorker {
  readonly name: string;
  readonly models: readonly string[];
  /** Why it cannot work, in words; null where it can. */
  readonly problem: () => string | null;
  /** What it has done, in the text format that Prometheus reads. */
  readonly metrics: () => string;
  /** Finishes the step that runs, gives its job back, and ends. */
  close(): Promise<void>;
}

/** A notice may be missed, and what was reserved for another is free after two seconds. */
const LOOK_MS = 1000;
const RECOVER_MS = 2000;
/** A step that takes longer is not waited for: the job goes back all the same. */
const DRAIN_MS = 20_000;

/** @throws EmilieError as Database.open and Catalog.resolve */
export async function startWorker(options: WorkerOptions, listModels: ListModels): Promise<RunningWorker> {
  const { log = () => {}, models: given = ["picturebook"] } = options;
  const metrics = new Metrics((message) => log(`! ${message}`));
  const onProblem = (error: unknown) => metrics.problem(error);
  const database = await Database.open(options.database, { connections: 6, onProblem });
  try {
    const name = options.name ?? `${hostname()}-${process.pid}-${randomBytes(2).toString("hex")}`;
    const blobs = await openBlobs(database, options.blobs);
    const leases = new Leases();
    const store = new PgStore(database, blobs, (on) => leases.check(on));
    const events = await SharedEvents.open(database, onProblem);
    // Not each worker's own choice: they make the same sessions.
    const { precision = "fp32", vae, device = "cpu", previewVae, workerMemory } = options;
    const catalog = new Catalog(listModels, events, given[0], { precision, vae });
    const models = [catalog.selected, ...given.slice(1)];
    const facts = {
      ...{ host: hostname(), pid: process.pid, version: packageVersion(), device },
      models: await Promise.all(models.map((model) => catalog.factsOf(model))),
    };
    const worker = new WorkerProcess({
      ...{ device, previewVae, memoryLimit: workerMemory },
      onLoading: (model, loading) => void catalog.tellLoading(model, loading).catch(onProblem),
      onEnd: (reason) =>
        log(`! The inference process ended: ${reason}. It is started again with the next job.`),
    });
    const queue = new PgQueue(database, { leases, models });
    const commit = committer({ database, store, queue, blobs, leases });
    const retry = new Retry(onProblem);
    const parts = { store, queue, worker, events, metrics, retry, catalog, name, commit };
    const dispatcher = new Dispatcher(parts);
    const calls = new CallService({ database, store, worker, catalog, retry, models, name, onProblem });

    const ask = async ({ job, what }: { job: string; what: "cancel" | "keep" }) => {
      if (dispatcher.job !== job) return;
      await (what === "cancel" ? dispatcher.cancel(job) : dispatcher.keep(job)).catch(() => {});
    };
    const look = () => {
      dispatcher.wake();
      calls.wake();
    };
    await database.listen((notice) => {
      if (notice.kind === "work") dispatcher.wake();
      else if (notice.kind === "call") calls.wake();
      else if (notice.kind === "ask") void ask(notice as unknown as Parameters<typeof ask>[0]);
    }, look);

    const state = () => ({ job: dispatcher.job, loaded: catalog.loaded, memory: worker.memory });
    const beat = async () => {
      const { asked, lost } = await queue.beat();
      for (const one of asked) await ask(one);
      for (const job of lost) {
        leases.drop(job);
        dispatcher.lose(job);
      }
      await calls.beat();
      await register(database, name, facts, state());
    };
    await register(database, name, facts, state());
    const timers = [
      every(HEARTBEAT_MS, beat, onProblem),
      every(LOOK_MS, async () => look(), onProblem),
      every(RECOVER_MS, () => recoverLost(database, queue), onProblem),
    ];
    dispatcher.start();
    look();
    void catalog
      .resolve(models[0]!)
      .then((model) => worker.call("load", { model }))
      .then(
        () => catalog.tellLoaded(models[0]!),
        (error) => log(`! The model ${models[0]} could not be loaded: ${error.message}`),
      );
    let closing: Promise<void> | null = null;
    const close = async () => {
      for (const stop of timers) stop();
      calls.stop();
      await Promise.race([dispatcher.drain(), sleep(DRAIN_MS, undefined, { ref: false })]);
      await worker.dispose();
      await dispatcher.ended();
      await events.sent();
      await unregister(database, name).catch(onProblem);
      await database.close();
    };
    return {
      name,
      models,
      problem: () => worker.problem ?? database.problem,
      metrics: () =>
        metrics.render({ worker_busy: ["Whether a job runs.", dispatcher.job === null ? 0 : 1] }),
      close: () => (closing ??= close()),
    };
  } catch (error) {
    await database.close();
    throw error;
  }
}

/** Runs something now and then, never twice at once; stops when it is told to. */
export function every(
  pause: number,
  action: () => Promise<void>,
  onProblem: (error: unknown) => void,
): () => void {
  const stopping = new AbortController();
  void (async () => {
    while (!stopping.signal.aborted) {
      await sleep(pause, undefined, { signal: stopping.signal, ref: false }).catch(() => {});
      if (!stopping.signal.aborted) await action().catch(onProblem);
    }
  })();
  return () => stopping.abort();
}
