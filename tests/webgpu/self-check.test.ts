/** The trial that a card has to pass, on a WebGPU that computes rightly in the plain dialect and wrongly in the fused one. */
import * as ort from "onnxruntime-web/webgpu";
import { describe, expect, it } from "vitest";
import { type Candidate, selfCheck } from "../../src/runtime/self-check.ts";
import { adapter } from "./adapter.ts";

const common = { graphOptimizationLevel: "disabled", logSeverityLevel: 3 } as const;
const processor: Candidate = { dialect: "fused", options: { ...common, executionProviders: ["wasm"] } };
const card = (dialect: Candidate["dialect"]): Candidate => ({
  dialect,
  options: { ...common, executionProviders: ["webgpu"] },
});

describe.skipIf(!adapter)("on WebGPU", () => {
  it("the plain dialect passes", () => selfCheck(ort, card("plain"), processor));

  // Fails once the provider is right: then the plain dialect has had its day.
  it("what onnxruntime-web gets wrong is seen", async () => {
    await expect(selfCheck(ort, card("fused"), processor)).rejects.toThrow(
      /self-test: its results differ from the CPU's by 0\.\d+/,
    );
  });
});
