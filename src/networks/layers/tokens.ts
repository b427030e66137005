/** nn.Linear without a bias where tokens are rows, or columns, as a picture's pixels are: left in fp32 where others are rounded (row-linear.ts). */
import type { Value } from "../../graph/graph.ts";
import { gemm } from "../../graph/ops.ts";
import type { Scope } from "./scope.ts";

/** x [tokens, in] → [tokens, out] */
export function plainLinear(s: Scope, x: Value, out: number): Value {
  return gemm(s, x, s.parameter("weight", [out, x.shape[1] ?? 0]), { transB: true });
}

/** x [in, tokens] → [tokens, out] */
export function fromColumns(s: Scope, x: Value, out: number): Value {
  return gemm(s, x, s.parameter("weight", [out, x.shape[0] ?? 0]), { transA: true, transB: true });
}

/** x [tokens, in] → [out, tokens] */
export function toColumns(s: Scope, x: Value, out: number): Value {
  return gemm(s, s.parameter("weight", [out, x.shape[1] ?? 0]), x, { transB: true });
}
