/**
 * Sessions that were used lately. Nodes never change, so a copy here is never wrong, it can only lack a node; then the
 * session is opened from the bytes that come with the call, or the call is refused until they do.
 */
import { EmilieError } from "../../errors.ts";
import type { EditModel } from "../../method/edit-model.ts";
import { readSession, type StoredSession } from "../../session/file/store.node.ts";
import type { Node } from "../../session/session.ts";
import { NeedsSession, type Subject } from "./protocol.ts";

/** An open session holds its original and up to eight pictures: 36 bytes a pixel. */
const MAX_PIXELS = 24_000_000;
const MAX_SESSIONS = 64;

export class SessionCache {
  readonly #sessions = new Map<string, StoredSession>();

  add(id: string, session: StoredSession): void {
    this.#sessions.delete(id);
    this.#sessions.set(id, session);
    let pixels = 0;
    // The newest first; always one.
    [...this.#sessions].reverse().forEach(([key, { original }], i) => {
      pixels += original.width * original.height;
      if (i > 0 && (pixels > MAX_PIXELS || i >= MAX_SESSIONS)) this.#sessions.delete(key);
    });
  }

  /** The call's session with all of these nodes. @throws NeedsSession; EmilieError "server.missing" */
  async get(
    { session: id, file }: Subject,
    model: EditModel,
    nodes: readonly string[],
  ): Promise<StoredSession> {
    const has = (session: StoredSession) => nodes.every((node) => session.nodes.has(node));
    const known = this.#sessions.get(id);
    const open = async () => {
      if (!file) throw new NeedsSession();
      return readSession(file, `The session ${id}`, { model });
    };
    const session = known && has(known) ? known : await open();
    this.add(id, session);
    const lost = nodes.find((node) => !session.nodes.has(node));
    if (lost !== undefined)
      throw new EmilieError("server.missing", `There is no node ${lost} in this session.`);
    return session;
  }

  clear(): void {
    this.#sessions.clear();
  }
}

/** A node that the cache has made sure of. */
export function nodeOf(session: StoredSession, id: string): Node {
  return session.nodes.get(id)!;
}
