/** Layers that take another way for large pictures must come to the same place. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { writeSafetensors } from "../checkpoint/safetensors.ts";
import { folderSource } from "../checkpoint/source.node.ts";
import { mappedStorage } from "../checkpoint/storage.node.ts";
import type { PlacedWeights } from "../checkpoint/storage.ts";
import { openWeights } from "../checkpoint/weights.ts";
import { Graph, type Value } from "../graph/graph.ts";
import * as ops from "../graph/ops.ts";
import { createNodeEngine } from "../runtime/node.ts";
import { sizeOf, type Tensor, tensor } from "../tensor/tensor.ts";
import { conv2d } from "./layers.ts";
import { upsample } from "./resnet.ts";
import { Scope, WeightReader } from "./scope.ts";
import { transformer2d } from "./transformer.ts";

const engine = createNodeEngine({ threads: 1 });
const folder = mkdtempSync(join(tmpdir(), "emilie-layers-"));
afterAll(async () => {
  await engine.dispose();
  rmSync(folder, { recursive: true, force: true });
});

const wave = (shape: readonly number[], scale = 1): Tensor =>
  tensor(
    Float32Array.from({ length: sizeOf(shape) }, (_, i) => scale * Math.sin(1.3 * i * i)),
    shape,
  );

type Build = (s: Scope, x: Value) => Value;

/** A file with a value for every tensor that `build` asks for. */
async function weightsOf(name: string, shape: readonly number[], build: Build): Promise<PlacedWeights> {
  const reader = new WeightReader({ folder: name, tensors: new Map(), files: [], release: async () => {} });
  const graph = new Graph(name);
  build(new Scope(graph, reader, "layer"), graph.input("x", shape));
  const tensors = Object.fromEntries(
    [...reader.needed].map(([key, dims]) => [key, wave(dims, 1 / Math.sqrt(sizeOf(dims.slice(1))))]),
  );
  mkdirSync(join(folder, name));
  writeFileSync(join(folder, name, "model.safetensors"), writeSafetensors(tensors));
  const source = folderSource(folder);
  return mappedStorage(folder).place(source, await openWeights(source, name, "model"));
}

async function run(weights: PlacedWeights, x: Tensor, build: Build): Promise<Tensor> {
  const graph = new Graph("test");
  const reader = new WeightReader(weights);
  graph.output("y", build(new Scope(graph, reader, "layer"), graph.input("x", x.shape)));
  reader.finish();
  const session = await engine.createSession(graph.encode(), { root: weights.root });
  const { y } = await session.run({ x });
  await session.release();
  return y!;
}

function largest(a: Float32Array, b: Float32Array): number {
  expect(a.length).toBe(b.length);
  return a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0);
}

it("a convolution in two halves of its filters is the convolution", async () => {
  const [filters, channels, side] = [1026, 920, 32];
  const inHalves: Build = (s, x) => conv2d(s, x, filters);
  const whole: Build = (s, x) =>
    ops.conv2d(s, x, s.parameter("weight", [filters, channels, 3, 3]), s.parameter("bias", [filters]), {
      padding: [1, 1, 1, 1],
    });
  const x = wave([1, channels, side, side]);
  const weights = await weightsOf("conv", x.shape, inHalves);
  const [a, b] = [await run(weights, x, inHalves), await run(weights, x, whole)];
  expect(a.shape).toEqual([1, filters, side, side]);
  expect(largest(a.data, b.data)).toBeLessThan(1e-4);
});

it("a convolution of a doubled picture is the same without the doubling", async () => {
  const [channels, height, width] = [5, 17, 19];
  const small: Build = (s, x) => upsample(s, x);
  const doubled: Build = (s, x) =>
    conv2d(s.at("conv"), ops.resizeNearest(s, x, 2 * height, 2 * width), channels);
  const x = wave([1, channels, height, width]);
  const weights = await weightsOf("upsample", x.shape, small);
  const [a, b] = [await run(weights, x, small), await run(weights, x, doubled)];
  expect(a.shape).toEqual([1, channels, 2 * height, 2 * width]);
  expect(largest(a.data, b.data)).toBeLessThan(1e-5);
});

it("a transformer whose tokens are worked on in pieces leaves every token in its place", async () => {
  const options = { heads: 2, layers: 1, groups: 2, linearProjection: false, onlyCrossAttention: true };
  const text = wave([3, 6]);
  const build: Build = (s, x) => transformer2d(s, x, s.graph.constant(text.data, text.shape), options);
  // Without self-attention a token's neighbours do not matter, and a tiled picture has the statistics of its tile.
  const [channels, side] = [4, 24];
  const tile = wave([1, channels, side, side]);
  const tiled = tileTwice(tile);
  const weights = await weightsOf("transformer", tile.shape, build);
  const small = await run(weights, tile, build);
  const large = await run(weights, tiled, build);
  expect(largest(large.data, tileTwice(small).data)).toBeLessThan(1e-5);
});

/** [1, c, h, w] → [1, c, 2h, 2w], four times the same picture. */
function tileTwice(x: Tensor): Tensor {
  const [, c = 0, h = 0, w = 0] = x.shape;
  const data = Float32Array.from({ length: 4 * sizeOf(x.shape) }, (_, i) => {
    const [column, row, channel] = [
      i % (2 * w),
      Math.floor(i / (2 * w)) % (2 * h),
      Math.floor(i / (4 * w * h)),
    ];
    return x.data[(channel * h + (row % h)) * w + (column % w)]!;
  });
  return tensor(data, [1, c, 2 * h, 2 * w]);
}
