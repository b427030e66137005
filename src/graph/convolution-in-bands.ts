/**
 * A 3×3 convolution of a large picture by Winograd's minimal filtering (Lavin and Gray, arXiv 1509.09308), in bands of rows whose
 * numbers stay in the processor's cache. What comes before it, a norm's last step and SiLU, and what is added after it go
 * through the same bands. Weights are transformed as the graph runs: beside that many pixels it costs nothing, and no copy is kept.
 */
import { kronecker, WINOGRAD } from "../tensor/winograd.ts";
import { expectShape, fail, type Graph, MICROSOFT, type Site, type Value } from "./graph.ts";
import { add, concat, gemm, mul, reshape, silu, unary } from "./ops.ts";

/** silu(x · scale + shift), with a scale and a shift for each channel, [c]. */
export interface Activation {
  readonly scale: Value;
  readonly shift: Value;
}

export interface BandedOptions {
  /** What is applied to x first. */
  readonly before?: Activation;
  /** Added to the result, of its shape. */
  readonly residual?: Value;
  /** Whether what is below 0, after the residual, becomes 0. */
  readonly relu?: boolean;
  /** Whether x is first doubled in size, every pixel four times. */
  readonly doubled?: boolean;
}

/** Bᵀ transforms the pixels that a tile sees, G a kernel, Aᵀ takes the products back to n × n results. */
interface Filtering {
  readonly b: readonly (readonly number[])[];
  readonly g: readonly (readonly number[])[];
  readonly a: readonly (readonly number[])[];
  /** Pixels of x from one tile to the next. */
  readonly step: number;
}

/** F(4×4): 36 products for 16 results, each of which would be nine. */
const FOUR: Filtering = { ...WINOGRAD[4], step: 4 };

/**
 * The two results of a pixel p that was doubled, between neighbours o and q, by three products instead of six:
 * (g₀ + g₁ + g₂)·p + g₀·(o − p), and (g₀ + g₁ + g₂)·p + g₂·(q − p). As many as F(4×4) has, on a quarter of the pixels.
 */
const DOUBLED: Filtering = {
  b: [
    [0, 1, 0],
    [1, -1, 0],
    [0, -1, 1],
  ],
  g: [
    [1, 1, 1],
    [1, 0, 0],
    [0, 0, 1],
  ],
  a: [
    [1, 1, 0],
    [1, 0, 1],
  ],
  step: 1,
};

/** Bytes of a band's transformed pixels: more leave the cache, fewer read the weights too often. */
const BAND_BYTES = 16e6;

/** x [1, h, w, c] ∗ weight [out, c, 3, 3] + bias [out], padded to keep the size → [1, h, w, out], or with `doubled` [1, 2h, 2w, out] */
export function convolutionInBands(
  at: Site,
  x: Value,
  weight: Value,
  bias: Value,
  options: BandedOptions = {},
): Value {
  const { residual, doubled = false, relu = false } = options;
  const [batch = 0, h = 0, w = 0, c = 0] = x.shape;
  const [out = 0, width = 0, ...kernel] = weight.shape;
  if (batch !== 1 || c !== width || String(kernel) !== "3,3") {
    fail(at, `a convolution in bands with weight [${weight.shape}] cannot take [${x.shape}]`);
  }
  const filtering = doubled ? DOUBLED : FOUR;
  const grow = doubled ? 2 : 1;
  const result = [1, grow * h, grow * w, out];
  if (residual) expectShape(at, "the convolution's residual", residual, result);
  const filters = transformed(at, weight, filtering.g);
  const columns = Math.ceil(w / filtering.step);
  const perRow = 4 * filters.shape[0]! * columns * Math.max(c, out);
  const height = filtering.step * Math.max(1, Math.floor(BAND_BYTES / perRow));
  const picture = reshape(at, x, [h, w, c]);
  const added = residual && reshape(at, residual, result.slice(1));
  const tiles = Math.ceil(Math.min(h, height) / filtering.step) * columns;
  const biases = biasOf(at, bias, tiles);
  const bands: Value[] = [];
  for (let from = 0; from < h; from += height) {
    const to = Math.min(h, from + height);
    const y = band(at, picture, filters, biases, filtering, [from, to], options.before);
    const sum = added ? add(at, y, rowsOf(at, added, grow * from, grow * to)) : y;
    bands.push(relu ? unary(at, "Relu", sum) : sum);
  }
  return reshape(at, bands.length === 1 ? bands[0]! : concat(at, bands, 0), result);
}

/** bias [out] for each of so many tiles, one after the other: [1, tiles · out] */
function biasOf(at: Site, bias: Value, tiles: number): Value {
  const [out = 0] = bias.shape;
  const shape = [tiles, out];
  const each = at.graph.add(at, { op: "Expand", inputs: [bias, at.graph.ints(shape)], shape });
  return reshape(at, each, [1, tiles * out]);
}

/** The results of rows `from` to `to` (exclusive) of x [h, w, c]: as many, or twice as many, [n, w', out] */
function band(
  at: Site,
  x: Value,
  filters: Value,
  biases: Value,
  filtering: Filtering,
  [from, to]: readonly [number, number],
  before?: Activation,
): Value {
  const [h = 0, w = 0, c = 0] = x.shape;
  const [products = 0, out = 0] = filters.shape;
  const { a, b, step } = filtering;
  const n = a.length;
  const [first, last] = [Math.max(0, from - 1), Math.min(h, to + 1)];
  const near = rowsOf(at, x, first, last);
  const active = before ? silu(at, add(at, mul(at, near, before.scale), before.shift)) : near;
  // Pixel 0 is what lies outside of the picture.
  const zero = at.graph.constant(new Float32Array(c), [1, c]);
  const pixels = concat(at, [zero, reshape(at, active, [(last - first) * w, c])], 0);
  const [rows, columns] = [Math.ceil((to - from) / step), Math.ceil(w / step)];
  const tiles = rows * columns;
  const edges = { above: from - first, rows: last - first, columns: w };
  const places = `${rows},${columns} of ${Object.values(edges)} by ${b.length}`;
  const seen = pick(at, pixels, places, [products * tiles], () => seenBy(rows, columns, filtering, edges));
  const turned = gemm(at, square(at, b), reshape(at, seen, [products, tiles * c]));
  const multiplied = at.graph.add(at, {
    op: "FusedMatMul",
    domain: MICROSOFT,
    inputs: [reshape(at, turned, [products, tiles, c]), filters],
    shape: [products, tiles, out],
    attributes: { transB: { int: 1 } },
    flops: 2 * products * tiles * c * out,
  });
  const flat = reshape(at, multiplied, [products, tiles * out]);
  const bias = biases.shape[1] === tiles * out ? biases : columnsOf(at, biases, tiles * out);
  const back = reshape(at, gemm(at, square(at, a), flat, { bias }), [n * n * tiles, out]);
  const grow = n / step;
  const size = [grow * (to - from), grow * w] as const;
  return pick(at, back, `${size} from ${rows},${columns} of ${n}`, size, () =>
    laidOut(size, n, rows, columns),
  );
}

/** The first of a row, [1, n] */
function columnsOf(at: Site, row: Value, n: number): Value {
  const g = at.graph;
  return g.add(at, { op: "Slice", inputs: [row, g.ints([0]), g.ints([n]), g.ints([1])], shape: [1, n] });
}

/** Which pixels tiles see, all tiles' first before all tiles' second: 0 outside of the picture, else 1 + the pixel's place. */
function seenBy(
  tileRows: number,
  tileColumns: number,
  { b, step }: Filtering,
  { above, rows, columns }: { above: number; rows: number; columns: number },
): number[] {
  const places: number[] = [];
  for (let i = 0; i < b.length ** 2; i++) {
    const [dy, dx] = [Math.floor(i / b.length) - 1 + above, (i % b.length) - 1];
    for (let row = 0; row < tileRows; row++) {
      for (let column = 0; column < tileColumns; column++) {
        const [y, x] = [step * row + dy, step * column + dx];
        places.push(y < 0 || y >= rows || x < 0 || x >= columns ? 0 : 1 + y * columns + x);
      }
    }
  }
  return places;
}

/** Where each pixel of the result is among n × n results of every tile. */
function laidOut(
  [height, width]: readonly [number, number],
  n: number,
  tileRows: number,
  tileColumns: number,
): number[] {
  return Array.from({ length: height * width }, (_, i) => {
    const [y, x] = [Math.floor(i / width), i % width];
    const tile = Math.floor(y / n) * tileColumns + Math.floor(x / n);
    return ((y % n) * n + (x % n)) * tileRows * tileColumns + tile;
  });
}

/** G·g·Gᵀ of every 3×3 kernel: weight [out, c, 3, 3] → [products, out, c] */
function transformed(at: Site, weight: Value, g: Filtering["g"]): Value {
  const [out = 0, c = 0] = weight.shape;
  const matrix = square(at, g);
  const all = gemm(at, matrix, reshape(at, weight, [out * c, 9]), { transB: true });
  return reshape(at, all, [g.length ** 2, out, c]);
}

/** Rows `from` to `to` (exclusive) of x [h, w, c] */
export function rowsOf(at: Site, x: Value, from: number, to: number): Value {
  if (from === 0 && to === x.shape[0]) return x;
  const places = () => Array.from({ length: to - from }, (_, i) => from + i);
  return pick(at, x, `rows ${from} to ${to}`, [to - from], places);
}

/** What lies along x's first axis, at `places`, which are laid out in a shape of their own. */
function pick(at: Site, x: Value, name: string, shape: readonly number[], places: () => number[]): Value {
  return at.graph.add(at, {
    op: "Gather",
    inputs: [x, shared(at, name, () => at.graph.ints(places(), shape))],
    shape: [...shape, ...x.shape.slice(1)],
    attributes: { axis: { int: 0 } },
  });
}

/** Constants by graph and name: bands, and layers of one size, have the same. */
const constants = new WeakMap<Graph, Map<string, Value>>();

function shared(at: Site, name: string, make: () => Value): Value {
  const known = constants.get(at.graph) ?? new Map<string, Value>();
  constants.set(at.graph, known);
  const value = known.get(name) ?? make();
  known.set(name, value);
  return value;
}

/** m ⊗ m, for m·X·mᵀ. */
function square(at: Site, m: readonly (readonly number[])[]): Value {
  return shared(at, `square of ${m.join(";")}`, () =>
    at.graph.constant(kronecker(m), [m.length ** 2, m[0]!.length ** 2]),
  );
}
