/** What of a session's draft is too large for localStorage: masks, reference pictures, and edits that were asked for and have not ended. In IndexedDB. */
import { type DBSchema, type IDBPDatabase, openDB, type StoreNames } from "idb";
import type { Place } from "../canvas/align.ts";
import type { Asked, Draft, LayerCopy, Queued } from "./types.ts";

export type StoredAsked = Omit<Queued, "id" | "given"> & Partial<Pick<Asked, "from">>;

interface Schema extends DBSchema {
  /** With where the picture lay that they were painted on; versions before 3 did not say. */
  masks: { key: [session: string, region: number]; value: LayerCopy & { readonly place?: Place } };
  /** Reference pictures in their order. */
  references: { key: string; value: readonly File[] };
  /** In their order, the one that runs first. */
  asked: { key: string; value: readonly StoredAsked[] };
}

let database: Promise<IDBPDatabase<Schema>> | undefined;

function connect(): Promise<IDBPDatabase<Schema>> {
  database ??= openDB<Schema>("emilie-drafts", 3, {
    upgrade(db, before) {
      if (before < 1) db.createObjectStore("masks");
      if (before < 2) db.createObjectStore("references");
      db.createObjectStore("asked");
    },
    // Another tab has a newer version of the page.
    blocking(_current, _blocked, { target }) {
      (target as IDBDatabase).close();
      database = undefined;
    },
    terminated() {
      database = undefined;
    },
  });
  database.catch(() => {
    database = undefined;
  });
  return database;
}

const masksOf = (session: string) => IDBKeyRange.bound([session, -Infinity], [session, Infinity]);

/** One transaction. It is committed without waiting for its parts, so that it is kept where the page goes the moment after. */
async function write<Name extends StoreNames<Schema>>(
  name: Name,
  parts: (store: {
    put(value: Schema[Name]["value"], key: Schema[Name]["key"]): Promise<unknown>;
    delete(key: Schema[Name]["key"] | IDBKeyRange): Promise<unknown>;
  }) => readonly Promise<unknown>[],
): Promise<void> {
  const transaction = (await connect()).transaction(name, "readwrite");
  const done = [...parts(transaction.store), transaction.done];
  transaction.commit();
  await Promise.all(done);
}

export const writeMasks = (session: string, masks: Draft["layers"], place: Place): Promise<void> =>
  write("masks", (store) => [
    store.delete(masksOf(session)),
    ...[...masks].map(([region, layer]) => store.put({ ...layer, place }, [session, region])),
  ]);

export const writeReferences = (session: string, files: readonly File[]): Promise<void> =>
  write("references", (store) => [files.length > 0 ? store.put(files, session) : store.delete(session)]);

export const writeAsked = (session: string, asked: readonly StoredAsked[]): Promise<void> =>
  write("asked", (store) => [asked.length > 0 ? store.put(asked, session) : store.delete(session)]);

/** Masks by region; reference pictures; what was asked for. */
export async function readStored(session: string) {
  const db = await connect();
  const keys = await db.getAllKeys("masks", masksOf(session));
  const layers = new Map<number, LayerCopy>();
  let place: Place | undefined;
  for (const key of keys) {
    const kept = await db.get("masks", key);
    if (kept) layers.set(key[1], kept);
    place ??= kept?.place;
  }
  return {
    layers,
    place,
    references: (await db.get("references", session)) ?? [],
    asked: (await db.get("asked", session)) ?? [],
  };
}

/** Forgets all of a session's. */
export async function forgetStored(session: string): Promise<void> {
  await write("masks", (store) => [store.delete(masksOf(session))]);
  await writeReferences(session, []);
  await writeAsked(session, []);
}
