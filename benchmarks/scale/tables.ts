/** What the database takes: of one edit, and with a hundred thousand sessions in it. */
import { randomUUID } from "node:crypto";
import { loadModel, openSession, readPicture } from "../../src/index.ts";
import { TableBlobs } from "../../src/server/database/blobs.ts";
import { committer } from "../../src/server/database/commit.ts";
import { Database } from "../../src/server/database/database.ts";
import { Leases } from "../../src/server/database/leases.ts";
import { PgQueue } from "../../src/server/database/pg-queue.ts";
import { PgStore } from "../../src/server/database/pg-store.ts";
import type { EditWork } from "../../src/server/queue/work.ts";
import type { SessionRecord } from "../../src/server/store/store.ts";
import { renameNode } from "../../src/server/store/tree.ts";
import { packNode, packSession } from "../../src/session/file/pack.node.ts";
import { startCluster } from "../../tests/scale/cluster.ts";
import { MODEL } from "../../tests/scale/processes.ts";
import { quantile } from "./quantile.ts";

interface Times {
  readonly median: number;
  readonly p95: number;
}

export interface OverheadResult {
  readonly edits: number;
  /** In milliseconds of one edit: asking, taking, reading the session, writing the node and ending the job. */
  readonly add: Times;
  readonly take: Times;
  readonly read: Times;
  readonly commit: Times;
  /** What lies between two edits of a worker: taking, reading and writing. */
  readonly share: Times;
}

export interface TablesResult {
  readonly sessions: number;
  readonly nodes: number;
  readonly list: Times;
  readonly search: Times;
  readonly open: Times;
  readonly commit: Times;
  readonly fillSeconds: number;
}

const times = (values: readonly number[]): Times => ({
  median: quantile(values, 0.5),
  p95: quantile(values, 0.95),
});

async function timed<T>(into: number[], action: () => Promise<T>): Promise<T> {
  const begun = performance.now();
  const result = await action();
  into.push(performance.now() - begun);
  return result;
}

async function madeSession() {
  const model = await loadModel(MODEL, { understanding: false });
  const picture = await readPicture(new URL("../../examples/cottage.png", import.meta.url).pathname);
  const session = await openSession(model, picture);
  const node = await session.edit("make it winter", { steps: 2, seed: 1n });
  const packed = await packSession(session);
  const made = await packNode(session, node);
  await model.dispose();
  const original = {
    ...packed.manifest,
    nodes: packed.manifest.nodes.slice(0, 1),
    head: packed.manifest.nodes[0]!.id,
  };
  return { original, pieces: packed.pieces, made, png: packed.pieces[0]!.bytes };
}

/** A worker runs for days: the first edits, with code that is not compiled yet, are left out. */
const WARM = 200;

export async function overhead(edits = 500): Promise<OverheadResult> {
  const cluster = await startCluster();
  const database = await Database.open(await cluster.create());
  try {
    const blobs = new TableBlobs(database);
    const leases = new Leases();
    const store = new PgStore(database, blobs, (on) => leases.check(on));
    const queue = new PgQueue(database, { leases, models: ["checkpoint"] });
    const commit = committer({ database, store, queue, blobs, leases });
    const { original, pieces, made, png } = await madeSession();
    const all = { add: [], take: [], read: [], commit: [], share: [] } as Record<
      "add" | "take" | "read" | "commit" | "share",
      number[]
    >;
    for (let i = -WARM; i < edits; i++) {
      if (i === 0) for (const list of Object.values(all)) list.length = 0;
      const id = (i + WARM).toString(16).padStart(16, "0");
      await store.create(recordOf(id, original), pieces);
      const work: EditWork = {
        ...{ kind: "edit", from: original.head, instruction: "make it winter", mask: null, regions: [] },
        ...{ settings: {}, variations: 1, previews: 0, moveHead: true },
      };
      await timed(all.add, () => queue.add(id, work));
      await timed(all.share, async () => {
        const job = await timed(all.take, () => queue.take("bench"));
        await timed(all.read, () => store.export(id));
        await timed(all.commit, () => commit(job!, { type: "node", edit: 0, png, ...made }, true));
      });
    }
    return {
      edits,
      add: times(all.add),
      take: times(all.take),
      read: times(all.read),
      commit: times(all.commit),
      share: times(all.share),
    };
  } finally {
    await database.close();
    await cluster.stop();
  }
}

function recordOf(id: string, manifest: SessionRecord["manifest"]): SessionRecord {
  const now = Date.now();
  return {
    info: {
      id,
      name: `Session ${id}`,
      created: now,
      modified: now,
      model: "checkpoint",
      towards: {},
      expires: null,
    },
    manifest,
  };
}

const NODES = 10;

export async function tables(sessions: number): Promise<TablesResult> {
  const cluster = await startCluster({ shared_buffers: "512MB", max_wal_size: "4GB" });
  const database = await Database.open(await cluster.create());
  try {
    const store = new PgStore(database, new TableBlobs(database));
    const { original, pieces, made } = await madeSession();
    const first = "f".repeat(16);
    await store.create(recordOf(first, original), pieces);
    await store.change(first, (draft) => {
      draft.manifest = { ...draft.manifest, nodes: [...draft.manifest.nodes, made.node] };
      draft.pieces.push(...made.pieces);
    });
    const begun = performance.now();
    await fill(database, first, sessions);
    const fillSeconds = (performance.now() - begun) / 1000;
    const all = { list: [], search: [], open: [], commit: [] } as Record<
      "list" | "search" | "open" | "commit",
      number[]
    >;
    for (let i = 0; i < 200; i++) {
      const id = Math.floor((i / 200) * sessions)
        .toString(16)
        .padStart(16, "0");
      await timed(all.list, () => store.find({ search: "", bin: false, limit: 50 }));
      await timed(all.search, () => store.find({ search: `session ${id.slice(4)}`, bin: false, limit: 50 }));
      const record = await timed(all.open, () => store.read(id));
      await timed(all.commit, () =>
        store.change(id, (draft) => renameNode(draft, record.manifest.head, randomUUID())),
      );
    }
    const [row] = await database.query<{ sessions: number; nodes: number }>(
      "SELECT (SELECT count(*)::int FROM @schema.sessions) AS sessions, (SELECT count(*)::int FROM @schema.nodes) AS nodes",
    );
    return {
      ...row!,
      list: times(all.list),
      search: times(all.search),
      open: times(all.open),
      commit: times(all.commit),
      fillSeconds,
    };
  } finally {
    await database.close();
    await cluster.stop();
  }
}

/** Copies of one session, whose node stands in each of them under other names, as often as asked for; statements of the database's own. */
async function fill(database: Database, from: string, sessions: number): Promise<void> {
  const batch = 10_000;
  for (let at = 0; at < sessions; at += batch) {
    const values = [from, at, Math.min(sessions, at + batch) - 1];
    await database.query(
      `INSERT INTO @schema.sessions (id, info, manifest, name, words, model, node_count, root, modified, expires, binned, revision)
       SELECT lpad(to_hex(i), 16, '0'),
         (jsonb_set(jsonb_set(s.info::jsonb, '{id}', to_jsonb(lpad(to_hex(i), 16, '0'))), '{modified}', to_jsonb(s.modified - i)))::json,
         s.manifest, 'Session ' || i, 'session ' || lpad(to_hex(i), 12, '0') || E'\\nmake it winter', s.model, ${NODES}, s.root, s.modified - i, NULL, NULL, gen_random_uuid()
       FROM @schema.sessions s, generate_series($2::int, $3::int) i WHERE s.id = $1`,
      values,
    );
    // The original, and the edit under nine names, each with the one before as its parent.
    await database.query(
      `INSERT INTO @schema.nodes (session, id, place, node)
       SELECT lpad(to_hex(i), 16, '0'), n.id, 0, n.node FROM @schema.nodes n, generate_series($2::int, $3::int) i WHERE n.session = $1 AND n.place = 0
       UNION ALL
       SELECT lpad(to_hex(i), 16, '0'), substr(md5(i || '-' || k), 1, 12), k,
         (n.node::jsonb || jsonb_build_object('id', substr(md5(i || '-' || k), 1, 12), 'parent',
           CASE WHEN k = 1 THEN n.node ->> 'parent' ELSE substr(md5(i || '-' || (k - 1)), 1, 12) END))::json
       FROM @schema.nodes n, generate_series($2::int, $3::int) i, generate_series(1, ${NODES - 1}) k WHERE n.session = $1 AND n.place = 1`,
      values,
    );
    await database.query(
      `INSERT INTO @schema.pieces (session, name, place, entry, blob)
       SELECT lpad(to_hex(i), 16, '0'), p.name, p.place, p.entry, p.blob FROM @schema.pieces p, generate_series($2::int, $3::int) i WHERE p.session = $1`,
      values,
    );
  }
  await database.query("ANALYZE @schema.sessions, @schema.nodes, @schema.pieces");
}
