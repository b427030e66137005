/** nn.Linear without a bias over tokens, which are rows: the products of transformers. */
import type { Value } from "../../graph/graph.ts";
import { gemm } from "../../graph/ops.ts";
import type { Scope } from "./scope.ts";

export interface ProjectOptions {
  /** Outputs that are meant, from and to (exclusive). Default: all. */
  readonly rows?: readonly [number, number];
  /** Left in fp32 where others are rounded. */
  readonly guarded?: boolean;
  /** Whether tokens are the columns of x, [in, tokens]. Only where guarded. */
  readonly columns?: boolean;
}

/** x [tokens, in] · weight [out, in] transposed → [tokens, out], or some of the outputs */
export function project(s: Scope, x: Value, out: number, options: ProjectOptions = {}): Value {
  const { rows = [0, out], columns = false } = options;
  const [first = 0, second = 0] = x.shape;
  const width = columns ? first : second;
  const weight = s.parameter("weight", [out, width], {
    as: [rows[1] - rows[0], width],
    skip: rows[0] * width,
  });
  return gemm(s, x, weight, { transA: columns, transB: true });
}

/** The same with tokens as the columns of the result: x [tokens, in] → [out, tokens] */
export function projectToColumns(s: Scope, x: Value, out: number): Value {
  const [, width = 0] = x.shape;
  return gemm(s, s.parameter("weight", [out, width]), x, { transB: true });
}
