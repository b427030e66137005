/** The worker_thread in which ONNX Runtime's native CPU runtime runs. */
import { parentPort, workerData } from "node:worker_threads";
import { EmilieError } from "../errors.ts";
import type { RequestMessage } from "./protocol.ts";
import { type Ort, serve } from "./serve.ts";

const { threads } = workerData as { threads: number };
const port = parentPort!;

const answer = serve(
  [
    {
      device: "cpu",
      async load(): Promise<Ort> {
        try {
          return await import("onnxruntime-node");
        } catch (cause) {
          const missing = (cause as NodeJS.ErrnoException).code === "ERR_MODULE_NOT_FOUND";
          throw new EmilieError(
            "runtime.missing",
            missing
              ? "onnxruntime-node is not installed. Run: npm install onnxruntime-node --ignore-scripts"
              : `onnxruntime-node could not be loaded on ${process.platform}-${process.arch}: ${cause}`,
            { cause },
          );
        }
      },
      options: ({ root = "/", prepack = true }) => ({
        executionProviders: ["cpu"],
        intraOpNumThreads: threads,
        interOpNumThreads: 1,
        executionMode: "sequential",
        // The graphs are built fused; ORT's own passes would only cost time and copies of the weights.
        graphOptimizationLevel: "disabled",
        // A memory pattern is one more block of all activations' size, beside the one that the first run has left.
        enableMemPattern: false,
        logSeverityLevel: 3,
        extra: {
          session: {
            model_external_initializers_file_folder_path: root,
            ...(prepack ? {} : { disable_prepacking: "1" }),
          },
        },
      }),
    },
  ],
  (message) => port.postMessage(message),
);
port.on("message", (message: RequestMessage) => answer(message));
