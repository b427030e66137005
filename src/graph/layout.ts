/**
 * Pictures as values of a graph: [b, c, h, w], or in a graph of layout "nhwc" [b, h, w, c], whose pixels are the rows of a
 * matrix. What reads a picture's sides asks here.
 */
import { fail, type Site, type Value } from "./graph.ts";

export interface PictureSize {
  readonly batch: number;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
}

export function sizeOfPicture(at: Site, x: Value): PictureSize {
  const [batch = 0, a = 0, b = 0, c = 0] = x.shape;
  if (x.shape.length !== 4) fail(at, `[${x.shape}] is not a picture`);
  return at.graph.layout === "nhwc"
    ? { batch, channels: c, height: a, width: b }
    : { batch, channels: a, height: b, width: c };
}

export function pictureShape(at: Site, { batch, channels, height, width }: PictureSize): number[] {
  return at.graph.layout === "nhwc" ? [batch, height, width, channels] : [batch, channels, height, width];
}

/** Where the graph's layout has a picture's channels. */
export function channelAxis(at: Site): number {
  return at.graph.layout === "nhwc" ? 3 : 1;
}

/** x [b, c, h, w] in the graph's layout. */
export function fromChannelsFirst(at: Site, x: Value): Value {
  return at.graph.layout === "nhwc" ? permuted(at, x, [0, 2, 3, 1]) : x;
}

/** A picture of the graph as [b, c, h, w]. */
export function toChannelsFirst(at: Site, x: Value): Value {
  return at.graph.layout === "nhwc" ? permuted(at, x, [0, 3, 1, 2]) : x;
}

function permuted(at: Site, x: Value, order: readonly number[]): Value {
  const shape = order.map((axis) => x.shape[axis]!);
  return at.graph.add(at, {
    op: "Transpose",
    inputs: [x],
    shape,
    type: x.type,
    attributes: { perm: { ints: order } },
  });
}

export interface UnfoldOptions {
  readonly kernel: number;
  readonly stride: number;
  /** top, left, bottom, right */
  readonly padding: readonly [number, number, number, number];
  /** What lies outside of the picture, of x's type. Default 0. */
  readonly outside?: Value;
}

/**
 * What a convolution sees at every place: x [b, h, w, c] → [b·h'·w', k·k·c], ordered (ky, kx, c). With that it is one matrix product.
 */
export function unfold(at: Site, x: Value, options: UnfoldOptions): Value {
  const { kernel, stride, padding } = options;
  const [n = 0, h = 0, w = 0, c = 0] = x.shape;
  if (x.shape.length !== 4) fail(at, `[${x.shape}] is not a picture`);
  const g = at.graph;
  const [top, left, bottom, right] = padding;
  const [h1, w1] = [h + top + bottom, w + left + right];
  const padded = g.add(at, {
    op: "Pad",
    inputs: [x, g.ints([0, top, left, 0, 0, bottom, right, 0]), options.outside ?? null],
    shape: [n, h1, w1, c],
    type: x.type,
  });
  const [h2, w2] = [Math.floor((h1 - kernel) / stride) + 1, Math.floor((w1 - kernel) / stride) + 1];
  const seen: Value[] = [];
  for (let y = 0; y < kernel; y++) {
    for (let x0 = 0; x0 < kernel; x0++) {
      const end = [y + (h2 - 1) * stride + 1, x0 + (w2 - 1) * stride + 1];
      seen.push(
        g.add(at, {
          op: "Slice",
          inputs: [padded, g.ints([y, x0]), g.ints(end), g.ints([1, 2]), g.ints([stride, stride])],
          shape: [n, h2, w2, c],
          type: x.type,
        }),
      );
    }
  }
  const depth = kernel * kernel * c;
  const together = g.add(at, {
    op: "Concat",
    inputs: seen,
    shape: [n, h2, w2, depth],
    type: x.type,
    attributes: { axis: { int: 3 } },
  });
  return g.add(at, {
    op: "Reshape",
    inputs: [together, g.ints([n * h2 * w2, depth])],
    shape: [n * h2 * w2, depth],
    type: x.type,
  });
}
