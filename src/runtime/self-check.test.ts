/** The trial, run by ONNX Runtime itself: both dialects are one function, and a fault in any operator shows. */
import * as ort from "onnxruntime-node";
import { expect, it } from "vitest";
import { isEmilieError } from "../errors.ts";
import { type Candidate, selfCheck } from "./self-check.ts";
import type { Ort } from "./worker-loop.ts";

const options = {
  executionProviders: ["cpu"],
  graphOptimizationLevel: "disabled",
  logSeverityLevel: 3,
} as const;
const fused: Candidate = { dialect: "fused", options };
const plain: Candidate = { dialect: "plain", options };

/** ONNX Runtime whose second session gives what `fault` makes of a value. */
function faulty(fault: (value: number, i: number) => number): Ort {
  let sessions = 0;
  const create: Ort["InferenceSession"]["create"] = async (model, sessionOptions) => {
    const session = await ort.InferenceSession.create(model, sessionOptions);
    if (sessions++ === 0) return session;
    return Object.create(session, {
      release: { value: () => session.release() },
      run: {
        value: async (feeds: ort.InferenceSession.OnnxValueMapType) => {
          const { result } = await session.run(feeds);
          const data = (result!.data as Float32Array).map(fault);
          return { result: new ort.Tensor("float32", data, result!.dims) };
        },
      },
    });
  };
  return { InferenceSession: { create }, Tensor: ort.Tensor };
}

it("takes a card that computes what the processor does", async () => {
  await selfCheck(ort, plain, fused);
  await selfCheck(
    faulty((v) => v * (1 + 1e-5)),
    plain,
    fused,
  );
});

it.each([
  ["a bit off everywhere", (v: number) => v + 0.01],
  ["zero in places", (v: number, i: number) => (i % 64 === 0 ? 0 : v)],
  ["no number", () => Number.NaN],
])("does not take one that is %s, and says how far off it is", async (_, fault) => {
  const error = await selfCheck(faulty(fault), plain, fused).catch((thrown) => thrown);
  expect(isEmilieError(error) && error.code).toBe("runtime.failed");
  expect(error.message).toMatch(
    /self-test: its results differ from the CPU's by (NaN|0\.\d+), and 0\.001 is allowed/,
  );
});
