/** The engine's side of the worker: requests out, answers in, and what happens when the worker ends. */
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
  readonly #port: Port;
  readonly #pending = new Map<number, Pending>();
  #next = 0;
  #ended: EmilieError | null = null;
  #device: Device | undefined;

  constructor(
    port: Port,
    readonly wantsPlain = false,
    readonly memoryBytes?: number,
  ) {
    this.#port = port;
    port.onAnswer((answer) => this.#settle(answer));
    port.onFailure((cause) => {
      const why = cause instanceof Error ? cause.message : String(cause);
      this.#end(new EmilieError("runtime.failed", `The inference worker ended: ${why}`, { cause }));
    });
  }

  get device(): Device | undefined {
    return this.#device;
  }

  async createSession(model: Uint8Array, options: SessionOptions = {}): Promise<Session> {
    const { session } = await this.#ask({ kind: "create", model, options });
    return {
      run: async (feeds: Feeds) => (await this.#ask({ kind: "run", session: session!, feeds })).outputs ?? {},
      release: async () => {
        if (!this.#ended) await this.#ask({ kind: "release", session: session! });
      },
    };
  }

  async dispose(): Promise<void> {
    if (this.#ended?.code === "disposed") return;
    this.#end(new EmilieError("disposed", "The engine was disposed; load the model again to use it."));
    await this.#port.terminate();
  }

  #ask(request: Request): Promise<AnswerMessage> {
    if (this.#ended) return Promise.reject(this.#ended);
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      this.#port.busy?.(true);
      this.#port.post({ id, request });
    });
  }

  #settle(answer: AnswerMessage): void {
    const pending = this.#pending.get(answer.id);
    this.#pending.delete(answer.id);
    if (this.#pending.size === 0) this.#port.busy?.(false);
    if (answer.device) this.#device = answer.device;
    if (answer.error) pending?.reject(new EmilieError(answer.error.code, answer.error.message));
    else pending?.resolve(answer);
  }

  #end(error: EmilieError): void {
    this.#ended ??= error;
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
  }
}
