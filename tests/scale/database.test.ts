/** The database itself: its versions, who may ask, what moves in and out, and what is swept. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { parseBucket, withoutSecrets } from "../../src/server/database/address.ts";
import { newBlob, openBlobs } from "../../src/server/database/blobs.ts";
import { Database } from "../../src/server/database/database.ts";
import { pack, unpack } from "../../src/server/database/parcel.ts";
import { PgQueue } from "../../src/server/database/pg-queue.ts";
import { PgStore } from "../../src/server/database/pg-store.ts";
import { SharedEvents } from "../../src/server/database/shared-events.ts";
import { sweepBlobs, sweepRows } from "../../src/server/database/sweep.ts";
import { createToken, revokeToken, tokenCheck } from "../../src/server/database/tokens.ts";
import { exportFolder, importFolder } from "../../src/server/database/transfer.ts";
import { DiskStore } from "../../src/server/store/disk-store.ts";
import { renameNode } from "../../src/server/store/tree.ts";
import { packSession } from "../../src/session/file/pack.node.ts";
import { loadSession } from "../../src/session/file/store.node.ts";
import { work } from "../server/queue-contract.ts";
import { checkWhole, model, savedSession, session } from "../support/session-fixture.ts";
import { KEYS, startBucket } from "./bucket.ts";
import { startCluster } from "./cluster.ts";

savedSession();
Object.assign(process.env, KEYS);
const [cluster, bucket] = await Promise.all([startCluster(), startBucket()]);
const folder = await mkdtemp(join(tmpdir(), "emilie-database-"));
const opened: Database[] = [];
afterAll(async () => {
  for (const one of opened) await one.close();
  await Promise.all([cluster.stop(), bucket.stop(), rm(folder, { recursive: true })]);
});
async function open(): Promise<Database> {
  const database = await Database.open(await cluster.create(), { connections: 4 });
  opened.push(database);
  return database;
}
const info = (id: string) => ({
  id,
  name: "A session",
  created: 1,
  modified: 2,
  model: "picturebook",
  towards: {},
  expires: null,
});
const ID = "00000000000000aa";

describe("versions", () => {
  it("an empty database says what to do, takes the steps once, and by two at once", async () => {
    const url = await cluster.createEmpty();
    await expect(Database.open(url)).rejects.toMatchObject({
      code: "database.version",
      message: /emilie database migrate/,
    });
    const unchecked = () => Database.open(url, { check: false });
    const [one, two] = [await unchecked(), await unchecked()];
    await Promise.all([one.migrate(), two.migrate()]);
    const { to } = await one.migrate();
    expect(await two.version()).toBe(to);
    for (const database of [one, two, await Database.open(url)]) await database.close();
  });

  it("older tables and newer ones are refused, each with what to do", async () => {
    const url = await cluster.create();
    const database = await Database.open(url);
    const version = await database.version();
    await database.query("DELETE FROM @schema.migrations WHERE version = $1", [version]);
    await expect(Database.open(url)).rejects.toMatchObject({
      code: "database.version",
      message: /database migrate/,
    });
    await database.query("INSERT INTO @schema.migrations (version) VALUES ($1)", [version + 1]);
    await expect(Database.open(url)).rejects.toMatchObject({
      code: "database.version",
      message: /Update emilie/,
    });
    await expect(database.migrate()).rejects.toMatchObject({
      code: "database.version",
      message: /backwards/,
    });
    await database.close();
  });

  it("no database and no bucket are said, without their secrets", async () => {
    const nowhere = Database.open("postgres://ada:secret@127.0.0.1:9/emilie");
    await expect(nowhere).rejects.toMatchObject({
      code: "database.unreachable",
      message: expect.not.stringContaining("secret"),
    });
    await expect(Database.open("mysql://x")).rejects.toMatchObject({ code: "option.invalid" });
    const missing = openBlobs(await open(), bucket.address.replace("emilie", "nothing"));
    await expect(missing).rejects.toMatchObject({ code: "database.unreachable" });
    expect(() => parseBucket("s3://emilie", {})).toThrow(/AWS_ACCESS_KEY_ID/);
    expect(withoutSecrets("postgres://a:p@h/d?password=x&sslkey=y&z=1")).toBe(
      "postgres://a:…@h/d?password=…&sslkey=…&z=1",
    );
  });
});

it("the rights that the guide grants are enough to serve and to work, and not to create", async () => {
  const guide = await readFile(new URL("../../docs/scale.md", import.meta.url), "utf8");
  const [, grants = ""] = /```sql\n(.*?)```/s.exec(guide)!;
  const url = await cluster.create();
  const admin = await Database.open(url);
  await admin.query(grants.replace("'…'", "'secret'"));
  const role = await Database.open(url.replace("postgres@", "emilie_service:secret@"));
  opened.push(admin, role);
  const queue = new PgQueue(role);
  await queue.add("a", work("1"));
  const job = await queue.take("w");
  await queue.finish(job!.id, { state: "done" });
  await SharedEvents.open(role, (error) => {
    throw error;
  });
  await createToken(role, "ada");
  await sweepRows(role);
  const blobs = await openBlobs(role, undefined);
  await blobs.put([{ name: "a/b", bytes: Uint8Array.of(1) }]);
  await sweepBlobs(role, blobs, new Date(Date.now() + 60_000));
  expect(await blobs.get(["a/b"])).toEqual([null]);
  await expect(role.query("CREATE TABLE @schema.more (one int)")).rejects.toMatchObject({ code: "42501" });
  await expect(role.query("DELETE FROM @schema.migrations")).rejects.toMatchObject({ code: "42501" });
});

describe("tokens", () => {
  it("have a name, are refused from the moment they are revoked, and are limited each by itself", async () => {
    const database = await open();
    const check = tokenCheck(database);
    const [ada, bob] = [await createToken(database, "ada", 0.001), await createToken(database, "bob")];
    expect([await check(bob), await check("guessed")]).toEqual(["bob", null]);
    await expect(createToken(database, "ada")).rejects.toMatchObject({ code: "io.exists" });
    await database.query(`UPDATE @schema.tokens SET "left" = 1 WHERE name = 'ada'`);
    expect(await check(ada)).toBe("ada");
    await expect(check(ada)).rejects.toMatchObject({ code: "server.busy" });
    expect(await check(bob)).toBe("bob");
    await revokeToken(database, "bob");
    expect(await check(bob)).toBeNull();
    const kept = await database.query<{ hash: string }>("SELECT hash FROM @schema.tokens");
    expect(kept.map(({ hash }) => hash)).not.toContain(ada);
  });
});

describe("sessions", () => {
  it("go from a data folder into the database and back, whole and once", async () => {
    const packed = await packSession(session);
    const path = join(folder, "data");
    const disk = await DiskStore.open(join(path, "sessions"));
    await disk.create({ info: info(ID), manifest: packed.manifest }, packed.pieces);
    await disk.putFile(ID, "pictures", `${packed.manifest.head}.png`, Uint8Array.of(1, 2, 3));
    const database = await open();
    const options = { blobs: bucket.address };
    expect(await importFolder(database, path, options)).toEqual({ moved: 1, known: 0, failed: [] });
    expect(await importFolder(database, path, options)).toEqual({ moved: 0, known: 1, failed: [] });
    const store = new PgStore(database, await openBlobs(database, bucket.address));
    expect(await store.read(ID)).toEqual(await disk.read(ID));
    const back = join(folder, "back");
    expect(await exportFolder(database, back, options)).toEqual({ moved: 1, known: 0, failed: [] });
    const again = await DiskStore.open(join(back, "sessions"));
    expect(Buffer.from(await again.export(ID))).toEqual(Buffer.from(await disk.export(ID)));
    expect([...(await again.file(ID, "pictures", `${packed.manifest.head}.png`))!]).toEqual([1, 2, 3]);
  });

  it("come from .emilie files, the same file once, and one that is damaged is named", async () => {
    const packed = await packSession(session);
    const disk = await DiskStore.open(join(folder, "for-files"));
    await disk.create({ info: info(ID), manifest: packed.manifest }, packed.pieces);
    const path = await mkdtemp(join(folder, "files-"));
    await writeFile(join(path, "winter.emilie"), await disk.export(ID));
    await writeFile(join(path, "broken.emilie"), "no session");
    const database = await open();
    const first = await importFolder(database, path);
    expect(first).toMatchObject({ moved: 1, failed: [{ session: "broken.emilie" }] });
    expect(await importFolder(database, path)).toMatchObject({ moved: 0, known: 1 });
    const store = new PgStore(database, await openBlobs(database, undefined));
    const [one] = await store.list();
    expect(one!.info.name).toBe("winter");
    await writeFile(join(path, "out.emilie"), await store.export(one!.info.id));
    expect(checkWhole(await loadSession(join(path, "out.emilie"), { model }), session)).toBe(0);
  });

  it("are found by their names and by what was asked for, in pages", async () => {
    const packed = await packSession(session);
    const database = await open();
    const store = new PgStore(database, await openBlobs(database, undefined));
    for (let i = 0; i < 5; i++) {
      const id = `${i}`.padStart(16, "0");
      await store.create(
        { info: { ...info(id), name: `Picture ${i} 100%`, modified: i }, manifest: packed.manifest },
        packed.pieces,
      );
    }
    const names = async (query: Partial<Parameters<typeof store.find>[0]>) =>
      (await store.find({ search: "", bin: false, ...query }))
        .map((one) => one.info.name.slice(8, 9))
        .join("");
    expect(await names({})).toBe("43210");
    expect(await names({ limit: 2 })).toBe("43");
    expect(await names({ limit: 2, before: 3 })).toBe("21");
    expect(await names({ search: "picture 2" })).toBe("2");
    expect(await names({ search: "make it red" })).toBe("43210");
    expect(await names({ search: "100%" })).toBe("43210");
    expect(await names({ search: "10_%" })).toBe("");
    expect(await store.count()).toBe(5);
  });
});

describe("what is swept", () => {
  it.each([
    ["the database", undefined],
    ["a bucket", bucket.address],
  ])("blobs in %s that nothing names, and no others", async (_, address) => {
    const packed = await packSession(session);
    const database = await open();
    const blobs = await openBlobs(database, address);
    const store = new PgStore(database, blobs);
    await store.create({ info: info(ID), manifest: packed.manifest }, packed.pieces);
    const orphan = newBlob(ID);
    await blobs.put([{ name: orphan, bytes: Uint8Array.of(1) }]);
    const before = await store.export(ID);
    await sweepBlobs(database, blobs);
    expect((await blobs.get([orphan]))[0]).not.toBeNull();
    const later = new Date(Date.now() + 60_000);
    await sweepBlobs(database, blobs, later);
    expect((await blobs.get([orphan]))[0]).toBeNull();
    expect(await store.export(ID)).toEqual(before);
    await store.change(ID, (draft) => renameNode(draft, draft.manifest.nodes[1]!.id, "kept"));
    await store.delete(ID);
    expect(await sweepBlobs(database, blobs, later)).toBeGreaterThanOrEqual(packed.pieces.length);
    await sweepRows(database);
  });
});

it("a parcel gives back values with bytes, in their places", () => {
  const value = {
    a: [Uint8Array.of(1, 2), { b: Buffer.from("xyz"), c: null }],
    1: "text",
    d: new Uint8Array(0),
  };
  expect(unpack(pack(value))).toEqual({
    ...value,
    a: [value.a[0], { b: new Uint8Array(Buffer.from("xyz")), c: null }],
  });
});
