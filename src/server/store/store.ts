/**
 * Where sessions are kept. What is written is a session file's own content (manifest and pieces), so that every session
 * can be taken away as .emilie; beside it lie pictures, which follow from it, and masks that no edit has used yet.
 *
 * Implementations are held to one contract: tests/server/store.test.ts.
 */
import { EmilieError } from "../../errors.ts";
import type { Piece } from "../../session/file/container.node.ts";
import type { Manifest } from "../../session/file/schema.ts";

export interface SessionInfo {
  /** Sixteen hex digits. */
  readonly id: string;
  readonly name: string;
  /** Milliseconds since 1970. */
  readonly created: number;
  readonly modified: number;
  /** What the catalogue calls the model that made it. */
  readonly model: string;
  /** For each node the child that the head was last seen below: where redo goes. */
  readonly towards: Readonly<Record<string, string>>;
  /** When a session that nobody asked to keep is deleted; null: never. It is not listed. */
  readonly expires: number | null;
  /** Whether the picture is of the model's own world; null or absent: not known, or the model takes any. */
  readonly familiar?: boolean | null;
  /** Nodes that were put into the bin, and everything made from them: not shown, and still there. Absent: none. */
  readonly bin?: readonly string[];
  /** When the session itself was put into the bin, in milliseconds since 1970; null or absent: it was not. */
  readonly binned?: number | null;
}

export interface SessionRecord {
  readonly info: SessionInfo;
  readonly manifest: Manifest;
}

/** A record being changed, and the pieces that new nodes bring. */
export interface Draft {
  info: SessionInfo;
  manifest: Manifest;
  readonly pieces: Piece[];
}

export type FileKind = "pictures" | "masks";

/** Which of the sessions that are listed: those whose time is limited never are. */
export interface SessionQuery {
  /** In lower case: in the name, or in what was asked for. "": all. */
  readonly search: string;
  /** Those in the bin, in place of the others. */
  readonly bin: boolean;
  /** At most so many. Default: all. */
  readonly limit?: number;
  /** Only those changed before then, in milliseconds since 1970: the next page after a first one. */
  readonly before?: number;
}

export interface SessionStore {
  /** All sessions, the one changed last first. */
  list(): Promise<SessionRecord[]>;
  /** A store that can answer these without reading all sessions does; the others leave them out (see find.ts). */
  find?(query: SessionQuery): Promise<SessionRecord[]>;
  count?(): Promise<number>;
  /** Ids of sessions whose time is over, and of those that were put into the bin before `binnedBefore`. */
  expired?(now: number, binnedBefore: number): Promise<string[]>;
  /** Throws where the id is taken. */
  create(record: SessionRecord, pieces: readonly Piece[]): Promise<void>;
  /** @throws EmilieError "server.missing" */
  read(id: string): Promise<SessionRecord>;
  /**
   * Changes a session at once: other readers see all of it or nothing, changes take turns. What `change` throws changes
   * nothing. Pieces that nothing names any more are dropped.
   *
   * @throws EmilieError "server.missing", "io.failed"
   */
  change<T>(id: string, change: (draft: Draft) => T): Promise<T>;
  /** Deleting what is not there is no error. */
  delete(id: string): Promise<void>;
  /** The session as the bytes of an .emilie file. @throws EmilieError "server.missing" */
  export(id: string): Promise<Uint8Array>;
  /** One piece of the session file; null where there is none of that name. */
  piece(id: string, name: string): Promise<Uint8Array | null>;
  /** Files beside the session. A name is [0-9a-z.]; writing one again replaces it. */
  putFile(id: string, kind: FileKind, name: string, bytes: Uint8Array): Promise<void>;
  file(id: string, kind: FileKind, name: string): Promise<Uint8Array | null>;
}

export const SESSION_ID = /^[0-9a-f]{16}$/;
const FILE_NAME = /^[0-9a-z]{1,80}(\.[0-9a-z]{1,8})?$/;

/** Names reach the file system through here only. */
export function checkId(id: string): string {
  if (SESSION_ID.test(id)) return id;
  throw missingSession(id);
}

export function checkFileName(name: string): string {
  if (FILE_NAME.test(name)) return name;
  throw new EmilieError("option.invalid", `a file of a session is not called ${JSON.stringify(name)}`);
}

export function missingSession(id: string): EmilieError {
  return new EmilieError("server.missing", `There is no session ${JSON.stringify(id.slice(0, 40))}.`);
}

/** The pieces that a manifest needs, out of those there are; its list of pieces is brought in line. */
export function keepUsed(
  manifest: Manifest,
  pieces: readonly Piece[],
): { manifest: Manifest; pieces: Piece[] } {
  const used = new Set(["original.png"]);
  for (const { latent, recipe } of manifest.nodes) {
    used.add(`latent/${latent}`);
    for (const { mask } of recipe?.regions ?? []) {
      if (mask) used.add(`mask/${mask.sha256}`).add(`mask/${mask.sha256}.png`);
    }
  }
  const kept = new Map(pieces.filter(({ name }) => used.has(name)).map((piece) => [piece.name, piece]));
  const list = [...kept.values()];
  const entries = list.map(({ name, type, shape, sha256 }) => ({ name, type, shape, sha256 }));
  return { manifest: { ...manifest, pieces: entries }, pieces: list };
}
