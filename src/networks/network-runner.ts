/** Runs the networks of a loaded model: none after the model was disposed, and no answer that is not finite. */
import { requireFinite } from "../checkpoint/finite.ts";
import type { CheckpointSource } from "../checkpoint/source.ts";
import { EmilieError } from "../errors.ts";
import type { Dialect, Graph } from "../graph/graph.ts";
import type { CallOptions } from "../method/edit-model.ts";
import type { Engine, Feeds } from "../runtime/engine.ts";
import { type MemoryMode, OnnxSessions } from "../runtime/onnx-sessions.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { RunGraph } from "./autoencoder-kl/fine-stage.ts";
import type { CheckedNetwork } from "./checked-network.ts";

export class NetworkRunner {
  readonly engine: Engine;
  readonly #sessions: OnnxSessions;
  readonly #source: CheckpointSource;
  #disposed = false;

  /** The engine belongs to the runner from here on. `source` has the weights of networks that name no other. */
  constructor(engine: Engine, source: CheckpointSource, memory: MemoryMode) {
    this.engine = engine;
    this.#sessions = new OnnxSessions(engine, memory);
    this.#source = source;
  }

  /** @throws EmilieError "disposed", "aborted", "runtime.failed" for numbers that are not finite, and what the engine throws */
  async run(
    network: CheckedNetwork,
    size: string,
    build: (dialect: Dialect) => Graph,
    feeds: Feeds,
    { signal }: CallOptions,
  ): Promise<Record<string, Tensor>> {
    this.requireAlive();
    const outputs = await this.#sessions.run(network, size, build, feeds, signal);
    await requireFinite(outputs, network.what, network.source ?? this.#source, network.table);
    return outputs;
  }

  /** For the stages of an autoencoder. Those that are to be alone in memory go by one name, so that each takes the place of the one before. */
  stages(network: CheckedNetwork, options: CallOptions): RunGraph {
    return (key, build, feeds, alone) =>
      this.run(alone ? { ...network, name: "vae", alone } : network, key, build, feeds, options);
  }

  /** @throws EmilieError "disposed" */
  requireAlive(): void {
    if (this.#disposed) {
      throw new EmilieError(
        "disposed",
        `The model ${this.#source.id} was disposed; load it again to use it.`,
      );
    }
  }

  /** Ends the engine, then releases the weights, which its runs read. A second call does nothing. */
  async dispose(weights: readonly { release(): Promise<void> | void }[]): Promise<void> {
    if (this.#disposed) return;
    this.#disposed = true;
    await this.engine.dispose();
    for (const one of weights) await one.release();
  }
}
