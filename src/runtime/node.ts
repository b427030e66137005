/** The engine on Node: onnxruntime-node in a worker_thread, or in a process of its own where this is a thread already or memory is scarce. */
import { type ChildProcess, fork } from "node:child_process";
import { readFileSync } from "node:fs";
import { availableParallelism, cpus, totalmem } from "node:os";
import { join } from "node:path";
import { isMainThread, Worker } from "node:worker_threads";
import { EmilieError } from "../errors.ts";
import type { Engine } from "./engine.ts";
import { fromSource, packageRoot } from "./package-root.node.ts";
import { type AnswerMessage, END } from "./protocol.ts";
import { QUIET, quietRuntime } from "./quiet.node.ts";
import { type Port, RemoteEngine } from "./remote.ts";

/** Where networks are to run on Node. */
export type NodeDevice = "auto" | "cpu" | "webgpu" | "cuda";

export const NODE_DEVICES: readonly NodeDevice[] = ["auto", "cpu", "webgpu", "cuda"];

export interface NodeEngineOptions {
  /** Threads of a matrix product on the processor; by default EMILIE_THREADS, or the machine's physical cores. */
  readonly threads?: number;
  /** Default "cpu". */
  readonly device?: NodeDevice;
  /** Whether the card has to compute in half precision too. Default false. */
  readonly half?: boolean;
  /** Whether memory is worth more than speed: what a run has freed goes back to the system. Default false. */
  readonly lean?: boolean;
}

/**
 * glibc keeps what is freed of buffers below 32 MB, and most of a large network's are: a gigabyte and a half beside FLUX.2 klein's transformer, which its next run cannot always
 * use. Buffers of a megabyte and more are the system's own with this, which takes effect as a process begins. Other C libraries do not know it.
 */
const GIVE_BACK = { MALLOC_MMAP_THRESHOLD_: "1048576" } as const;

/** What the worker is started with. */
export interface NodeWorkerSettings {
  readonly threads: number;
  readonly device: NodeDevice;
  readonly half: boolean;
}

/** Throws "option.invalid" for a device that there is not; one that does not work is the first session's error. */
export function createNodeEngine(options: NodeEngineOptions = {}): Engine {
  const { threads = defaultThreads(), device = "cpu", half = false, lean = false } = options;
  if (!NODE_DEVICES.includes(device)) {
    const names = NODE_DEVICES.map((name) => `"${name}"`).join(", ");
    throw new EmilieError("option.invalid", `device: expected one of ${names}; got ${String(device)}`);
  }
  const workerData: NodeWorkerSettings = { threads, device, half };
  const file = fromSource ? "src/runtime/worker.source.mjs" : "dist/worker.mjs";
  const path = join(packageRoot(), file);
  const own = !isMainThread || (lean && process.platform === "linux");
  return new RemoteEngine(own ? startProcess : startThread, device !== "cpu", memoryBytes());

  function startThread(): Port {
    quietRuntime();
    return workerPort(new Worker(path, { workerData }));
  }
  /** A thread of the user's program cannot turn telemetry off for its process, and can for another. */
  function startProcess(): Port {
    const env = { ...process.env, ...QUIET, ...(lean ? GIVE_BACK : {}) };
    return childPort(
      fork(path, [JSON.stringify(workerData)], { serialization: "advanced", execArgv: [], env }),
    );
  }
}

/** A process as an engine's port. It keeps this thread alive only while it has something to answer. */
function childPort(child: ChildProcess): Port {
  let ending = false;
  const hold = (held: boolean) => {
    for (const one of [child, child.channel]) held ? one?.ref() : one?.unref();
  };
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  return {
    // A process that has just ended takes no message; its "exit" fails the call.
    post: (message) => void child.send(message, () => {}),
    onAnswer: (listener) => {
      child.on("message", (answer) => listener(answer as AnswerMessage));
      hold(false);
    },
    onFailure: (listener) => {
      child.on("error", listener);
      child.on("exit", (code) => listener(`it exited with code ${code}`));
    },
    busy: (busy) => {
      if (!ending) hold(busy);
    },
    terminate: () => {
      ending = true;
      hold(true);
      child.send(END, () => {});
      return exited;
    },
  };
}

/** A worker_thread as an engine's port. It keeps the process alive only while it has something to answer. */
export function workerPort(worker: Worker): Port {
  let ending = false;
  const exited = new Promise<void>((resolve) => worker.once("exit", () => resolve()));
  return {
    post: (message) => worker.postMessage(message),
    onAnswer: (listener) => {
      worker.on("message", (answer: AnswerMessage) => listener(answer));
      // After the listener, which holds the process again.
      worker.unref();
    },
    onFailure: (listener) => {
      worker.on("error", listener);
      worker.on("exit", (code) => listener(`it exited with code ${code}`));
    },
    busy: (busy) => {
      if (!ending) busy ? worker.ref() : worker.unref();
    },
    // The worker ends itself, when the call that it is in has returned: a thread that is terminated within ONNX Runtime's
    // code takes the process with it.
    terminate: () => {
      ending = true;
      worker.ref();
      worker.postMessage(END);
      return exited;
    },
  };
}

/** EMILIE_THREADS where it is set (several processes that share one machine), otherwise the physical cores. */
function defaultThreads(): number {
  const named = process.env.EMILIE_THREADS;
  if (!named) return physicalCores();
  const threads = Number(named);
  if (Number.isInteger(threads) && threads >= 1 && threads <= 1024) return threads;
  throw new EmilieError(
    "option.invalid",
    `EMILIE_THREADS: expected a whole number from 1 to 1024; got "${named}"`,
  );
}

/** The machine's memory, or what a container leaves of it. */
function memoryBytes(): number {
  // 0 where nothing limits it, and then a number without meaning in some versions of Node.
  const limit = process.constrainedMemory?.() || Number.POSITIVE_INFINITY;
  return Math.min(totalmem(), limit);
}

/** Two threads of one core share its multipliers, so matrix products gain nothing from the second. */
export function physicalCores(): number {
  const logical = availableParallelism();
  if (process.platform === "linux") {
    try {
      const siblings = cpus().map((_, i) =>
        readFileSync(`/sys/devices/system/cpu/cpu${i}/topology/thread_siblings_list`, "utf8"),
      );
      return Math.max(1, Math.min(new Set(siblings).size, logical));
    } catch {
      return logical; // no topology is shown in some containers
    }
  }
  return process.arch === "x64" ? Math.max(1, Math.ceil(logical / 2)) : logical;
}
