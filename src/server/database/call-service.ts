/** A worker's side of the calls that servers make (remote-worker.ts): taken by ticket, a few at once, beside the job that runs. */
import { EmilieError, isEmilieError } from "../../errors.ts";
import type { Catalog } from "../catalog.ts";
import type { Retry } from "../retry.ts";
import type { SessionStore } from "../store/store.ts";
import { callOn } from "../subject.ts";
import type { WorkerCalls } from "../worker/process.ts";
import type { Method, Params } from "../worker/protocol.ts";
import type { Database } from "./database.ts";
import { LEASE_SECONDS } from "./leases.ts";
import { pack, unpack } from "./parcel.ts";
import { CALL_TRIES } from "./remote-worker.ts";
import { queueOf } from "./tickets.ts";

const AT_ONCE = 4;

interface Parts {
  readonly database: Database;
  readonly store: SessionStore;
  readonly worker: WorkerCalls;
  readonly catalog: Pick<Catalog, "resolve">;
  readonly retry: Retry;
  readonly models: readonly string[];
  readonly name: string;
  readonly onProblem: (error: unknown) => void;
}

export class CallService {
  readonly #parts: Parts;
  readonly #running = new Set<string>();
  #stopped = false;
  #taking: Promise<void> | null = null;
  #again = false;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  get running(): number {
    return this.#running.size;
  }

  wake(): void {
    this.#again = true;
    if (this.#stopped || this.#taking) return;
    this.#taking = this.#take()
      .catch(this.#parts.onProblem)
      .finally(() => {
        this.#taking = null;
      });
  }

  stop(): void {
    this.#stopped = true;
  }

  /** Those that run here go on. */
  async beat(): Promise<void> {
    if (this.#running.size === 0) return;
    await this.#parts.database.query(
      "UPDATE @schema.calls SET lease_until = now() + $3 * interval '1 second' WHERE id = ANY($1) AND worker = $2",
      [[...this.#running], this.#parts.name, LEASE_SECONDS],
    );
  }

  async #take(): Promise<void> {
    const queues = [
      ...new Set(await Promise.all(this.#parts.models.map((model) => queueOf("calls", model)))),
    ];
    while (this.#again && !this.#stopped) {
      this.#again = false;
      for (const queue of queues) {
        while (this.#running.size < AT_ONCE && !this.#stopped) {
          const call = await this.#fetch(queue);
          if (!call) break;
          this.#running.add(call.id);
          void this.#run(call).finally(() => {
            this.#running.delete(call.id);
            this.wake();
          });
        }
      }
    }
  }

  async #fetch(queue: string): Promise<{ id: string; method: Method; params: Buffer } | null> {
    const { database, models, name } = this.#parts;
    const { boss } = database;
    return database.transaction(async (on) => {
      const tickets = await boss.fetch<{ call: string }>(queue, {
        batchSize: 8,
        ignoreStartAfter: true,
        db: on.db,
      });
      const others: string[] = [];
      let found: { id: string; method: Method; params: Buffer } | null = null;
      for (const ticket of tickets) {
        const [call] = await on.query<{ id: string; method: Method; model: string; params: Buffer }>(
          "SELECT id, method, model, params FROM @schema.calls WHERE id = $1 AND result IS NULL AND error IS NULL FOR UPDATE",
          [ticket.data.call],
        );
        if (!call) await boss.deleteJob(queue, ticket.id, { db: on.db });
        else if (found || !models.includes(call.model)) others.push(ticket.id);
        else {
          found = call;
          await boss.deleteJob(queue, ticket.id, { db: on.db });
          await on.query(
            "UPDATE @schema.calls SET worker = $2, tries = tries + 1, lease_until = now() + $3 * interval '1 second' WHERE id = $1",
            [call.id, name, LEASE_SECONDS],
          );
        }
      }
      if (others.length > 0) {
        await boss.cancel(queue, others, { db: on.db });
        await boss.resume(queue, others, { db: on.db });
      }
      return found;
    });
  }

  async #run({ id, method, params }: { id: string; method: Method; params: Buffer }): Promise<void> {
    const { database, onProblem } = this.#parts;
    let result: Buffer | null = null;
    let error: string | null = null;
    try {
      result = pack(await this.#call(method, unpack(params)));
    } catch (thrown) {
      // Whoever stops here leaves the call to another.
      if (this.#stopped) return;
      const code = isEmilieError(thrown) ? thrown.code : "runtime.failed";
      error = JSON.stringify({ code, message: thrown instanceof Error ? thrown.message : String(thrown) });
    }
    await database
      .transaction(async (on) => {
        await on.query("UPDATE @schema.calls SET result = $2, error = $3 WHERE id = $1", [id, result, error]);
        await database.notify({ kind: "answer", call: id }, on);
      })
      .catch(onProblem);
  }

  async #call(method: Method, params: unknown): Promise<unknown> {
    const { worker, catalog } = this.#parts;
    const { model, session, file: _, ...rest } = params as Params<"render">;
    // What is opened is no session yet; every other call is about one that is in the store, which this worker reads.
    if (method === "open" || method === "load" || method === "mask" || method === "check")
      return worker.call(method, {
        ...rest,
        session,
        model: await catalog.resolve(model),
      } as unknown as Params<typeof method>);
    return callOn(this.#parts, method, session, rest);
  }
}

/** Calls whose workers are not heard any more are another's turn, or end with an error. */
export async function recoverCalls(database: Database): Promise<void> {
  const lost = await database.query<{ id: string; model: string; tries: number }>(
    "SELECT id, model, tries FROM @schema.calls WHERE lease_until < now() AND result IS NULL AND error IS NULL",
  );
  for (const { id, model, tries } of lost) {
    await database.transaction(async (on) => {
      const [still] = await on.query(
        "SELECT 1 FROM @schema.calls WHERE id = $1 AND lease_until < now() AND result IS NULL AND error IS NULL FOR UPDATE",
        [id],
      );
      if (!still) return;
      if (tries < CALL_TRIES) {
        await on.query("UPDATE @schema.calls SET worker = NULL, lease_until = NULL WHERE id = $1", [id]);
        await database.boss.send(await queueOf("calls", model), { call: id }, { retryLimit: 0, db: on.db });
        return database.notify({ kind: "call" }, on);
      }
      const error = new EmilieError("runtime.failed", `The worker ended ${tries} times while it ran this.`);
      const { code, message } = error;
      await on.query("UPDATE @schema.calls SET error = $2 WHERE id = $1", [
        id,
        JSON.stringify({ code, message }),
      ]);
      await database.notify({ kind: "answer", call: id }, on);
    });
  }
}
