/**
 * A module's place in a model: its path, which is the prefix of its tensors' names in the checkpoint, and the graph it
 * adds its ops to. Building a model consumes its tensors; `finish` reports all that did not fit, in one error.
 */

import { type Derivation, type Precision, specsOf } from "../../checkpoint/derived.ts";
import type { PlacedTensor, PlacedWeights } from "../../checkpoint/storage.ts";
import { EmilieError } from "../../errors.ts";
import { castWeight } from "../../graph/cast-weight.ts";
import type { Graph, Site, Value } from "../../graph/graph.ts";
import { BYTES_OF, type FloatType } from "../../graph/onnx.ts";
import { sizeOf } from "../../tensor/tensor.ts";

export interface ParameterUse {
  /** Shape to declare instead of the stored one: the same bytes, or a part of them. */
  readonly as?: readonly number[];
  /** Values to skip from the tensor's beginning. */
  readonly skip?: number;
}

const ELEMENT_OF = { F32: "float32", F16: "float16", BF16: "bfloat16" } as const;
const DERIVED_ELEMENT = { I8: "int8", U8: "uint8", F16: "float16", F32: "float32" } as const;

export class WeightReader {
  readonly #used = new Set<string>();
  readonly #needed = new Map<string, readonly number[]>();
  readonly #plain = new Set<string>();
  readonly #derived = new Map<string, Derivation>();
  readonly #problems: string[] = [];
  #lacking = false;

  constructor(readonly weights: PlacedWeights) {}

  /** The tensors that were asked for so far, with the shapes they must have. */
  get needed(): ReadonlyMap<string, readonly number[]> {
    return this.#needed;
  }

  /** Those that were asked for as they are. */
  get plain(): ReadonlySet<string> {
    return this.#plain;
  }

  /** What was asked for that is derived from them. */
  get derivations(): readonly Derivation[] {
    return [...new Set(this.#derived.values())];
  }

  get precision(): Precision {
    return this.weights.precision ?? "fp32";
  }

  /**
   * What a graph of these weights computes in. In fp16 that is half precision in the plain dialect, which is for graphics cards. The
   * fused one, for the processor that takes over where there is no card, reads the same weights and computes in fp32.
   */
  floatOf(graph: Graph): FloatType {
    return this.precision === "fp16" && graph.dialect === "plain" ? "float16" : "float32";
  }

  has(name: string): boolean {
    return this.weights.tensors.has(name);
  }

  parameter(graph: Graph, name: string, shape: readonly number[], use: ParameterUse): Value {
    this.#plain.add(name);
    const at = this.#stored(name, shape);
    const dims = use.as ?? shape;
    const type = ELEMENT_OF[at.type ?? "F32"];
    const offset = at.offset + BYTES_OF[type] * (use.skip ?? 0);
    const length = BYTES_OF[type] * sizeOf(dims);
    const value = graph.external({ location: at.location, offset, length }, dims, type);
    return castWeight({ graph, path: name }, value, this.floatOf(graph));
  }

  /** Which of `kinds` was made of a tensor; undefined where nothing was made yet. */
  made(name: string, kinds: readonly Derivation["kind"][]): Derivation["kind"] | undefined {
    const { derived } = this.weights;
    const shape = this.weights.tensors.get(name)?.shape ?? [];
    return derived && kinds.find((kind) => derived.has(specsOf({ kind, from: name, shape })[0]!.name));
  }

  /** What derived.ts makes of a tensor. Where nothing was placed yet, the values only have their shapes. */
  derived(graph: Graph, derivation: Derivation): Value[] {
    this.#stored(derivation.from, derivation.shape);
    return specsOf(derivation).map(({ name, type, shape }) => {
      this.#derived.set(name, derivation);
      const { location, offset } = this.weights.derived?.get(name) ?? { location: name, offset: 0 };
      const element = DERIVED_ELEMENT[type];
      const length = sizeOf(shape) * BYTES_OF[element];
      return graph.external({ location, offset, length }, shape, element);
    });
  }

  /** The tensor of that name, which from now on is one that the model knows. */
  #stored(name: string, shape: readonly number[]): PlacedTensor {
    const stored = this.weights.tensors.get(name);
    if (!stored) {
      this.#lacking = true;
      this.#problems.push(`"${name}" of shape [${shape}] is missing`);
    } else if (String(stored.shape) !== String(shape)) {
      this.#problems.push(`"${name}" should have shape [${shape}], but has [${stored.shape}]`);
    }
    this.#used.add(name);
    this.#needed.set(name, shape);
    // Building goes on after a problem, so that the error can name all of them.
    return stored ?? { location: "", offset: 0, shape };
  }

  /** Tensors that belong to a part that is built elsewhere, by the beginning of their names. */
  skip(...prefixes: readonly string[]): void {
    for (const key of this.weights.tensors.keys()) {
      if (prefixes.some((prefix) => key.startsWith(prefix))) this.#used.add(key);
    }
  }

  /** Throws unless every tensor of the files was used and every needed one was there, in its shape. */
  finish(): void {
    const unknown = [...this.weights.tensors.keys()].filter((key) => !this.#used.has(key));
    const problems = [...this.#problems, ...unknown.map((key) => `"${key}" is not known to this model`)];
    if (problems.length === 0) return;
    const shown = problems.slice(0, MAX_SHOWN).join("; ");
    const rest = problems.length > MAX_SHOWN ? `; and ${problems.length - MAX_SHOWN} more` : "";
    const { folder, origin } = this.weights;
    const whose = origin
      ? `${origin} are not those that its configuration`
      : `in ${folder}/ are not those that its config.json`;
    throw new EmilieError(
      this.#lacking ? "checkpoint.missing" : "checkpoint.malformed",
      `The tensors ${whose} describes: ${shown}${rest}.`,
    );
  }
}

/** Enough to see the pattern, few enough to read. */
const MAX_SHOWN = 12;

export class Scope implements Site {
  constructor(
    readonly graph: Graph,
    readonly reader: WeightReader,
    readonly path = "",
  ) {}

  get precision(): Precision {
    return this.reader.precision;
  }

  /** What values are computed in; inputs and outputs of the graph are float32. */
  get float(): FloatType {
    return this.reader.floatOf(this.graph);
  }

  /** The submodule `a.b.c` of this module. */
  at(...names: readonly (string | number)[]): Scope {
    return new Scope(this.graph, this.reader, [this.path, ...names].filter((n) => n !== "").join("."));
  }

  /** Whether this module has a tensor of that name: only for choosing between namings of the same thing. */
  has(name: string): boolean {
    return this.reader.has(this.path ? `${this.path}.${name}` : name);
  }

  /** The module's tensor `name`, which must have `shape` in the checkpoint. */
  parameter(name: string, shape: readonly number[], use: ParameterUse = {}): Value {
    return this.reader.parameter(this.graph, this.path ? `${this.path}.${name}` : name, shape, use);
  }

  /** Which of `kinds` was made of the module's tensor `name`; undefined where nothing was made yet. */
  made<K extends Derivation["kind"]>(name: string, kinds: readonly K[]): K | undefined {
    return this.reader.made(this.path ? `${this.path}.${name}` : name, kinds) as K | undefined;
  }

  /** What `kind` of derived weights are made of the module's tensor `name`, all of it or some rows. */
  derived(
    kind: Derivation["kind"],
    name: string,
    shape: readonly number[],
    rows?: readonly [number, number],
  ): Value[] {
    const from = this.path ? `${this.path}.${name}` : name;
    return this.reader.derived(this.graph, { kind, from, shape, rows });
  }
}
