/** FLUX.2's transformer at its published widths, built and not run, over picture sizes, numbers of references and precisions (full-size.test.ts does so for the others). */
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { buildTransformer } from "../../src/networks/flux2/transformer.ts";
import { sizeOf } from "../../src/tensor/tensor.ts";
import {
  type KleinSize,
  placedTransformer,
  transformerOf,
  transformerShapes,
} from "../support/published-flux2.ts";
import { checkByRuntime } from "../support/strict-session.ts";

const root = mkdtempSync(join(tmpdir(), "emilie-full-size-"));
writeFileSync(join(root, "holes"), "");
// As long as the longest tensor.
truncateSync(join(root, "holes"), 4 * 4096 * (3 * 4096 + 6 * 4096));
const nowhere = { root, location: "holes" };
afterAll(() => rmSync(root, { recursive: true, force: true }));

type Size = readonly [width: number, height: number];
const SIZES: readonly Size[] = [
  [256, 256],
  [512, 512],
  [512, 336],
  [320, 576],
  [768, 512],
  [1024, 688],
  [1024, 1024],
  [1280, 720],
  [1536, 1024],
];
const gridOf = ([width, height]: Size) => ({ height: height / 16, width: width / 16 });
const SIZES_OF_KLEIN: readonly (readonly [KleinSize, number])[] = [
  ["4B", 3.88e9],
  ["9B", 9.1e9],
];

describe.each(SIZES_OF_KLEIN)("FLUX.2 klein %s at full size", (name, parameters) => {
  const config = transformerOf(name);

  it("has as many parameters as it is published with", () => {
    const count = [...transformerShapes(name).values()].reduce((sum, shape) => sum + sizeOf(shape), 0);
    expect(Math.abs(count / parameters - 1)).toBeLessThan(0.02);
  });

  it.each([
    ["fp32", "fused"],
    ["fp32", "plain"],
    ["int8", "fused"],
    ["int4", "fused"],
  ] as const)("in %s (%s), with up to four references", (precision, dialect) => {
    const weights = placedTransformer(name, precision, nowhere);
    // The plain dialect goes through large pictures in many pieces.
    for (const [i, size] of SIZES.slice(0, dialect === "plain" ? 3 : SIZES.length).entries()) {
      const grid = gridOf(size);
      const references = SIZES.slice(0, i % 5).map(gridOf);
      const shape = { pictures: [grid, grid, ...references] as const, tokens: 512 };
      const graph = buildTransformer(config, weights, shape, dialect);
      const picture = [1, 128, grid.height, grid.width];
      expect(graph.outputs).toEqual([{ name: "velocity", shape: picture, type: "float32" }]);
      const inputs = new Map(graph.inputs.map(({ name, shape }) => [name, shape]));
      expect([inputs.get("z"), inputs.get("c"), inputs.get("text")]).toEqual([
        picture,
        picture,
        [512, config.joint_attention_dim],
      ]);
      expect(inputs.size).toBe(4 + references.length);
    }
  });
});

describe("ONNX Runtime infers the shapes that the graph declares", () => {
  it.each(["fp32", "int8", "int4"] as const)("in %s", async (precision) => {
    const weights = placedTransformer("4B", precision, nowhere);
    const grid = gridOf([320, 576]);
    const shape = { pictures: [grid, grid, gridOf([256, 256])] as const, tokens: 512 };
    await checkByRuntime(buildTransformer(transformerOf("4B"), weights, shape), root);
  });
});
