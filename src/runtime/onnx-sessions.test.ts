/** Which networks stay in memory while others have their turn. Sessions are real ones, of graphs of one operator. */
import { afterAll, describe, expect, it } from "vitest";
import type { PlacedWeights } from "../checkpoint/storage.ts";
import { Graph } from "../graph/graph.ts";
import { tensor } from "../tensor/tensor.ts";
import type { Engine } from "./engine.ts";
import { createNodeEngine } from "./node.ts";
import { type Network, OnnxSessions } from "./onnx-sessions.ts";

const engine = createNodeEngine({ threads: 1 });
afterAll(() => engine.dispose());

/** The engine, and the names of the sessions that it made and that were released. */
function watched(memoryBytes?: number) {
  const events: string[] = [];
  const watching: Engine = {
    async createSession(model, options) {
      const session = await engine.createSession(model, options);
      const name = /(text|unet)/.exec(new TextDecoder("latin1").decode(model))![0];
      events.push(`+${name}`);
      return {
        run: (feeds) => session.run(feeds),
        release: async () => {
          events.push(`-${name}`);
          await session.release();
        },
      };
    },
    dispose: async () => {},
    memoryBytes,
  };
  return { events, cache: new OnnxSessions(watching, "normal") };
}

function network(name: string, hot: boolean, values: number, load?: () => Promise<Uint8Array>): Network {
  const weights: PlacedWeights = {
    folder: name,
    tensors: new Map([["weight", { shape: [values], location: "file", offset: 0 }]]),
    files: load ? [{ location: "file", load }] : [],
    release: async () => {},
  };
  return { name, hot, weights };
}

async function run(cache: OnnxSessions, one: Network): Promise<void> {
  const build = () => {
    const graph = new Graph(one.name);
    const x = graph.input("x", [2]);
    graph.output("y", graph.add({ graph, path: one.name }, { op: "Relu", inputs: [x], shape: [2] }));
    return graph;
  };
  const { y } = await cache.run(one, "2", build, { x: tensor([-1, 1], [2]) });
  expect([...y!.data]).toEqual([0, 1]);
}

const unet = network("unet", true, 2e9);

it("a large UNet does not wait while a large picture goes through the VAE, and a small one does", async () => {
  const vae = { ...network("text", false, 84e6), alone: true };
  const { cache, events } = watched();
  for (const one of [unet, vae, unet]) await run(cache, one);
  expect(events).toEqual(["+unet", "-unet", "+text", "+unet"]);
  const small = watched();
  const int8 = network("unet", true, 0);
  const derived = new Map([["weight.int8", { shape: [900e6], location: "file", offset: 0 }]]);
  const rounded = { ...int8, weights: { ...int8.weights, derived } };
  for (const one of [rounded, vae, rounded]) await run(small.cache, one);
  expect(small.events).toEqual(["+unet", "+text"]);
});

it.each([
  ["both wait where there is room for their weights", 24e9, ["+text", "+unet"]],
  [
    "they take turns where there is not",
    23e9,
    ["+text", "-text", "+unet", "-unet", "+text", "-text", "+unet"],
  ],
  ["and where nobody knows", undefined, ["+text", "-text", "+unet", "-unet", "+text", "-text", "+unet"]],
] as const)("of a large text encoder and a large denoiser, %s", async (_, memoryBytes, expected) => {
  const { cache, events } = watched(memoryBytes);
  const large = { alone: true, waits: true };
  const text = { ...network("text", false, 1e9), ...large };
  const denoiser = { ...network("unet", true, 2e9), ...large };
  for (const one of [text, denoiser, denoiser, text, denoiser]) await run(cache, one);
  expect(events).toEqual(expected);
});

describe("while the UNet runs", () => {
  it("a large text encoder is not kept, and is there again for the next text", async () => {
    const { cache, events } = watched();
    const text = network("text", false, 694e6);
    for (const one of [text, unet, unet, text, unet]) await run(cache, one);
    expect(events).toEqual(["+text", "-text", "+unet", "+text", "-text"]);
  });

  it.each([
    ["a small one", network("text", false, 123e6)],
    [
      "one whose weights would have to be fetched again",
      network("text", false, 694e6, async () => new Uint8Array()),
    ],
  ])("%s is kept", async (_, text) => {
    const { cache, events } = watched();
    for (const one of [text, unet, text, unet]) await run(cache, one);
    expect(events).toEqual(["+text", "+unet"]);
  });
});
