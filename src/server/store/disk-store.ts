/**
 * Sessions on the disk, a folder each: session.emilie (the truth), info.json (name, dates), pictures/ (made from it, may be
 * deleted), masks/ (uploaded). Every file is written under another name and renamed.
 *
 * What is in memory follows what is on the disk. A change of the tree is two files: info.json is written first, with the revision
 * of the session file that it belongs to and with what it replaces; it counts from the moment that session.emilie is renamed.
 */
import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { EmilieError } from "../../errors.ts";
import { locked, mayPass, reasonOf, removeFile, writeAtomically } from "../../session/file/atomic.node.ts";
import { type Piece, packContainer, readContainer } from "../../session/file/container.node.ts";
import { Turns } from "../../util/turns.ts";
import { FILE_MODE, FOLDER_MODE, privateFolder } from "../private-folder.ts";
import {
  checkFileName,
  checkId,
  type Draft,
  type FileKind,
  keepUsed,
  missingSession,
  SESSION_ID,
  type SessionInfo,
  type SessionRecord,
  type SessionStore,
} from "./store.ts";

const infoSchema = z.object({
  id: z.string().regex(SESSION_ID),
  name: z.string(),
  created: z.number(),
  modified: z.number(),
  model: z.string(),
  towards: z.record(z.string(), z.string()),
  expires: z.number().nullable(),
  familiar: z.boolean().nullable().optional(),
  bin: z.array(z.string()).readonly().optional(),
  binned: z.number().nullable().optional(),
});
/** info.json. Those of earlier versions say no revision. */
const writtenInfoSchema = infoSchema.extend({
  revision: z.string().optional(),
  before: infoSchema.extend({ revision: z.string() }).nullable().optional(),
});

interface Entry extends SessionRecord {
  /** Of session.emilie. */
  readonly revision: string;
}

export class DiskStore implements SessionStore {
  readonly #folder: string;
  readonly #entries = new Map<string, Entry>();
  /** Sessions that the disk did not give when it was asked last. They are asked for again. */
  readonly #unread = new Set<string>();
  readonly #turns = new Turns();

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** `onProblem` hears of sessions that cannot be read; they are left as they are. */
  static async open(folder: string, onProblem: (message: string) => void = () => {}): Promise<DiskStore> {
    const store = new DiskStore(folder);
    await privateFolder(folder);
    for (const id of await readdir(folder)) {
      if (!SESSION_ID.test(id)) continue;
      try {
        await store.#load(id);
      } catch (error) {
        if (isMissing(error)) {
          // A creation that failed, or a deletion that was cut short.
          await rm(join(folder, id), { recursive: true, force: true }).catch(() => {});
          continue;
        }
        if (mayPass(error)) store.#unread.add(id);
        onProblem(`Session ${id} cannot be read: ${error instanceof Error ? error.message : error}`);
      }
    }
    return store;
  }

  async list(): Promise<SessionRecord[]> {
    for (const id of this.#unread) await this.#load(id).catch(() => {});
    return [...this.#entries.values()].map(recordOf).sort((a, b) => b.info.modified - a.info.modified);
  }

  async create(record: SessionRecord, pieces: readonly Piece[]): Promise<void> {
    const id = checkId(record.info.id);
    await this.#turns.take(id, async () => {
      if (this.#entries.has(id)) throw new EmilieError("io.failed", `a session ${id} already exists`);
      try {
        for (const part of ["pictures", "masks"])
          await mkdir(join(this.#folder, id, part), { recursive: true, mode: FOLDER_MODE });
        await this.#write({ info: record.info, ...keepUsed(record.manifest, pieces) });
      } catch (error) {
        await rm(join(this.#folder, id), { recursive: true, force: true }).catch(() => {});
        throw failed(`The session could not be stored`, error);
      }
    });
  }

  async read(id: string): Promise<SessionRecord> {
    return recordOf(await this.#entry(id));
  }

  change<T>(id: string, change: (draft: Draft) => T): Promise<T> {
    return this.#turns.take(checkId(id), async () => {
      const { info, manifest, revision } = await this.#entry(id);
      const draft: Draft = { ...structuredClone({ info, manifest }), pieces: [] };
      const result = change(draft);
      const same = draft.pieces.length === 0 && JSON.stringify(draft.manifest) === JSON.stringify(manifest);
      if (same) {
        await this.#writeInfo({ ...draft.info, revision, before: null });
        this.#entries.set(id, { info: draft.info, manifest, revision });
      } else {
        const pieces = [...(await this.#pieces(id)), ...draft.pieces];
        await this.#write({ info: draft.info, ...keepUsed(draft.manifest, pieces) });
      }
      return result;
    });
  }

  async delete(id: string): Promise<void> {
    await this.#turns.take(checkId(id), async () => {
      // The truth first: what a crash, or a disk that refuses, leaves of the folder is no session then.
      await removeFile(this.#path(id));
      this.#entries.delete(id);
      this.#unread.delete(id);
      await rm(join(this.#folder, id), { recursive: true, force: true }).catch(() => {});
    });
  }

  async export(id: string): Promise<Uint8Array> {
    await this.#entry(id);
    return this.#turns
      .take(id, () => readFile(this.#path(id)))
      .catch((error: unknown) => {
        throw failed(`The session ${id} cannot be read`, error);
      });
  }

  async piece(id: string, name: string): Promise<Uint8Array | null> {
    await this.#entry(id);
    const { pieces } = await this.#turns.take(id, () => readContainer(this.#path(id)));
    return pieces.get(name) ?? null;
  }

  async putFile(id: string, kind: FileKind, name: string, bytes: Uint8Array): Promise<void> {
    await this.#entry(id);
    const path = join(this.#folder, id, kind, checkFileName(name));
    await writeAtomically(path, [bytes], { mode: FILE_MODE });
  }

  async file(id: string, kind: FileKind, name: string): Promise<Uint8Array | null> {
    await this.#entry(id);
    return readFile(join(this.#folder, id, kind, checkFileName(name))).catch((error: unknown) => {
      if (isMissing(error)) return null;
      throw failed(`A file of the session ${id} cannot be read`, error);
    });
  }

  #path(id: string): string {
    return join(this.#folder, id, "session.emilie");
  }

  async #entry(id: string): Promise<Entry> {
    const entry = this.#entries.get(checkId(id)) ?? (this.#unread.has(id) ? await this.#load(id) : undefined);
    if (!entry) throw missingSession(id);
    return entry;
  }

  async #load(id: string): Promise<Entry> {
    const { manifest, revision } = await readContainer(this.#path(id));
    const entry = { manifest, revision, info: await this.#readInfo(id, revision, manifest.model.id) };
    this.#entries.set(id, entry);
    this.#unread.delete(id);
    return entry;
  }

  async #pieces(id: string): Promise<Piece[]> {
    const { manifest, pieces } = await readContainer(this.#path(id));
    return manifest.pieces.flatMap((entry) => {
      const bytes = pieces.get(entry.name);
      return bytes ? [{ ...entry, bytes }] : [];
    });
  }

  async #write({ info, manifest, pieces }: SessionRecord & { pieces: readonly Piece[] }): Promise<void> {
    const path = this.#path(info.id);
    const { parts, revision } = await packContainer(manifest, pieces);
    const now = this.#entries.get(info.id);
    const before = now ? { ...now.info, revision: now.revision } : null;
    await locked(path, async () => {
      await this.#writeInfo({ ...info, revision, before });
      await writeAtomically(path, parts, { mode: FILE_MODE });
    });
    this.#entries.set(info.id, { info, manifest, revision });
  }

  async #writeInfo(info: z.input<typeof writtenInfoSchema>): Promise<void> {
    const bytes = Buffer.from(JSON.stringify(info));
    await writeAtomically(join(this.#folder, info.id, "info.json"), [bytes], { mode: FILE_MODE });
  }

  /** A session whose info.json is lost or damaged is still a session. */
  async #readInfo(id: string, revision: string, model: string): Promise<SessionInfo> {
    const text = await readFile(join(this.#folder, id, "info.json"), "utf8").catch((error: unknown) => {
      if (isMissing(error)) return "";
      throw failed(`The name of the session ${id} cannot be read`, error);
    });
    const written = writtenInfoSchema.safeParse(parse(text)).data;
    if (!written) {
      const now = Date.now();
      return { id, name: "Recovered", created: now, modified: now, model, towards: {}, expires: null };
    }
    const { revision: _, before, ...info } = written;
    return before?.revision === revision && written.revision !== revision ? infoSchema.parse(before) : info;
  }
}

function recordOf({ info, manifest }: Entry): SessionRecord {
  return { info, manifest };
}

function isMissing(error: unknown): boolean {
  const { code, cause } = error as { code?: string; cause?: NodeJS.ErrnoException };
  return code === "ENOENT" || cause?.code === "ENOENT";
}

function failed(what: string, cause: unknown): EmilieError {
  if (cause instanceof EmilieError) return cause;
  return new EmilieError("io.failed", `${what}: ${reasonOf(cause)}.`, { cause });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
