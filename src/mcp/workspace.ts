/** What the tools work on: one model, the sessions that are open, and one thing done at a time. */
import { basename, extname } from "node:path";
import { EmilieError } from "../errors.ts";
import type { ReadOptions } from "../images/codec.node.ts";
import type { EditModel } from "../method/edit-model.ts";
import { loadModel, type NodeDevice } from "../models/load.node.ts";
import type { FileNode } from "../session/file/file-node.node.ts";
import { loadSession, type StoredSession } from "../session/file/store.node.ts";
import { openSession } from "../session/open.node.ts";
import type { OpenOptions } from "../session/picture/original.ts";
import { matchNodes } from "../session/script/find-node.ts";
import type { Roots } from "./roots.ts";

/** Each holds its picture and latents in memory. */
export const MAX_OPEN_SESSIONS = 16;

export interface OpenSession {
  readonly id: string;
  /** What was opened, for messages. */
  readonly name: string;
  readonly session: StoredSession;
}

export class Workspace {
  readonly roots: Roots;
  readonly #modelName: string;
  readonly #device: NodeDevice | undefined;
  readonly #sessions = new Map<string, OpenSession>();
  #model: Promise<EditModel> | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #current: OpenSession | undefined;
  #opened = 0;

  constructor(roots: Roots, modelName: string, device?: NodeDevice) {
    this.roots = roots;
    this.#modelName = modelName;
    this.#device = device;
  }

  /** Runs actions one after the other: each sees the tree as the one before has left it. */
  exclusive<T>(signal: AbortSignal, action: () => Promise<T>): Promise<T> {
    const mine = this.#last.then(() => {
      if (signal.aborted) throw new EmilieError("aborted", "The request was cancelled before it started.");
      return action();
    });
    this.#last = mine.catch(() => {});
    return mine;
  }

  /** Opens a picture, or a saved session (.emilie). The model is loaded by the first one. */
  async open(path: string, options: OpenOptions & ReadOptions = {}): Promise<OpenSession> {
    if (this.#sessions.size >= MAX_OPEN_SESSIONS) {
      throw new EmilieError(
        "option.invalid",
        `${MAX_OPEN_SESSIONS} sessions are open, which is the maximum: ${this.#names()}. Close one first.`,
      );
    }
    const file = await this.roots.existing(path);
    const model = await this.#load();
    const isSession = extname(file).toLowerCase() === ".emilie";
    const session = isSession ? await loadSession(file, { model }) : await openSession(model, file, options);
    const open = { id: `s${++this.#opened}`, name: basename(file), session };
    this.#sessions.set(open.id, open);
    this.#current = open;
    return open;
  }

  /** The session of that id, or the one used last. */
  session(id?: string): OpenSession {
    const found = id === undefined ? this.#current : this.#sessions.get(id);
    if (!found) {
      const there = this.#sessions.size > 0 ? `There are ${this.#names()}.` : "Open a picture first.";
      const what = id === undefined ? "No session is open" : `No session is called ${JSON.stringify(id)}`;
      throw new EmilieError("option.invalid", `${what}. ${there}`);
    }
    this.#current = found;
    return found;
  }

  /** Forgets a session; what was not exported is gone. */
  close(id: string): OpenSession {
    const open = this.session(id);
    this.#sessions.delete(id);
    this.#current = [...this.#sessions.values()].at(-1);
    return open;
  }

  async dispose(): Promise<void> {
    this.#sessions.clear();
    await this.#model?.then(
      (model) => model.dispose(),
      () => {},
    );
  }

  #load(): Promise<EditModel> {
    this.#model ??= loadModel(this.#modelName, { device: this.#device }).catch((error: unknown) => {
      // It may have been pulled by the time it is asked for again.
      this.#model = undefined;
      throw error;
    });
    return this.#model;
  }

  #names(): string {
    return [...this.#sessions.values()].map(({ id, name }) => `${id} (${name})`).join(", ");
  }
}

/** A node by its id, by a beginning of it that no other has, by its name, or as "original" and "head". */
export function nodeOf({ session }: OpenSession, meant: string): FileNode {
  if (meant === "head") return session.head;
  const all = [...session.nodes.values()];
  const found = matchNodes(all, meant);
  if (found.length === 1) return found[0]!;
  const problem = found.length === 0 ? "is no node of this session" : "could mean several nodes";
  const there = all.map(({ id, instruction }) => `${id} (${instruction || "original"})`).slice(-20);
  throw new EmilieError(
    "option.invalid",
    `${JSON.stringify(meant)} ${problem}. There are: ${there.join(", ")}.`,
  );
}
