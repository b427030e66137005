/** What the routes work with. */
import type { Catalog } from "./catalog.ts";
import type { StorageHealth } from "./disk-health.ts";
import type { JobControl } from "./dispatcher.ts";
import type { Events } from "./events.ts";
import type { NamedTokens } from "./guard.ts";
import type { ServerLimits, Slots } from "./limits.ts";
import type { Links } from "./links.ts";
import type { Metrics } from "./metrics.ts";
import type { JobQueue } from "./queue/queue.ts";
import type { Retry } from "./retry.ts";
import type { WorkerInfo } from "./schemas/index.ts";
import type { SessionStore } from "./store/store.ts";
import type { WorkerCalls } from "./worker/process.ts";

export interface Parts {
  readonly store: SessionStore;
  readonly queue: JobQueue;
  readonly worker: WorkerCalls;
  readonly events: Events;
  readonly metrics: Metrics;
  readonly disk: StorageHealth;
  readonly retry: Retry;
  readonly catalog: Catalog;
  readonly dispatcher: JobControl;
  readonly limits: ServerLimits;
  /** Calls to the worker that do not wait in the queue. */
  readonly calls: Slots;
  readonly links: Links;
  readonly version: string;
  readonly token: string | null;
  readonly tokens: NamedTokens | null;
  /** Who computes, where that is others; null: this server itself. */
  readonly workers: (() => Promise<WorkerInfo[]>) | null;
}
