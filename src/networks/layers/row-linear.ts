/**
 * nn.Linear of transformers of billions of parameters: in int8 with a scale for each row of the input, in int4 with blocks of weights
 * (graph/row-quantised.ts). In the other precisions it is what `linear` of layers.ts is.
 */
import type { Value } from "../../graph/graph.ts";
import { cast, gemm, mul } from "../../graph/ops.ts";
import {
  hadamard,
  int4Matmul,
  multipliedOutMatmul,
  quantiseRows,
  rowQuantisedMatmul,
} from "../../graph/row-quantised.ts";
import { hadamardBlock } from "../../tensor/hadamard.ts";
import type { Scope } from "./scope.ts";

export interface RowLinearOptions {
  /** Whether it has one of its own, or what is added in its place. Default false: these networks have few. */
  readonly bias?: boolean | Value;
  /** Whether the weight is that of a convolution of one pixel, [out, in, 1, 1]. Default false. */
  readonly kernel?: boolean;
  /** Whether int8 rotates the input, for inputs of which single channels are far larger than the others. It takes a tenth of the product's time. Default false. */
  readonly rotated?: boolean;
  /** The name of the weight. Default "weight". */
  readonly name?: string;
  /** Outputs that are meant, from and to (exclusive). Default: all. */
  readonly rows?: readonly [number, number];
}

/** x [n, in] → [n, out], or some of the outputs */
export function rowLinear(s: Scope, x: Value, out: number, options: RowLinearOptions = {}): Value {
  const { rotated = false, kernel = false, name = "weight" } = options;
  const width = x.shape[1] ?? 0;
  const shape = kernel ? [out, width, 1, 1] : [out, width];
  const [from, to] = options.rows ?? [0, out];
  const own = options.bias ?? false;
  const bias = own === true ? s.parameter("bias", [out], { as: [to - from], skip: from }) : own || null;
  if (s.precision === "int8") {
    const [weight, scales] = s.derived(rotated ? "int8-rotated" : "int8", name, shape, options.rows);
    const input = rotated ? hadamard(s, x, hadamardBlock(width)) : x;
    if (s.graph.dialect === "plain") return multipliedOutMatmul(s, input, weight!, scales!, bias);
    return rowQuantisedMatmul(s, quantiseRows(s, input), weight!, scales!, bias);
  }
  if (s.precision === "int4") {
    const [weight, scales] = s.derived("int4", name, shape, options.rows);
    return int4Matmul(s, x, weight!, scales!, bias);
  }
  const weight = s.parameter(name, shape, { as: [to - from, width], skip: from * width });
  return gemm(s, x, weight, { transB: true, bias });
}

/** How much smaller what a product reads is made in half precision: a power of two, so that nothing is rounded by it. */
const SHRUNK = 32;

/** The same without a bias for x in fp32 with values that half precision may not hold, nor sums of them → fp32 [n, out] */
export function shrunkLinear(s: Scope, x: Value, out: number, options: RowLinearOptions = {}): Value {
  if (s.float === "float32") return rowLinear(s, x, out, options);
  const { graph } = s;
  const small = cast(s, mul(s, x, graph.constant([1 / SHRUNK], [1])), s.float);
  return mul(s, cast(s, rowLinear(s, small, out, options), "float32"), graph.constant([SHRUNK], [1]));
}
