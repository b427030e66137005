/**
 * Sessions in PostgreSQL: a row each, a row for each node and piece, and blobs beside them. A change locks the session's row, so that
 * changes take turns whichever server they come from, and writes only the rows that differ.
 */
import { randomUUID } from "node:crypto";
import { EmilieError } from "../../errors.ts";
import { type Piece, packContainer } from "../../session/file/container.node.ts";
import type { Manifest, PieceEntry, StoredNode } from "../../session/file/schema.ts";
import {
  checkFileName,
  checkId,
  type Draft,
  type FileKind,
  keepUsed,
  missingSession,
  type SessionInfo,
  type SessionQuery,
  type SessionRecord,
  type SessionStore,
} from "../store/store.ts";
import { type Blobs, newBlob } from "./blobs.ts";
import type { Database, Queries } from "./database.ts";
import { type Write, writeAll } from "./writes.ts";

interface Row {
  readonly info: SessionInfo;
  readonly manifest: Omit<Manifest, "nodes" | "pieces">;
  readonly revision: string;
  readonly nodes: readonly StoredNode[];
  readonly pieces: readonly { readonly entry: PieceEntry; readonly blob: string }[];
}

const WHOLE = `
  s.info, s.manifest, s.revision,
  (SELECT coalesce(json_agg(n.node ORDER BY n.place), '[]') FROM @schema.nodes n WHERE n.session = s.id) AS nodes,
  (SELECT coalesce(json_agg(json_build_object('entry', p.entry, 'blob', p.blob) ORDER BY p.place), '[]')
    FROM @schema.pieces p WHERE p.session = s.id) AS pieces`;

const SEEN = 32;

/** A change and what it returned when it was last tried. */
export interface Attempt<T> {
  readonly revision: string;
  /** With the session as the change left it. */
  result: { readonly value: T; readonly record: SessionRecord } | null;
}

export function newAttempt<T>(): Attempt<T> {
  return { revision: randomUUID(), result: null };
}

/** A piece whose bytes lie in a blob. */
type StoredPiece = Piece & { readonly blob: string };

export class PgStore implements SessionStore {
  readonly #database: Database;
  readonly #blobs: Blobs;
  /** Runs first in the transaction of every change: a worker that has lost its job changes nothing. */
  readonly #guard: (on: Queries) => Promise<void>;
  /** Sessions that were read or changed here last: one that has the same revision still need not be read again to be changed. */
  readonly #seen = new Map<string, Row>();

  constructor(database: Database, blobs: Blobs, guard: (on: Queries) => Promise<void> = async () => {}) {
    this.#database = database;
    this.#blobs = blobs;
    this.#guard = guard;
  }

  async list(): Promise<SessionRecord[]> {
    const rows = await this.#database.query<Row>(
      `SELECT ${WHOLE} FROM @schema.sessions s ORDER BY s.modified DESC, s.id`,
    );
    return rows.map(recordOf);
  }

  /** Only what is asked for: a hundred thousand sessions are not read for a page of them. */
  async find({ search, bin, limit, before }: SessionQuery): Promise<SessionRecord[]> {
    const rows = await this.#database.query<Row>(
      `SELECT ${WHOLE} FROM @schema.sessions s WHERE s.id IN (
         SELECT id FROM @schema.sessions
         WHERE expires IS NULL AND binned IS ${bin ? "NOT NULL" : "NULL"}
           AND ($1 = '' OR words LIKE $2) AND ($3::bigint IS NULL OR modified < $3)
         ORDER BY modified DESC, id LIMIT $4)
       ORDER BY s.modified DESC, s.id`,
      [search, `%${search.replace(/[\\%_]/g, "\\$&")}%`, before ?? null, limit ?? null],
    );
    return rows.map(recordOf);
  }

  async count(): Promise<number> {
    const [row] = await this.#database.query<{ count: number }>(
      "SELECT count(*)::int AS count FROM @schema.sessions",
    );
    return row!.count;
  }

  async expired(now: number, binnedBefore: number): Promise<string[]> {
    const rows = await this.#database.query<{ id: string }>(
      "SELECT id FROM @schema.sessions WHERE expires < $1 OR binned < $2 LIMIT 1000",
      [now, binnedBefore],
    );
    return rows.map(({ id }) => id);
  }

  async create(record: SessionRecord, pieces: readonly Piece[]): Promise<void> {
    const id = checkId(record.info.id);
    const kept = keepUsed(record.manifest, pieces);
    const stored = await this.#putPieces(id, kept.pieces);
    const revision = randomUUID();
    await this.#database.transaction(async (on) => {
      const columns = columnsOf({ info: record.info, manifest: kept.manifest });
      const made = await on.query(
        `INSERT INTO @schema.sessions (id, info, manifest, name, words, model, node_count, root, modified, expires, binned, revision)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT (id) DO NOTHING RETURNING id`,
        [id, ...columns, revision],
      );
      if (made.length === 0) {
        const [there] = await on.query<{ revision: string }>(
          "SELECT revision FROM @schema.sessions WHERE id = $1",
          [id],
        );
        // The answer to the first try was lost.
        if (there?.revision === revision) return;
        throw new EmilieError("io.failed", `a session ${id} already exists`);
      }
      await writeAll(on, id, [nodeRows(kept.manifest.nodes, 0), pieceRows(stored, 0)]);
    });
  }

  async read(id: string): Promise<SessionRecord> {
    return recordOf(await this.#row(this.#database, id));
  }

  async change<T>(id: string, change: (draft: Draft) => T): Promise<T> {
    checkId(id);
    const attempt = newAttempt<T>();
    return this.#database.transaction(async (on) => {
      await this.#guard(on);
      return this.changeIn(on, id, attempt, change);
    });
  }

  /**
   * A change within a transaction of the caller's; with the same `attempt` it is done once. `stored`: pieces whose blobs are written
   * already, by name; `first`: what is written with it, as its blobs.
   */
  async changeIn<T>(
    on: Queries,
    id: string,
    attempt: Attempt<T>,
    change: (draft: Draft) => T,
    {
      stored = new Map(),
      first = [],
    }: { stored?: ReadonlyMap<string, string>; first?: readonly Write[] } = {},
  ): Promise<T> {
    const { revision } = attempt;
    const [locked] = await on.query<{ revision: string }>(
      "SELECT revision FROM @schema.sessions WHERE id = $1 FOR UPDATE",
      [checkId(id)],
    );
    if (!locked) throw missingSession(id);
    // It was done, and only its answer was lost on the way.
    if (locked.revision === revision && attempt.result) return attempt.result.value;
    const known = this.#seen.get(id);
    const row = known?.revision === locked.revision ? known : await this.#row(on, id);
    const before = recordOf(row);
    const draft: Draft = { ...structuredClone(before), pieces: [] };
    const result = change(draft);
    const old: StoredPiece[] = row.pieces.map(({ entry, blob }) => ({
      ...entry,
      blob,
      bytes: new Uint8Array(),
    }));
    const fresh = draft.pieces.filter(({ name }) => !old.some((one) => one.name === name));
    const { manifest, pieces } = keepUsed(draft.manifest, [...old, ...fresh]);
    const added = pieces.filter((piece) => fresh.includes(piece));
    const named = await this.#putPieces(id, added, stored);
    await writeAll(on, id, [
      ...first,
      ...differences(before.manifest, manifest, pieces, named),
      { text: SESSION_ROW, values: [...columnsOf({ info: draft.info, manifest }), revision] },
    ]);
    const blobs = new Map(named.map(({ name, blob }) => [name, blob]));
    for (const { name, blob } of old) blobs.set(name, blob);
    const { nodes, pieces: entries, ...head } = manifest;
    this.#see(id, {
      ...{ info: draft.info, manifest: head, revision, nodes },
      pieces: entries.map((entry) => ({ entry, blob: blobs.get(entry.name)! })),
    });
    attempt.result = { value: result, record: { info: draft.info, manifest } };
    return result;
  }

  /** What goes with a session; its blobs go with the next sweep. */
  async delete(id: string): Promise<void> {
    await this.#database.query("DELETE FROM @schema.sessions WHERE id = $1", [checkId(id)]);
  }

  async export(id: string): Promise<Uint8Array> {
    const row = await this.#row(this.#database, id);
    this.#see(id, row);
    const { manifest } = recordOf(row);
    const bytes = await this.#blobs.get(row.pieces.map(({ blob }) => blob));
    const pieces = row.pieces.map(({ entry }, i): Piece => {
      const found = bytes[i];
      if (found) return { ...entry, bytes: found };
      throw new EmilieError(
        "io.failed",
        `The session ${id} cannot be read: its piece ${entry.name} is not in the bucket.`,
      );
    });
    return Buffer.concat((await packContainer(manifest, pieces)).parts);
  }

  async piece(id: string, name: string): Promise<Uint8Array | null> {
    await this.#exists(id);
    const [row] = await this.#database.query<{ blob: string }>(
      "SELECT blob FROM @schema.pieces WHERE session = $1 AND name = $2",
      [id, name],
    );
    return row ? ((await this.#blobs.get([row.blob]))[0] ?? null) : null;
  }

  async putFile(id: string, kind: FileKind, name: string, bytes: Uint8Array): Promise<void> {
    checkFileName(name);
    await this.#exists(id);
    const blob = newBlob(id);
    await this.#blobs.put([{ name: blob, bytes }]);
    await this.#database.transaction(async (on) => {
      await this.#guard(on);
      const made = await writeAll(on, id, [fileRow({ kind, name, blob })]);
      if (made.length === 0) throw missingSession(id);
    });
  }

  async file(id: string, kind: FileKind, name: string): Promise<Uint8Array | null> {
    checkFileName(name);
    await this.#exists(id);
    const [row] = await this.#database.query<{ blob: string }>(
      "SELECT blob FROM @schema.files WHERE session = $1 AND kind = $2 AND name = $3",
      [id, kind, name],
    );
    return row ? ((await this.#blobs.get([row.blob]))[0] ?? null) : null;
  }

  #see(id: string, row: Row): void {
    this.#seen.delete(id);
    this.#seen.set(id, row);
    const [oldest] = this.#seen.keys();
    if (this.#seen.size > SEEN) this.#seen.delete(oldest!);
  }

  async #exists(id: string): Promise<void> {
    const [row] = await this.#database.query("SELECT 1 FROM @schema.sessions WHERE id = $1", [checkId(id)]);
    if (!row) throw missingSession(id);
  }

  async #row(on: Queries, id: string): Promise<Row> {
    const [row] = await on.query<Row>(`SELECT ${WHOLE} FROM @schema.sessions s WHERE s.id = $1`, [
      checkId(id),
    ]);
    if (!row) throw missingSession(id);
    return row;
  }

  /** `stored`: pieces whose blobs are written already, by name. */
  async #putPieces(
    id: string,
    pieces: readonly Piece[],
    stored: ReadonlyMap<string, string> = new Map(),
  ): Promise<StoredPiece[]> {
    const named = pieces.map((piece) => ({ ...piece, blob: stored.get(piece.name) ?? newBlob(id) }));
    const missing = named.filter(({ name }) => !stored.has(name));
    await this.#blobs.put(missing.map(({ blob, bytes }) => ({ name: blob, bytes })));
    return named;
  }
}

function recordOf({ info, manifest, nodes, pieces }: Row): SessionRecord {
  return { info, manifest: { ...manifest, nodes: [...nodes], pieces: pieces.map(({ entry }) => entry) } };
}

function columnsOf({ info, manifest: { nodes, pieces: _, ...manifest } }: SessionRecord): unknown[] {
  const instructions = nodes.flatMap(
    ({ recipe }) => recipe?.regions.map(({ instruction }) => instruction) ?? [],
  );
  // A text of PostgreSQL has no NUL.
  const words = [info.name, ...instructions].join("\n").toLowerCase().replaceAll("\0", "");
  const { name, model, modified, expires, binned = null } = info;
  return [
    ...[JSON.stringify(info), JSON.stringify(manifest), name.replaceAll("\0", ""), words, model],
    ...[nodes.length, nodes[0]!.id, modified, expires, binned],
  ];
}

const SESSION_ROW = `UPDATE @schema.sessions SET info = #1, manifest = #2, name = #3, words = #4, model = #5, node_count = #6, root = #7,
  modified = #8, expires = #9, binned = #10, revision = #11 WHERE id = $1`;

/** A file whose blob is there. */
export interface StoredFile {
  readonly kind: FileKind;
  readonly name: string;
  readonly blob: string;
}

/** Another blob of the same name is no longer named. */
export function fileRow({ kind, name, blob }: StoredFile): Write {
  return {
    text: `INSERT INTO @schema.files (session, kind, name, blob) SELECT id, #1, #2, #3 FROM @schema.sessions WHERE id = $1
      ON CONFLICT (session, kind, name) DO UPDATE SET blob = excluded.blob RETURNING name`,
    values: [kind, checkFileName(name), blob],
  };
}

function* differences(
  before: Manifest,
  after: Manifest,
  pieces: readonly Piece[],
  added: readonly StoredPiece[],
): Generator<Write> {
  const known = new Map(before.nodes.map((node) => [node.id, JSON.stringify(node)]));
  const now = new Set(after.nodes.map((node) => node.id));
  const gone = before.nodes.filter((node) => !now.has(node.id)).map((node) => node.id);
  if (gone.length > 0)
    yield { text: "DELETE FROM @schema.nodes WHERE session = $1 AND id = ANY(#1)", values: [gone] };
  const changed = after.nodes.filter(
    (node) => known.has(node.id) && known.get(node.id) !== JSON.stringify(node),
  );
  if (changed.length > 0)
    yield {
      text: `UPDATE @schema.nodes n SET node = c.node::json FROM unnest(#1::text[], #2::text[]) AS c (id, node)
        WHERE n.session = $1 AND n.id = c.id`,
      values: [changed.map((node) => node.id), changed.map((node) => JSON.stringify(node))],
    };
  const made = after.nodes.filter((node) => !known.has(node.id));
  if (made.length > 0) yield nodeRows(made, null);
  const used = new Set(pieces.map(({ name }) => name));
  const dropped = before.pieces.filter(({ name }) => !used.has(name)).map(({ name }) => name);
  if (dropped.length > 0)
    yield { text: "DELETE FROM @schema.pieces WHERE session = $1 AND name = ANY(#1)", values: [dropped] };
  if (added.length > 0) yield pieceRows(added, null);
}

/** `first`: the place of the first of them; null: behind those that are there. One that is there already stays as it is. */
function nodeRows(nodes: readonly StoredNode[], first: number | null): Write {
  return {
    text: `INSERT INTO @schema.nodes (session, id, place, node)
      SELECT $1, n.id, coalesce(#1, (SELECT coalesce(max(place) + 1, 0) FROM @schema.nodes WHERE session = $1)) + n.at - 1, n.node::json
      FROM unnest(#2::text[], #3::text[]) WITH ORDINALITY AS n (id, node, at)
      ON CONFLICT (session, id) DO NOTHING`,
    values: [first, nodes.map((node) => node.id), nodes.map((node) => JSON.stringify(node))],
  };
}

function pieceRows(pieces: readonly StoredPiece[], first: number | null): Write {
  const entries = pieces.map(({ name, type, shape, sha256 }) =>
    JSON.stringify({ name, type, shape, sha256 }),
  );
  return {
    text: `INSERT INTO @schema.pieces (session, name, place, entry, blob)
      SELECT $1, p.name, coalesce(#1, (SELECT coalesce(max(place) + 1, 0) FROM @schema.pieces WHERE session = $1)) + p.at - 1, p.entry::json, p.blob
      FROM unnest(#2::text[], #3::text[], #4::text[]) WITH ORDINALITY AS p (name, entry, blob, at)
      ON CONFLICT (session, name) DO NOTHING`,
    values: [first, pieces.map(({ name }) => name), entries, pieces.map(({ blob }) => blob)],
  };
}
