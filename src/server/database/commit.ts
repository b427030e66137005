/**
 * A finished node, its picture, the head, what the job has made, and the job's end where this was its last: in one transaction, which
 * begins by asking for the job's lease. A node that is there stays as it is (its id is its recipe's hash), so a second try makes no second one.
 */
import type { MadeNode } from "../dispatcher.ts";
import type { Job } from "../queue/queue.ts";
import { addNode, setHead } from "../store/tree.ts";
import { nodeView, sizesOf, steps, summaryView } from "../view.ts";
import { type Blobs, newBlob } from "./blobs.ts";
import type { Database } from "./database.ts";
import type { Leases } from "./leases.ts";
import type { PgQueue } from "./pg-queue.ts";
import { fileRow, newAttempt, type PgStore } from "./pg-store.ts";

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
    const named = [
      ...pieces.map(({ name, bytes }) => ({ name: stored.get(name)!, bytes })),
      { name: picture, bytes: png },
    ];
    // With the rows that name them, or before.
    const write = blobs.write(named);
    if (!write) await blobs.put(named);
    const first = [
      ...(write ? [write] : []),
      fileRow({ kind: "pictures", name: `${node.id}.png`, blob: picture }),
    ];
    const attempt = newAttempt<void>();
    const moveHead = work.kind === "edit" && work.moveHead;
    await database.transaction(async (on) => {
      await queue.commitIn(on, job, {
        made: node.id,
        last,
        isDone: (now) => attempt.result !== null && now.finished !== null && now.nodes.includes(node.id),
        act: async () => {
          await store.changeIn(
            on,
            session,
            attempt,
            (draft) => {
              addNode(draft, node, pieces);
              if (moveHead) setHead(draft, node.id);
            },
            { stored, first },
          );
          const { record } = attempt.result!;
          return {
            kept: work.kind === "edit" && node.recipe?.stopAfter !== undefined,
            events: [
              { type: "node", session, job: id, node: nodeView(node, sizesOf(record.manifest)) },
              { type: "session", session: summaryView(record), ...steps(record), deleted: [] },
            ],
          };
        },
      });
    });
    if (last) leases.drop(id);
  };
}
