/** The web Worker in which onnxruntime-web's WebAssembly runtime runs. */
import { EmilieError } from "../errors.ts";
import type { RequestMessage } from "./protocol.ts";
import { type Ort, serve } from "./serve.ts";

/** The first message; all others are requests. */
export interface WebWorkerSettings {
  readonly threads: number;
  readonly wasmPaths?: string;
}

let settings: WebWorkerSettings = { threads: 1 };

const answer = serve(
  {
    async load(): Promise<Ort> {
      const ort = await import("onnxruntime-web/wasm").catch((cause: unknown) => {
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
      executionProviders: ["wasm"],
      // The graphs are built fused; ORT's own passes would only cost time and copies of the weights.
      graphOptimizationLevel: "disabled",
      executionMode: "sequential",
      enableMemPattern: false,
      externalData: files.map(({ location, data }) => ({ path: location, data: data ?? new Uint8Array() })),
      logSeverityLevel: 3,
      extra: { session: prepack ? {} : { disable_prepacking: "1" } },
    }),
  },
  (message) => self.postMessage(message),
);

self.addEventListener("message", ({ data }: MessageEvent<RequestMessage | WebWorkerSettings>) => {
  if ("request" in data) answer(data);
  else settings = data;
});
