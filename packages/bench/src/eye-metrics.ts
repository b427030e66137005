/**
 * What a person sees to be wrong that a mean error does not say: outlines that are gone or moved, and patches of another colour, both in CIELAB, in which a dark scene's
 * differences count as they look. Compared in squares whose side is a share of the picture's shorter side, so that they mean the same at every size.
 */
import type { Picture } from "./library.ts";

/** The side of a square, as a share of the shorter side: for outlines, and for colours. */
const OUTLINE_SIDE = 1 / 16;
const COLOUR_SIDE = 1 / 8;
/** Squares are a quarter of the smaller side apart. */
const APART = 1 / 4;
/** Mean squared gradient, in CIELAB units a pixel, from which a square of the true picture has outlines. */
const HAS_OUTLINES = 5;
/** The share of squares that are worse than what is reported. */
const WORSE_OUTLINES = 0.25;
const WORSE_COLOURS = 0.02;

export interface EyeMetrics {
  /**
   * How alike the outlines are, 1 = the same: over the squares in which the truth has some, the similarity 2Σ∇a∇b / (Σ∇a² + Σ∇b²) that three quarters of them reach.
   * Left out where the truth has no outlines.
   */
  readonly structure?: number;
  /** Mean colour difference ΔE*ab (CIE 1976) in the squares that are farthest off; one square in fifty is worse. */
  readonly "colour.worst": number;
  /**
   * ΔE*ab of the mean colours in the square where they are farthest apart. Soft edges and lost texture keep a square's mean; a thing that is gone, another or of another
   * colour does not.
   */
  readonly "colour.mean": number;
}

export function eyeMetrics(result: Picture, target: Picture): EyeMetrics {
  const { width, height } = target;
  const shorter = Math.min(width, height);
  const [a, b] = [labOf(result), labOf(target)];
  const side = Math.max(2, Math.round(shorter * OUTLINE_SIDE));
  const step = Math.max(1, Math.round(side * APART));
  const [products, own, true_] = gradientSums(a, b, width, height).map(
    (map) => new SummedArea(map, width, height),
  );
  const n = side * side;
  const alike: number[] = [];
  for (const [x, y] of squares(width, height, side, step)) {
    const energy = true_!.sum(x, y, side);
    if (energy > n * HAS_OUTLINES)
      alike.push((2 * products!.sum(x, y, side) + n) / (own!.sum(x, y, side) + energy + n));
  }
  const large = Math.max(2, Math.round(shorter * COLOUR_SIDE));
  const [distances, ...channels] = differences(a, b).map((map) => new SummedArea(map, width, height));
  const corners = squares(width, height, large, step);
  const off = corners.map(([x, y]) => distances!.sum(x, y, large) / large ** 2);
  const means = corners.map(([x, y]) => Math.hypot(...channels.map((map) => map.sum(x, y, large))));
  return {
    ...(alike.length > 0 && { structure: quantile(alike, WORSE_OUTLINES) }),
    "colour.worst": quantile(off, 1 - WORSE_COLOURS),
    "colour.mean": means.reduce((most, one) => Math.max(most, one), 0) / large ** 2,
  };
}

/** Σ over L, a, b and both directions of ∇a·∇b, ∇a² and ∇b²: a map each. Forward differences, 0 at the far edges. */
function gradientSums(a: Float32Array, b: Float32Array, width: number, height: number): Float64Array[] {
  const maps = [0, 1, 2].map(() => new Float64Array(width * height));
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const i = y * width + x;
      for (const next of [x + 1 < width ? i + 1 : i, y + 1 < height ? i + width : i]) {
        for (let k = 0; k < 3; k++) {
          const u = a[3 * next + k]! - a[3 * i + k]!;
          const v = b[3 * next + k]! - b[3 * i + k]!;
          maps[0]![i]! += u * v;
          maps[1]![i]! += u * u;
          maps[2]![i]! += v * v;
        }
      }
    }
  }
  return maps;
}

/** ΔE*ab at each pixel, and a − b in L, in a and in b. */
function differences(a: Float32Array, b: Float32Array): Float64Array[] {
  const n = a.length / 3;
  const maps = [0, 1, 2, 3].map(() => new Float64Array(n));
  const [distance, ...channels] = maps as [Float64Array, Float64Array, Float64Array, Float64Array];
  for (let i = 0; i < n; i++) {
    let sum = 0;
    for (let k = 0; k < 3; k++) {
      const d = a[3 * i + k]! - b[3 * i + k]!;
      channels[k]![i] = d;
      sum += d * d;
    }
    distance[i] = Math.sqrt(sum);
  }
  return maps;
}

/** The corners of all squares that lie in the picture. */
function squares(width: number, height: number, side: number, step: number): [x: number, y: number][] {
  const corners: [number, number][] = [];
  for (let y = 0; y + side <= height; y += step) {
    for (let x = 0; x + side <= width; x += step) corners.push([x, y]);
  }
  return corners;
}

/** Sums over squares in constant time. */
class SummedArea {
  readonly #sums: Float64Array;
  readonly #stride: number;

  constructor(map: Float64Array, width: number, height: number) {
    this.#stride = width + 1;
    this.#sums = new Float64Array((width + 1) * (height + 1));
    for (let y = 0; y < height; y++) {
      let row = 0;
      for (let x = 0; x < width; x++) {
        row += map[y * width + x]!;
        this.#sums[(y + 1) * this.#stride + x + 1] = this.#sums[y * this.#stride + x + 1]! + row;
      }
    }
  }

  sum(x: number, y: number, side: number): number {
    const at = (u: number, v: number) => this.#sums[v * this.#stride + u]!;
    return at(x + side, y + side) - at(x, y + side) - at(x + side, y) + at(x, y);
  }
}

/** CIELAB of sRGB at D65, three floats a pixel: L 0 to 100, a and b about ±100. */
function labOf({ data }: Picture): Float32Array {
  const lab = new Float32Array((data.length / 4) * 3);
  for (let i = 0; i < data.length / 4; i++) {
    const r = LINEAR[data[4 * i]!]!;
    const g = LINEAR[data[4 * i + 1]!]!;
    const b = LINEAR[data[4 * i + 2]!]!;
    const x = compressed((0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.95047);
    const y = compressed(0.2126 * r + 0.7152 * g + 0.0722 * b);
    const z = compressed((0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.08883);
    lab[3 * i] = 116 * y - 16;
    lab[3 * i + 1] = 500 * (x - y);
    lab[3 * i + 2] = 200 * (y - z);
  }
  return lab;
}

/** sRGB's levels as light. */
const LINEAR = Float64Array.from({ length: 256 }, (_, level) => {
  const v = level / 255;
  return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
});
const compressed = (t: number): number => (t > 0.008856 ? Math.cbrt(t) : 7.787 * t + 16 / 116);

/** With linear interpolation, as numpy's percentile. */
function quantile(values: readonly number[], q: number): number {
  const sorted = Float64Array.from(values).sort();
  const at = q * (sorted.length - 1);
  const low = Math.floor(at);
  const high = Math.min(sorted.length - 1, low + 1);
  return sorted[low]! + (at - low) * (sorted[high]! - sorted[low]!);
}
