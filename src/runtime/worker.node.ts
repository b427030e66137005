/** The worker_thread in which onnxruntime-node runs, on the processor or on a graphics card. */
import { parentPort, workerData } from "node:worker_threads";
import type { InferenceSession } from "onnxruntime-node";
import { EmilieError } from "../errors.ts";
import { requireCard, requireCardFile, requireHalf } from "./card.node.ts";
import type { SessionOptions } from "./engine.ts";
import type { NodeWorkerSettings } from "./node.ts";
import { END, type RequestMessage } from "./protocol.ts";
import { checkCard, IN_SINGLE } from "./self-check.ts";
import { type Backend, type Ort, serve } from "./worker-loop.ts";

/** Started as a thread, or as a process (see node.ts). */
const { threads, device, half } = (
  parentPort ? workerData : JSON.parse(process.argv[2]!)
) as NodeWorkerSettings;

// Ctrl+C in a terminal reaches both processes. Whoever started this one decides what becomes of the edit, and ends it.
if (!parentPort) process.on("SIGINT", () => {});

type Provider = "cpu" | "webgpu" | "cuda";

function sessionOptions(
  provider: Provider,
  { root = "/", prepack = true, frugal = false }: SessionOptions = {},
): InferenceSession.SessionOptions {
  return {
    executionProviders: [provider],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    executionMode: "sequential",
    // The graphs are built fused; ORT's own passes would only cost time and copies of the weights.
    graphOptimizationLevel: "disabled",
    // A memory pattern is one more block of all activations' size, beside the one that the first run has left.
    enableMemPattern: false,
    // The arena never gives anything back; asking it to after a run is not to be had in this binding.
    enableCpuMemArena: !frugal,
    logSeverityLevel: 3,
    extra: {
      session: {
        model_external_initializers_file_folder_path: root,
        ...(prepack ? {} : { disable_prepacking: "1" }),
        // Each session has threads of its own. They would wait for work by spinning long after a run has ended, on the
        // cores that the next network's threads need: its first calls took twice as long.
        force_spinning_stop: "1",
      },
    },
  };
}

async function loadRuntime(): Promise<Ort> {
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
}

const cpu: Backend = {
  device: "cpu",
  ...(half ? { note: IN_SINGLE } : {}),
  load: loadRuntime,
  options: (options) => sessionOptions("cpu", options),
};

/** A card that was asked for by name: nothing is checked, and failures are errors. */
function named(device: "webgpu" | "cuda"): Backend {
  return {
    device,
    async load() {
      const ort = await loadRuntime();
      await requireCard(ort, device, sessionOptions(device));
      if (half) await requireHalf(ort, sessionOptions(device));
      return ort;
    },
    options: (options) => sessionOptions(device, options),
  };
}

/** Only on a card, and only where that computes rightly. The errors are the reasons that people read. */
function cardOrNot(): Backend {
  const webgpu = named("webgpu");
  return {
    ...webgpu,
    async load() {
      requireCardFile();
      const ort = await webgpu.load();
      await checkCard(ort, half, sessionOptions("webgpu"), sessionOptions("cpu"));
      return ort;
    },
  };
}

function backends(): readonly Backend[] {
  if (device === "cpu") return [cpu];
  return device === "auto" ? [cardOrNot(), cpu] : [named(device)];
}

const answer = serve(backends(), (message) => {
  if (parentPort) parentPort.postMessage(message);
  else process.send!(message, undefined, undefined, () => {});
});
(parentPort ?? process).on("message", (message: RequestMessage | typeof END) => {
  if (message === END) process.exit();
  answer(message);
});
// Whoever started this process is gone.
process.on("disconnect", () => process.exit());
