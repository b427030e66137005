/** Questions about all sessions: a store's own answer, or what follows from the list of them. */
import type { SessionQuery, SessionRecord, SessionStore } from "./store.ts";
import { shownNodes } from "./tree.ts";

export async function findSessions(store: SessionStore, query: SessionQuery): Promise<SessionRecord[]> {
  if (store.find) return store.find(query);
  const { search, bin, limit, before = Number.POSITIVE_INFINITY } = query;
  const found = (await store.list()).filter(
    (record) =>
      record.info.expires === null &&
      (typeof record.info.binned === "number") === bin &&
      record.info.modified < before &&
      holds(record, search),
  );
  return found.slice(0, limit);
}

export async function countSessions(store: SessionStore): Promise<number> {
  return store.count ? store.count() : (await store.list()).length;
}

export async function expiredSessions(
  store: SessionStore,
  now: number,
  binnedBefore: number,
): Promise<string[]> {
  if (store.expired) return store.expired(now, binnedBefore);
  const isOver = ({ info: { expires, binned } }: SessionRecord) =>
    (expires !== null && expires < now) || (typeof binned === "number" && binned < binnedBefore);
  return (await store.list()).filter(isOver).map(({ info }) => info.id);
}

/** Whether a search in lower case finds the session by its name or by what was asked for in it. */
function holds(record: SessionRecord, search: string): boolean {
  const instructions = shownNodes(record).flatMap(({ recipe }) =>
    (recipe?.regions ?? []).map(({ instruction }) => instruction),
  );
  return [record.info.name, ...instructions].some((text) => text.toLowerCase().includes(search));
}
