/** A 3×3 convolution of a picture that was doubled in size, every pixel four times: four of 2×2 on the picture itself, with 4/9 of the products. */
import { kronecker } from "../tensor/winograd.ts";
import { expectShape, fail, type Site, type Value } from "./graph.ts";
import { concat, conv2d, gemm, reshape } from "./ops.ts";

/** Of results before and after the middle of a doubled pixel: which of three taps fall on the same one of two pixels. */
const TAPS = [
  [
    [1, 0, 0],
    [0, 1, 1],
  ],
  [
    [1, 1, 0],
    [0, 0, 1],
  ],
] as const;

/** x [1, c, h, w], doubled, ∗ weight [out, c, 3, 3] + bias [out], padded to keep the size → [1, out, 2h, 2w] */
export function conv2dOfDoubled(at: Site, x: Value, weight: Value, bias: Value): Value {
  const [, c = 0, h = 0, w = 0] = x.shape;
  const [out = 0, width = 0] = weight.shape;
  if (c !== width) fail(at, `a convolution with weight [${weight.shape}] cannot take [${x.shape}]`);
  expectShape(at, "the convolution's bias", bias, [out]);
  // Sums of taps are made as the graph runs: they are few beside the pixels.
  const kernels = reshape(at, weight, [out * c, 9]);
  const phases = TAPS.flatMap((rows, y) =>
    TAPS.map((columns, x0) => {
      const sums = at.graph.constant(kronecker(rows, columns), [4, 9]);
      const summed = gemm(at, kernels, sums, { transB: true });
      const padding = [1 - y, 1 - x0, y, x0] as const;
      return conv2d(at, x, reshape(at, summed, [out, c, 2, 2]), bias, { padding });
    }),
  );
  return at.graph.add(at, {
    op: "DepthToSpace",
    inputs: [concat(at, phases, 1)],
    shape: [1, out, 2 * h, 2 * w],
    attributes: { blocksize: { int: 2 }, mode: { string: "DCR" } },
  });
}
