import type { Picture } from "./library.ts";

/**
 * Structural similarity (Wang, Bovik, Sheikh and Simoncelli, "Image Quality Assessment: From Error Visibility to Structural
 * Similarity", IEEE TIP 2004): a Gaussian window of 11 × 11 with σ = 1.5, K₁ = 0.01, K₂ = 0.03, L = 255, population
 * variances; each colour channel by itself, then their mean. Borders are mirrored, as in scikit-image with
 * gaussian_weights and use_sample_covariance=False, whose map this equals.
 */

const RADIUS = 5;
const SIGMA = 1.5;
const [C1, C2] = [(0.01 * 255) ** 2, (0.03 * 255) ** 2];

const WINDOW = gaussian();

function gaussian(): Float64Array {
  const weights = Float64Array.from({ length: 2 * RADIUS + 1 }, (_, i) =>
    Math.exp(-((i - RADIUS) ** 2) / (2 * SIGMA ** 2)),
  );
  const sum = weights.reduce((a, b) => a + b);
  return weights.map((w) => w / sum);
}

/** SSIM at each pixel, mean over R, G and B; row-major, [height, width]. The pictures have one size. */
export function ssimMap(a: Picture, b: Picture): Float64Array {
  const { width, height } = a;
  const map = new Float64Array(width * height);
  for (let channel = 0; channel < 3; channel++) {
    const x = plane(a, channel);
    const y = plane(b, channel);
    const product = (p: Float64Array, q: Float64Array) => {
      const out = new Float64Array(p.length);
      for (let i = 0; i < out.length; i++) out[i] = p[i]! * q[i]!;
      return blur(out, width, height);
    };
    const [ux, uy] = [blur(x, width, height), blur(y, width, height)];
    const [xx, yy, xy] = [product(x, x), product(y, y), product(x, y)];
    for (let i = 0; i < map.length; i++) {
      const [mx, my] = [ux[i]!, uy[i]!];
      const variances = xx[i]! - mx * mx + (yy[i]! - my * my);
      const covariance = xy[i]! - mx * my;
      map[i]! +=
        ((2 * mx * my + C1) * (2 * covariance + C2)) / ((mx * mx + my * my + C1) * (variances + C2)) / 3;
    }
  }
  return map;
}

/** The mean of the map but for a border of half a window, as scikit-image and the authors' own code report it. */
export function ssim(a: Picture, b: Picture, map: Float64Array = ssimMap(a, b)): number {
  const { width, height } = a;
  let [sum, n] = [0, 0];
  for (let y = RADIUS; y < height - RADIUS; y++) {
    for (let x = RADIUS; x < width - RADIUS; x++) {
      sum += map[y * width + x]!;
      n++;
    }
  }
  return sum / n;
}

function plane({ data, width, height }: Picture, channel: number): Float64Array {
  const out = new Float64Array(width * height);
  for (let i = 0; i < out.length; i++) out[i] = data[4 * i + channel]!;
  return out;
}

function blur(values: Float64Array, width: number, height: number): Float64Array {
  return along(along(values, 1, width, width, height), width, height, 1, width);
}

/** Filters `lines` lines of `length` values, `step` apart within a line and `lineStep` between lines. */
function along(
  values: Float64Array,
  step: number,
  length: number,
  lineStep: number,
  lines: number,
): Float64Array {
  const out = new Float64Array(values.length);
  // Where in a line the taps of position i lie, the mirror at the borders worked out once.
  const taps = Int32Array.from(
    { length: length + 2 * RADIUS },
    (_, i) => step * mirrored(i - RADIUS, length),
  );
  for (let line = 0; line < lines; line++) {
    const start = line * lineStep;
    for (let i = 0; i < length; i++) {
      let sum = 0;
      for (let k = 0; k < WINDOW.length; k++) sum += WINDOW[k]! * values[start + taps[i + k]!]!;
      out[start + step * i] = sum;
    }
  }
  return out;
}

/** d c b a | a b c d | d c b a */
function mirrored(i: number, length: number): number {
  const at = ((i % (2 * length)) + 2 * length) % (2 * length);
  return at < length ? at : 2 * length - 1 - at;
}
