/**
 * A finished node, its picture, the head, what the job has made, and the job's end where this was its last: in one transaction, which
 * begins by asking for the job's lease. A node that is there stays as it is (its id is its recipe's hash), so a second try makes no second one.
 */
import type { MadeNode } from "../dispatcher.ts";
import type { Job } from "../queue/queue.ts";
import { addNode, setHead } from "../store/tree.ts";
import { jobView, nodeView, steps, summaryView } from "../view.ts";
import { type Blobs, newBlob } from "./blobs.ts";
import type { Database } from "./database.ts";
import type { Leases } from "./leases.ts";
import type { PgQueue } from "./pg-queue.ts";
import { newAttempt, type PgStore } from "./pg-store.ts";
import { emitIn } from "./shared-events.ts";

interface Parts {
  readonly database: Database;
  readonly store: PgStore;
  readonly queue: PgQueue;
  readonly blobs: Blobs;
  readonly leases: Leases;
}

/** @throws EmilieError "job.lost" where another worker has the job; then nothing is written */
export function committer({ database, store, queue, blobs, leases }: Parts) {
  return async (job: Job, { node, pieces, png }: MadeNode, last: boolean): Promise<void> => {
    const { id, session, work } = job;
    const stored = new Map(pieces.map(({ name }) => [name, newBlob(session)]));
    const picture = newBlob(session);
    // Before any row names them.
    await blobs.put([
      ...pieces.map(({ name, bytes }) => ({ name: stored.get(name)!, bytes })),
      { name: picture, bytes: png },
    ]);
    const attempt = newAttempt<void>();
    await database.transaction(async (on) => {
      await queue.lockSession(on, session);
      const [before] = await on.query<{ finished: string | null; nodes: string[]; kept: boolean }>(
        "SELECT finished, nodes, kept FROM @schema.jobs WHERE id = $1 FOR UPDATE",
        [id],
      );
      // It went through, and only the answer was lost.
      if (attempt.result && before && before.finished !== null && before.nodes.includes(node.id)) return;
      const moveHead = work.kind === "edit" && work.moveHead;
      await store.changeIn(
        on,
        session,
        attempt,
        (draft) => {
          addNode(draft, node, pieces);
          if (moveHead) setHead(draft, node.id);
        },
        stored,
      );
      await store.nameFile(on, session, "pictures", `${node.id}.png`, picture);
      const nodes = [...new Set([...(before?.nodes ?? []), node.id])];
      const kept = (before?.kept ?? false) || (work.kind === "edit" && node.recipe?.stopAfter !== undefined);
      const now = await queue.updateIn(on, id, { nodes, kept });
      await emitIn(database, on, { type: "node", session, job: id, node: nodeView(node) });
      const record = await store.readIn(on, session);
      await emitIn(database, on, {
        type: "session",
        session: summaryView(record),
        ...steps(record),
        deleted: [],
      });
      if (last) await queue.finishIn(on, id, { state: "done" });
      else await emitIn(database, on, { type: "job", job: jobView(now, null, null) });
    });
    if (last) leases.drop(id);
  };
}
