import { describe, expect, it } from "vitest";
import { attention } from "./attention.ts";
import { Graph, type Site } from "./graph.ts";
import { add, concat, conv2d, gemm, groupNorm, layerNorm, reshape } from "./ops.ts";

function site(path = "down_blocks.0.resnets.1"): Site {
  return { graph: new Graph("test"), path };
}

describe("shapes", () => {
  const s = site();
  const g = s.graph;
  const x = g.input("x", [1, 6, 8, 8]);
  const m = g.input("m", [4, 6]);
  const perChannel = g.constant(new Float32Array(6), [6, 1, 1]);

  it.each([
    ["inner sides", () => gemm(s, m, m)],
    ["a weight of another width", () => conv2d(s, x, g.constant(new Float32Array(45), [1, 5, 3, 3]), null)],
    [
      "a bias of another length",
      () => conv2d(s, x, g.constant(new Float32Array(6), [1, 6, 1, 1]), g.constant([1, 2], [2])),
    ],
    ["groups that do not divide the channels", () => groupNorm(s, x, perChannel, perChannel, 4, 1e-5)],
    ["a norm of another width", () => layerNorm(s, m, vector(5), vector(6), 1e-5)],
    ["heads that do not divide the width", () => attention(s, m, m, m, { heads: 4 })],
    ["values of another length", () => attention(s, m, m, g.input("v", [5, 6]), { heads: 2 })],
    ["shapes that do not broadcast", () => add(s, x, g.input("y", [1, 5, 8, 8]))],
    ["a reshape that loses values", () => reshape(s, x, [6, 63])],
    ["sides that do not join", () => concat(s, [x, g.input("z", [1, 2, 8, 9])], 1)],
    ["a result of no size", () => conv2d(s, x, g.constant(new Float32Array(6 * 81), [1, 6, 9, 9]), null)],
  ])("%s is an error that names the module", (_, build) => {
    expect(build).toThrow(
      expect.objectContaining({
        code: "checkpoint.malformed",
        message: expect.stringContaining("down_blocks.0.resnets.1: "),
      }),
    );
  });

  function vector(n: number) {
    return g.constant(new Float32Array(n), [n]);
  }
});

describe("cost", () => {
  it("counts two operations for every multiply-accumulate", () => {
    const s = site();
    const g = s.graph;
    conv2d(s, g.input("x", [1, 2, 5, 7]), g.constant(new Float32Array(54), [3, 2, 3, 3]), null, {
      stride: 2,
    });
    expect(g.flops).toBe(2 * (2 * 3) * 3 * 2 * 9);
    gemm(s, g.input("a", [4, 5]), g.input("b", [6, 5]), { transB: true });
    expect(g.flops).toBe(648 + 2 * 4 * 5 * 6);
  });
});

describe("initializers", () => {
  it("of the same bytes and dims are one, of other dims another", () => {
    const { graph } = site();
    const at = (offset: number, dims: readonly number[]) =>
      graph.external({ location: "f", offset, length: 24 }, dims).name;
    expect(at(0, [2, 3])).toBe(at(0, [2, 3]));
    expect(at(0, [3, 2])).not.toBe(at(0, [2, 3]));
    expect(at(8, [2, 3])).not.toBe(at(0, [2, 3]));
    expect(graph.ints([1, 2]).name).toBe(graph.ints([1, 2]).name);
    expect(graph.ints([1, 2]).name).not.toBe(graph.ints([12]).name);
  });

  it("stay out of the model when they are external", () => {
    const s = site();
    const weight = s.graph.external({ location: "f", offset: 3, length: 4 << 20 }, [1024, 1024]);
    s.graph.output("y", gemm(s, s.graph.input("x", [1, 1024]), weight));
    expect(s.graph.encode().length).toBeLessThan(500);
  });
});
