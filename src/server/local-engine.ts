/** The engine of one machine: a folder that one server has, and an inference process of its own. */
import { existsSync } from "node:fs";
import { chmod, mkdir, readdir } from "node:fs/promises";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import type { Precision } from "../checkpoint/derived.ts";
import { EmilieError, isEmilieError } from "../errors.ts";
import type { NodeDevice } from "../models/load.node.ts";
import { openTinyAutoencoder } from "../models/open.node.ts";
import { reasonOf } from "../session/file/atomic.node.ts";
import { acquire, type Lock } from "../session/file/lock.node.ts";
import { Catalog, type ListModels } from "./catalog.ts";
import { DiskHealth } from "./disk-health.ts";
import { Dispatcher } from "./dispatcher.ts";
import type { Engine, EngineOptions } from "./engine.ts";
import { EventLog } from "./events.ts";
import { linkKeyIn } from "./links.ts";
import type { Metrics } from "./metrics.ts";
import { FOLDER_MODE } from "./private-folder.ts";
import { DiskQueue } from "./queue/disk-queue.ts";
import { MemoryQueue } from "./queue/memory-queue.ts";
import { Retry } from "./retry.ts";
import { DiskStore } from "./store/disk-store.ts";
import { MemoryStore } from "./store/memory-store.ts";
import { WorkerProcess } from "./worker/process.ts";

export interface LocalOptions extends EngineOptions {
  readonly data?: string | null;
  readonly device?: NodeDevice;
  readonly precision?: Precision;
  readonly vae?: string;
  readonly previewVae?: string;
}

interface Surroundings {
  readonly listModels: ListModels;
  readonly metrics: Metrics;
  readonly log: (line: string) => void;
  /** Called with why the server cannot go on: its folder was removed, or taken by another. */
  readonly onLost: (error: EmilieError) => void;
}

/** @throws EmilieError "server.busy" where the folder is another server's, "server.missing" (no such model), "io.failed" */
export async function openLocalEngine(
  options: LocalOptions,
  { listModels, metrics, log, onLost }: Surroundings,
): Promise<Engine> {
  const data = options.data === undefined ? dataFolder() : options.data && resolve(options.data);
  const lock = data === null ? null : await claim(data, () => onLost(whyLost(data)));
  try {
    return await openIn(data, options, lock, { listModels, metrics, log });
  } catch (error) {
    await lock?.release();
    throw error;
  }
}

async function openIn(
  data: string | null,
  options: LocalOptions,
  lock: Lock | null,
  { listModels, metrics, log }: Omit<Surroundings, "onLost">,
): Promise<Engine> {
  const folders = data === null ? [] : [join(data, "sessions"), join(data, "jobs")];
  const [sessions, jobs] = folders;
  const onProblem = (message: string) => log(`! ${message}`);
  const store = sessions === undefined ? new MemoryStore() : await DiskStore.open(sessions, onProblem);
  const queue =
    jobs === undefined
      ? new MemoryQueue(options.queue)
      : await DiskQueue.open(jobs, options.queue, onProblem);
  const disk = new DiskHealth(folders);
  const retry = new Retry((error) => {
    disk.note(error);
    metrics.problem(error);
  });
  const events = new EventLog();
  // Read once, so that what is wrong with them is said now and not at the first edit.
  for (const path of [options.vae, options.previewVae])
    if (path !== undefined) await openTinyAutoencoder(path);
  // What a plan says of precisions is about the processor.
  const { vae, precision = options.device === undefined || options.device === "cpu" ? undefined : "fp32" } =
    options;
  const catalog = new Catalog(listModels, events, options.model, { precision, vae });
  await catalog.resolve(catalog.selected);
  let making: string | null = null;
  const worker = new WorkerProcess({
    memoryLimit: options.workerMemory,
    silence: options.workerSilence,
    device: options.device,
    previewVae: options.previewVae,
    onLoading: (model, loading) => {
      if (loading && making !== model) {
        const size = `${(loading.totalBytes / 1e9).toFixed(1)} GB`;
        log(`Making ${loading.what}, once: ${size}, about ${Math.ceil(loading.secondsLeft)} s.`);
      }
      making = loading ? model : null;
      void catalog.tellLoading(model, loading).catch((error) => metrics.problem(error));
    },
    onEnd: (reason) => {
      catalog.loaded = null;
      if (making !== null) void catalog.tellLoading(making, null);
      log(`! The inference process ended: ${reason}. It is started again with the next job.`);
    },
  });
  catalog.held = () => worker.memory;
  const dispatcher = new Dispatcher({ store, queue, worker, events, metrics, retry, catalog });
  const linkKey = await linkKeyIn(data);
  return {
    ...{ store, queue, worker, events, catalog, dispatcher, retry, disk, linkKey },
    tokens: null,
    workers: null,
    workerPid: () => worker.pid,
    peakWorkerMemory: () => worker.peakMemory,
    start(preload) {
      dispatcher.start();
      if (!preload) return;
      // The first edit should not wait for the model.
      const first = catalog.selected;
      void catalog
        .resolve(first)
        .then((model) => worker.call("load", { model }))
        .then(
          () => catalog.tellLoaded(first),
          (error) => log(`! The model ${first} could not be loaded: ${error.message}`),
        );
    },
    async close() {
      dispatcher.stop();
      await worker.dispose();
      await dispatcher.ended();
      catalog.dispose();
      await lock?.release();
    },
  };
}

export function dataFolder(): string {
  return process.env.EMILIE_DATA || join(homedir(), ".emilie");
}

/** What lies in a data folder, this version's and earlier ones'. */
const OWN_NAMES = ["sessions", "jobs", "server.pid"];

/** One server a folder: two would give one job to two workers. The claim of a process that is gone does not count. */
export async function claim(folder: string, onLost: () => void): Promise<Lock> {
  try {
    await mkdir(folder, { recursive: true, mode: FOLDER_MODE });
    const names = await readdir(folder);
    // A folder with other things in it is not ours to close; the two that we make in it are.
    const isOurs = names.every((name) => OWN_NAMES.includes(name) || name.startsWith(".server.pid."));
    if (isOurs) await chmod(folder, FOLDER_MODE).catch(() => {});
    const busy = (holder: string) =>
      new EmilieError(
        "server.busy",
        `${folder} belongs to another emilie server (${holder}). Stop it, or choose another folder with --data.`,
      );
    return await acquire(join(folder, "server.pid"), { wait: 0, busy, onLost });
  } catch (cause) {
    if (isEmilieError(cause)) throw cause;
    const message = `The data folder ${folder} cannot be used: ${reasonOf(cause)}. Choose another with --data.`;
    throw new EmilieError("io.failed", message, { cause });
  }
}

function whyLost(folder: string): EmilieError {
  if (existsSync(join(folder, "server.pid"))) {
    return new EmilieError(
      "server.busy",
      `Another server has taken ${folder} over, since this one did not respond for too long. It stops now.`,
    );
  }
  return new EmilieError(
    "io.failed",
    `The data folder ${folder}, or its lock server.pid, was removed while the server ran. It stops now; what was saved there went with it.`,
  );
}
