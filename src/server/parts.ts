/** What the routes work with. */
import type { Catalog } from "./catalog.ts";
import type { DiskHealth } from "./disk-health.ts";
import type { Dispatcher } from "./dispatcher.ts";
import type { EventLog } from "./events.ts";
import type { ServerLimits, Slots } from "./limits.ts";
import type { Links } from "./links.ts";
import type { Metrics } from "./metrics.ts";
import type { JobQueue } from "./queue/queue.ts";
import type { Retry } from "./retry.ts";
import type { SessionStore } from "./store/store.ts";
import type { WorkerProcess } from "./worker/process.ts";

export interface Parts {
  readonly store: SessionStore;
  readonly queue: JobQueue;
  readonly worker: WorkerProcess;
  readonly events: EventLog;
  readonly metrics: Metrics;
  readonly disk: DiskHealth;
  readonly retry: Retry;
  readonly catalog: Catalog;
  readonly dispatcher: Dispatcher;
  readonly limits: ServerLimits;
  /** Calls to the worker that do not wait in the queue. */
  readonly calls: Slots;
  readonly links: Links;
  readonly version: string;
  readonly token: string | null;
}
