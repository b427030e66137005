/** What becomes of a request when the first of two runtimes fails. Both are ONNX Runtime's own; faults are put into one. */
import * as ort from "onnxruntime-node";
import { expect, it } from "vitest";
import { Graph } from "../graph/graph.ts";
import { add } from "../graph/ops.ts";
import type { AnswerMessage, Request } from "./protocol.ts";
import { type Backend, type Ort, serve } from "./worker-loop.ts";

const processor: Backend = {
  device: "wasm",
  load: async () => ort,
  options: () => ({ executionProviders: ["cpu"], logSeverityLevel: 3 }),
};
const x = { data: Float32Array.of(1, 2), shape: [2] };

/** y = x + 1 */
function increment(): Uint8Array {
  const graph = new Graph("increment");
  const at = { graph, path: "increment" };
  graph.output("y", add(at, graph.input("x", [2]), graph.constant([1], [1])));
  return graph.encode();
}

/** A card whose runs end as `fault` says, from run `from` on. */
function card(fault: () => never | number, from = 0): Backend {
  let runs = 0;
  const create: Ort["InferenceSession"]["create"] = async (model, options) => {
    const session = await ort.InferenceSession.create(model, options);
    return Object.create(session, {
      release: { value: () => session.release() },
      run: {
        value: async (feeds: ort.InferenceSession.OnnxValueMapType) => {
          if (runs++ < from) return session.run(feeds);
          return { y: new ort.Tensor("float32", Float32Array.of(fault(), 3), [2]) };
        },
      },
    });
  };
  const load = async () => ({ InferenceSession: { create }, Tensor: ort.Tensor });
  return { ...processor, device: "webgpu", load };
}

/** The answers to: create, run, run. */
async function answers(...backends: Backend[]): Promise<AnswerMessage[]> {
  const requests: Request[] = [
    { kind: "create", model: increment(), options: {} },
    { kind: "run", session: 0, feeds: { x } },
    { kind: "run", session: 0, feeds: { x } },
  ];
  return new Promise((resolve) => {
    const given: AnswerMessage[] = [];
    const ask = serve(backends, (answer) => {
      if (given.push(answer) === requests.length) resolve(given);
    });
    for (const [id, request] of requests.entries()) ask({ id, request });
  });
}

const devices = (given: readonly AnswerMessage[]) => given.map(({ device }) => device?.name);
const lost = () => {
  throw new Error("device lost");
};

it("takes the next runtime where the first does not load or make a session, and keeps why", async () => {
  const missing: Backend = {
    ...processor,
    device: "webgpu",
    load: () => Promise.reject(new Error("no card")),
  };
  const unable: Backend = {
    ...processor,
    device: "webgpu",
    options: () => ({ executionProviders: ["none"] }),
  };
  for (const first of [missing, unable]) {
    const given = await answers(first, processor);
    expect(devices(given)).toEqual(["wasm", "wasm", "wasm"]);
    expect(given[0]!.device!.reason).toMatch(first === missing ? /^no card$/ : /none/);
    expect(given[2]!.outputs!.y!.data).toEqual(Float32Array.of(2, 3));
  }
});

it("makes a session again where its device is lost, or computes what is no number", async () => {
  for (const fault of [lost, () => Number.NaN]) {
    const given = await answers(card(fault, 1), processor);
    expect(devices(given)).toEqual(["webgpu", "webgpu", "wasm"]);
    expect(given[2]!.device!.reason).toMatch(/device lost|no numbers/);
    expect(given[2]!.outputs!.y!.data).toEqual(Float32Array.of(2, 3));
  }
});

it("reports the failure of the last runtime", async () => {
  const given = await answers(card(lost));
  expect(given[1]!.error).toMatchObject({
    code: "runtime.failed",
    message: expect.stringMatching(/device lost/),
  });
});
