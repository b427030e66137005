/** Sessions in memory: for tests, and for a server that shall leave nothing behind. */
import { EmilieError } from "../../errors.ts";
import { type Piece, packContainer } from "../../session/file/container.node.ts";
import {
  checkFileName,
  checkId,
  type Draft,
  type FileKind,
  keepUsed,
  missingSession,
  type SessionRecord,
  type SessionStore,
} from "./store.ts";

interface Entry {
  record: SessionRecord;
  pieces: Piece[];
  readonly files: Map<string, Uint8Array>;
}

export class MemoryStore implements SessionStore {
  readonly #sessions = new Map<string, Entry>();

  async list(): Promise<SessionRecord[]> {
    const records = [...this.#sessions.values()].map(({ record }) => record);
    return records.sort((a, b) => b.info.modified - a.info.modified);
  }

  async create(record: SessionRecord, pieces: readonly Piece[]): Promise<void> {
    const id = checkId(record.info.id);
    if (this.#sessions.has(id)) throw new EmilieError("io.failed", `a session ${id} already exists`);
    const kept = keepUsed(record.manifest, pieces);
    this.#sessions.set(id, {
      record: { ...record, manifest: kept.manifest },
      pieces: kept.pieces,
      files: new Map(),
    });
  }

  async read(id: string): Promise<SessionRecord> {
    return this.#entry(id).record;
  }

  async change<T>(id: string, change: (draft: Draft) => T): Promise<T> {
    const entry = this.#entry(id);
    const draft: Draft = { ...structuredClone(entry.record), pieces: [] };
    const result = change(draft);
    const { manifest, pieces } = keepUsed(draft.manifest, [...entry.pieces, ...draft.pieces]);
    entry.record = { info: draft.info, manifest };
    entry.pieces = pieces;
    return result;
  }

  async delete(id: string): Promise<void> {
    this.#sessions.delete(checkId(id));
  }

  async export(id: string): Promise<Uint8Array> {
    const { record, pieces } = this.#entry(id);
    return Buffer.concat((await packContainer(record.manifest, pieces)).parts);
  }

  async piece(id: string, name: string): Promise<Uint8Array | null> {
    return this.#entry(id).pieces.find((piece) => piece.name === name)?.bytes ?? null;
  }

  async putFile(id: string, kind: FileKind, name: string, bytes: Uint8Array): Promise<void> {
    this.#entry(id).files.set(`${kind}/${checkFileName(name)}`, bytes.slice());
  }

  async file(id: string, kind: FileKind, name: string): Promise<Uint8Array | null> {
    return this.#entry(id).files.get(`${kind}/${checkFileName(name)}`) ?? null;
  }

  #entry(id: string): Entry {
    const entry = this.#sessions.get(checkId(id));
    if (!entry) throw missingSession(id);
    return entry;
  }
}
