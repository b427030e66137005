/**
 * The exact Euclidean distance transform in linear time: lower envelopes of parabolas, first along columns, then along
 * rows (Felzenszwalb and Huttenlocher, "Distance Transforms of Sampled Functions", 2012).
 */

/**
 * For each pixel, the distance in pixels from its centre to the centre of the nearest pixel where `isTarget` is not 0;
 * 0 on such a pixel, Infinity where there is none at all. What lies outside the field counts as no target.
 */
export function distanceTo(isTarget: Uint8Array, width: number, height: number): Float32Array {
  const squared = new Float64Array(width * height);
  for (let i = 0; i < squared.length; i++) squared[i] = isTarget[i] ? 0 : Number.POSITIVE_INFINITY;
  const line = new Line(Math.max(width, height));
  for (let x = 0; x < width; x++) line.transform(squared, x, width, height);
  for (let y = 0; y < height; y++) line.transform(squared, y * width, 1, width);
  const distance = new Float32Array(squared.length);
  for (let i = 0; i < distance.length; i++) distance[i] = Math.sqrt(squared[i]!);
  return distance;
}

/** Replaces the f of one line by the smallest f[p] + (q − p)² over all p, at each q. Its memory serves all lines. */
class Line {
  readonly #f: Float64Array;
  /** Apexes of the parabolas that touch the envelope, from left to right, and where each begins to be the lowest. */
  readonly #apexes: Int32Array;
  readonly #starts: Float64Array;

  constructor(longest: number) {
    this.#f = new Float64Array(longest);
    this.#apexes = new Int32Array(longest);
    this.#starts = new Float64Array(longest);
  }

  transform(field: Float64Array, first: number, stride: number, length: number): void {
    const [f, apexes, starts] = [this.#f, this.#apexes, this.#starts];
    let count = 0;
    for (let p = 0; p < length; p++) {
      const height = field[first + p * stride]!;
      f[p] = height;
      if (height === Number.POSITIVE_INFINITY) continue;
      let start = Number.NEGATIVE_INFINITY;
      for (; count > 0; count--) {
        const last = apexes[count - 1]!;
        start = (height + p * p - (f[last]! + last * last)) / (2 * (p - last));
        if (start > starts[count - 1]!) break;
        start = Number.NEGATIVE_INFINITY;
      }
      apexes[count] = p;
      starts[count] = start;
      count++;
    }
    if (count === 0) return;
    for (let q = 0, k = 0; q < length; q++) {
      while (k + 1 < count && starts[k + 1]! < q) k++;
      const apex = apexes[k]!;
      field[first + q * stride] = f[apex]! + (q - apex) * (q - apex);
    }
  }
}
