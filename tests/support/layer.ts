/** One layer of a network, with weights of its own, run by the real runtime: to compare two ways of computing it. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Precision } from "../../src/checkpoint/derived.ts";
import { writeSafetensors } from "../../src/checkpoint/safetensors.ts";
import { folderSource } from "../../src/checkpoint/source.node.ts";
import { mappedStorage } from "../../src/checkpoint/storage.node.ts";
import type { PlacedWeights } from "../../src/checkpoint/storage.ts";
import { openWeights } from "../../src/checkpoint/weights.ts";
import { type Dialect, Graph, type Layout, type Value } from "../../src/graph/graph.ts";
import { fromChannelsFirst, toChannelsFirst } from "../../src/graph/layout.ts";
import { Scope, WeightReader } from "../../src/networks/layers/scope.ts";
import { createNodeEngine } from "../../src/runtime/node.ts";
import { sizeOf, type Tensor, tensor } from "../../src/tensor/tensor.ts";

/** Adds the layer to a graph: a picture, in the graph's layout, to a picture. */
export type Layer = (s: Scope, x: Value) => Value;

/** How a layer is computed. */
export interface Way {
  /** Default "fp32". */
  readonly precision?: Precision;
  /** Default "nchw". */
  readonly layout?: Layout;
  /** Default "fused". */
  readonly dialect?: Dialect;
}

export interface Outcome {
  /** [b, c, h, w] */
  readonly y: Tensor;
  /** Of the graph. */
  readonly nodes: number;
}

/** Layers with a folder for their weights; `end` deletes it. */
export class LayerRuns {
  readonly #engine = createNodeEngine({ threads: 1 });
  readonly #folder = mkdtempSync(join(tmpdir(), "emilie-layers-"));
  #made = 0;

  async end(): Promise<void> {
    await this.#engine.dispose();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** Weights for whatever the layer asks for. Returns what runs it, or another that asks for the same, on a picture [b, c, h, w]. */
  prepare(layer: Layer, shape: readonly number[]): (x: Tensor, other?: Layer, way?: Way) => Promise<Outcome> {
    const name = `layer${this.#made++}`;
    const none = { folder: name, tensors: new Map(), files: [], release: async () => {} };
    const needed = asked(new WeightReader(none), layer, shape, {}).needed;
    const tensors = Object.fromEntries(
      [...needed].map(([key, dims], i) => [key, noise(dims, 1 / Math.sqrt(sizeOf(dims.slice(1))), i + 1)]),
    );
    mkdirSync(join(this.#folder, name));
    writeFileSync(join(this.#folder, name, "model.safetensors"), writeSafetensors(tensors));
    return (x, other = layer, way = {}) => this.#run(name, x, other, way);
  }

  async #run(name: string, x: Tensor, layer: Layer, way: Way): Promise<Outcome> {
    const weights = await this.#place(name, x.shape, layer, way);
    const graph = graphOf(way);
    const reader = new WeightReader(weights);
    const root = new Scope(graph, reader, "layer");
    graph.output("y", toChannelsFirst(root, layer(root, fromChannelsFirst(root, graph.input("x", x.shape)))));
    reader.finish();
    const session = await this.#engine.createSession(graph.encode(), { root: weights.root });
    const { y } = await session.run({ x });
    await session.release();
    return { y: y!, nodes: graph.nodeCount };
  }

  async #place(name: string, shape: readonly number[], layer: Layer, way: Way): Promise<PlacedWeights> {
    const source = folderSource(this.#folder);
    const table = await openWeights(source, name, "model");
    const { precision = "fp32" } = way;
    if (precision === "fp32") return mappedStorage(this.#folder).place(source, table);
    const dry = { folder: name, tensors: new Map(), precision, files: [], release: async () => {} };
    const { derivations: derived, plain } = asked(new WeightReader(dry), layer, shape, way);
    return mappedStorage(this.#folder).place(source, table, undefined, { precision, derived, plain });
  }
}

function asked(reader: WeightReader, layer: Layer, shape: readonly number[], way: Way): WeightReader {
  const root = new Scope(graphOf(way), reader, "layer");
  layer(root, fromChannelsFirst(root, root.graph.input("x", shape)));
  return reader;
}

const graphOf = ({ dialect, layout }: Way) => new Graph("layer", dialect, layout);

/** Values from -scale to scale, without a pattern. */
export function noise(shape: readonly number[], scale = 1, seed = 1): Tensor {
  let state = seed;
  // A loop: Float32Array.from with a function takes seconds for the weights of wide layers.
  const values = new Float32Array(sizeOf(shape));
  for (let i = 0; i < values.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    values[i] = scale * (state / 2 ** 31 - 1);
  }
  return tensor(values, shape);
}
