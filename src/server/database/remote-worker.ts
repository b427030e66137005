/**
 * Calls that do not wait in the queue (opening a picture, rendering, comparing) when the models are on other machines: a row with the
 * call, a ticket for whoever has the model, a row with the answer. What needs no model is done by a process of the server's own.
 */
import { randomUUID } from "node:crypto";
import { EmilieError, type ErrorCode } from "../../errors.ts";
import type { CallOptions, WorkerCalls, WorkerProcess } from "../worker/process.ts";
import type { Method, Params, Result } from "../worker/protocol.ts";
import type { Database, Notice } from "./database.ts";
import { pack, unpack } from "./parcel.ts";
import { queueOf } from "./tickets.ts";

/** A notice may be missed. */
const LOOK_MS = 500;
/** How long a call waits for a worker to take it. */
const PATIENCE_MS = 60_000;
export const CALL_TRIES = 2;

export class RemoteWorker implements WorkerCalls {
  readonly #database: Database;
  readonly #local: WorkerProcess;
  readonly #waiting = new Map<string, () => void>();
  #alive = 0;

  constructor(database: Database, local: WorkerProcess) {
    this.#database = database;
    this.#local = local;
  }

  async listen(): Promise<void> {
    await this.#database.listen((notice: Notice) => {
      if (notice.kind === "answer") this.#waiting.get(String(notice.call))?.();
    });
  }

  /** How many workers were alive when it was looked last. */
  set alive(count: number) {
    this.#alive = count;
  }

  get state(): "stopped" | "ready" {
    return this.#alive > 0 ? "ready" : "stopped";
  }

  get restarts(): number {
    return this.#local.restarts;
  }

  get memory(): number {
    return this.#local.memory;
  }

  get problem(): string | null {
    return this.#local.problem;
  }

  async call<M extends Method>(method: M, params: Params<M>, options: CallOptions = {}): Promise<Result<M>> {
    if (method === "mask" || method === "check") return this.#local.call(method, params, options);
    const { model } = params as { model: string };
    const id = randomUUID();
    const queue = await queueOf("calls", model);
    await this.#database.transaction(async (on) => {
      const made = await on.query(
        "INSERT INTO @schema.calls (id, method, model, params) VALUES ($1, $2, $3, $4) ON CONFLICT (id) DO NOTHING RETURNING id",
        [id, method, model, pack(params)],
      );
      if (made.length === 0) return;
      await this.#database.boss.send(queue, { call: id }, { retryLimit: 0, db: on.db });
      await this.#database.notify({ kind: "call" }, on);
    });
    try {
      return (await this.#answer(id, model, options.signal)) as Result<M>;
    } finally {
      this.#waiting.delete(id);
      await this.#database.query("DELETE FROM @schema.calls WHERE id = $1", [id]).catch(() => {});
    }
  }

  async #answer(id: string, model: string, signal?: AbortSignal): Promise<unknown> {
    const begun = performance.now();
    for (;;) {
      const told = new Promise<void>((resolve) => {
        this.#waiting.set(id, resolve);
        setTimeout(resolve, LOOK_MS);
      });
      const [call] = await this.#database.query<{
        result: Buffer | null;
        error: { code: ErrorCode; message: string } | null;
        tries: number;
      }>("SELECT result, error, tries FROM @schema.calls WHERE id = $1", [id]);
      if (call?.result) return unpack(call.result);
      if (call?.error) throw new EmilieError(call.error.code, call.error.message);
      if (signal?.aborted) throw new EmilieError("aborted", "the call was cancelled");
      if (!call || (call.tries === 0 && performance.now() - begun > PATIENCE_MS)) {
        throw new EmilieError(
          "server.busy",
          `No worker has taken this for ${PATIENCE_MS / 1000} s. Start one that has the model ${model}: emilie worker --database … --model ${model}`,
        );
      }
      await told;
    }
  }
}
