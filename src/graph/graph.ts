/**
 * A typed builder for ONNX graphs. Values carry their static shapes, so an impossible graph is an error where an op is
 * added, with the module path that added it. Weights are references into files; small constants are inline.
 */
import { EmilieError } from "../errors.ts";
import { toHalf } from "../tensor/half.ts";
import { sizeOf } from "../tensor/tensor.ts";
import {
  type Attribute,
  BYTES_OF,
  type ElementType,
  type ExternalBytes,
  encodeModel,
  type FloatType,
  type InitializerProto,
  type NodeProto,
  type ValueProto,
} from "./onnx.ts";

/** The result of an op, an input, or a weight. */
export interface Value {
  readonly name: string;
  readonly shape: readonly number[];
  readonly type: ElementType;
}

/** Where an op is added: the graph and the path of the module that adds it, as in the checkpoint's keys. */
export interface Site {
  readonly graph: Graph;
  readonly path: string;
}

/** What a node's result is; where no type is given, float16 where its first input is, float32 elsewhere. */
export interface ResultSpec {
  readonly shape: readonly number[];
  readonly type?: ElementType;
}

export interface NodeSpec extends ResultSpec {
  readonly op: string;
  readonly inputs: readonly (Value | null)[];
  readonly domain?: string;
  readonly attributes?: Readonly<Record<string, Attribute>>;
  /** Multiplications and additions this node does, counted as 2 per multiply-accumulate. */
  readonly flops?: number;
}

/** com.microsoft holds the contrib ops: MultiHeadAttention, FusedConv, QuickGelu. */
export const MICROSOFT = "com.microsoft";
const OPSETS = { "": 20, [MICROSOFT]: 1 };

/**
 * Which operators the functions of ops.ts write. "fused" has the contrib ops that the CPU provider runs fastest; "plain"
 * has several standard ones in the place of those that onnxruntime-web's WebGPU provider gets wrong. Both are the same function.
 */
export type Dialect = "fused" | "plain";

/** How pictures lie in memory: [1, c, h, w], as in a checkpoint, or [1, h, w, c], a row for each pixel (pictures.ts). */
export type Layout = "nchw" | "nhwc";

/** Larger constants are not compared: what repeats are shapes, ones and zeros. */
const SHARED_BYTES = 4096;

export class Graph {
  readonly #nodes: NodeProto[] = [];
  readonly #initializers: InitializerProto[] = [];
  readonly #inputs: ValueProto[] = [];
  readonly #outputs: ValueProto[] = [];
  readonly #outputNames = new Map<string, string>();
  readonly #shared = new Map<string, Value>();
  readonly #results = new Map<string, Value>();
  #flops = 0;
  #last: Value | undefined;

  constructor(
    readonly name: string,
    readonly dialect: Dialect = "fused",
    readonly layout: Layout = "nchw",
  ) {}

  /** 2 × multiply-accumulates of every convolution, matrix product and attention; elementwise work is not counted. */
  get flops(): number {
    return this.#flops;
  }

  /**
   * The most bytes that results of ops take at one time, each from the op that makes it to the last that reads it. A
   * runtime needs about that beside the weights; what a kernel needs for itself is not counted.
   */
  get peakBytes(): number {
    const lastUse = new Map(this.#nodes.flatMap((node, i) => node.inputs.map((name) => [name, i] as const)));
    const bytesOf = (result?: Value) => (result ? sizeOf(result.shape) * BYTES_OF[result.type] : 0);
    const sizeOfAll = (names: readonly string[]) =>
      names.reduce((sum, n) => sum + bytesOf(this.#results.get(n)), 0);
    let live = 0;
    let peak = 0;
    this.#nodes.forEach((node, i) => {
      live += sizeOfAll(node.outputs);
      peak = Math.max(peak, live);
      live -= sizeOfAll([...new Set(node.inputs)].filter((name) => lastUse.get(name) === i));
    });
    return peak;
  }

  get inputs(): readonly Pick<Value, "name" | "shape">[] {
    return this.#inputs;
  }

  get outputs(): readonly Pick<Value, "name" | "shape">[] {
    return this.#outputs;
  }

  /** The first result of the op that was added last; undefined where there is none yet. */
  get last(): Value | undefined {
    return this.#last;
  }

  get nodeCount(): number {
    return this.#nodes.length;
  }

  input(name: string, shape: readonly number[], type: ElementType = "float32"): Value {
    const value = { name, shape: [...shape], type };
    this.#inputs.push(value);
    return value;
  }

  /** Makes `value`, the result of an op, an output of the graph under `name`. */
  output(name: string, value: Value): void {
    this.#outputs.push({ ...value, name });
    this.#outputNames.set(value.name, name);
  }

  /** A weight that stays in its file. The same bytes under the same dims are one initializer. */
  external(data: ExternalBytes, dims: readonly number[], type: ElementType = "float32"): Value {
    return this.#share(`${data.location}@${data.offset}+${data.length}:${type}[${dims}]`, () => ({
      name: `w${this.#initializers.length}`,
      type,
      dims,
      data,
    }));
  }

  /** A constant held by the graph itself; equal constants are one initializer. `type` is that of what it is computed with. */
  constant(
    values: readonly number[] | Float32Array,
    dims: readonly number[],
    type: ElementType = "float32",
  ): Value {
    const data = Float32Array.from(values);
    if (type !== "float16") return this.#inline(new Uint8Array(data.buffer), "float32", dims);
    return this.#inline(new Uint8Array(toHalf(data).buffer), type, dims);
  }

  /** A constant of one byte a value. */
  bytes(values: readonly number[], type: "uint8" | "int8", dims: readonly number[]): Value {
    return this.#inline(Uint8Array.from(values), type, dims);
  }

  /** int64, by default a vector, as Reshape and Slice want it. */
  ints(values: readonly number[], dims: readonly number[] = [values.length]): Value {
    // A loop: BigInt64Array.from with a function takes ten times as long, half of the time of building a large graph.
    const data = new BigInt64Array(values.length);
    for (let i = 0; i < values.length; i++) data[i] = BigInt(values[i]!);
    return this.#inline(new Uint8Array(data.buffer), "int64", dims);
  }

  add(site: Site, spec: NodeSpec): Value {
    return this.addAll(site, { ...spec, results: [spec] })[0]!;
  }

  /** A node with several results, in the order of its operator. */
  addAll(
    site: Site,
    spec: Omit<NodeSpec, keyof ResultSpec> & { readonly results: readonly ResultSpec[] },
  ): readonly Value[] {
    const n = this.#nodes.length;
    const float: FloatType = spec.inputs[0]?.type === "float16" ? "float16" : "float32";
    const values = spec.results.map(({ shape, type = float }, i): Value => {
      if (shape.some((side) => !Number.isSafeInteger(side) || side < 1)) {
        fail(site, `${spec.op} would make a value of shape [${shape}]; every side must be at least 1`);
      }
      return { name: i === 0 ? `v${n}` : `v${n}.${i}`, shape: [...shape], type };
    });
    this.#nodes.push({
      name: `${site.path}/${spec.op}#${n}`,
      op: spec.op,
      domain: spec.domain ?? "",
      inputs: trimmed(spec.inputs).map((v) => v?.name ?? ""),
      outputs: values.map(({ name }) => name),
      attributes: spec.attributes ?? {},
    });
    for (const value of values) this.#results.set(value.name, value);
    this.#flops += spec.flops ?? 0;
    this.#last = values[0];
    return values;
  }

  /**
   * The ONNX model, ready for the runtime. With `shapes` it says of every result what it is expected to be, which a runtime that is
   * strict about shapes compares with its own inference.
   */
  encode({ shapes = false }: { readonly shapes?: boolean } = {}): Uint8Array {
    const named = (name: string) => this.#outputNames.get(name) ?? name;
    return encodeModel({
      name: this.name,
      opsets: OPSETS,
      nodes: this.#nodes.map((n) => ({
        ...n,
        inputs: n.inputs.map(named),
        outputs: n.outputs.map(named),
      })),
      initializers: this.#initializers,
      inputs: this.#inputs,
      outputs: this.#outputs,
      values: shapes ? [...this.#results.values()].filter(({ name }) => !this.#outputNames.has(name)) : [],
    });
  }

  #inline(bytes: Uint8Array, type: ElementType, dims: readonly number[]): Value {
    const small = bytes.length <= SHARED_BYTES;
    const key = small ? `${type}[${dims}]:${bytes.join()}` : `constant ${this.#initializers.length}`;
    return this.#share(key, () => ({ name: `k${this.#initializers.length}`, type, dims, data: bytes }));
  }

  #share(key: string, make: () => InitializerProto): Value {
    const known = this.#shared.get(key);
    if (known) return known;
    const initializer = make();
    this.#initializers.push(initializer);
    const value = { name: initializer.name, shape: initializer.dims, type: initializer.type };
    this.#shared.set(key, value);
    return value;
  }
}

/** Trailing optional inputs are left out, inner ones are written as "". */
function trimmed(inputs: readonly (Value | null)[]): readonly (Value | null)[] {
  let n = inputs.length;
  while (n > 0 && inputs[n - 1] === null) n--;
  return inputs.slice(0, n);
}

export function fail(site: Site, message: string): never {
  throw new EmilieError(
    "checkpoint.malformed",
    `${site.path}: ${message}. The checkpoint's configuration and its tensors do not match.`,
  );
}

export function expectShape(site: Site, what: string, value: Value, shape: readonly number[]): void {
  if (value.shape.length !== shape.length || value.shape.some((n, i) => n !== shape[i])) {
    fail(site, `${what} should have shape [${shape}], but has [${value.shape}]`);
  }
}

/** The shape of a and b broadcast together, as numpy does. */
export function broadcast(site: Site, a: Value, b: Value): number[] {
  const rank = Math.max(a.shape.length, b.shape.length);
  return Array.from({ length: rank }, (_, i) => {
    const m = a.shape[a.shape.length - rank + i] ?? 1;
    const n = b.shape[b.shape.length - rank + i] ?? 1;
    if (m !== n && m !== 1 && n !== 1) fail(site, `[${a.shape}] and [${b.shape}] do not broadcast together`);
    return Math.max(m, n);
  });
}

export function sameSize(site: Site, value: Value, shape: readonly number[]): void {
  if (sizeOf(value.shape) !== sizeOf(shape)) fail(site, `[${value.shape}] cannot be reshaped to [${shape}]`);
}
