/**
 * Sessions in IndexedDB: the manifest of a session in one record, its pieces (original, latents, masks) each in their own,
 * so that an edit writes its own two pieces and not the whole session.
 */
import { type DBSchema, type IDBPDatabase, openDB } from "idb";
import type { SessionParts } from "../../../../src/web.ts";

export interface StoredSession {
  readonly id: string;
  readonly name: string;
  readonly updated: number;
  readonly edits: number;
  readonly familiar?: boolean | null;
  /** Ids of nodes in the bin. */
  readonly bin?: readonly string[];
  /** When the session was put into the bin, in milliseconds since 1970. */
  readonly binned?: number;
  readonly thumbnail?: Blob;
  readonly manifest: SessionParts["manifest"];
}

interface Schema extends DBSchema {
  sessions: { key: string; value: StoredSession };
  pieces: { key: [session: string, name: string]; value: Uint8Array };
}

let database: Promise<IDBPDatabase<Schema>> | undefined;

function connect(): Promise<IDBPDatabase<Schema>> {
  database ??= openDB<Schema>("emilie", 1, {
    upgrade(db) {
      db.createObjectStore("sessions", { keyPath: "id" });
      db.createObjectStore("pieces");
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

const piecesOf = (id: string) => IDBKeyRange.bound([id, ""], [id, "\uffff"]);

/** How long a session stays in the bin. */
const BIN_MS = 30 * 24 * 3_600_000;

export async function listSessions(): Promise<StoredSession[]> {
  const all = await (await connect()).getAll("sessions");
  const over = (one: StoredSession) => one.binned !== undefined && one.binned + BIN_MS < Date.now();
  for (const one of all) if (over(one)) await deleteSession(one.id);
  return all.filter((one) => !over(one)).sort((a, b) => b.updated - a.updated);
}

export async function readSession(
  id: string,
): Promise<{ stored: StoredSession; pieces: Map<string, Uint8Array> } | null> {
  const db = await connect();
  const transaction = db.transaction(["sessions", "pieces"]);
  const stored = await transaction.objectStore("sessions").get(id);
  if (!stored) return null;
  const pieces = new Map<string, Uint8Array>();
  for (const { name } of stored.manifest.pieces) {
    const bytes = await transaction.objectStore("pieces").get([id, name]);
    if (bytes) pieces.set(name, bytes);
  }
  return { stored, pieces };
}

/** In one transaction: what a crash leaves is the session before or after. Pieces that nobody needs any more go. */
export async function writeSession(stored: StoredSession, { pieces }: SessionParts): Promise<void> {
  const db = await connect();
  const transaction = db.transaction(["sessions", "pieces"], "readwrite");
  const store = transaction.objectStore("pieces");
  const there = new Set((await store.getAllKeys(piecesOf(stored.id))).map(([, name]) => name));
  // Not awaited one by one: a full disk shows when the transaction ends, and then nothing of it was written.
  const writes: Promise<unknown>[] = [];
  for (const { name, bytes } of pieces) {
    if (!there.delete(name)) writes.push(store.put(bytes, [stored.id, name]));
  }
  for (const name of there) writes.push(store.delete([stored.id, name]));
  writes.push(transaction.objectStore("sessions").put(stored));
  await Promise.all([...writes, transaction.done]);
}

/** Changes what is said about a session beside its tree. */
export async function updateSession(id: string, changes: Partial<StoredSession>): Promise<void> {
  const db = await connect();
  const stored = await db.get("sessions", id);
  if (stored) await db.put("sessions", { ...stored, ...changes });
}

export async function deleteSession(id: string): Promise<void> {
  const transaction = (await connect()).transaction(["sessions", "pieces"], "readwrite");
  await Promise.all([
    transaction.objectStore("sessions").delete(id),
    transaction.objectStore("pieces").delete(piecesOf(id)),
    transaction.done,
  ]);
}
