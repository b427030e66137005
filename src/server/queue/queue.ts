/**
 * What waits for a worker. Jobs of one session run in the order they came; sessions take turns, so that one with many jobs
 * does not hold up the others. What throws has changed nothing. Implementations are held to one contract: tests/server/queue.test.ts.
 */
import type { EditWork, RelevanceWork, ReplayWork } from "./work.ts";

export type Work = EditWork | ReplayWork | RelevanceWork;

export interface Job {
  /** Sixteen hex digits. */
  readonly id: string;
  readonly session: string;
  readonly work: Work;
  readonly state: "waiting" | "running" | "done" | "failed" | "cancelled";
  /** Milliseconds since 1970. */
  readonly created: number;
  readonly started: number | null;
  readonly finished: number | null;
  /** How often it was begun, but for the times that it was given back. */
  readonly attempts: number;
  /** Who runs it. */
  readonly worker: string | null;
  /** Nodes made so far, in order. */
  readonly nodes: readonly string[];
  readonly replaced: Readonly<Record<string, string>> | null;
  readonly relevance: { readonly map: string; readonly mask: string } | null;
  readonly kept: boolean;
  /** What was noticed about the request, said once each; absent in jobs of older servers. */
  readonly remarks?: readonly string[];
  readonly error: { readonly code: string; readonly message: string } | null;
}

export type JobChange = Partial<Pick<Job, "nodes" | "replaced" | "relevance" | "kept" | "remarks">>;
export interface JobEnd {
  readonly state: "done" | "failed" | "cancelled";
  readonly error?: Job["error"];
}

export interface QueueLimits {
  /** Waiting jobs of all sessions. */
  readonly total: number;
  readonly perSession: number;
  /** Finished jobs that are remembered. */
  readonly finished: number;
}
export const QUEUE_LIMITS: QueueLimits = { total: 256, perSession: 32, finished: 500 };

/** An interrupted job is begun once more, then reported. */
export const MAX_ATTEMPTS = 2;

export interface JobQueue {
  /**
   * `owner`: whose it is, by the name of a token; queues that serve several let them take turns.
   *
   * @throws EmilieError "queue.full"
   */
  add(session: string, work: Work, owner?: string): Promise<Job>;
  /** The next job, now running and the caller's; null where none waits. No job is given to two. */
  take(worker: string): Promise<Job | null>;
  /** Notes what a running job has made. @throws EmilieError "server.missing" */
  update(id: string, change: JobChange): Promise<Job>;
  /** Ends a job. One that has ended stays as it is. @throws EmilieError "server.missing" */
  finish(id: string, end: JobEnd): Promise<Job>;
  /** Cancels a job that waits; others stay as they are. @throws EmilieError "server.missing" */
  withdraw(id: string): Promise<Job>;
  /**
   * Gives back a running job: it waits again, before the others of its session, and this try does not count. One that does not
   * run stays as it is. @throws EmilieError "server.missing"
   */
  release(id: string): Promise<Job>;
  /**
   * A worker is gone: what it ran waits again, before the others of its session, or is failed ("job.interrupted") after
   * its second try. Returns the jobs concerned. Without a name: all workers (the server has started anew).
   */
  recover(worker?: string): Promise<Job[]>;
  /** @throws EmilieError "server.missing" */
  get(id: string): Promise<Job>;
  /** Oldest first. */
  list(session?: string): Promise<Job[]>;
  /** The waiting jobs in the order in which they will be taken. */
  order(): Promise<Job[]>;
  /** A queue that can answer these without reading all jobs does; the others leave them out (see position.ts). */
  position?(id: string): Promise<number | null>;
  figures?(): Promise<{ readonly waiting: number; readonly running: number; readonly oldestSeconds: number }>;
  /** Forgets all jobs of a session but the one that runs. */
  forget(session: string): Promise<void>;
}
