/** The engine in a browser: onnxruntime-web (WebGPU or WebAssembly) in a Worker, so that the page stays live. */
import { EmilieError } from "../errors.ts";
import type { Engine } from "./engine.ts";
import { type AnswerMessage, HELD, type RequestMessage } from "./protocol.ts";
import { type Port, RemoteEngine } from "./remote.ts";
import type { WebWorkerSettings } from "./worker.web.ts";

export interface WebEngineOptions {
  /** Threads of a matrix product. More than one needs a cross-origin isolated page; the default is 1 elsewhere. */
  readonly threads?: number;
  /**
   * Where the networks run. "wasm": on the processor. "webgpu": through WebGPU, or an error. "auto": on a graphics card
   * where the browser offers one, on the processor where it does not or where that fails, for which the worker keeps
   * the weights beside those on the card; `model.device` says which and why. Default "wasm", whose numbers are everywhere
   * the same.
   */
  readonly device?: "auto" | "wasm" | "webgpu";
  /** Where onnxruntime-web's .wasm files are served, where a bundler does not put them beside the code. */
  readonly wasmPaths?: string;
}

/** `half`: whether the card has to compute in half precision too. */
export function createWebEngine(options: WebEngineOptions = {}, half = false): Engine {
  const settings = {
    threads: options.threads ?? defaultThreads(),
    wasmPaths: options.wasmPaths,
    device: checkedDevice(options.device),
    half,
  };
  return new RemoteEngine(() => startWorker(settings), settings.device !== "wasm", memoryOfPage());
}

function startWorker(settings: Omit<WebWorkerSettings, "lock">): Port {
  const lock = `emilie worker ${Math.random()}`;
  const worker = new Worker(new URL("./worker.web.ts", import.meta.url), { type: "module" });
  worker.postMessage({ ...settings, lock } satisfies WebWorkerSettings);
  let fail: (cause: unknown) => void = () => {};
  return {
    post: (message) => worker.postMessage(message, buffers(message)),
    onAnswer: (listener) =>
      worker.addEventListener("message", ({ data }: MessageEvent<AnswerMessage | typeof HELD>) => {
        if (data === HELD) return whenReleased(lock, () => fail("the browser ended it"));
        listener(data);
        // After an error of its own, as where memory ran out within WebAssembly, what it computes next is not to be relied on.
        if (data.error?.code === "runtime.failed") fail(data.error.message);
      }),
    onFailure: (listener) => {
      fail = listener;
      worker.addEventListener("error", (event) =>
        listener(event.error ?? event.message ?? "its code did not load"),
      );
    },
    terminate: async () => worker.terminate(),
  };
}

/** A browser that ends a worker, as for want of memory, says nothing; but what the worker held is free then. */
function whenReleased(lock: string, then: () => void): void {
  void navigator.locks.request(lock, then);
}

function checkedDevice(device: WebEngineOptions["device"] = "wasm"): WebWorkerSettings["device"] {
  if (["auto", "wasm", "webgpu"].includes(device)) return device;
  throw new EmilieError(
    "option.invalid",
    `device: expected "auto", "wasm" or "webgpu"; got ${String(device)}`,
  );
}

/** WebAssembly of 32 bits has four gigabytes, and of a small machine's memory a tab gets half. */
export function memoryOfPage(): number {
  const { deviceMemory = Number.POSITIVE_INFINITY } = navigator as { readonly deviceMemory?: number };
  return Math.min(4, deviceMemory / 2) * 2 ** 30;
}

/** Half the logical cores: the other half usually are the same cores' second threads. */
function defaultThreads(): number {
  return globalThis.crossOriginIsolated ? Math.max(1, navigator.hardwareConcurrency >> 1) : 1;
}

/** Weights are handed over, not copied: they were fetched for this session alone. Files on a disk are shared by name. */
function buffers({ request }: RequestMessage): Transferable[] {
  if (request.kind !== "create") return [];
  const files = request.options.files ?? [];
  return files.flatMap(({ data }) =>
    data instanceof Uint8Array && data.byteLength === data.buffer.byteLength ? [data.buffer] : [],
  );
}
