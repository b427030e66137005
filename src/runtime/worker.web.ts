/** The web Worker in which onnxruntime-web runs, on the graphics card or as WebAssembly. */
import { EmilieError } from "../errors.ts";
import { bytesOfBlob } from "./blob-bytes.web.ts";
import type { SessionOptions } from "./engine.ts";
import { HELD, type RequestMessage } from "./protocol.ts";
import { checkCard, IN_SINGLE, NO_HALF } from "./self-check.ts";
import { type Backend, type Ort, serve } from "./worker-loop.ts";

/** The first message; all others are requests. */
export interface WebWorkerSettings {
  readonly threads: number;
  readonly wasmPaths?: string;
  readonly device: "auto" | "wasm" | "webgpu";
  readonly half: boolean;
  /** The name of a lock of the browser's that the worker holds while it lives. */
  readonly lock: string;
}

type Module = Ort & { readonly env: { readonly wasm: { numThreads?: number; wasmPaths?: unknown } } };

function sessionOptions(device: "wasm" | "webgpu", { files = [], prepack = true }: SessionOptions = {}) {
  return {
    executionProviders: [device],
    // The graphs are built fused; ORT's own passes would only cost time and copies of the weights.
    graphOptimizationLevel: "disabled",
    executionMode: "sequential",
    enableMemPattern: false,
    externalData: files.map(({ location, data = new Uint8Array() }) => ({
      path: location,
      data: data instanceof Blob ? bytesOfBlob(data) : data,
    })),
    logSeverityLevel: 3,
    extra: { session: prepack ? {} : { disable_prepacking: "1" } },
  } as const;
}

function backend(
  device: "wasm" | "webgpu",
  { threads, wasmPaths }: WebWorkerSettings,
  load: () => Promise<Module>,
): Backend {
  return {
    device,
    async load() {
      const ort = await load().catch((cause: unknown) => {
        if (cause instanceof EmilieError) throw cause;
        throw new EmilieError(
          "runtime.missing",
          `onnxruntime-web could not be loaded (${cause}). Install it with: npm install onnxruntime-web`,
          { cause },
        );
      });
      ort.env.wasm.numThreads = threads;
      if (wasmPaths) ort.env.wasm.wasmPaths = wasmPaths;
      return ort;
    },
    options: (options) => sessionOptions(device, options),
  };
}

/** The bundle for WebGPU is 27 MB: it is fetched only where there is an adapter to use it. */
async function loadWebGpu(half: boolean): Promise<Module> {
  const adapter = await findAdapter();
  if (!adapter) {
    throw new EmilieError(
      "runtime.missing",
      'This browser offers no WebGPU adapter. Load the model with device "wasm" or "auto".',
    );
  }
  if (half && !adapter.features.has("shader-f16")) throw new EmilieError("runtime.missing", NO_HALF);
  return import("onnxruntime-web/webgpu");
}

/** Only on a card, and only where that computes rightly. The errors are the reasons that people read. */
function cardOrNot(settings: WebWorkerSettings): Backend {
  const webgpu = backend("webgpu", settings, async () => {
    const adapter = await findAdapter();
    if (!adapter) throw new EmilieError("runtime.missing", "This browser offers no WebGPU adapter.");
    if (adapter.info.isFallbackAdapter) {
      const what = "This browser's WebGPU runs in software on the CPU, and is slower.";
      throw new EmilieError("runtime.missing", what);
    }
    return loadWebGpu(settings.half);
  });
  return {
    ...webgpu,
    async load() {
      const ort = await webgpu.load();
      await checkCard(ort, settings.half, sessionOptions("webgpu"), sessionOptions("wasm"));
      return ort;
    },
  };
}

async function findAdapter(): Promise<GPUAdapter | null> {
  // The types of a page's navigator do not have it everywhere; a browser without WebGPU does not either.
  const { gpu } = navigator as { readonly gpu?: GPU };
  return (await gpu?.requestAdapter()) ?? null;
}

function backends(settings: WebWorkerSettings): readonly Backend[] {
  const wasm = backend("wasm", settings, () => import("onnxruntime-web/wasm"));
  if (settings.device === "wasm") return [wasm];
  const inSingle = settings.half ? { ...wasm, note: IN_SINGLE } : wasm;
  if (settings.device === "auto") return [cardOrNot(settings), inSingle];
  return [backend("webgpu", settings, () => loadWebGpu(settings.half))];
}

let answer: ReturnType<typeof serve>;

self.addEventListener("message", ({ data }: MessageEvent<RequestMessage | WebWorkerSettings>) => {
  if ("request" in data) answer(data);
  else {
    answer = serve(backends(data), (message) => self.postMessage(message));
    hold(data.lock);
  }
});

/** Holds a lock for as long as this worker lives. Pages that are not secure have none. */
function hold(lock: string): void {
  void navigator.locks?.request(lock, () => {
    self.postMessage(HELD);
    return new Promise(() => {});
  });
}
