/**
 * Which pixels belong to the thing under a point: those that can be reached from it without a large step of colour. How large a step
 * may be is not given but found, as where the region stays the same over the widest range of it (as maximally stable extremal
 * regions are found; Matas et al., 2002).
 */

/** Colours in OKLab, scaled so that 1 is a difference that can just be seen; three values a pixel. */
export interface Colours {
  readonly width: number;
  readonly height: number;
  readonly data: Float32Array;
}

/** A step from pixel to pixel weighs as much as it is, the distance from where one began as much as this. */
const FROM_START = 0.55;
/** Of lightness: one thing has light and shaded sides of one hue. */
const SHADE = 0.4;
const LEVELS = 256;
/** Costs a unit of colour. */
const RESOLUTION = 4;
/** Of the picture: what is larger is the background, and not a thing. */
const MAX_SHARE = 0.6;
/** A region counts as the same while it grows by less than this. */
const GROWTH = 1.12;

/** The cost of reaching each pixel from the start, 0 to 255: the largest step on the best way. */
export function costFrom({ width, height, data }: Colours, x: number, y: number): Uint8Array {
  const cost = new Uint8Array(width * height).fill(LEVELS - 1);
  const done = new Uint8Array(width * height);
  const buckets: number[][] = Array.from({ length: LEVELS }, () => []);
  const start = y * width + x;
  const origin = meanAround({ width, height, data }, x, y);
  cost[start] = 0;
  buckets[0]!.push(start);
  for (const [level, bucket] of buckets.entries()) {
    for (let at = bucket.pop(); at !== undefined; at = bucket.pop()) {
      if (done[at]) continue;
      done[at] = 1;
      const column = at % width;
      if (column > 0) visit(at, at - 1, level);
      if (column < width - 1) visit(at, at + 1, level);
      if (at >= width) visit(at, at - width, level);
      if (at < width * (height - 1)) visit(at, at + width, level);
    }
  }
  return cost;

  function visit(from: number, to: number, level: number): void {
    if (done[to]) return;
    const step = hueDistance(data, 3 * to, data, 3 * from);
    const away = FROM_START * hueDistance(data, 3 * to, origin, 0);
    const reached = Math.max(level, Math.min(LEVELS - 1, Math.round(RESOLUTION * Math.max(step, away))));
    if (reached >= cost[to]! && cost[to] !== LEVELS - 1) return;
    cost[to] = reached;
    buckets[reached]!.push(to);
  }
}

/** The cost up to which pixels belong to the thing. */
export function stableCost(cost: Uint8Array): number {
  const areas = new Float64Array(LEVELS);
  for (const level of cost) areas[level]!++;
  for (let level = 1; level < LEVELS; level++) areas[level]! += areas[level - 1]!;
  const largest = MAX_SHARE * cost.length;
  let best = { level: 0, score: 0 };
  for (let level = 2; level < LEVELS - 1 && areas[level]! <= largest; level++) {
    let end = level;
    while (end + 1 < LEVELS - 1 && areas[end + 1]! <= GROWTH * areas[level]!) end++;
    // A region of a few pixels is stable because it is the inside of one colour of many.
    const score = Math.log((end + 2) / (level + 1)) * Math.min(1, areas[level]! / (0.002 * cost.length));
    if (score > best.score) best = { level: Math.round(level + 0.5 * (end - level)), score };
  }
  return best.level;
}

function meanAround({ width, height, data }: Colours, x: number, y: number): Float32Array {
  const mean = new Float32Array(3);
  let count = 0;
  for (let v = Math.max(0, y - 1); v <= Math.min(height - 1, y + 1); v++) {
    for (let u = Math.max(0, x - 1); u <= Math.min(width - 1, x + 1); u++) {
      for (let c = 0; c < 3; c++) mean[c]! += data[3 * (v * width + u) + c]!;
      count++;
    }
  }
  return mean.map((value) => value / count);
}

function hueDistance(a: ArrayLike<number>, i: number, b: ArrayLike<number>, j: number): number {
  return Math.hypot(SHADE * (a[i]! - b[j]!), a[i + 1]! - b[j + 1]!, a[i + 2]! - b[j + 2]!);
}

export function distance(a: ArrayLike<number>, i: number, b: ArrayLike<number>, j: number): number {
  return Math.hypot(a[i]! - b[j]!, a[i + 1]! - b[j + 1]!, a[i + 2]! - b[j + 2]!);
}

/** Adds what is enclosed and smaller than `share` of the region; leaves larger holes, through which one looks at something else. */
export function fillHoles(inside: Uint8Array, width: number, height: number, share = 0.15): void {
  let area = 0;
  for (const one of inside) area += one;
  const seen = new Uint8Array(inside.length);
  for (let start = 0; start < inside.length; start++) {
    if (inside[start] || seen[start]) continue;
    const hole: number[] = [start];
    let open = false;
    seen[start] = 1;
    for (let i = 0; i < hole.length; i++) {
      const at = hole[i]!;
      const [x, y] = [at % width, Math.floor(at / width)];
      if (x === 0 || y === 0 || x === width - 1 || y === height - 1) open = true;
      for (const next of [at - 1, at + 1, at - width, at + width]) {
        if (next < 0 || next >= inside.length || inside[next] || seen[next]) continue;
        if (Math.abs((next % width) - x) > 1) continue;
        seen[next] = 1;
        hole.push(next);
      }
    }
    if (!open && hole.length < share * area) for (const at of hole) inside[at] = 1;
  }
}
