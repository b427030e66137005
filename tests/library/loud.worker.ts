/** What nothing-leaves.test.ts watches to know that it can see: ONNX Runtime in a process that has not turned its telemetry off. */
import * as ort from "onnxruntime-node";
import { Graph } from "../../src/graph/graph.ts";
import { add } from "../../src/graph/ops.ts";

const graph = new Graph("loud", "plain");
const x = graph.input("x", [1]);
graph.output("y", add({ graph, path: "loud" }, x, x));
await ort.InferenceSession.create(graph.encode());
