/**
 * Areas of one colour, found by flooding a picture's gradient (watershed; Vincent and Soille, 1991) with each pixel of a border given to
 * the area whose colour is nearer (Adams and Bischof, "Seeded region growing", 1994).
 */
import { type Colours, distance } from "./colour-distance.ts";

/** Every pixel belongs to one area, whose pixels hang together. */
export interface Areas {
  readonly count: number;
  /** For each pixel, its area. */
  readonly of: Int32Array;
  /** Mean of the pixels: three values an area. */
  readonly colour: Float64Array;
  /** In pixels. */
  readonly size: Int32Array;
}

/** Levels of the gradient to a unit of colour, and how many there are. */
const RESOLUTION = 4;
const LEVELS = 256;

export function areasOf(colours: Colours): Areas {
  const { width, data } = colours;
  const gradient = gradientOf(colours);
  const total = gradient.length;
  const of = new Int32Array(total).fill(-1);
  const colour = new Float64Array(3 * total);
  const size = new Int32Array(total);
  let count = 0;
  const queued = new Uint8Array(total);
  // A queue for each level: its first and last pixel, and for each pixel the one behind it.
  const [first, last] = [new Int32Array(LEVELS).fill(-1), new Int32Array(LEVELS)];
  const behind = new Int32Array(total);
  const neighbours = new Int32Array(4);
  const { pixels, starts } = byLevel(gradient);
  for (let level = 0; level < LEVELS; level++) {
    drain(level);
    for (let i = starts[level]!; i < starts[level + 1]!; i++) {
      const at = pixels[i]!;
      if (of[at] !== -1) continue;
      assign(at, count++);
      drain(level);
    }
  }
  return { count, of, colour: colour.slice(0, 3 * count), size: size.slice(0, count) };

  /** First come, first served: areas grow towards each other at one pace. */
  function drain(level: number) {
    for (let at = first[level]!; at !== -1; at = first[level]!) {
      first[level] = behind[at]!;
      let [best, least] = [-1, Number.POSITIVE_INFINITY];
      for (let k = neighboursOf(at, width, total, neighbours); k-- > 0; ) {
        const area = of[neighbours[k]!]!;
        if (area === -1) continue;
        const away = distance(data, 3 * at, colour, 3 * area);
        if (away < least) [best, least] = [area, away];
      }
      assign(at, best);
    }
  }

  function assign(at: number, area: number) {
    of[at] = area;
    const n = ++size[area]!;
    for (let c = 0; c < 3; c++) colour[3 * area + c]! += (data[3 * at + c]! - colour[3 * area + c]!) / n;
    queued[at] = 1;
    for (let k = neighboursOf(at, width, total, neighbours); k-- > 0; ) {
      const to = neighbours[k]!;
      if (queued[to]) continue;
      queued[to] = 1;
      const level = Math.max(gradient[at]!, gradient[to]!);
      behind[to] = -1;
      if (first[level] === -1) first[level] = to;
      else behind[last[level]!] = to;
      last[level] = to;
    }
  }
}

/** The largest difference to a pixel beside, above or below, in levels. */
function gradientOf({ width, height, data }: Colours): Uint8Array {
  const gradient = new Uint8Array(width * height);
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      if (x < width - 1) raise(i, i + 1);
      if (y < height - 1) raise(i, i + width);
    }
  }
  return gradient;

  function raise(i: number, j: number) {
    const step = Math.min(LEVELS - 1, Math.round(RESOLUTION * distance(data, 3 * i, data, 3 * j)));
    if (step > gradient[i]!) gradient[i] = step;
    if (step > gradient[j]!) gradient[j] = step;
  }
}

/** All pixels, those of each level from `starts[level]` on. */
function byLevel(gradient: Uint8Array): { pixels: Int32Array; starts: Int32Array } {
  const starts = new Int32Array(LEVELS + 1);
  for (let i = 0; i < gradient.length; i++) starts[gradient[i]! + 1]!++;
  for (let level = 0; level < LEVELS; level++) starts[level + 1]! += starts[level]!;
  const next = starts.slice();
  const pixels = new Int32Array(gradient.length);
  for (let i = 0; i < gradient.length; i++) pixels[next[gradient[i]!]!++] = i;
  return { pixels, starts };
}

/** Writes the pixels beside, above and below one, and returns how many there are. */
function neighboursOf(at: number, width: number, total: number, out: Int32Array): number {
  const x = at % width;
  let n = 0;
  if (x > 0) out[n++] = at - 1;
  if (x < width - 1) out[n++] = at + 1;
  if (at >= width) out[n++] = at - width;
  if (at + width < total) out[n++] = at + width;
  return n;
}
