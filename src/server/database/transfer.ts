/**
 * Sessions between a folder and the database, both ways: a data folder of `emilie serve --data`, or .emilie files, which any emilie opens.
 * A session that is there already is left as it is, so a transfer that was interrupted is simply done again.
 */
import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { EmilieError } from "../../errors.ts";
import { type Piece, readContainerBytes } from "../../session/file/container.node.ts";
import { claim } from "../local-engine.ts";
import { DiskStore } from "../store/disk-store.ts";
import type { SessionRecord, SessionStore } from "../store/store.ts";
import { openBlobs } from "./blobs.ts";
import type { Database } from "./database.ts";
import { PgStore } from "./pg-store.ts";

export interface Transferred {
  readonly moved: number;
  /** Those that were there already. */
  readonly known: number;
  /** Those that could not be read, and why. */
  readonly failed: readonly { readonly session: string; readonly message: string }[];
}

interface Options {
  readonly blobs?: string;
  /** Called with each session that was looked at. */
  readonly onProgress?: (done: number, total: number) => void;
  readonly signal?: AbortSignal;
}

/** @throws EmilieError "server.busy" where a server has the folder, "io.failed", "option.invalid" where it has no sessions */
export async function importFolder(
  database: Database,
  folder: string,
  options: Options = {},
): Promise<Transferred> {
  const target = new PgStore(database, await openBlobs(database, options.blobs));
  const names = await readdir(folder).catch((cause: Error) => {
    throw new EmilieError("io.failed", `The folder ${folder} cannot be read: ${cause.message}.`, { cause });
  });
  if (names.includes("sessions")) {
    const lock = await claim(folder, () => {});
    try {
      return await copyAll(await DiskStore.open(join(folder, "sessions")), target, options);
    } finally {
      await lock.release();
    }
  }
  const files = names.filter((name) => name.endsWith(".emilie"));
  if (files.length > 0) return importFiles(target, folder, files, options);
  throw new EmilieError(
    "option.invalid",
    `${folder} is no data folder of emilie serve, and has no .emilie files: there is nothing to import.`,
  );
}

/** Into a data folder that `emilie serve --data` opens. @throws EmilieError "server.busy" where a server has it, "io.failed" */
export async function exportFolder(
  database: Database,
  folder: string,
  options: Options = {},
): Promise<Transferred> {
  const source = new PgStore(database, await openBlobs(database, options.blobs));
  const lock = await claim(folder, () => {});
  try {
    return await copyAll(source, await DiskStore.open(join(folder, "sessions")), options);
  } finally {
    await lock.release();
  }
}

async function importFiles(
  target: SessionStore,
  folder: string,
  files: readonly string[],
  { onProgress, signal }: Options,
): Promise<Transferred> {
  const count = new Count(files.length, onProgress);
  for (const file of files) {
    throwIfStopped(signal);
    await count.take(file, async () => {
      const bytes = await readFile(join(folder, file));
      // The same file is the same session, however often it is brought in.
      const id = createHash("sha256").update(bytes).digest("hex").slice(0, 16);
      if (await has(target, id)) return false;
      const { manifest, pieces } = await readContainerBytes(bytes, file);
      const now = Date.now();
      const facts = { created: now, modified: now, model: manifest.model.id, towards: {}, expires: null };
      const info = { id, name: basename(file, ".emilie"), ...facts };
      await target.create({ info, manifest }, piecesOf(manifest, pieces));
      return true;
    });
  }
  return count.result;
}

async function copyAll(
  source: SessionStore,
  target: SessionStore,
  { onProgress, signal }: Options,
): Promise<Transferred> {
  const records = await source.list();
  const count = new Count(records.length, onProgress);
  for (const record of records) {
    throwIfStopped(signal);
    await count.take(record.info.id, () => copySession(record, source, target));
  }
  return count.result;
}

async function copySession(
  { info: { id } }: SessionRecord,
  source: SessionStore,
  target: SessionStore,
): Promise<boolean> {
  if (await has(target, id)) return false;
  const record = await source.read(id);
  const { manifest, pieces } = await readContainerBytes(await source.export(id), `The session ${id}`);
  await target.create({ info: record.info, manifest }, piecesOf(manifest, pieces));
  // Pictures follow from the session, and are only saved the making.
  for (const node of manifest.nodes) {
    const name = `${node.id}.png`;
    const picture = await source.file(id, "pictures", name).catch(() => null);
    if (picture) await target.putFile(id, "pictures", name, picture);
  }
  return true;
}

function piecesOf({ pieces }: SessionRecord["manifest"], bytes: ReadonlyMap<string, Uint8Array>): Piece[] {
  return pieces.map((entry) => ({ ...entry, bytes: bytes.get(entry.name)! }));
}

async function has(store: SessionStore, id: string): Promise<boolean> {
  return store.read(id).then(
    () => true,
    () => false,
  );
}

function throwIfStopped(signal?: AbortSignal): void {
  if (signal?.aborted)
    throw new EmilieError(
      "aborted",
      "The transfer was stopped. What was moved stays; the same command goes on.",
    );
}

class Count {
  #moved = 0;
  #known = 0;
  readonly #failed: { session: string; message: string }[] = [];
  readonly #total: number;
  readonly #onProgress: (done: number, total: number) => void;

  constructor(total: number, onProgress: (done: number, total: number) => void = () => {}) {
    this.#total = total;
    this.#onProgress = onProgress;
  }

  async take(session: string, action: () => Promise<boolean>): Promise<void> {
    try {
      if (await action()) this.#moved++;
      else this.#known++;
    } catch (error) {
      this.#failed.push({ session, message: (error as Error).message });
    }
    this.#onProgress(this.#moved + this.#known + this.#failed.length, this.#total);
  }

  get result(): Transferred {
    return { moved: this.#moved, known: this.#known, failed: this.#failed };
  }
}
