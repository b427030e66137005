/** The web Worker in which onnxruntime-web runs, on the graphics card or as WebAssembly. */
import { EmilieError } from "../errors.ts";
import type { RequestMessage } from "./protocol.ts";
import { type Backend, type Ort, serve } from "./serve.ts";

/** The first message; all others are requests. */
export interface WebWorkerSettings {
  readonly threads: number;
  readonly wasmPaths?: string;
  readonly device: "auto" | "wasm" | "webgpu";
}

type Module = Ort & { readonly env: { readonly wasm: { numThreads?: number; wasmPaths?: unknown } } };

function backend(
  device: "wasm" | "webgpu",
  settings: WebWorkerSettings,
  load: () => Promise<Module>,
): Backend {
  return {
    device,
    async load(): Promise<Ort> {
      const ort = await load().catch((cause: unknown) => {
        if (cause instanceof EmilieError) throw cause;
        throw new EmilieError(
          "runtime.missing",
          `onnxruntime-web could not be loaded (${cause}). Install it with: npm install onnxruntime-web`,
          { cause },
        );
      });
      ort.env.wasm.numThreads = settings.threads;
      if (settings.wasmPaths) ort.env.wasm.wasmPaths = settings.wasmPaths;
      return ort;
    },
    options: ({ files = [], prepack = true }) => ({
      executionProviders: [device],
      // The graphs are built fused; ORT's own passes would only cost time and copies of the weights.
      graphOptimizationLevel: "disabled",
      executionMode: "sequential",
      enableMemPattern: false,
      externalData: files.map(({ location, data }) => ({ path: location, data: data ?? new Uint8Array() })),
      logSeverityLevel: 3,
      extra: { session: prepack ? {} : { disable_prepacking: "1" } },
    }),
  };
}

/** The bundle for WebGPU is 27 MB: it is fetched only where there is an adapter to use it. */
async function loadWebGpu(software: boolean): Promise<Module> {
  // The types of a page's navigator do not have it everywhere; a browser without WebGPU does not either.
  const { gpu } = navigator as { readonly gpu?: GPU };
  const adapter = await gpu?.requestAdapter();
  if (!adapter) {
    throw new EmilieError(
      "runtime.missing",
      'This browser offers no WebGPU adapter. Load the model with device "wasm" or "auto".',
    );
  }
  if (!software && adapter.info.isFallbackAdapter) {
    throw new EmilieError(
      "runtime.missing",
      'This browser\'s WebGPU runs on the processor, slower than WebAssembly. Device "webgpu" uses it all the same.',
    );
  }
  return import("onnxruntime-web/webgpu");
}

function backends(settings: WebWorkerSettings): readonly Backend[] {
  const { device } = settings;
  const webgpu = backend("webgpu", settings, () => loadWebGpu(device === "webgpu"));
  if (device === "webgpu") return [webgpu];
  const wasm = backend("wasm", settings, () => import("onnxruntime-web/wasm"));
  return device === "auto" ? [webgpu, wasm] : [wasm];
}

let answer: ReturnType<typeof serve>;

self.addEventListener("message", ({ data }: MessageEvent<RequestMessage | WebWorkerSettings>) => {
  if ("request" in data) answer(data);
  else answer = serve(backends(data), (message) => self.postMessage(message));
});
