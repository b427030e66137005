/**
 * Sessions on the disk, a folder each: session.emilie (the truth), info.json (name, dates), pictures/ (made from it, may be
 * deleted), masks/ (uploaded). Every file is written under another name and renamed.
 */
import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { EmilieError } from "../../errors.ts";
import { locked, writeAtomically } from "../../session/atomic.node.ts";
import { type Piece, packContainer, readContainer } from "../../session/container.node.ts";
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
  Turns,
} from "./store.ts";

const infoSchema = z.object({
  id: z.string().regex(SESSION_ID),
  name: z.string(),
  created: z.number(),
  modified: z.number(),
  model: z.string(),
  towards: z.record(z.string(), z.string()),
  expires: z.number().nullable(),
});

export class DiskStore implements SessionStore {
  readonly #folder: string;
  readonly #records = new Map<string, SessionRecord>();
  readonly #turns = new Turns();

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** `onProblem` hears of sessions that cannot be read; they are left as they are. */
  static async open(folder: string, onProblem: (message: string) => void = () => {}): Promise<DiskStore> {
    const store = new DiskStore(folder);
    await mkdir(folder, { recursive: true });
    for (const id of await readdir(folder)) {
      if (!SESSION_ID.test(id)) continue;
      try {
        const { manifest } = await readContainer(store.#path(id));
        store.#records.set(id, { manifest, info: await store.#readInfo(id, manifest.model.id) });
      } catch (error) {
        onProblem(`Session ${id} cannot be read: ${error instanceof Error ? error.message : error}`);
      }
    }
    return store;
  }

  async list(): Promise<SessionRecord[]> {
    return [...this.#records.values()].sort((a, b) => b.info.modified - a.info.modified);
  }

  async create(record: SessionRecord, pieces: readonly Piece[]): Promise<void> {
    const id = checkId(record.info.id);
    await this.#turns.take(id, async () => {
      if (this.#records.has(id)) throw new EmilieError("io.failed", `there is a session ${id} already`);
      for (const part of ["pictures", "masks"])
        await mkdir(join(this.#folder, id, part), { recursive: true });
      await this.#write({ info: record.info, ...keepUsed(record.manifest, pieces) });
    });
  }

  async read(id: string): Promise<SessionRecord> {
    const record = this.#records.get(checkId(id));
    if (!record) throw missingSession(id);
    return record;
  }

  change<T>(id: string, change: (draft: Draft) => T): Promise<T> {
    return this.#turns.take(checkId(id), async () => {
      const record = await this.read(id);
      const draft: Draft = { ...structuredClone(record), pieces: [] };
      const result = change(draft);
      const same =
        draft.pieces.length === 0 && JSON.stringify(draft.manifest) === JSON.stringify(record.manifest);
      if (same) await this.#writeInfo(draft.info);
      else
        await this.#write({
          info: draft.info,
          ...keepUsed(draft.manifest, [...(await this.#pieces(id)), ...draft.pieces]),
        });
      this.#records.set(id, { info: draft.info, manifest: this.#records.get(id)!.manifest });
      return result;
    });
  }

  async delete(id: string): Promise<void> {
    await this.#turns.take(checkId(id), async () => {
      this.#records.delete(id);
      // The truth first: a folder that a crash leaves behind is no session then.
      await rm(this.#path(id), { force: true });
      await rm(join(this.#folder, id), { recursive: true, force: true });
    });
  }

  async export(id: string): Promise<Uint8Array> {
    await this.read(id);
    return this.#turns.take(id, () => readFile(this.#path(id)));
  }

  async piece(id: string, name: string): Promise<Uint8Array | null> {
    await this.read(id);
    const { pieces } = await this.#turns.take(id, () => readContainer(this.#path(id)));
    return pieces.get(name) ?? null;
  }

  async putFile(id: string, kind: FileKind, name: string, bytes: Uint8Array): Promise<void> {
    await this.read(id);
    await writeAtomically(join(this.#folder, id, kind, checkFileName(name)), [bytes]);
  }

  async file(id: string, kind: FileKind, name: string): Promise<Uint8Array | null> {
    await this.read(id);
    return readFile(join(this.#folder, id, kind, checkFileName(name))).catch(() => null);
  }

  #path(id: string): string {
    return join(this.#folder, id, "session.emilie");
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
    const { parts } = await packContainer(manifest, pieces);
    await locked(path, () => writeAtomically(path, parts));
    this.#records.set(info.id, { info, manifest });
    await this.#writeInfo(info);
  }

  async #writeInfo(info: SessionInfo): Promise<void> {
    await writeAtomically(join(this.#folder, info.id, "info.json"), [Buffer.from(JSON.stringify(info))]);
  }

  /** A session without a readable info.json is still a session. */
  async #readInfo(id: string, model: string): Promise<SessionInfo> {
    try {
      return infoSchema.parse(JSON.parse(await readFile(join(this.#folder, id, "info.json"), "utf8")));
    } catch {
      const now = Date.now();
      return { id, name: "Recovered", created: now, modified: now, model, towards: {}, expires: null };
    }
  }
}
