/** Edits per second against the number of workers, whose networks are made to wait (wait.preload.mjs). */
import { startCluster } from "../../tests/scale/cluster.ts";
import { startServer, startWorker, stop } from "../../tests/scale/processes.ts";

export interface ThroughputResult {
  readonly waitMilliseconds: number;
  readonly runs: readonly {
    readonly workers: number;
    readonly edits: number;
    readonly seconds: number;
    readonly perSecond: number;
  }[];
  /** Edits per second with the most workers, against as many times those of one. */
  readonly linear: number;
}

const WAIT_MS = 700;
const COUNTS = [1, 2, 4];
/** For each worker, so that every run takes as long. */
const EDITS = 6;

export async function throughput(): Promise<ThroughputResult> {
  const preload = new URL("./wait.preload.mjs", import.meta.url).href;
  const env = { EMILIE_BENCH_WAIT: `${WAIT_MS}`, NODE_OPTIONS: `--import=${preload}` };
  const cluster = await startCluster();
  const runs: ThroughputResult["runs"][number][] = [];
  try {
    for (const count of COUNTS) {
      const place = { database: await cluster.create(), env };
      const workers = await Promise.all(Array.from({ length: count }, () => startWorker(place)));
      const server = await startServer({ database: place.database });
      try {
        const sessions = await Promise.all(
          Array.from({ length: count }, () => server.client.createSession({ example: "cottage" })),
        );
        const request = { instruction: "make it winter", steps: 4, previews: 0 };
        const edits = async ({ id, root }: (typeof sessions)[number], number: number) => {
          for (let seed = 0; seed < number; seed++) {
            const job = await server.client.edit(id, { ...request, from: root, seed });
            const { state, error } = await server.client.finished(job.id);
            if (state !== "done") throw new Error(`an edit ended as ${state}: ${error?.message}`);
          }
        };
        // Each has its model and its session by now.
        await Promise.all(sessions.map((session) => edits(session, 1)));
        const begun = performance.now();
        await Promise.all(sessions.map((session) => edits(session, EDITS + 1)));
        const seconds = (performance.now() - begun) / 1000;
        // The first of them was there already.
        runs.push({ workers: count, edits: count * EDITS, seconds, perSecond: (count * EDITS) / seconds });
      } finally {
        await stop(server, ...workers);
      }
    }
  } finally {
    await cluster.stop();
  }
  const [one] = runs;
  const last = runs.at(-1)!;
  return { waitMilliseconds: WAIT_MS, runs, linear: last.perSecond / (last.workers * one!.perSecond) };
}
