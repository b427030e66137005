/** The engine's side of the worker: requests out, answers in, and what happens when the worker ends: it is started again for the next session. */
import { EmilieError } from "../errors.ts";
import type { Device } from "../method/edit-model.ts";
import type { Engine, Feeds, Session, SessionOptions } from "./engine.ts";
import type { AnswerMessage, Request, RequestMessage } from "./protocol.ts";

/** A worker_thread or a web Worker. */
export interface Port {
  post(message: RequestMessage): void;
  onAnswer(listener: (answer: AnswerMessage) => void): void;
  /** The worker ended or failed without being told to. */
  onFailure(listener: (cause: unknown) => void): void;
  /** Whether requests are pending, so that an idle worker does not keep a process alive. */
  busy?(busy: boolean): void;
  terminate(): Promise<void>;
}

interface Pending {
  resolve(answer: AnswerMessage): void;
  reject(error: unknown): void;
}

export class RemoteEngine implements Engine {
  readonly #start: () => Port;
  /** Null where none runs. */
  #port: Port | null = null;
  readonly #pending = new Map<number, Pending>();
  #next = 0;
  #disposed: EmilieError | null = null;
  #device: Device | undefined;

  constructor(
    /** Starts a worker, at once, and again for the next session where the last one has ended. */
    start: () => Port,
    readonly wantsPlain = false,
    readonly memoryBytes?: number,
  ) {
    this.#start = start;
    this.#open();
  }

  #open(): Port {
    const port = this.#start();
    this.#port = port;
    port.onAnswer((answer) => this.#settle(port, answer));
    port.onFailure((cause) => this.#fail(port, cause));
    return port;
  }

  get device(): Device | undefined {
    return this.#device;
  }

  async createSession(model: Uint8Array, options: SessionOptions = {}): Promise<Session> {
    if (this.#disposed) throw this.#disposed;
    const port = this.#port ?? this.#open();
    const { session } = await this.#ask(port, { kind: "create", model, options });
    const isLost = () => this.#port !== port;
    return {
      get lost() {
        return isLost();
      },
      run: async (feeds: Feeds) =>
        (await this.#ask(port, { kind: "run", session: session!, feeds })).outputs ?? {},
      release: async () => {
        if (!isLost()) await this.#ask(port, { kind: "release", session: session! });
      },
    };
  }

  async dispose(): Promise<void> {
    if (this.#disposed) return;
    this.#disposed = new EmilieError("disposed", "The engine was disposed; load the model again to use it.");
    const port = this.#port;
    this.#end(this.#disposed);
    await port?.terminate();
  }

  #ask(port: Port, request: Request): Promise<AnswerMessage> {
    if (this.#port !== port)
      return Promise.reject(this.#disposed ?? ended("it is not the one that runs now"));
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      port.busy?.(true);
      port.post({ id, request });
    });
  }

  #settle(port: Port, answer: AnswerMessage): void {
    if (this.#port !== port) return;
    const pending = this.#pending.get(answer.id);
    this.#pending.delete(answer.id);
    if (this.#pending.size === 0) port.busy?.(false);
    if (answer.device) this.#device = answer.device;
    if (answer.error) pending?.reject(new EmilieError(answer.error.code, answer.error.message));
    else pending?.resolve(answer);
  }

  /** Its sessions are lost with it. */
  #fail(port: Port, cause: unknown): void {
    if (this.#port !== port) return;
    this.#end(ended(cause));
    // It may hold memory still.
    void port.terminate().catch(() => {});
  }

  #end(error: EmilieError): void {
    this.#port = null;
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
  }
}

function ended(cause: unknown): EmilieError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new EmilieError("runtime.failed", `The inference worker ended: ${why}`, { cause });
}
