/** emilie/server: the server of `emilie serve`, for programs that want it in their own process. Node only. */
import { listModels } from "./models/list.node.ts";
import { type RunningServer, type ServerOptions, start } from "./server/start.ts";

export { type JobQueue, QUEUE_LIMITS } from "./server/queue/queue.ts";
export type { RunningServer, ServerOptions } from "./server/start.ts";
export type { SessionStore } from "./server/store/store.ts";

/**
 * Starts the server.
 *
 * @throws EmilieError "server.busy" (the port or the data folder is taken), "server.missing" (no such model), "option.invalid"
 */
export function startServer(options: ServerOptions = {}): Promise<RunningServer> {
  return start(options, listModels);
}
