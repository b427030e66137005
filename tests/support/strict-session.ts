/**
 * ONNX Runtime as a second opinion on a graph: it infers every result's type and shape itself, and refuses a graph that says something
 * else. Weights are not read for that, so a file of holes will do (published.ts).
 */
process.env.ORT_DISABLE_TELEMETRY = "1";

import type { Graph } from "../../src/graph/graph.ts";

/** Rejects where the runtime cannot take the graph, or infers another shape than the graph declares for any result. */
export async function checkByRuntime(graph: Graph, root: string): Promise<void> {
  const { InferenceSession } = await import("onnxruntime-node");
  const session = await InferenceSession.create(graph.encode({ shapes: true }), {
    executionProviders: ["cpu"],
    intraOpNumThreads: 1,
    graphOptimizationLevel: "disabled",
    enableMemPattern: false,
    logSeverityLevel: 3,
    extra: {
      session: {
        model_external_initializers_file_folder_path: root,
        strict_shape_type_inference: "1",
        disable_prepacking: "1",
      },
    },
  });
  await session.release();
}
