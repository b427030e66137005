/**
 * The inference process as the server holds it: started when it is needed, and again when it has ended or stands still. What ran
 * in it then fails with WorkerEnded, which says whether memory was the reason.
 */
import { type ChildProcess, fork } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { EmilieError, type ErrorCode } from "../../errors.ts";
import type { NodeDevice } from "../../models/load.node.ts";
import { fromSource, packageRoot } from "../../runtime/package-root.node.ts";
import { reasonOf } from "../../session/file/atomic.node.ts";
import type { Loading } from "../schemas/index.ts";
import { HEARTBEAT_FD } from "./heartbeat.ts";
import {
  type CallEvent,
  type FromWorker,
  type Method,
  NeedsSession,
  type Params,
  type Result,
  type ToWorker,
} from "./protocol.ts";
import { Watchdog } from "./watchdog.ts";

export class WorkerEnded extends EmilieError {}

export interface WorkerOptions {
  /** The process is ended when its resident memory goes beyond this, in bytes. Default: no limit. */
  readonly memoryLimit?: number;
  /** Where its models run. Default "cpu". */
  readonly device?: NodeDevice;
  /** A tiny autoencoder for previews. */
  readonly previewVae?: string;
  /** How long it may stand still before it is ended, in milliseconds. Default: ten seconds. */
  readonly silence?: number;
  /** Called with what the process makes of a model before it runs, and with null when that is over. */
  readonly onLoading?: (model: string, loading: Loading | null) => void;
  /** Called when the process has ended on its own. */
  readonly onEnd?: (reason: string) => void;
}

export interface CallOptions {
  readonly onEvent?: (event: CallEvent) => void | Promise<void>;
  readonly signal?: AbortSignal;
  /** Is given a function that asks the call to end with its preview. */
  readonly onStart?: (keep: () => void) => void;
}

/** Whoever runs calls: the inference process here, or workers on other machines. */
export interface WorkerCalls {
  readonly state: "stopped" | "starting" | "ready" | "busy";
  readonly restarts: number;
  /** Resident memory in bytes. */
  readonly memory: number;
  /** Why it cannot work, in words; null where it can, or has not been asked to. */
  readonly problem: string | null;
  /** @throws EmilieError with the call's own code; NeedsSession (subject.ts repeats the call); WorkerEnded where the process ended */
  call<M extends Method>(method: M, params: Params<M>, options?: CallOptions): Promise<Result<M>>;
}

interface Pending {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: unknown) => void;
  readonly onEvent?: (event: CallEvent) => void | Promise<void>;
  /** What events have set in motion: a call is over when that is done. */
  events: Promise<void>;
}

/** Of what the process writes to stderr, enough to find the reason of its end in. */
const STDERR_BYTES = 8192;

const MEMORY_MS = 250;

export class WorkerProcess implements WorkerCalls {
  readonly #options: WorkerOptions;
  readonly #pending = new Map<number, Pending>();
  #child: ChildProcess | null = null;
  #ready = false;
  #next = 0;
  #stderr = "";
  #overLimit = false;
  #disposed = false;
  #watchdog: Watchdog | null = null;
  /** Why it was ended, where it was for standing still. */
  #frozen: string | null = null;
  /** How often it has ended, one time after the other, before it was ready. */
  #failedStarts = 0;
  #lastEnd = "";
  /** Resident memory as last reported, in bytes; 0 where it does not run. */
  memory = 0;
  peakMemory = 0;
  /** How often it was started after it had ended. */
  restarts = -1;

  constructor(options: WorkerOptions) {
    this.#options = options;
  }

  get state(): "stopped" | "starting" | "ready" | "busy" {
    if (!this.#child) return "stopped";
    if (!this.#ready) return "starting";
    return this.#pending.size > 0 ? "busy" : "ready";
  }

  get problem(): string | null {
    return this.#failedStarts > 0
      ? `the inference process cannot be started: it ended ${this.#lastEnd}`
      : null;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  call<M extends Method>(method: M, params: Params<M>, options: CallOptions = {}): Promise<Result<M>> {
    if (this.#disposed) return Promise.reject(new EmilieError("disposed", "The server is shutting down."));
    let child: ChildProcess;
    try {
      child = this.#start();
    } catch (error) {
      return Promise.reject(error);
    }
    const id = this.#next++;
    const { onEvent, signal, onStart } = options;
    const tell = (kind: "cancel" | "keep") => this.#child === child && this.#send({ kind, id });
    const onAbort = () => tell("cancel");
    return new Promise<Result<M>>((resolve, reject) => {
      const done = resolve as (result: unknown) => void;
      this.#pending.set(id, { resolve: done, reject, onEvent, events: Promise.resolve() });
      this.#send({ kind: "call", id, method, params });
      onStart?.(() => tell("keep"));
      if (signal?.aborted) onAbort();
      signal?.addEventListener("abort", onAbort, { once: true });
    }).finally(() => signal?.removeEventListener("abort", onAbort));
  }

  async dispose(): Promise<void> {
    this.#disposed = true;
    const child = this.#child;
    if (!child) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await ended;
  }

  /** @throws EmilieError "io.failed" where the machine has no room for one more process */
  #start(): ChildProcess {
    if (this.#child) return this.#child;
    const child = this.#fork();
    const killsBefore = oomKills();
    this.#child = child;
    this.#ready = false;
    this.#overLimit = false;
    this.#frozen = null;
    this.#stderr = "";
    this.restarts++;
    child.stderr!.setEncoding("utf8").on("data", (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-STDERR_BYTES);
    });
    const watchdog = new Watchdog(
      (what) => {
        this.#frozen = what;
        child.kill("SIGKILL");
      },
      () => this.#pending.size > 0,
      this.#options.silence,
    );
    this.#watchdog = watchdog;
    child.stdio[HEARTBEAT_FD]!.on("data", () => watchdog.beat()).on("error", () => {});
    child.on("message", (message: FromWorker) => this.#receive(child, message));
    const scales = setInterval(() => {
      const bytes = residentBytes(child.pid);
      if (bytes !== null && this.#child === child) this.#weigh(child, bytes);
    }, MEMORY_MS);
    scales.unref();
    child.on("exit", (code, signal) => {
      clearInterval(scales);
      watchdog.stop();
      if (this.#child === child) this.#ended(code, signal, killsBefore);
    });
    return child;
  }

  #fork(): ChildProcess {
    const file = fromSource ? "src/server/worker/main.source.mjs" : "dist/server-worker.mjs";
    try {
      const { device = "cpu", previewVae } = this.#options;
      const child = fork(
        join(packageRoot(), file),
        [device, ...(previewVae === undefined ? [] : [previewVae])],
        {
          serialization: "advanced",
          stdio: ["ignore", "ignore", "pipe", "ipc", "pipe"],
          execArgv: [],
        },
      );
      child.on("error", () => {}); // "exit" follows, where it was started at all
      if (child.pid !== undefined) return child;
      // No room for one more process, or for its pipes: what exactly is only told later.
      throw Object.assign(new Error("the system did not start it"), { code: "EAGAIN", syscall: "spawn" });
    } catch (cause) {
      const message = `The inference process could not be started: ${reasonOf(cause)}.`;
      throw new EmilieError("io.failed", message, { cause });
    }
  }

  #weigh(child: ChildProcess, bytes: number): void {
    this.memory = bytes;
    this.peakMemory = Math.max(this.peakMemory, bytes);
    if (bytes <= (this.#options.memoryLimit ?? Number.POSITIVE_INFINITY)) return;
    this.#overLimit = true;
    child.kill("SIGKILL");
  }

  #send(message: ToWorker): void {
    // A process that has just ended takes no message; its "exit" fails the call.
    this.#child?.send(message, () => {});
  }

  #receive(child: ChildProcess, message: FromWorker): void {
    if (this.#child !== child) return;
    switch (message.kind) {
      case "ready":
        // A process that is beyond its limit before it has any model never becomes ready, however fast it has started.
        this.#weigh(child, residentBytes(child.pid) ?? 0);
        if (this.#overLimit) return;
        this.#ready = true;
        this.#failedStarts = 0;
        return;
      case "loading":
        this.#options.onLoading?.(message.model, message.loading);
        return;
      case "memory":
        // While it computes it cannot report; where the system tells us, its own word is not needed.
        if (residentBytes(child.pid) === null) this.#weigh(child, message.bytes);
        return;
    }
    this.#watchdog?.progress();
    const pending = this.#pending.get(message.id);
    if (!pending) return;
    if (message.kind === "event") {
      const { event } = message;
      // One after the other, so that nodes are stored in the order they were made.
      pending.events = pending.events.then(() => pending.onEvent?.(event));
      pending.events.catch(() => {}); // told when the call ends
      return;
    }
    this.#pending.delete(message.id);
    if (message.kind === "result")
      void pending.events.then(() => pending.resolve(message.result), pending.reject);
    else {
      const error =
        message.kind === "needs-session"
          ? new NeedsSession()
          : new EmilieError(message.code as ErrorCode, message.message);
      void pending.events.then(() => pending.reject(error), pending.reject);
    }
  }

  #ended(code: number | null, signal: NodeJS.Signals | null, killsBefore: number | null): void {
    const wasReady = this.#ready;
    this.#child = null;
    this.#ready = false;
    this.memory = 0;
    const kills = oomKills();
    const heap = /heap out of memory|bad_alloc|Failed to allocate memory/i.test(this.#stderr);
    const killed =
      !this.#frozen && signal === "SIGKILL" && killsBefore !== null && kills !== null && kills > killsBefore;
    const outOfMemory = this.#overLimit || heap || killed;
    const how = this.#frozen ? `because it ${this.#frozen}` : signal ? `by ${signal}` : `with code ${code}`;
    this.#failedStarts = wasReady ? 0 : this.#failedStarts + 1;
    this.#lastEnd = how;
    const error = outOfMemory
      ? new WorkerEnded(
          "runtime.memory",
          "The model ran out of memory on this edit and was started again. Use a smaller picture or a smaller model, or " +
            "close other programs.",
        )
      : new WorkerEnded("runtime.failed", `The inference process ended ${how} while it ran this.`);
    if (!this.#disposed) this.#options.onEnd?.(outOfMemory ? `out of memory (${how})` : how);
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    for (const { reject, events } of pending) {
      void events.then(
        () => reject(error),
        () => reject(error),
      );
    }
  }
}

/** Resident memory of a process; null where the system does not say (it does on Linux). */
function residentBytes(pid: number | undefined): number | null {
  try {
    const found = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
    return found ? Number(found[1]) * 1024 : null;
  } catch {
    return null;
  }
}

/** How often the kernel has killed for lack of memory; null where it does not say. */
function oomKills(): number | null {
  for (const file of ["/sys/fs/cgroup/memory.events", "/proc/vmstat"]) {
    try {
      const found = /^oom_kill (\d+)$/m.exec(readFileSync(file, "utf8"));
      if (found) return Number(found[1]);
    } catch {
      // not Linux, or not to be seen from here
    }
  }
  return null;
}
