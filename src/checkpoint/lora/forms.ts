/**
 * The forms in which trainers keep the change D of a weight W [out, in, …], row by row (a convolution's kernel makes longer rows):
 *
 *   LoRA (Hu et al., arXiv 2106.09685)          D = B·A
 *   LoCon with a middle (LyCORIS)               D = B·A′, A′ = middle and A put together (Tucker)
 *   LoRA of an embedding (peft)                 D = (B·A)ᵀ
 *   LoHa (FedPara; Hyeon-Woo et al., 2108.06098) D = (W₁ₐ·W₁ᵦ) ⊙ (W₂ₐ·W₂ᵦ)
 *   LoKr (Yeh et al., arXiv 2309.14859)         D = W₁ ⊗ W₂, each whole or a product
 *   difference                                  D itself
 */
import { sizeOf } from "../../tensor/tensor.ts";
import type { WeightRef } from "../weights.ts";
import type { Part } from "./keys.ts";

export type Parts = Readonly<Partial<Record<Part, WeightRef>>>;
export type ReadPart = (part: Part) => Promise<Float32Array>;

/** Adds a row of D, `factor` times, to the beginning of `sum`. */
export type AddRow = (row: number, factor: number, sum: Float64Array) => void;

/** What a form's tensors make. */
export interface FormShape {
  readonly rows: number;
  readonly depth: number;
  /** r of alpha / r; absent where there is none. */
  readonly rank?: number;
}

export interface Form {
  readonly name: string;
  /** The tensors that it must have. */
  readonly needs: readonly Part[];
  readonly mayHave: readonly Part[];
  /** Undefined where its tensors do not match. */
  shape(parts: Parts): FormShape | undefined;
  load(parts: Parts, read: ReadPart): Promise<AddRow>;
}

/** Tensors in words: "down [2,16], up [16,2]". */
export const shapesOf = (parts: Parts): string =>
  Object.entries(parts)
    .map(([part, { shape }]) => `${part} [${shape}]`)
    .join(", ");

const tail = ({ shape }: WeightRef): number => sizeOf(shape.slice(1));
const axis = (ref: WeightRef, i: number): number => ref.shape[i] ?? 0;

/** B [rows, rank] and A [rank, depth]. */
interface Product {
  readonly up: Float32Array;
  readonly down: Float32Array;
  readonly rank: number;
}

const addProduct =
  ({ up, down, rank }: Product): AddRow =>
  (row, factor, sum) => {
    const depth = down.length / rank;
    for (let r = 0; r < rank; r++) {
      const weight = factor * up[row * rank + r]!;
      const start = r * depth;
      for (let i = 0; i < depth; i++) sum[i]! += weight * down[start + i]!;
    }
  };

function transposed(values: Float32Array, rows: number): Float32Array {
  const columns = values.length / rows;
  return values.map((_, i) => values[(i % rows) * columns + Math.floor(i / rows)]!);
}

/** A′ [n, in, kernel] = Σ_m middle [n, m, kernel] · a [m, in]. */
function withMiddle(middle: Float32Array, a: Float32Array, n: number, m: number): Float32Array {
  const [kernel, width] = [middle.length / (n * m), a.length / m];
  const result = new Float64Array(n * width * kernel);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < m; j++) {
      const at = (i * m + j) * kernel;
      for (let c = 0; c < width; c++) {
        const value = a[j * width + c]!;
        const to = (i * width + c) * kernel;
        for (let k = 0; k < kernel; k++) result[to + k]! += value * middle[at + k]!;
      }
    }
  }
  return Float32Array.from(result);
}

/** A matrix as a product: [out, r]·[r, depth], or with a middle [r, r, …] and its first factor transposed, [r, out]. */
function productShape(a: WeightRef, b: WeightRef, middle?: WeightRef): Required<FormShape> | undefined {
  const rank = axis(b, 0);
  if (a.shape.length < 2 || b.shape.length < 2 || rank < 1) return undefined;
  if (!middle) return axis(a, 1) === rank ? { rows: axis(a, 0), depth: tail(b), rank } : undefined;
  if (axis(a, 0) !== axis(middle, 0) || axis(middle, 1) !== rank || middle.shape.length < 3) return undefined;
  return { rows: tail(a), depth: tail(b) * sizeOf(middle.shape.slice(2)), rank };
}

async function loadProduct(
  parts: Parts,
  read: ReadPart,
  names: readonly [Part, Part, Part],
): Promise<Product> {
  const [a, b, middle] = names;
  const [first, second] = [await read(a), await read(b)];
  const rank = axis(parts[b]!, 0);
  if (!parts[middle]) return { up: first, down: second, rank };
  const outer = axis(parts[a]!, 0);
  return {
    up: transposed(first, outer),
    down: withMiddle(await read(middle), second, outer, rank),
    rank: outer,
  };
}

const lora: Form = {
  name: "LoRA",
  needs: ["down", "up"],
  mayHave: ["mid", "upBias"],
  shape({ down, up, mid }) {
    const rank = axis(down!, 0);
    const flat = up!.shape.slice(2).every((side) => side === 1);
    if (rank < 1 || down!.shape.length < 2 || up!.shape.length < 2 || !flat) return undefined;
    const inner = mid ? axis(mid, 0) : rank;
    if (axis(up!, 1) !== inner || (mid && axis(mid, 1) !== rank)) return undefined;
    const kernel = mid ? sizeOf(mid.shape.slice(2)) : 1;
    return { rows: axis(up!, 0), depth: tail(down!) * kernel, rank };
  },
  async load({ down, mid }, read) {
    const [a, b] = [await read("down"), await read("up")];
    const rank = axis(down!, 0);
    if (!mid) return addProduct({ up: b, down: a, rank });
    const inner = axis(mid, 0);
    return addProduct({ up: b, down: withMiddle(await read("mid"), a, inner, rank), rank: inner });
  },
};

const embedding: Form = {
  name: "LoRA of an embedding",
  needs: ["embeddingA", "embeddingB"],
  mayHave: [],
  shape({ embeddingA: a, embeddingB: b }) {
    const rank = axis(a!, 0);
    if (a!.shape.length !== 2 || b!.shape.length !== 2 || rank < 1 || axis(b!, 1) !== rank) return undefined;
    return { rows: axis(a!, 1), depth: axis(b!, 0), rank };
  },
  async load({ embeddingA, embeddingB }, read) {
    const up = transposed(await read("embeddingA"), axis(embeddingA!, 0));
    const down = transposed(await read("embeddingB"), axis(embeddingB!, 0));
    return addProduct({ up, down, rank: axis(embeddingA!, 0) });
  },
};

const loha: Form = {
  name: "LoHa",
  needs: ["hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b"],
  mayHave: ["hada_t1", "hada_t2"],
  shape(parts) {
    if (!parts.hada_t1 !== !parts.hada_t2) return undefined;
    const [first, second] = [
      productShape(parts.hada_w1_a!, parts.hada_w1_b!, parts.hada_t1),
      productShape(parts.hada_w2_a!, parts.hada_w2_b!, parts.hada_t2),
    ];
    return first && second && first.rows === second.rows && first.depth === second.depth ? first : undefined;
  },
  async load(parts, read) {
    const one = addProduct(await loadProduct(parts, read, ["hada_w1_a", "hada_w1_b", "hada_t1"]));
    const two = addProduct(await loadProduct(parts, read, ["hada_w2_a", "hada_w2_b", "hada_t2"]));
    const { depth } = this.shape(parts)!;
    const [first, second] = [new Float64Array(depth), new Float64Array(depth)];
    return (row, factor, sum) => {
      one(row, 1, first.fill(0));
      two(row, 1, second.fill(0));
      for (let i = 0; i < depth; i++) sum[i]! += factor * first[i]! * second[i]!;
    };
  },
};

const factors = (parts: Parts) => ({
  w1: parts.lokr_w1,
  w1a: parts.lokr_w1_a,
  w1b: parts.lokr_w1_b,
  w2: parts.lokr_w2,
  w2a: parts.lokr_w2_a,
  w2b: parts.lokr_w2_b,
  t2: parts.lokr_t2,
});

const lokr: Form = {
  name: "LoKr",
  needs: [],
  mayHave: ["lokr_w1", "lokr_w1_a", "lokr_w1_b", "lokr_w2", "lokr_w2_a", "lokr_w2_b", "lokr_t2"],
  shape(parts) {
    const { w1, w1a, w1b, w2, w2a, w2b, t2 } = factors(parts);
    if (!w1 === !(w1a && w1b) || !w2 === !(w2a && w2b) || (t2 && w2)) return undefined;
    const whole = (ref: WeightRef) => ({ rows: axis(ref, 0), depth: tail(ref) });
    const first = w1 ? whole(w1) : productShape(w1a!, w1b!);
    const second = w2 ? whole(w2) : productShape(w2a!, w2b!, t2);
    if (!first || !second) return undefined;
    const rank = w2b?.shape[0] ?? w1b?.shape[0];
    const shape = { rows: first.rows * second.rows, depth: first.depth * second.depth };
    return rank === undefined ? shape : { ...shape, rank };
  },
  async load(parts, read) {
    const { w1, w1a, w1b, w2, w2a, w2b, t2 } = factors(parts);
    const one = w1
      ? addDifference(await read("lokr_w1"), axis(w1, 0))
      : addProduct(await loadProduct(parts, read, ["lokr_w1_a", "lokr_w1_b", "mid"]));
    const two = w2
      ? addDifference(await read("lokr_w2"), axis(w2, 0))
      : addProduct(await loadProduct(parts, read, ["lokr_w2_a", "lokr_w2_b", "lokr_t2"]));
    const depth1 = w1 ? tail(w1) : productShape(w1a!, w1b!)!.depth;
    const inner = w2 ? { rows: axis(w2, 0), depth: tail(w2) } : productShape(w2a!, w2b!, t2)!;
    const [first, second] = [new Float64Array(depth1), new Float64Array(inner.depth)];
    return (row, factor, sum) => {
      one(Math.floor(row / inner.rows), 1, first.fill(0));
      two(row % inner.rows, 1, second.fill(0));
      for (let i = 0; i < depth1; i++) {
        const weight = factor * first[i]!;
        const start = i * inner.depth;
        for (let j = 0; j < inner.depth; j++) sum[start + j]! += weight * second[j]!;
      }
    };
  },
};

function addDifference(values: Float32Array, rows: number): AddRow {
  const depth = values.length / rows;
  return (row, factor, sum) => {
    for (let i = 0; i < depth; i++) sum[i]! += factor * values[row * depth + i]!;
  };
}

const differenceOf = (part: Part, name: string): Form => ({
  name,
  needs: [part],
  mayHave: [],
  shape: (parts) => ({ rows: axis(parts[part]!, 0), depth: tail(parts[part]!) }),
  load: async (parts, read) => addDifference(await read(part), axis(parts[part]!, 0)),
});

const difference = differenceOf("diff", "difference");
/** Of a bias, whichever form its weight's change has. */
export const BIAS: Form = differenceOf("bias", "difference of a bias");
/** peft's lora_bias: the bias of B, which is scaled as B is. */
export const UP_BIAS: Form = differenceOf("upBias", "bias of B");

/** The form of a module's weight by its tensors; null where there is only a bias, or what belongs to no form. */
export function formOf(parts: Parts): Form | null {
  const forms = [lora, embedding, loha, lokr, difference];
  return forms.find(({ needs, mayHave }) => [...needs, ...mayHave].some((part) => parts[part])) ?? null;
}
