/** Half-precision weights in a network that computes in single precision. */
import { sizeOf } from "../tensor/tensor.ts";
import type { Site, Value } from "./graph.ts";
import type { FloatType } from "./onnx.ts";
import { cast } from "./ops.ts";

/** Values from which the moment of a cast matters to memory. */
const MANY_VALUES = 1 << 16;

/**
 * Weights in another type, cast when it is their turn. What depends on nothing a runtime may compute first, and all weights of a
 * network together take as much memory as a second copy of it; so large ones are made to depend on what was added last: by a
 * shape whose first entry is that value's length less itself, which Reshape takes for "as it is".
 */
export function castWeight(at: Site, x: Value, type: FloatType): Value {
  const { last } = at.graph;
  if (x.type === type || !last || sizeOf(x.shape) < MANY_VALUES) return cast(at, x, type);
  const int64 = { shape: [1], type: "int64" } as const;
  const span = { start: { int: 0 }, end: { int: 1 } };
  const length = at.graph.add(at, { op: "Shape", inputs: [last], attributes: span, ...int64 });
  const first = at.graph.add(at, { op: "Sub", inputs: [length, length], ...int64 });
  const rest = x.shape.slice(1);
  const shape =
    rest.length === 0
      ? first
      : at.graph.add(at, {
          ...{ op: "Concat", inputs: [first, at.graph.ints(rest)], attributes: { axis: { int: 0 } } },
          ...{ shape: [x.shape.length], type: "int64" as const },
        });
  return cast(
    at,
    at.graph.add(at, { op: "Reshape", inputs: [x, shape], shape: x.shape, type: x.type }),
    type,
  );
}
