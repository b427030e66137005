/** Clients that edit, branch, cancel and download, while workers, servers and the database are killed; and what is left at the end. */
import { setTimeout as sleep } from "node:timers/promises";
import { EmilieClient, isEmilieError, type JobInfo } from "../../src/client/index.ts";
import { Database } from "../../src/server/database/database.ts";
import { startBucket } from "../../tests/scale/bucket.ts";
import { freePort, startCluster } from "../../tests/scale/cluster.ts";
import { type Place, type Started, startServer, startWorker, stop } from "../../tests/scale/processes.ts";
import { quantile } from "./quantile.ts";

export interface ChaosOptions {
  readonly clients: number;
  readonly edits: number;
  readonly workers: number;
  readonly killWorkers: number;
  readonly killServers: number;
  readonly killDatabase: number;
}

export interface ChaosResult {
  readonly clients: number;
  readonly edits: number;
  readonly workers: number;
  readonly servers: number;
  readonly killed: { readonly workers: number; readonly servers: number; readonly database: number };
  /** Jobs that were accepted, by how they ended. */
  readonly done: number;
  readonly cancelled: number;
  /** Ended two workers, and were reported. */
  readonly interrupted: number;
  readonly failed: number;
  readonly stuck: number;
  /** Nodes of jobs that are done, or that somebody was told of, that are not in their session, or whose picture cannot be had. */
  readonly lost: number;
  /** Nodes that no job names, or of which a session has two of one request. */
  readonly duplicates: number;
  readonly downloads: number;
  readonly seconds: number;
  /** From asking to being begun, in seconds. */
  readonly wait: { readonly p50: number; readonly p95: number };
}

const SERVERS = 2;
/** How long everything may take. */
const LIMIT_MS = 45 * 60_000;

export async function chaos(options: ChaosOptions): Promise<ChaosResult> {
  const [cluster, bucket] = await Promise.all([startCluster(), startBucket()]);
  const place: Place = { database: await cluster.create(), blobs: bucket.address };
  const ports = await Promise.all(Array.from({ length: SERVERS }, freePort));
  const server = (i: number) => startServer(place, [], ports[i]);
  const worker = () => startWorker(place);
  const workers: Started[] = [];
  const servers: Started[] = [];
  const urls = ports.map((port) => `http://127.0.0.1:${port}`);
  const killed = { workers: 0, servers: 0, database: 0 };
  const progress = { done: 0 };
  const signal = AbortSignal.timeout(LIMIT_MS);
  try {
    workers.push(...(await Promise.all(Array.from({ length: options.workers }, worker))));
    servers.push(...(await Promise.all(ports.map((_, i) => server(i)))));
    const begun = performance.now();
    const total = options.clients * options.edits;
    const clients = Promise.all(
      Array.from({ length: options.clients }, (_, i) => client(i, urls, options.edits, progress, signal)),
    );
    const killing = Promise.all([
      spread(options.killWorkers, total, progress, signal, async (n) => {
        const at = n % workers.length;
        await stop(workers[at]!);
        workers[at] = await patiently(worker, signal);
        killed.workers++;
      }),
      spread(options.killServers, total, progress, signal, async (n) => {
        const at = n % servers.length;
        await stop(servers[at]!);
        servers[at] = await patiently(() => server(at), signal);
        killed.servers++;
      }),
      spread(options.killDatabase, total, progress, signal, async () => {
        await cluster.kill();
        await sleep(500);
        await cluster.start();
        killed.database++;
      }),
    ]);
    const asked = await clients;
    await killing;
    const seconds = (performance.now() - begun) / 1000;
    return { ...sizeOf(options), killed, ...(await audit(place.database, urls[0]!, asked)), seconds };
  } finally {
    await stop(...workers, ...servers);
    await Promise.all([cluster.stop(), bucket.stop()]);
  }
}

function sizeOf({ clients, edits, workers }: ChaosOptions) {
  return { clients, edits, workers, servers: SERVERS };
}

/** Spread over the work: the n-th kill comes when as much of the work is done, or after some seconds without any. */
async function spread(
  count: number,
  total: number,
  progress: { readonly done: number },
  signal: AbortSignal,
  kill: (n: number) => Promise<void>,
): Promise<void> {
  for (let n = 0; n < count && !signal.aborted; n++) {
    const due = ((n + 0.5) / count) * total * 0.9;
    for (let waited = 0; progress.done < due && waited < 10_000 && !signal.aborted; waited += 100)
      await sleep(100);
    await kill(n);
  }
}

interface Asked {
  readonly session: string;
  readonly jobs: JobInfo[];
  readonly downloads: number;
}

async function client(
  number: number,
  urls: readonly string[],
  edits: number,
  progress: { done: number },
  signal: AbortSignal,
): Promise<Asked> {
  const random = seeded(number + 1);
  const some = () => new EmilieClient({ baseUrl: urls[Math.floor(random() * urls.length)]! });
  const session = await patiently(() => some().createSession({ example: "cottage" }), signal);
  const known = [session.root];
  const jobs: JobInfo[] = [];
  let downloads = 0;
  for (let edit = 0; edit < edits; edit++) {
    // A third of them begins on a branch of its own.
    const from = random() < 0.33 ? known[Math.floor(random() * known.length)]! : known.at(-1)!;
    const request = {
      instruction: "make it winter",
      steps: 2,
      previews: random() < 0.3 ? 1 : 0,
      from,
      seed: 1000 * number + edit,
    };
    const job = await patiently(() => some().edit(session.id, request), signal);
    if (random() < 0.15) {
      await sleep(500 * random());
      await patiently(() => some().cancelJob(job.id), signal);
    }
    const ended = await patiently(
      () => some().finished(job.id, { signal: AbortSignal.timeout(60_000) }),
      signal,
    );
    jobs.push(ended);
    known.push(...ended.nodes);
    progress.done++;
    if (random() < 0.3 && ended.nodes.length > 0) {
      await patiently(() => some().picture(session.id, ended.nodes[0]!), signal);
      downloads++;
    }
  }
  return { session: session.id, jobs, downloads };
}

/** Tries again where nobody answers, or nobody can for now. */
async function patiently<T>(action: () => Promise<T>, signal: AbortSignal): Promise<T> {
  for (;;) {
    try {
      return await action();
    } catch (error) {
      signal.throwIfAborted();
      // What is wrong with the request itself would be wrong again.
      if (isEmilieError(error) && ["option.invalid", "session.malformed"].includes(error.code)) throw error;
      await sleep(300);
    }
  }
}

async function audit(url: string, server: string, asked: readonly Asked[]) {
  const database = await Database.open(url);
  const client = new EmilieClient({ baseUrl: server });
  try {
    const rows = await database.query<{
      id: string;
      session: string;
      state: string;
      nodes: string[];
      created: string;
      started: string | null;
      error: { code: string } | null;
    }>("SELECT id, session, state, nodes, created, started, error FROM @schema.jobs");
    const count = (state: string) => rows.filter((row) => row.state === state).length;
    const interrupted = rows.filter(({ error }) => error?.code === "job.interrupted").length;
    let [lost, duplicates, downloads] = [0, 0, 0];
    for (const { session, jobs, downloads: own } of asked) {
      downloads += own;
      const { nodes, root } = await client.session(session);
      const there = new Set(nodes.map(({ id }) => id));
      const told = new Set([
        ...jobs.flatMap((job) => job.nodes),
        ...rows.filter((row) => row.session === session).flatMap((row) => row.nodes),
      ]);
      for (const id of told) {
        const whole =
          there.has(id) &&
          (await client.picture(session, id).then(
            ({ size }) => size > 0,
            () => false,
          ));
        if (!whole) lost++;
      }
      const seeds = nodes.map(({ recipe }) => recipe?.seed).filter((seed) => seed !== undefined);
      duplicates +=
        [...there].filter((id) => id !== root && !told.has(id)).length + seeds.length - new Set(seeds).size;
      await client.exportSession(session);
    }
    const waits = rows.flatMap(({ created, started }) =>
      started === null ? [] : [(Number(started) - Number(created)) / 1000],
    );
    return {
      done: count("done"),
      cancelled: count("cancelled"),
      interrupted,
      failed: count("failed") - interrupted,
      stuck: count("waiting") + count("running"),
      lost,
      duplicates,
      downloads,
      wait: { p50: quantile(waits, 0.5), p95: quantile(waits, 0.95) },
    };
  } finally {
    await database.close();
  }
}

/** mulberry32 */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
