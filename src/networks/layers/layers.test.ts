/**
 * The ways that wide layers and large pictures take, each run once at such a width against the plain form of the same layer. That
 * every network has a way at every size, tests/models/full-size.test.ts holds.
 */
import { afterAll, describe, expect, it } from "vitest";
import { type Layer, LayerRuns, noise, type Way } from "../../../tests/support/layer.ts";
import { type Dialect, Graph, type Value } from "../../graph/graph.ts";
import { sizeOfPicture } from "../../graph/layout.ts";
import * as ops from "../../graph/ops.ts";
import { relativeError } from "../../tensor/ops.ts";
import { sizeOf, type Tensor, tensor } from "../../tensor/tensor.ts";
import * as vae from "../autoencoder-kl/layers.ts";
import { transformer2d } from "../stable-diffusion/transformer.ts";
import { conv2d, groupNorm } from "./layers.ts";
import { downsample, resnetBlock, upsample } from "./resnet.ts";
import { Scope, WeightReader } from "./scope.ts";

const layers = new LayerRuns();
afterAll(() => layers.end());

const FAST: Way = { precision: "fp32-fast", layout: "nhwc" };
const INT8: Way = { precision: "int8", layout: "nhwc" };

/** nn.Conv2d 3×3 as one operator, with what is added to it. */
const plainConv =
  (out: number, stride = 1): Layer =>
  (s, x) => {
    const weight = s.parameter("weight", [out, x.shape[1]!, 3, 3]);
    return ops.conv2d(s, x, weight, s.parameter("bias", [out]), { stride, padding: [1, 1, 1, 1] });
  };

/** The pictures of a batch one after the other, as a layer for one picture computes them. */
async function oneByOne(x: Tensor, run: (x: Tensor) => Promise<{ readonly y: Tensor }>): Promise<Tensor> {
  const [n = 0, ...shape] = x.shape;
  const results: Tensor[] = [];
  for (let i = 0; i < n; i++) {
    const part = x.data.slice(i * sizeOf(shape), (i + 1) * sizeOf(shape));
    results.push((await run(tensor(part, [1, ...shape]))).y);
  }
  const data = Float32Array.from(results.flatMap((one) => [...one.data]));
  return tensor(data, [n, ...results[0]!.shape.slice(1)]);
}

describe("a convolution of 1280 channels, of 27 × 27 pixels", () => {
  it("is one in two halves of its filters, also with something added to it", async () => {
    const x = noise([1, 1280, 27, 27]);
    const halves: Layer = (s, v) => conv2d(s, v, 1280, { residual: v });
    const run = layers.prepare(halves, x.shape);
    const [a, b] = [await run(x), await run(x, (s, v) => ops.add(s, plainConv(1280)(s, v), v))];
    expect(a.y.shape).toEqual(x.shape);
    expect(relativeError(a.y, b.y)).toBeLessThan(1e-6);
    // It was halved: two convolutions, their concatenation and an addition.
    expect([a.nodes, b.nodes]).toEqual([4, 2]);
  });

  it("is one for a graphics card", () => {
    const nodes = (dialect: Dialect) => {
      const graph = new Graph("halves", dialect);
      const none = { folder: "", tensors: new Map(), files: [], release: async () => {} };
      conv2d(new Scope(graph, new WeightReader(none)), graph.input("x", [1, 1280, 27, 27]), 1280);
      return graph.nodeCount;
    };
    expect([nodes("fused"), nodes("plain")]).toEqual([3, 1]);
  });
});

it("a convolution of an odd number of filters is one in two unequal parts", async () => {
  const x = noise([1, 920, 32, 32]);
  const run = layers.prepare((s, v) => conv2d(s, v, 1027), x.shape);
  const [a, b] = [await run(x), await run(x, plainConv(1027))];
  expect(a.y.shape).toEqual([1, 1027, 32, 32]);
  expect(relativeError(a.y, b.y)).toBeLessThan(1e-6);
  expect([a.nodes, b.nodes]).toEqual([3, 1]);
});

it("a residual block of 640 channels, with a time and a shortcut, is the same in every precision", async () => {
  const x = noise([1, 320, 9, 5]);
  const time = noise([1, 1280], 1, 3);
  const block: Layer = (s, v) =>
    resnetBlock(s, v, 640, { groups: 32, eps: 1e-5, time: s.graph.constant(time.data, time.shape) });
  const run = layers.prepare(block, x.shape);
  const exact = (await run(x)).y;
  expect(exact.shape).toEqual([1, 640, 9, 5]);
  expect(relativeError((await run(x, block, { dialect: "plain" })).y, exact)).toBeLessThan(1e-5);
  expect(relativeError((await run(x, block, FAST)).y, exact)).toBeLessThan(1e-4);
  expect(relativeError((await run(x, block, INT8)).y, exact)).toBeLessThan(0.03);
});

describe("a doubled picture", () => {
  const doubled = (s: Scope, x: Value) => {
    const { height, width } = sizeOfPicture(s, x);
    return plainConv(640)(s.at("conv"), ops.resizeNearest(s, x, 2 * height, 2 * width));
  };

  it("of 640 channels is convolved without its doubling", async () => {
    const x = noise([1, 640, 16, 17]);
    const run = layers.prepare((s, v) => upsample(s, v), x.shape);
    const [a, b] = [await run(x), await run(x, doubled)];
    expect(a.y.shape).toEqual([1, 640, 32, 34]);
    expect(relativeError(a.y, b.y)).toBeLessThan(1e-6);
  });

  it.each([1, 2])(
    "is so too where pixels are rows and the layer stays in fp32, in a batch of %i",
    async (n) => {
      const x = noise([n, 64, 16, 17]);
      const guarded: Layer = (s, v) => upsample(s, v, undefined, { guarded: true });
      const run = layers.prepare(guarded, [1, ...x.shape.slice(1)]);
      const [{ y }, exact] = [await run(x, guarded, INT8), await oneByOne(x, (one) => run(one))];
      expect(y.shape).toEqual([n, 64, 32, 34]);
      expect(relativeError(y, exact)).toBeLessThan(1e-6);
    },
  );

  it.each([
    [9, 5],
    [10, 5],
    [9, 6],
  ])("goes to an odd size where its skip is %i × %i", async (height, width) => {
    const x = noise([1, 64, 5, 3]);
    const up: Layer = (s, v) => upsample(s, v, [height, width]);
    const run = layers.prepare(up, x.shape);
    const exact = (await run(x)).y;
    expect(exact.shape).toEqual([1, 64, height, width]);
    expect(relativeError((await run(x, up, FAST)).y, exact)).toBeLessThan(1e-5);
    expect(relativeError((await run(x, up, INT8)).y, exact)).toBeLessThan(0.02);
  });
});

describe.each([1, 2, 3])("a batch of %i", (batch) => {
  it.each([
    ["F(4×4)", 33, 35, FAST, 1e-4],
    ["F(2×2)", 9, 5, FAST, 1e-5],
    ["int8", 9, 5, INT8, 0.02],
  ] as const)("is convolved by %s, at %i × %i", async (_, height, width, way, tolerance) => {
    const x = noise([batch, 64, height, width]);
    const conv: Layer = (s, v) => conv2d(s, v, 96);
    const run = layers.prepare(conv, [1, ...x.shape.slice(1)]);
    const { y } = await run(x, conv, way);
    const exact = await oneByOne(x, (one) => run(one, plainConv(96)));
    expect(y.shape).toEqual([batch, 96, height, width]);
    expect(relativeError(y, exact)).toBeLessThan(tolerance);
    expect(y.data).not.toEqual(exact.data);
  });

  it("is halved and normalised as its pictures are", async () => {
    const x = noise([batch, 64, 9, 15]);
    const layer: Layer = (s, v) => downsample(s, groupNorm(s.at("norm"), v, 32, 1e-5), 1);
    const run = layers.prepare(layer, [1, ...x.shape.slice(1)]);
    const exact = await oneByOne(x, (one) => run(one));
    for (const [way, tolerance] of [
      [FAST, 1e-5],
      [INT8, 0.02],
    ] as const) {
      const { y } = await run(x, layer, way);
      expect(y.shape).toEqual([batch, 64, 5, 8]);
      expect(relativeError(y, exact)).toBeLessThan(tolerance);
    }
  });
});

it.each([
  [640, 9, 5],
  [320, 33, 35],
])("a convolution of %i channels by Winograd and in int8, at %i × %i", async (channels, height, width) => {
  const x = noise([1, channels, height, width]);
  const conv: Layer = (s, v) => conv2d(s, v, channels);
  const run = layers.prepare(conv, x.shape);
  const exact = (await run(x, plainConv(channels))).y;
  expect(relativeError((await run(x, conv, FAST)).y, exact)).toBeLessThan(1e-4);
  expect(relativeError((await run(x, conv, INT8)).y, exact)).toBeLessThan(0.02);
});

describe("a transformer", () => {
  const text = noise([77, 2048], 1, 5);
  const transformer =
    (heads: number, keysFrom?: number): Layer =>
    (s, x) =>
      transformer2d(s, x, s.graph.constant(text.data, text.shape), {
        heads,
        layers: 1,
        groups: 32,
        linearProjection: true,
        onlyCrossAttention: false,
        keysFrom,
      });

  it("of 640 channels is the same in every precision, with all keys and with a quarter of them", async () => {
    const x = noise([1, 640, 9, 15]);
    const run = layers.prepare(transformer(10), x.shape);
    for (const keysFrom of [undefined, 1]) {
      const layer = transformer(10, keysFrom);
      const exact = (await run(x, layer)).y;
      expect(relativeError((await run(x, layer, { dialect: "plain" })).y, exact)).toBeLessThan(1e-5);
      expect(relativeError((await run(x, layer, FAST)).y, exact)).toBeLessThan(1e-5);
      expect(relativeError((await run(x, layer, INT8)).y, exact)).toBeLessThan(0.03);
    }
  });

  it("of many pixels looks at them in parts on a card, and in pieces in its feed-forward", async () => {
    const x = noise([1, 320, 64, 40]);
    const run = layers.prepare(transformer(5), x.shape);
    const exact = await run(x);
    const plain = await run(x, transformer(5), { dialect: "plain" });
    expect(relativeError(plain.y, exact.y)).toBeLessThan(1e-5);
    expect(relativeError((await run(x, transformer(5), FAST)).y, exact.y)).toBeLessThan(1e-5);
  });
});

it("a transformer whose tokens are worked on in pieces leaves every token in its place", async () => {
  const text = noise([3, 6], 1, 2);
  // Without self-attention a token's neighbours do not matter, and a tiled picture has the statistics of its tile.
  const layer: Layer = (s, x) =>
    transformer2d(s, x, s.graph.constant(text.data, text.shape), {
      heads: 2,
      layers: 1,
      groups: 2,
      linearProjection: false,
      onlyCrossAttention: true,
    });
  const tile = noise([1, 4, 24, 24]);
  const run = layers.prepare(layer, tile.shape);
  const small = (await run(tile)).y;
  const large = (await run(tileTwice(tile))).y;
  expect(relativeError(large, tileTwice(small))).toBeLessThan(1e-5);
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

describe("a VAE's layers of 256 channels in bands, at 30 × 237", () => {
  const options = { groups: 32, eps: 1e-6 };
  it.each([
    ["a residual block", (s: Scope, x: Value) => vae.resnetBlock(s, x, 256, options)],
    ["one with a shortcut", (s: Scope, x: Value) => vae.resnetBlock(s, x, 128, options)],
    ["an upsampler", (s: Scope, x: Value) => vae.upsample(s, x)],
    ["a downsampler", (s: Scope, x: Value) => vae.downsample(s, x)],
    [
      "some outputs of a convolution",
      (s: Scope, x: Value) => vae.activatedConv(s.at("norm"), s, x, 4, { ...options, all: 8 }),
    ],
  ] as const)("%s is the same", async (_, layer) => {
    const x = noise([1, 256, 30, 237]);
    const run = layers.prepare(layer, x.shape);
    const [whole, banded] = [await run(x), await run(x, layer, { layout: "nhwc" })];
    expect(banded.y.shape).toEqual(whole.y.shape);
    expect(relativeError(banded.y, whole.y)).toBeLessThan(1e-5);
    expect(banded.nodes).toBeGreaterThan(2 * whole.nodes);
  });
});
