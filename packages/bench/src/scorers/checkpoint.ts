import {
  type CheckpointSource,
  dryPlacement,
  EmilieError,
  type Engine,
  type Feeds,
  fingerprint,
  type Graph,
  isEmilieError,
  OnnxSessions,
  openWeights,
  type PlacedWeights,
  type Preprocessor,
  requireFinite,
  type Tensor,
  throwIfAborted,
  type WeightStorage,
  type WeightTable,
} from "../library.ts";
/** What every scorer stands on: a folder of transformers, its weights, and the sessions of its networks. */

/** Where a scorer's files are and what runs them. */
export interface ScorerParts {
  readonly source: CheckpointSource;
  readonly engine: Engine;
  readonly storage: WeightStorage;
}

/** Files that change a score, beside the weights. */
const SETTINGS = [
  "config.json",
  "preprocessor_config.json",
  "processor_config.json",
  "tokenizer.json",
  "tokenizer_config.json",
  "special_tokens_map.json",
  "vocab.json",
  "merges.txt",
  "vocab.txt",
];

/** The weights' headers, read and not yet placed. `name` is the scorer's. */
export async function openScorerWeights(source: CheckpointSource, name: string): Promise<WeightTable> {
  const names = (await source.list?.(".")) ?? [];
  if (!names.some((file) => /\.(safetensors|safetensors\.index\.json|bin|pt|pth|ckpt|pkl)$/.test(file))) {
    throw new EmilieError("checkpoint.missing", `${source.id} has no weights: expected model.safetensors.`);
  }
  const table = await openWeights(source, ".", "model");
  return { ...table, folder: name, origin: `of ${source.id}` };
}

/** SHA-256 over weights (as in an editor's fingerprint), configuration, preprocessing and tokenizer. */
export async function scorerHash(
  source: CheckpointSource,
  table: WeightTable,
  revision: number,
): Promise<string> {
  const settings: string[] = [`scorer ${table.folder} ${revision}`];
  for (const file of SETTINGS) {
    if (await source.exists(file)) settings.push(`${file}:`, await source.readText(file));
  }
  return fingerprint(source, [table], settings);
}

/** Throws unless the pictures that preprocessing makes are those that the network takes. */
export function checkSize(id: string, { size }: Preprocessor, side: number): void {
  if (size.height === side && size.width === side) return;
  throw new EmilieError(
    "checkpoint.unsupported",
    `${id}: preprocessor_config.json makes pictures of ${size.width}×${size.height} pixels, but "image_size" of config.json ` +
      `is ${side}.`,
  );
}

/** Those of a file's tensors that one of its networks is made of. */
export function part(weights: PlacedWeights, of: (name: string) => boolean): PlacedWeights {
  return { ...weights, tensors: new Map([...weights.tensors].filter(([name]) => of(name))) };
}

function problemOf(work: () => unknown): unknown[] {
  try {
    work();
    return [];
  } catch (error) {
    return [error];
  }
}

export interface ScorerNetwork {
  /** Its name among the scorer's. */
  readonly name: string;
  /** As it is called in messages. */
  readonly what: string;
  /** What tells apart the graphs that `build` makes. Default "". */
  readonly size?: string;
  build(weights: PlacedWeights): Graph;
}

export class ScorerCheckpoint {
  readonly id: string;
  readonly #parts: ScorerParts;
  readonly #table: WeightTable;
  readonly #weights: PlacedWeights;
  readonly #sessions: OnnxSessions;
  #disposed = false;

  private constructor(parts: ScorerParts, table: WeightTable, weights: PlacedWeights) {
    this.id = parts.source.id;
    this.#parts = parts;
    this.#table = table;
    this.#weights = weights;
    this.#sessions = new OnnxSessions(parts.engine, "normal");
  }

  /** Building the graphs finds every missing, unknown and misshapen tensor before any is read. */
  static async open(
    parts: ScorerParts,
    table: WeightTable,
    networks: readonly ScorerNetwork[],
  ): Promise<ScorerCheckpoint> {
    const problems = networks.flatMap(({ build }) => problemOf(() => build(dryPlacement(table))));
    // What one network lacks is to another only strange.
    const first = problems.find((error) => isEmilieError(error) && error.code === "checkpoint.missing");
    if (problems.length > 0) throw first ?? problems[0];
    return new ScorerCheckpoint(parts, table, await parts.storage.place(parts.source, table));
  }

  /** The outputs of a network. Rejects with "aborted" before it runs, "disposed", "runtime.*", or naming a broken weight. */
  async run(network: ScorerNetwork, feeds: Feeds, signal?: AbortSignal): Promise<Record<string, Tensor>> {
    if (this.#disposed)
      throw new EmilieError("disposed", `The scorer ${this.id} was disposed; open it again.`);
    throwIfAborted(signal);
    const outputs = await this.#sessions.run(
      { name: network.name, weights: this.#weights, hot: true },
      network.size ?? "",
      () => network.build(this.#weights),
      feeds,
      signal,
    );
    await requireFinite(outputs, network.what, this.#parts.source, this.#table);
    return outputs;
  }

  async dispose(): Promise<void> {
    if (this.#disposed) return;
    this.#disposed = true;
    await this.#parts.engine.dispose();
    await this.#weights.release();
  }
}
