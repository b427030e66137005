import { expectShape, fail, MICROSOFT, type Site, type Value } from "./graph.ts";
import type { ElementType, FloatType } from "./onnx.ts";
import { add, cast, concat, mul, reshape, sliceRows, transpose } from "./ops.ts";

export interface AttentionOptions {
  readonly heads: number;
  /** A token sees itself and what comes before it. */
  readonly causal?: boolean;
  /** int32 [1, keys]: 1 where there is something to see, 0 where there is padding. */
  readonly keyMask?: Value;
}

/** softmax(q·kᵀ/√d)·v per head: q [tokens, width], k and v [keys, width] → [tokens, width] */
export function attention(at: Site, q: Value, k: Value, v: Value, options: AttentionOptions): Value {
  const [tokens = 0, width = 0] = q.shape;
  const [keys = 0] = k.shape;
  if (width % options.heads !== 0)
    fail(at, `a width of ${width} cannot be split into ${options.heads} heads`);
  expectShape(at, "attention's keys", k, [keys, width]);
  expectShape(at, "attention's values", v, [keys, width]);
  if (options.keyMask) expectShape(at, "attention's mask of keys", options.keyMask, [1, keys]);
  // With a mask, MultiHeadAttention shares out heads among the processor's cores, and not queries: of one head it makes no use of them.
  const isAlone = options.heads === 1 && options.keyMask !== undefined;
  if (at.graph.dialect === "plain" || isAlone) return plainAttention(at, q, k, v, options);
  const result = at.graph.add(at, {
    op: "MultiHeadAttention",
    domain: MICROSOFT,
    inputs: [
      reshape(at, q, [1, tokens, width]),
      reshape(at, k, [1, keys, width]),
      reshape(at, v, [1, keys, width]),
      null,
      options.keyMask ?? null,
    ],
    shape: [1, tokens, width],
    attributes: {
      num_heads: { int: options.heads },
      ...(options.causal ? { unidirectional: { int: 1 } } : {}),
    },
    flops: 4 * tokens * keys * width,
  });
  return reshape(at, result, [tokens, width]);
}

/** Scores larger than this are computed for some of the queries at a time: a card binds no buffer without end. */
const SCORE_BYTES = 64 << 20;

/** The same by matrix products and a softmax: MultiHeadAttention is wrong on WebGPU where there are many keys. */
function plainAttention(
  at: Site,
  q: Value,
  k: Value,
  v: Value,
  { heads, causal, keyMask }: AttentionOptions,
): Value {
  const [tokens = 0, width = 0] = q.shape;
  const [keys = 0] = k.shape;
  const scale = at.graph.constant([1 / Math.sqrt(width / heads)], [1], q.type);
  const byKey = perHead(at, k, heads, [1, 2, 0]);
  const values = perHead(at, v, heads, [1, 0, 2]);
  const rows = Math.max(1, Math.floor(SCORE_BYTES / (4 * heads * keys)));
  const parts: Value[] = [];
  for (let from = 0; from < tokens; from += rows) {
    const to = Math.min(tokens, from + rows);
    const some = to - from === tokens ? q : sliceRows(at, q, from, to);
    const queries = perHead(at, mul(at, some, scale), heads, [1, 0, 2]);
    const scores = matmul(at, queries, byKey);
    const past = causal ? add(at, scores, futureMask(at, from, to, keys, scores.type)) : scores;
    const seen = keyMask ? add(at, past, paddingMask(at, keyMask, scores.type)) : past;
    const weights = at.graph.add(at, { op: "Softmax", inputs: [seen], shape: seen.shape });
    const together = transpose(at, matmul(at, weights, values), [1, 0, 2]);
    parts.push(reshape(at, together, [to - from, width]));
  }
  return parts.length === 1 ? parts[0]! : concat(at, parts, 0);
}

/** x [n, heads·d] as [n, heads, d], its axes put in the order `order`. */
function perHead(at: Site, x: Value, heads: number, order: readonly number[]): Value {
  const [n = 0, width = 0] = x.shape;
  return transpose(at, reshape(at, x, [n, heads, width / heads]), order);
}

/** Added to the scores of queries `from` to `to`: what comes after a token weighs nothing. */
function futureMask(at: Site, from: number, to: number, keys: number, type: ElementType): Value {
  const mask = new Float32Array((to - from) * keys);
  for (let i = from; i < to; i++) mask.fill(-1e30, (i - from) * keys + i + 1, (i - from + 1) * keys);
  return at.graph.constant(mask, [1, to - from, keys], type);
}

/** Added to the scores of all queries: padding, 0 in an int32 mask, weighs nothing. */
function paddingMask(at: Site, mask: Value, type: ElementType): Value {
  const { graph } = at;
  const seen = cast(at, mask, "float32");
  const less = add(at, seen, graph.constant([-1], [1]));
  const added = mul(at, less, graph.constant([HIDDEN[type === "float16" ? "float16" : "float32"]], [1]));
  return cast(at, added, type as FloatType);
}

/** What hides a key is larger than any score, and not infinite. */
const HIDDEN = { float32: 1e30, float16: 3e4 } as const;

/** a [batch, m, k] · b [batch, k, n] → [batch, m, n] */
function matmul(at: Site, a: Value, b: Value): Value {
  const [batch = 0, m = 0, k = 0] = a.shape;
  const n = b.shape[2] ?? 0;
  return at.graph.add(at, {
    op: "MatMul",
    inputs: [a, b],
    shape: [batch, m, n],
    flops: 2 * batch * m * n * k,
  });
}
