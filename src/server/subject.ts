/** Calls of the worker about a session. */
import { precisionOf } from "../models/open.node.ts";
import type { Catalog } from "./catalog.ts";
import type { Retry } from "./retry.ts";
import type { SessionStore } from "./store/store.ts";
import type { CallOptions, WorkerCalls } from "./worker/process.ts";
import {
  NeedsSession,
  type Params,
  type Result,
  type SessionMethod,
  type Subject,
} from "./worker/protocol.ts";

/** How often a session is read that the machine refuses to give, as a disk does with a bad sector. */
const READ_TRIES = 5;

interface Sources {
  readonly store: SessionStore;
  readonly retry: Retry;
  readonly catalog: Pick<Catalog, "resolve">;
  readonly worker: Pick<WorkerCalls, "call">;
}

/**
 * A session's bytes grow with its history, and the worker usually has the session open from the last call: they are sent only when it
 * asks for them.
 *
 * @throws EmilieError "server.missing" where the session or its model is gone
 */
export async function callOn<M extends SessionMethod>(
  { store, retry, catalog, worker }: Sources,
  method: M,
  session: string,
  params: Omit<Params<M>, keyof Subject>,
  options?: CallOptions,
): Promise<Result<M>> {
  const { info, manifest } = await store.read(session);
  const model = await catalog.resolve(info.model, precisionOf(manifest.model.id));
  const call = (file: Subject["file"]) =>
    worker.call(method, { ...params, session, model, file } as unknown as Params<M>, options);
  try {
    return await call(null);
  } catch (error) {
    if (!(error instanceof NeedsSession)) throw error;
    return call(await retry.until(() => store.export(session), { tries: READ_TRIES }));
  }
}
