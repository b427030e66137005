/** Brings a server up: store, queue, inference process, routes, and a socket; and down again. */

import { randomBytes } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { chmod, mkdir, readdir } from "node:fs/promises";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { createAdaptorServer } from "@hono/node-server";
import type { Precision } from "../checkpoint/derived.ts";
import { EmilieError, isEmilieError } from "../errors.ts";
import { checkOptions, type OptionNames } from "../input/options.ts";
import type { NodeDevice } from "../models/load.node.ts";
import { openTinyAutoencoder } from "../models/open.node.ts";
import { packageRoot } from "../runtime/package-root.node.ts";
import { reasonOf } from "../session/file/atomic.node.ts";
import { acquire, type Lock } from "../session/file/lock.node.ts";
import { createApp } from "./app.ts";
import { Catalog, type ListModels } from "./catalog.ts";
import { checkOrigins } from "./cors.ts";
import { DiskHealth } from "./disk-health.ts";
import { Dispatcher } from "./dispatcher.ts";
import { EventLog } from "./events.ts";
import { isLoopback } from "./guard.ts";
import { DEFAULT_PORT, SERVER_LIMITS, type ServerLimits, Slots, TOKEN } from "./limits.ts";
import { Links } from "./links.ts";
import { listen, shut } from "./listen.ts";
import { Metrics } from "./metrics.ts";
import type { Parts } from "./parts.ts";
import { FOLDER_MODE } from "./private-folder.ts";
import { DiskQueue } from "./queue/disk-queue.ts";
import { MemoryQueue } from "./queue/memory-queue.ts";
import { QUEUE_LIMITS, type QueueLimits } from "./queue/queue.ts";
import { Retry } from "./retry.ts";
import { deleteExpired } from "./sessions.ts";
import { DiskStore } from "./store/disk-store.ts";
import { MemoryStore } from "./store/memory-store.ts";
import { WorkerProcess } from "./worker/process.ts";

export interface ServerOptions {
  /** Default 7860; 0 takes any that is free. */
  readonly port?: number;
  /** Default 127.0.0.1. Anything but loopback gets a token. */
  readonly host?: string;
  /** Where sessions and jobs are kept; null: in memory only. Default $EMILIE_DATA, or ~/.emilie. */
  readonly data?: string | null;
  /** The model of new sessions: a name that `emilie models` lists, or a folder. Default picturebook. */
  readonly model?: string;
  /** Where models run, as loadModel takes it. Default "cpu". */
  readonly device?: NodeDevice;
  /** How all models of this server compute. Default "fp32". Sessions belong to the precision that they were made in. */
  readonly precision?: Precision;
  /** A tiny autoencoder in the place of every model's own: its folder or file. Default: none. */
  readonly vae?: string;
  /** A tiny autoencoder for previews; models that it does not fit cannot be used. Default: none. */
  readonly previewVae?: string;
  /** What every request must carry. Default: none on loopback, a random one elsewhere. */
  readonly token?: string;
  /** The studio's folder. Default: the package's own, where it was built. */
  readonly studio?: string;
  readonly allowedHosts?: readonly string[];
  /** Origins whose pages may use it, as "https://app.example"; "*" (any) needs a token. */
  readonly allowedOrigins?: readonly string[];
  /** By what address it is reached, as behind a proxy. Default: as requests and X-Forwarded-* headers say. */
  readonly publicUrl?: string;
  readonly limits?: Partial<ServerLimits>;
  readonly queue?: Partial<QueueLimits>;
  /** The inference process is ended, and its job failed, when it takes more resident memory, in bytes. */
  readonly workerMemory?: number;
  /** The inference process is ended, and its job begun once more, when it stands still for this long, in ms. Default 10,000. */
  readonly workerSilence?: number;
  /** Whether the model is loaded at once, rather than with the first picture. Default true. */
  readonly preload?: boolean;
  readonly log?: (line: string) => void;
}

const SERVER_OPTIONS: OptionNames<ServerOptions> = {
  ...{
    port: true,
    host: true,
    data: true,
    model: true,
    device: true,
    precision: true,
    vae: true,
    previewVae: true,
    token: true,
    studio: true,
  },
  ...{
    allowedHosts: true,
    allowedOrigins: true,
    publicUrl: true,
    limits: true,
    queue: true,
    workerMemory: true,
  },
  ...{ workerSilence: true, preload: true, log: true },
};

export interface RunningServer {
  /** http://127.0.0.1:7860 */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  readonly token: string | null;
  /** Of the inference process; undefined where it does not run. */
  readonly workerPid: () => number | undefined;
  readonly peakWorkerMemory: () => number;
  /** Resolves, once it has stopped, with why it cannot go on: its data folder was removed, or taken by another server. */
  readonly lost: Promise<EmilieError>;
  /** Stops listening and ends the inference process. What waits goes on with the next start, and so does the job that runs. */
  close(): Promise<void>;
}

const SWEEP_MS = 60_000;

/** @throws EmilieError "server.busy" where the port or the data folder is another server's, "option.invalid" */
export async function start(options: ServerOptions, listModels: ListModels): Promise<RunningServer> {
  checkOptions(options, SERVER_OPTIONS, "startServer's options");
  checkOptions(options.limits ?? {}, SERVER_LIMITS, "startServer's limits");
  checkOptions(options.queue ?? {}, QUEUE_LIMITS, "startServer's queue");
  const { host = "127.0.0.1", port = DEFAULT_PORT, log = () => {} } = options;
  const data = options.data === undefined ? dataFolder() : options.data && resolve(options.data);
  const token = options.token ?? (isLoopback(host) ? null : randomBytes(24).toString("base64url"));
  if (token !== null && !TOKEN.test(token)) {
    throw new EmilieError("option.invalid", "a token has 8 to 200 visible ASCII characters and no spaces");
  }
  const closing: (() => unknown)[] = [];
  let end: (error: EmilieError) => void = () => {};
  const lost = new Promise<EmilieError>((resolve) => {
    end = resolve;
  });
  const onLost = () => {
    const error = whyLost(data!);
    log(`! ${error.message}`);
    void closeAll(closing).finally(() => end(error));
  };
  const lock = data === null ? null : await claim(data, onLost);
  closing.push(() => lock?.release());
  try {
    const metrics = new Metrics((message) => log(`! ${message}`));
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
    const catalog = new Catalog(listModels, events, options.model, {
      precision: options.precision,
      vae: options.vae,
    });
    await catalog.resolve(catalog.selected);
    closing.unshift(() => catalog.dispose());
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
    const dispatcher = new Dispatcher({ store, queue, worker, events, metrics, retry, catalog });
    closing.unshift(
      () => dispatcher.stop(),
      () => worker.dispose(),
      () => dispatcher.ended(),
    );
    const limits = { ...SERVER_LIMITS, ...options.limits };
    const version = packageVersion();
    const calls = new Slots(limits.calls);
    const parts: Parts = {
      store,
      queue,
      worker,
      events,
      metrics,
      disk,
      retry,
      catalog,
      dispatcher,
      limits,
      calls,
      links: await Links.open(data, options.publicUrl),
      version,
      token,
    };
    const studio = options.studio ?? join(packageRoot(), "dist", "studio");
    const allowedHosts = [...(options.allowedHosts ?? [])];
    const publicUrl = options.publicUrl === undefined ? undefined : new URL(options.publicUrl);
    if (publicUrl) allowedHosts.push(publicUrl.hostname);
    const allowedOrigins = checkOrigins(options.allowedOrigins, token);
    const publicOrigin = publicUrl?.origin;
    const app = createApp(parts, { host, token, allowedHosts, allowedOrigins, publicOrigin, studio, log });
    const server = createAdaptorServer({ fetch: app.fetch }) as Server;
    // An upload over a slow line may take minutes; headers may not.
    server.headersTimeout = 15_000;
    await listen(server, port, host);
    closing.unshift(() => shut(server));
    const sweep = setInterval(
      () => void deleteExpired(parts).catch((error) => metrics.problem(error)),
      SWEEP_MS,
    );
    sweep.unref();
    closing.unshift(() => clearInterval(sweep));
    dispatcher.start();
    await deleteExpired(parts).catch((error) => metrics.problem(error));
    const address = server.address() as AddressInfo;
    const running: RunningServer = {
      url: `http://${host.includes(":") && !host.startsWith("[") ? `[${host}]` : host}:${address.port}`,
      ...{ host, token, port: address.port, lost },
      workerPid: () => worker.pid,
      peakWorkerMemory: () => worker.peakMemory,
      close: () => closeAll(closing),
    };
    // The first edit should not wait for the model.
    const first = catalog.selected;
    if (options.preload === false) return running;
    void worker.call("load", { model: await catalog.resolve(first) }).then(
      () => catalog.tellLoaded(first),
      (error) => log(`! The model ${first} could not be loaded: ${error.message}`),
    );
    return running;
  } catch (error) {
    await closeAll(closing);
    throw error;
  }
}

async function closeAll(closing: (() => unknown)[]): Promise<void> {
  for (let action = closing.shift(); action; action = closing.shift()) await action();
}

function dataFolder(): string {
  return process.env.EMILIE_DATA || join(homedir(), ".emilie");
}

/** What lies in a data folder, this version's and earlier ones'. */
const OWN_NAMES = ["sessions", "jobs", "server.pid"];

/** One server a folder: two would give one job to two workers. The claim of a process that is gone does not count. */
async function claim(folder: string, onLost: () => void): Promise<Lock> {
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

function packageVersion(): string {
  return (JSON.parse(readFileSync(join(packageRoot(), "package.json"), "utf8")) as { version: string })
    .version;
}
