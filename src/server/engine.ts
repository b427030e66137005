/** Where sessions and jobs are kept and who computes: what all routes work with, on one machine or on many. */
import type { Catalog } from "./catalog.ts";
import type { StorageHealth } from "./disk-health.ts";
import type { JobControl } from "./dispatcher.ts";
import type { Events } from "./events.ts";
import type { NamedTokens } from "./guard.ts";
import type { JobQueue, QueueLimits } from "./queue/queue.ts";
import type { Retry } from "./retry.ts";
import type { WorkerInfo } from "./schemas/index.ts";
import type { SessionStore } from "./store/store.ts";
import type { WorkerCalls } from "./worker/process.ts";

/** Of a server's options what every engine reads. */
export interface EngineOptions {
  readonly model?: string;
  readonly queue?: Partial<QueueLimits>;
  readonly workerMemory?: number;
  readonly workerSilence?: number;
}

export interface Engine {
  readonly store: SessionStore;
  readonly queue: JobQueue;
  readonly worker: WorkerCalls;
  readonly events: Events;
  readonly catalog: Catalog;
  readonly dispatcher: JobControl;
  readonly retry: Retry;
  readonly disk: StorageHealth;
  /** What links to pictures are signed with. */
  readonly linkKey: Uint8Array;
  /** Tokens with names; null where there are none but the server's own. */
  readonly tokens: NamedTokens | null;
  readonly workers: (() => Promise<WorkerInfo[]>) | null;
  readonly workerPid: () => number | undefined;
  readonly peakWorkerMemory: () => number;
  /** The server listens: jobs may begin. `preload`: the model is loaded at once, where it is loaded here. */
  start(preload: boolean): void;
  close(): Promise<void>;
}
