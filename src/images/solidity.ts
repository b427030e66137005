/** Of its convex hull, how much a shape fills: 1 for a box, less for what has bays, holes or several parts. */

/** Shapes that share no pixel, each by the first pixel and the end of each of its rows. */
export interface Spans {
  /** Of the plane in which the shapes lie. */
  readonly height: number;
  /** The first row of each shape. */
  readonly top: Int32Array;
  /** Where the rows of each shape begin in `left` and `right`, and, last, where they end. */
  readonly start: Int32Array;
  /** The first pixel of a row; beyond every picture where the shape has none in it. */
  readonly left: Int32Array;
  /** One after the last pixel of a row; −1 where there is none. */
  readonly right: Int32Array;
}

const NONE = 2 ** 30;

/** The shapes that labels from 0 to `count` − 1 make. */
export function spansOf(labels: Int32Array, width: number, count: number): Spans {
  const height = labels.length / width;
  const top = new Int32Array(count).fill(-1);
  const bottom = new Int32Array(count);
  for (let i = 0, y = 0; y < height; y++) {
    for (const end = i + width; i < end; i++) {
      const id = labels[i]!;
      if (top[id] === -1) top[id] = y;
      bottom[id] = y;
    }
  }
  const start = new Int32Array(count + 1);
  for (let id = 0; id < count; id++) start[id + 1] = start[id]! + bottom[id]! - top[id]! + 1;
  const left = new Int32Array(start[count]!).fill(NONE);
  const right = new Int32Array(start[count]!).fill(-1);
  for (let i = 0, y = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      const id = labels[i]!;
      const row = start[id]! + y - top[id]!;
      if (left[row] === NONE) left[row] = x;
      right[row] = x + 1;
    }
  }
  return { height, top, start, left, right };
}

/** How much several of the shapes fill the hull around all of them. */
export function solidityOf(
  { height, top, start, left, right }: Spans,
  area: ArrayLike<number>,
  ids: Iterable<number>,
): number {
  const lefts = new Int32Array(height).fill(NONE);
  const rights = new Int32Array(height).fill(-1);
  let covered = 0;
  for (const id of ids) {
    covered += area[id]!;
    for (let row = start[id]!, y = top[id]!; row < start[id + 1]!; row++, y++) {
      if (left[row]! < lefts[y]!) lefts[y] = left[row]!;
      if (right[row]! > rights[y]!) rights[y] = right[row]!;
    }
  }
  return covered / hullArea(lefts, rights);
}

/** How much a shape fills its hull; its pixels are 1, all others 0. */
export function solidity(inside: Uint8Array, width: number): number {
  const height = inside.length / width;
  const lefts = new Int32Array(height).fill(NONE);
  const rights = new Int32Array(height).fill(-1);
  let area = 0;
  for (let i = 0, y = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      if (!inside[i]) continue;
      area++;
      if (lefts[y] === NONE) lefts[y] = x;
      rights[y] = x + 1;
    }
  }
  return area / hullArea(lefts, rights);
}

/** The area between the hull's left side and its right; 1 at least. */
function hullArea(lefts: Int32Array, rights: Int32Array): number {
  return Math.max(1, (-envelope(rights, -1) - envelope(lefts, 1)) / 2);
}

/** Twice the area beside the convex envelope of one side, whose corners lie between the rows (Andrew's monotone chain). */
function envelope(side: Int32Array, sign: 1 | -1): number {
  const [xs, ys] = [new Float64Array(side.length + 1), new Float64Array(side.length + 1)];
  let count = 0;
  const at = (y: number) =>
    side[y] === undefined || side[y] === NONE || side[y] === -1 ? NONE : sign * side[y]!;
  for (let y = 0; y <= side.length; y++) {
    const x = Math.min(at(y - 1), at(y));
    if (x === NONE) continue;
    while (
      count > 1 &&
      (xs[count - 1]! - xs[count - 2]!) * (y - ys[count - 2]!) >=
        (x - xs[count - 2]!) * (ys[count - 1]! - ys[count - 2]!)
    )
      count--;
    xs[count] = x;
    ys[count++] = y;
  }
  let twice = 0;
  for (let i = 1; i < count; i++) twice += (xs[i]! + xs[i - 1]!) * (ys[i]! - ys[i - 1]!);
  return twice;
}
