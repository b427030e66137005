/** Brings a server up: store, queue, inference process, routes, and a socket; and down again. */

import { randomBytes } from "node:crypto";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { createAdaptorServer } from "@hono/node-server";
import type { Precision } from "../checkpoint/derived.ts";
import { EmilieError } from "../errors.ts";
import { checkOptions, type OptionNames } from "../input/options.ts";
import type { NodeDevice } from "../models/load.node.ts";
import { packageRoot } from "../runtime/package-root.node.ts";
import { createApp } from "./app.ts";
import type { ListModels } from "./catalog.ts";
import { checkOrigins } from "./cors.ts";
import { isLoopback } from "./guard.ts";
import { DEFAULT_PORT, SERVER_LIMITS, type ServerLimits, Slots, TOKEN } from "./limits.ts";
import { Links } from "./links.ts";
import { listen, shut } from "./listen.ts";
import { openLocalEngine } from "./local-engine.ts";
import { Metrics } from "./metrics.ts";
import { packageVersion } from "./package-version.ts";
import type { Parts } from "./parts.ts";
import { QUEUE_LIMITS, type QueueLimits } from "./queue/queue.ts";
import { deleteExpired } from "./sessions.ts";

export interface ServerOptions {
  /** Default 7860; 0 takes any that is free. */
  readonly port?: number;
  /** Default 127.0.0.1. Anything but loopback gets a token. */
  readonly host?: string;
  /** Where sessions and jobs are kept; null: in memory only. Default $EMILIE_DATA, or ~/.emilie. */
  readonly data?: string | null;
  /** postgres://…: sessions and jobs are there, for any number of servers, and workers elsewhere compute. Default: in `data`. */
  readonly database?: string;
  /** With `database`, s3://bucket?endpoint=…: where pictures are kept. Default: in the database too. */
  readonly blobs?: string;
  /** With `database`: brings its tables to this version first. Default false. */
  readonly migrate?: boolean;
  /** The model of new sessions: a name that `emilie models` lists, or a folder. Default picturebook. */
  readonly model?: string;
  /** Where models run, as loadModel takes it. Default "cpu". */
  readonly device?: NodeDevice;
  /**
   * How new sessions compute. Default: each model in the precision that its plan takes (ModelPlan.takes; on a GPU fp32), which `GET /models` says. A session stays in
   * the precision that it was made in.
   */
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
    database: true,
    blobs: true,
    migrate: true,
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
  const { database } = options;
  checkPlace(options);
  // Named tokens are in the database; a random one would be good for one of several servers only.
  const random = database === undefined && !isLoopback(host);
  const token = options.token ?? (random ? randomBytes(24).toString("base64url") : null);
  if (token !== null && !TOKEN.test(token)) {
    throw new EmilieError("option.invalid", "a token has 8 to 200 visible ASCII characters and no spaces");
  }
  const closing: (() => unknown)[] = [];
  let end: (error: EmilieError) => void = () => {};
  const lost = new Promise<EmilieError>((resolve) => {
    end = resolve;
  });
  try {
    const metrics = new Metrics((message) => log(`! ${message}`));
    const onLost = (error: EmilieError) => {
      log(`! ${error.message}`);
      void closeAll(closing).finally(() => end(error));
    };
    // Loaded where it is asked for: its packages need not be there.
    const engine =
      database === undefined
        ? await openLocalEngine(options, { listModels, metrics, log, onLost })
        : await (await import("./database/engine.ts")).openSharedEngine(database, options, metrics);
    closing.unshift(() => engine.close());
    const { store, queue, worker, events, disk, retry, catalog, dispatcher, workers, tokens } = engine;
    if (tokens && !tokens.exist && token === null && !isLoopback(host)) {
      throw new EmilieError(
        "option.invalid",
        `On ${host} every request needs a token, and the database has none. Make one with: emilie database token create NAME --database …`,
      );
    }
    const limits = { ...SERVER_LIMITS, ...options.limits };
    const parts: Parts = {
      ...{ store, queue, worker, events, metrics, disk, retry, catalog, dispatcher, workers, limits },
      calls: new Slots(limits.calls),
      links: Links.with(engine.linkKey, options.publicUrl),
      version: packageVersion(),
      ...{ token, tokens },
    };
    const studio = options.studio ?? join(packageRoot(), "dist", "studio");
    const allowedHosts = [...(options.allowedHosts ?? [])];
    const publicUrl = options.publicUrl === undefined ? undefined : new URL(options.publicUrl);
    if (publicUrl) allowedHosts.push(publicUrl.hostname);
    const allowedOrigins = checkOrigins(options.allowedOrigins, token ?? (tokens?.exist ? "named" : null));
    const publicOrigin = publicUrl?.origin;
    const guarded = { host, token, tokens, allowedHosts, allowedOrigins, publicOrigin };
    const app = createApp(parts, { ...guarded, studio, log });
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
    engine.start(options.preload !== false);
    await deleteExpired(parts).catch((error) => metrics.problem(error));
    const address = server.address() as AddressInfo;
    return {
      url: `http://${host.includes(":") && !host.startsWith("[") ? `[${host}]` : host}:${address.port}`,
      ...{ host, token, port: address.port, lost },
      workerPid: engine.workerPid,
      peakWorkerMemory: engine.peakWorkerMemory,
      close: () => closeAll(closing),
    };
  } catch (error) {
    await closeAll(closing);
    throw error;
  }
}

/** @throws EmilieError "option.invalid" where it is said twice, or not at all, where things are kept */
function checkPlace({ database, data, blobs, migrate, ...options }: ServerOptions): void {
  if (database === undefined && (blobs !== undefined || migrate))
    throw new EmilieError("option.invalid", "blobs and migrate belong to a database. Name it with database.");
  const { device, precision, vae, previewVae } = options;
  const [loaded] = Object.entries({ device, precision, vae, previewVae }).filter(
    ([, value]) => value !== undefined,
  );
  if (database !== undefined && loaded) {
    throw new EmilieError(
      "option.invalid",
      `With a database the models are the workers', and ${loaded[0]} is given to emilie worker.`,
    );
  }
  if (database !== undefined && data !== undefined && data !== null)
    throw new EmilieError(
      "option.invalid",
      "data and database both say where sessions are kept. Give only one of them.",
    );
}

async function closeAll(closing: (() => unknown)[]): Promise<void> {
  for (let action = closing.shift(); action; action = closing.shift()) await action();
}
