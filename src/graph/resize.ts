/** A picture at another size, as an operator of the graph. */
import type { Site, Value } from "./graph.ts";
import { pictureShape, sizeOfPicture } from "./layout.ts";
import type { Attribute } from "./onnx.ts";

/** Nearest-neighbour resize of a picture to height × width, as torch's interpolate(mode="nearest"). */
export function resizeNearest(at: Site, x: Value, height: number, width: number): Value {
  return resize(at, x, pictureShape(at, { ...sizeOfPicture(at, x), height, width }), {
    mode: { string: "nearest" },
    coordinate_transformation_mode: { string: "asymmetric" },
    nearest_mode: { string: "floor" },
  });
}

/** Bicubic resize of x [1, c, h, w] to [1, c, height, width], as torch's interpolate(mode="bicubic") without antialiasing. */
export function resizeCubic(at: Site, x: Value, height: number, width: number): Value {
  const [n = 0, c = 0] = x.shape;
  return resize(at, x, [n, c, height, width], {
    mode: { string: "cubic" },
    coordinate_transformation_mode: { string: "half_pixel" },
    cubic_coeff_a: { float: -0.75 },
  });
}

function resize(
  at: Site,
  x: Value,
  shape: readonly number[],
  attributes: Readonly<Record<string, Attribute>>,
): Value {
  return at.graph.add(at, { op: "Resize", inputs: [x, null, null, at.graph.ints(shape)], shape, attributes });
}
