/** Half-precision weights that stay in their files, in a network that computes in fp32: the same numbers as from a copy. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { safetensorsHeader } from "../../checkpoint/safetensors.ts";
import { folderSource } from "../../checkpoint/source.node.ts";
import { mappedStorage } from "../../checkpoint/storage.node.ts";
import { openWeights } from "../../checkpoint/weights.ts";
import { Graph } from "../../graph/graph.ts";
import { mul } from "../../graph/ops.ts";
import { createNodeEngine } from "../../runtime/node.ts";
import { toHalf } from "../../tensor/half.ts";
import { Scope, WeightReader } from "./scope.ts";

/** Enough values for the moment of the cast to matter. */
const SHAPE = [600, 400];
const values = Float32Array.from({ length: 600 * 400 }, (_, i) => Math.sin(i) * 2 ** ((i % 9) - 4));

const STORED = {
  F16: () => toHalf(values),
  BF16: () => Uint16Array.from(new Uint32Array(values.buffer), (bits) => bits >>> 16),
};

let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "emilie-cast-"));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

it.each(["F16", "BF16"] as const)(
  "%s weights are cast to what a copy holds, when it is their turn",
  async (type) => {
    const shapes = ["weight", "vector"].map((name) => ({
      name,
      shape: name === "weight" ? SHAPE : [240_000],
    }));
    const header = safetensorsHeader(shapes.map(({ name, shape }) => [name, { type, shape }]));
    const bytes = Buffer.from(STORED[type]().buffer);
    writeFileSync(join(root, "model.safetensors"), Buffer.concat([header, bytes, bytes]));
    const source = folderSource(root);
    const table = await openWeights(source, ".", "model");
    const run = async (halves: "cast" | "copy") => {
      const storage = mappedStorage(join(root, `cache-${type}`), { halves });
      const weights = await storage.place(source, table, undefined, undefined, halves === "copy");
      const graph = new Graph("two products");
      const scope = new Scope(graph, new WeightReader(weights));
      const x = graph.input("x", SHAPE);
      const once = mul(scope, x, scope.parameter("weight", SHAPE));
      graph.output("y", mul(scope, once, scope.parameter("vector", [240_000], { as: SHAPE })));
      const engine = createNodeEngine();
      try {
        const session = await engine.createSession(graph.encode(), {
          root: weights.root,
          files: weights.files,
        });
        const { y } = await session.run({ x: { data: new Float32Array(240_000).fill(3), shape: SHAPE } });
        return { y: y!.data, peak: graph.peakBytes };
      } finally {
        await engine.dispose();
      }
    };
    const [cast, copy] = [await run("cast"), await run("copy")];
    expect(cast.y.every(Number.isFinite)).toBe(true);
    expect(Buffer.compare(Buffer.from(cast.y.buffer), Buffer.from(copy.y.buffer))).toBe(0);
    // One weight at a time, beside a value and its product.
    expect(cast.peak).toBeLessThanOrEqual(copy.peak + 4 * 240_000 + 100);
  },
);
