/** A worker that is stopped for a minute in the middle of an edit, and woken. */
import { setTimeout as sleep } from "node:timers/promises";
import { Database } from "../../src/server/database/database.ts";
import { startCluster } from "../../tests/scale/cluster.ts";
import { startServer, startWorker, stop } from "../../tests/scale/processes.ts";

export interface PauseResult {
  readonly stoppedSeconds: number;
  /** From the stop to another worker having the job. */
  readonly takenOverSeconds: number;
  readonly state: string;
  readonly attempts: number;
  /** Of the session, beside its original. */
  readonly nodes: number;
  /** Blobs of nodes that the woken worker has written, and that nothing names: what it was refused. */
  readonly refused: boolean;
}

export async function pause(): Promise<PauseResult> {
  const cluster = await startCluster();
  const place = { database: await cluster.create() };
  const first = await startWorker(place, ["--name", "first"]);
  const server = await startServer(place);
  const database = await Database.open(place.database);
  try {
    const session = await server.client.createSession({ example: "cottage" });
    const edit = { instruction: "make it winter", steps: 400, previews: 0, seed: 1 };
    const job = await server.client.edit(session.id, edit);
    while (((await server.client.job(job.id)).progress?.step ?? 0) === 0) await sleep(50);
    first.process.kill("SIGSTOP");
    const stopped = performance.now();
    const second = await startWorker(place, ["--name", "second"]);
    const holder = async () =>
      (
        await database.query<{ worker: string | null }>("SELECT worker FROM @schema.jobs WHERE id = $1", [
          job.id,
        ])
      )[0]!.worker;
    while ((await holder()) === "first") await sleep(100);
    const takenOverSeconds = (performance.now() - stopped) / 1000;
    const stoppedSeconds = 60;
    await sleep(Math.max(0, stoppedSeconds * 1000 - (performance.now() - stopped)));
    first.process.kill("SIGCONT");
    const ended = await server.client.finished(job.id);
    // Time for the woken one to try.
    await sleep(5000);
    const after = await server.client.session(session.id);
    const nodes = after.nodes.length - 1;
    await stop(second);
    return {
      stoppedSeconds,
      takenOverSeconds,
      state: ended.state,
      attempts: ended.attempts,
      nodes,
      refused: nodes === ended.nodes.length,
    };
  } finally {
    await stop(first, server);
    await database.close();
    await cluster.stop();
  }
}
