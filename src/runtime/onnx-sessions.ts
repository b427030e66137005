/**
 * Sessions by graph and picture size: a session is made for one size, so a change of size makes another, and the
 * oldest goes. Runs are strictly one after the other, so that a session is never released while it is in use.
 */

import type { PlacedTensor, PlacedWeights } from "../checkpoint/storage.ts";
import { EmilieError } from "../errors.ts";
import type { Dialect, Graph } from "../graph/graph.ts";
import { sizeOf, type Tensor } from "../tensor/tensor.ts";
import { Turns } from "../util/turns.ts";
import type { Engine, Feeds, Session, SessionOptions } from "./engine.ts";

/** Sizes for which the UNet stays ready: a picture and a crop of it, say. The rest runs too rarely to keep more than one. */
const SIZES = { hot: 2, other: 1 };

/** So much memory a network may keep that will not run again soon. A VAE's encoder at 512 px would keep ten times that beside the UNet. */
const KEPT_BYTES = 64 << 20;

/**
 * So large may the weights of a network be that waits while another needs much memory. SDXL's text encoders have 3.3 GB, which would stay
 * beside the UNet for the next instruction, and the UNet in int8 has 3.7 GB, which would stay beside a large picture's VAE.
 */
export const WAITING_BYTES = 1e9;

/** "low": one network in memory at a time, its weights in their files alone. */
export type MemoryMode = "normal" | "low";

export interface Network {
  readonly name: string;
  readonly weights: PlacedWeights;
  /** Whether speed is worth memory: true for the UNet, which runs hundreds of times, false for the rest. */
  readonly hot: boolean;
  /** Whether it runs on so large a picture that nothing large is to wait beside it. Default: as `hot`. */
  readonly alone?: boolean;
  /**
   * Whether it may wait beside another, however large, where the weights of all that wait take no more than half of the machine's memory: a text
   * encoder and a denoiser of billions of parameters, which take seconds to be made ready again. Default false.
   */
  readonly waits?: boolean;
  /** Whether no memory is kept for its next run: of what mostly runs once for a picture, and where little memory is what was asked for. Default false. */
  readonly lean?: boolean;
}

interface Held {
  readonly session: Session;
  readonly weights: PlacedWeights;
  /** Whether it runs once for a picture, and needs much for that. */
  readonly frugal: boolean;
  readonly waits: boolean;
}

export class OnnxSessions {
  readonly #engine: Engine;
  readonly #memory: MemoryMode;
  /** By network and size, the most recently used last. */
  readonly #sessions = new Map<string, Held>();
  readonly #turns = new Turns();

  constructor(engine: Engine, memory: MemoryMode) {
    this.#engine = engine;
    this.#memory = memory;
  }

  /** Runs a network at a size, making the session where there is none. `size` tells apart what `build` makes. */
  run(
    network: Network,
    size: string,
    build: (dialect: Dialect) => Graph,
    feeds: Feeds,
    signal?: AbortSignal,
  ): Promise<Record<string, Tensor>> {
    return this.#turns.take("run", async () => {
      throwIfAborted(signal);
      if (network.alone ?? network.hot) {
        const fits = this.#haveRoom(network);
        await this.#release(
          ({ weights, waits }) =>
            weights !== network.weights && mappedBytes(weights) > WAITING_BYTES && !(waits && fits),
        );
      }
      const held = await this.#held(network, size, build);
      // A picture's encoder and decoder do not run in turns: what the decoder keeps would stand beside what the encoder needs.
      if (held.frugal) {
        await this.#release((other) => other !== held && other.weights === held.weights);
      }
      throwIfAborted(signal);
      return held.session.run(feeds);
    });
  }

  /** Whether the weights of a network have room beside those of all that are ready. */
  #haveRoom({ weights }: Network): boolean {
    const { memoryBytes = 0 } = this.#engine;
    const all = new Set([weights, ...[...this.#sessions.values()].map((held) => held.weights)]);
    const bytes = [...all].reduce((sum, one) => sum + mappedBytes(one), 0);
    return bytes <= memoryBytes / 2;
  }

  async #held(network: Network, size: string, build: (dialect: Dialect) => Graph): Promise<Held> {
    const key = `${network.name}@${size}`;
    const known = this.#sessions.get(key);
    this.#sessions.delete(key);
    if (known && !known.session.lost) {
      this.#sessions.set(key, known);
      return known;
    }
    await this.#makeRoom(network);
    const plain = this.#engine.wantsPlain ? build("plain").encode() : undefined;
    const graph = build("fused");
    const frugal = network.lean === true && graph.peakBytes > KEPT_BYTES;
    const session = await this.#engine.createSession(graph.encode(), {
      ...(await this.#options(network)),
      frugal,
      plain,
    });
    const held = { session, weights: network.weights, frugal, waits: network.waits === true };
    this.#sessions.set(key, held);
    return held;
  }

  async #makeRoom({ name, hot }: Network): Promise<void> {
    const keys = [...this.#sessions.keys()];
    const same = keys.filter((key) => key.startsWith(`${name}@`));
    const old =
      this.#memory === "low"
        ? keys
        : same.slice(0, Math.max(0, same.length + 1 - (hot ? SIZES.hot : SIZES.other)));
    await this.#release((_, key) => old.includes(key));
  }

  async #release(which: (held: Held, key: string) => boolean): Promise<void> {
    for (const [key, held] of [...this.#sessions]) {
      if (!which(held, key)) continue;
      this.#sessions.delete(key);
      await held.session.release();
    }
  }

  async #options({ weights, hot }: Network): Promise<SessionOptions> {
    const fast = hot && this.#memory === "normal";
    const files = await Promise.all(
      weights.files.map(async ({ location, load }) => ({ location, data: await load?.() })),
    );
    return { files, root: weights.root, prepack: fast };
  }
}

/** Of what is mapped, or kept near; other weights that the runtime was given as bytes would have to be fetched again. */
function mappedBytes({ tensors, derived, files }: PlacedWeights): number {
  if (files.some(({ load, kept }) => load && !kept)) return 0;
  // What is derived tells by its name what it is (derived.ts).
  const bytes = ([name, { shape, type }]: readonly [string, PlacedTensor]) =>
    sizeOf(shape) * (/\.int\d[\w-]*$/.test(name) ? 1 : type === undefined ? 4 : 2);
  const placed = [...tensors, ...(derived ?? [])].filter(([, { location }]) => location);
  return placed.reduce((sum, tensor) => sum + bytes(tensor), 0);
}

export function throwIfAborted(signal?: AbortSignal): void {
  if (signal?.aborted) {
    throw new EmilieError("aborted", "The call was aborted by its signal.", { cause: signal.reason });
  }
}
