/** Graphics cards on Node: whether there is one, and what to do where there is not. */
import { existsSync, readdirSync } from "node:fs";
import type { InferenceSession } from "onnxruntime-node";
import { EmilieError } from "../errors.ts";
import { Graph } from "../graph/graph.ts";
import { add, cast } from "../graph/ops.ts";
import { NO_HALF } from "./self-check.ts";
import type { Ort } from "./worker-loop.ts";

const ADVICE = {
  webgpu:
    "onnxruntime-node finds no GPU for WebGPU. It needs the GPU's own driver, on Linux one for Vulkan and its loader " +
    'libvulkan.so.1, and has no WebGPU for Linux on ARM. Load the model with device "cpu", or with "auto", which takes a card ' +
    "where there is one.",
  cuda:
    "onnxruntime-node cannot use CUDA. It wants Linux on x64, an NVIDIA card with CUDA 12 and cuDNN 9, and files that emilie does " +
    "not install: ONNXRUNTIME_NODE_INSTALL=cuda12 npm rebuild onnxruntime-node --ignore-scripts=false fetches them. Or load the " +
    'model with device "cpu".',
};

/** Throws "runtime.missing" where no session can be made on the card; a provider says so no earlier. */
export async function requireCard(
  ort: Ort,
  device: "webgpu" | "cuda",
  options: InferenceSession.SessionOptions,
): Promise<void> {
  const graph = new Graph("card", "plain");
  const x = graph.input("x", [1]);
  graph.output("y", add({ graph, path: "card" }, x, x));
  try {
    const session = await ort.InferenceSession.create(graph.encode(), options);
    await session.release();
  } catch (cause) {
    // ONNX Runtime puts the file, the function and the condition before what it says.
    const said = (cause instanceof Error ? cause.message : String(cause)).split(" was false. ").at(-1)!;
    throw new EmilieError("runtime.missing", `${ADVICE[device]} (It says: ${said.trim()})`, { cause });
  }
}

/** Throws "runtime.missing" where the card has no half precision; the provider says so no earlier than in a run. */
export async function requireHalf(ort: Ort, options: InferenceSession.SessionOptions): Promise<void> {
  const graph = new Graph("half", "plain");
  const at = { graph, path: "half" };
  const x = cast(at, graph.input("x", [2]), "float16");
  graph.output("y", cast(at, add(at, x, x), "float32"));
  // What it says of a card that has none is no error of ours to print.
  const quiet = { logSeverityLevel: 4 } as const;
  const session = await ort.InferenceSession.create(graph.encode(), { ...options, ...quiet });
  try {
    await session.run({ x: new ort.Tensor("float32", Float32Array.of(1, 2), [2]) }, quiet);
  } catch (cause) {
    throw new EmilieError("runtime.missing", NO_HALF, { cause });
  } finally {
    await session.release();
  }
}

/**
 * Throws "runtime.missing" where the system shows no card: WebGPU would then be computed on the processor, far slower than
 * the networks run there, and the provider does not tell. Only Linux lists its cards as files; elsewhere this passes.
 */
export function requireCardFile(platform: string = process.platform, folder = "/dev"): void {
  if (platform !== "linux") return;
  const card = ["nvidia0", "dxg"].some((name) => existsSync(`${folder}/${name}`));
  if (card || entries(`${folder}/dri`).some((name) => name.startsWith("renderD"))) return;
  throw new EmilieError(
    "runtime.missing",
    "No GPU was found on this machine: neither /dev/dri/renderD*, /dev/nvidia0 nor /dev/dxg is there.",
  );
}

function entries(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // not there
  }
}
