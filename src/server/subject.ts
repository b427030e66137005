/** What a call of the worker is about: it is sent with the call, so that the worker has nothing to ask for. */
import type { Catalog } from "./catalog.ts";
import type { Retry } from "./retry.ts";
import type { SessionStore } from "./store/store.ts";
import type { Subject } from "./worker/protocol.ts";

/** How often a session is read that the machine refuses to give, as a disk does with a bad sector. */
const READ_TRIES = 5;

interface Sources {
  readonly store: SessionStore;
  readonly retry: Retry;
  readonly catalog: Pick<Catalog, "resolve">;
  /** Workers that read sessions themselves are sent none. */
  readonly worker: { readonly readsSessions?: boolean };
}

const NO_FILE = new Uint8Array();

/** @throws EmilieError "server.missing" where the session or its model is gone */
export async function subjectOf(
  { store, retry, catalog, worker }: Sources,
  session: string,
): Promise<Subject> {
  const { info } = await store.read(session);
  const model = await catalog.resolve(info.model);
  if (worker.readsSessions) return { session, model, file: NO_FILE };
  return { session, model, file: await retry.until(() => store.export(session), { tries: READ_TRIES }) };
}
