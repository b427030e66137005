/**
 * Queue and store on a disk that fails at its n-th call, for every n: what was answered with an error did not happen, what was
 * acknowledged is there, in memory and when it is read from the disk again. `npm run test:faults` takes every manner of every n.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { isEmilieError } from "../../src/errors.ts";
import { DiskQueue } from "../../src/server/queue/disk-queue.ts";
import type { Job, Work } from "../../src/server/queue/queue.ts";
import { DiskStore } from "../../src/server/store/disk-store.ts";
import type { Draft, SessionRecord } from "../../src/server/store/store.ts";
import { addNode, deleteNode, renameNode, setHead, touch } from "../../src/server/store/tree.ts";
import { readContainerBytes } from "../../src/session/file/container.node.ts";
import { packNode, packSession } from "../../src/session/file/pack.node.ts";
import { loadSession } from "../../src/session/file/store.node.ts";
import { everyFault, FaultyDisk } from "../support/faulty-disk.ts";
import { model, options, savedSession, session } from "../support/session-fixture.ts";

savedSession();
let folder: string;
let disk: FaultyDisk;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "emilie-faults-"));
  disk = new FaultyDisk(folder);
});
afterAll(async () => {
  disk.restore();
  await rm(folder, { recursive: true });
});

afterEach(() => disk.disarm());

let count = 0;
const next = () => join(folder, `${++count}`);

/** True where it worked. What does not work says so with an error of ours. */
async function attempt(action: () => Promise<unknown>): Promise<boolean> {
  try {
    await action();
    return true;
  } catch (error) {
    expect(isEmilieError(error), String((error as Error).stack)).toBe(true);
    // Or what an earlier attempt should have made is not there.
    expect(["io.failed", "server.missing"]).toContain((error as { code: string }).code);
    return false;
  }
}

const sorted = (jobs: readonly Job[]) => [...jobs].sort((a, b) => a.id.localeCompare(b.id));

it("the queue keeps its word", async () => {
  const work = (instruction: string): Work => ({
    kind: "relevance",
    from: "0".repeat(12),
    instruction,
    seed: 0,
    options: {},
  });
  const runs = await everyFault(async (fault) => {
    const path = next();
    const queue = await DiskQueue.open(path, { finished: 2 });
    /** What was acknowledged. */
    const known = new Map<string, Job>();
    const keep = (job: Job | null) => job && known.set(job.id, job);
    disk.arm(fault);
    for (const text of ["a1", "a2", "a3"]) await attempt(async () => keep(await queue.add("a", work(text))));
    await attempt(async () => keep(await queue.add("b", work("b1"))));
    for (let i = 0; i < 2; i++) {
      await attempt(async () => {
        const job = await queue.take("w");
        if (!job) return;
        keep(job);
        keep(await queue.update(job.id, { nodes: ["0123456789ab"] }));
        keep(await queue.finish(job.id, { state: "done" }));
      });
    }
    await attempt(async () => {
      const job = await queue.take("w");
      if (!job) return;
      keep(job);
      keep(await queue.release(job.id));
    });
    await attempt(async () => (await queue.recover()).forEach(keep));
    for (const { id } of await queue.list("b")) await attempt(async () => keep(await queue.withdraw(id)));
    // Pruned, once three are finished.
    const list = sorted(await queue.list());
    for (const id of known.keys()) if (!list.some((job) => job.id === id)) known.delete(id);
    expect(list).toEqual(sorted([...known.values()]));
    disk.disarm();

    const again = await DiskQueue.open(path);
    expect(sorted(await again.list())).toEqual(list);
    // Every job that was accepted runs.
    await again.recover();
    const waiting = list.filter(({ finished }) => finished === null).map(({ id }) => id);
    const ran: string[] = [];
    for (let job = await again.take("w"); job; job = await again.take("w")) {
      ran.push(job.id);
      await again.finish(job.id, { state: "done" });
    }
    expect(ran.sort()).toEqual(waiting.sort());
    // A deletion works, or it can be tried again.
    await again.forget("a");
    await rm(path, { recursive: true });
    return disk;
  });
  expect(runs).toBeGreaterThan(30);
}, 3_600_000);

it("the store keeps its word", async () => {
  const { manifest, pieces } = await packSession(session);
  const made = await packNode(
    session,
    await session.edit("make it red", { ...options, seed: 77, from: session.root }),
  );
  const recordOf = (id: string): SessionRecord => ({
    info: { id, name: "A session", created: 1, modified: 1, model: "m", towards: {}, expires: null },
    manifest: structuredClone(manifest),
  });
  const [one, other, third] = ["1", "2", "3"].map((digit) => digit.repeat(16)) as [string, string, string];
  const [, red, blue] = manifest.nodes as [unknown, { id: string }, { id: string }];
  const changes: ((draft: Draft) => unknown)[] = [
    (draft) => renameNode(draft, red.id, "renamed"),
    (draft) => touch(draft, { name: "The same under another name" }),
    (draft) => addNode(draft, made.node, made.pieces),
    (draft) => setHead(draft, made.node.id),
    (draft) => setHead(draft, blue.id),
    (draft) => deleteNode(draft, made.node.id),
  ];
  const runs = await everyFault(
    async (fault) => {
      const path = next();
      const store = await DiskStore.open(path);
      await store.create(recordOf(one), pieces);
      const known = new Map<string, SessionRecord>([[one, recordOf(one)]]);
      known.set(one, structuredClone(await store.read(one)));
      disk.arm(fault);
      for (const id of [other, third]) {
        if (await attempt(() => store.create(recordOf(id), pieces))) known.set(id, await store.read(id));
      }
      for (const change of changes) {
        if (await attempt(() => store.change(one, change))) known.set(one, await store.read(one));
        expect(await store.read(one)).toEqual(known.get(one));
      }
      const masks = new Map<string, Uint8Array>();
      for (const name of ["a.png", "b.png"]) {
        const bytes = Uint8Array.of(count, masks.size);
        if (await attempt(() => store.putFile(one, "masks", name, bytes))) masks.set(name, bytes);
      }
      if (known.has(other) && (await attempt(() => store.delete(other)))) known.delete(other);
      // Reading may fail as well, but never with another answer.
      await attempt(async () => {
        for (const [name, bytes] of masks)
          expect(Buffer.from((await store.file(one, "masks", name))!)).toEqual(Buffer.from(bytes));
        expect((await readContainerBytes(await store.export(one), "it")).lost).toEqual([]);
      });
      const ids = [...known.keys()].sort();
      expect((await store.list()).map(({ info }) => info.id).sort()).toEqual(ids);
      const { failed } = disk;
      disk.disarm();

      const again = await DiskStore.open(path);
      expect((await again.list()).map(({ info }) => info.id).sort()).toEqual(ids);
      for (const [id, record] of known) {
        expect(await again.read(id)).toEqual(record);
        const { lost } = await readContainerBytes(await again.export(id), "it");
        expect(lost).toEqual([]);
      }
      for (const [name, bytes] of masks)
        expect(await again.file(one, "masks", name)).toEqual(Buffer.from(bytes));
      // What was refused can be done now.
      await again.change(one, (draft) => addNode(draft, made.node, made.pieces));
      await rm(path, { recursive: true });
      return { failed };
    },
    // Without a common factor with the manners, so that each has its turn.
    { every: 11 },
  );
  expect(runs).toBeGreaterThan(10);
}, 3_600_000);

it("a store that cannot read a session for now finds it when it can", async () => {
  const { manifest, pieces } = await packSession(session);
  const id = "4".repeat(16);
  const path = next();
  const info = { id, name: "Mine", created: 1, modified: 1, model: "m", towards: {}, expires: null };
  await (await DiskStore.open(path)).create({ info, manifest }, pieces);
  await everyFault(async (fault) => {
    disk.arm(fault);
    const store = await DiskStore.open(path).catch(() => null);
    disk.disarm();
    if (store) expect((await store.read(id)).info).toEqual(info);
    return disk;
  });
});

it("a session's file keeps what was saved, and is left as it was where a save fails", async () => {
  const path = join(folder, "saved.emilie");
  await session.save(path, { onChange: "overwrite" });
  const own = await loadSession(path, { model });
  let saved = new Set(own.nodes.keys());
  const runs = await everyFault(async (fault) => {
    const node = await own.edit("make it red", { ...options, seed: 1000 + ++count, from: own.root });
    disk.arm(fault);
    const worked = await attempt(() => own.save(path, { onChange: "merge" }));
    const { failed } = disk;
    disk.disarm();
    if (worked) saved = new Set(own.nodes.keys());
    const there = await loadSession(path, { model });
    expect(there.warnings).toEqual([]);
    expect([...there.nodes.keys()].sort()).toEqual([...saved].sort());
    own.delete(node);
    saved.delete(node.id);
    await own.save(path, { onChange: "overwrite" });
    return { failed };
  });
  expect(runs).toBeGreaterThan(10);
}, 3_600_000);
