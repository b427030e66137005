/** Qwen3-VL-2B, DreamLite's text encoder, at its published width: built and not run, in every precision, and for pictures of several shapes. */
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import type { Precision } from "../../src/checkpoint/derived.ts";
import type { Dialect } from "../../src/graph/graph.ts";
import type { Grid } from "../../src/networks/qwen3-vl/positions.ts";
import { buildText, textNeeds } from "../../src/networks/qwen3-vl/text.ts";
import { buildVision, visionNeeds } from "../../src/networks/qwen3-vl/vision.ts";
import { placedNowhere } from "../support/published.ts";
import { qwen3VlConfig, qwen3VlTextShapes, qwen3VlVisionShapes } from "../support/qwen3-vl.ts";
import { checkByRuntime } from "../support/strict-session.ts";

/** A file of holes, as long as the longest tensor. */
const root = mkdtempSync(join(tmpdir(), "emilie-full-qwen3-vl-"));
writeFileSync(join(root, "holes"), "");
truncateSync(join(root, "holes"), 4 * 4096 * 4096);
const nowhere = { root, location: "holes" };
afterAll(() => rmSync(root, { recursive: true, force: true }));

const shapesOf = (values: readonly { readonly name: string; readonly shape: readonly number[] }[]) =>
  Object.fromEntries(values.map(({ name, shape }) => [name, [...shape]]));

const HOW = [
  ["fp32", "fused"],
  ["int8", "fused"],
  ["int4", "fused"],
  ["fp32", "plain"],
] as const satisfies readonly (readonly [Precision, Dialect])[];
const config = qwen3VlConfig();

describe("the vision tower", () => {
  const built = (precision: Precision, grid: Grid, dialect?: Dialect, depth = 24) => {
    const shapes = qwen3VlVisionShapes(depth);
    const plain = placedNowhere(shapes, nowhere, { precision });
    const own = { ...config.vision, depth, deepstack_visual_indexes: depth < 24 ? [0, 1, 2] : [5, 11, 17] };
    const needs = precision === "fp32" ? undefined : visionNeeds(own, plain);
    const weights = placedNowhere(shapes, nowhere, { precision, needs });
    return { graph: buildVision(own, weights, grid, dialect), needs };
  };

  it.each(HOW)("in %s (%s)", (precision, dialect) => {
    const { graph, needs } = built(precision, [32, 32], dialect);
    expect(shapesOf(graph.inputs)).toEqual({ patches: [1024, 1536] });
    expect(shapesOf(graph.outputs)).toEqual(
      Object.fromEntries([0, 1, 2, 3].map((i) => [`features.${i}`, [256, 2048]])),
    );
    // 24 blocks of 12.6 million weights for 1024 patches, and four mergers of 25 million for 256 features; attention is a sixth.
    const products = 2 * (1024 * (1024 * 1536 + 24 * 12 * 1024 ** 2) + 4 * 256 * 6 * 2048 ** 2);
    expect(graph.flops / products).toBeGreaterThan(1.1);
    expect(graph.flops / products).toBeLessThan(1.3);
    expect(graph.peakBytes).toBeLessThan(dialect === "fused" ? 100e6 : 250e6);
    // Queries, keys and values apart, and three products; two in a merger.
    if (needs) expect(needs.derived.length).toBe(24 * 6 + 4 * 2);
  });

  it.each([
    [20, 58],
    [36, 28],
    [2, 2],
    [64, 64],
  ] as const)("of a picture of %i × %i patches", (rows, columns) => {
    for (const precision of ["fp32", "int8"] as const) {
      const { graph } = built(precision, [rows, columns]);
      expect(graph.outputs[0]!.shape).toEqual([(rows * columns) / 4, 2048]);
    }
  });

  it.each(HOW)("has the shapes that ONNX Runtime infers, in %s (%s)", async (precision, dialect) => {
    await checkByRuntime(built(precision, [20, 28], dialect, 3).graph, root);
  });

  it("is refused where tensors are missing, or others than the configuration's", () => {
    const shapes = new Map(qwen3VlVisionShapes());
    const build = () => buildVision(config.vision, placedNowhere(shapes, nowhere), [2, 2]);
    shapes.set("merger.norm.weight", [4096]);
    expect(build).toThrow(/"merger.norm.weight" should have shape \[1024\], but has \[4096\]/);
    shapes.delete("merger.norm.weight");
    shapes.set("deepstack_merger_list.3.norm.weight", [4096]);
    expect(build).toThrow(
      /"merger.norm.weight" of shape \[1024\] is missing.*"deepstack_merger_list.3.norm.weight" is not known/,
    );
  });
});

describe("the text", () => {
  const built = (precision: Precision, tokens: number, dialect?: Dialect, layers = 28) => {
    const shapes = qwen3VlTextShapes(layers);
    const plain = placedNowhere(shapes, nowhere, { precision });
    const own = { ...config.text, num_hidden_layers: layers };
    const needs = precision === "fp32" ? undefined : textNeeds(own, plain);
    const weights = placedNowhere(shapes, nowhere, { precision, needs });
    return { graph: buildText(own, weights, { tokens, added: 3 }, dialect), needs };
  };

  it.each(HOW)("in %s (%s)", (precision, dialect) => {
    const { graph, needs } = built(precision, 384, dialect);
    const row = [384, 2048];
    expect(shapesOf(graph.inputs)).toEqual({
      ...{ embeddings: row, cos: [384, 64], sin: [384, 64] },
      ...{ "added.0": row, "added.1": row, "added.2": row },
    });
    expect(shapesOf(graph.outputs)).toEqual({ hidden: row });
    // 28 layers of 50 million weights; attention and rotations are a few per cent.
    const products = 2 * 384 * 28 * (3 * 2048 ** 2 + 3 * 2048 * 6144);
    expect(graph.flops / products).toBeGreaterThan(1);
    expect(graph.flops / products).toBeLessThan(1.1);
    expect(graph.peakBytes).toBeLessThan(dialect === "fused" ? 50e6 : 100e6);
    if (needs) expect(needs.derived.length).toBe(7 * 28);
  });

  it.each(HOW)("has the shapes that ONNX Runtime infers, in %s (%s)", async (precision, dialect) => {
    await checkByRuntime(built(precision, 384, dialect, 4).graph, root);
  });
});
