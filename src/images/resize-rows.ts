/**
 * The resampler of resize.ts, a row at a time, for pictures too large to hold as floats. Rows and low-resolution planes are
 * interleaved, [width, channels] and [height, width, channels].
 */

import type { Grid } from "./colour-transform.ts";
import type { Box, Picture } from "./picture.ts";
import { type Filter, type Taps, taps } from "./resize.ts";

/** Taps one after the other, for inner loops. */
interface FlatTaps {
  readonly first: Int32Array;
  /** Where in `weights` those of a tap begin; one more at the end. */
  readonly start: Int32Array;
  readonly weights: Float64Array;
}

function flatten(list: readonly Taps[]): FlatTaps {
  const first = Int32Array.from(list, (tap) => tap.first);
  const start = new Int32Array(list.length + 1);
  list.forEach((tap, i) => {
    start[i + 1] = start[i]! + tap.weights.length;
  });
  const weights = new Float64Array(start[list.length]!);
  list.forEach((tap, i) => {
    weights.set(tap.weights, start[i]!);
  });
  return { first, start, weights };
}

function alongRow(row: Float32Array, channels: number, columns: FlatTaps, out: Float32Array): void {
  const { first, start, weights } = columns;
  for (let x = 0, to = 0; x < first.length; x++, to += channels) {
    const from = first[x]! * channels;
    const k = start[x]!;
    const taps = start[x + 1]! - k;
    if (channels === 3 && taps > 4) {
      // Reducing a picture.
      let [r, g, b] = [0, 0, 0];
      for (let i = 0, at = from; i < taps; i++, at += 3) {
        const weight = weights[k + i]!;
        r += weight * row[at]!;
        g += weight * row[at + 1]!;
        b += weight * row[at + 2]!;
      }
      out[to] = r;
      out[to + 1] = g;
      out[to + 2] = b;
    } else if (taps === 2) {
      // Enlarging linearly, nearly everywhere.
      const [v, w] = [weights[k]!, weights[k + 1]!];
      for (let c = 0; c < channels; c++) out[to + c] = v * row[from + c]! + w * row[from + channels + c]!;
    } else if (taps === 4) {
      // And with cubic.
      const [v, w, y, z] = [weights[k]!, weights[k + 1]!, weights[k + 2]!, weights[k + 3]!];
      for (let c = 0, at = from; c < channels; c++, at++) {
        out[to + c] =
          v * row[at]! + w * row[at + channels]! + y * row[at + 2 * channels]! + z * row[at + 3 * channels]!;
      }
    } else {
      for (let c = 0; c < channels; c++) {
        let sum = 0;
        for (let i = 0, at = from + c; i < taps; i++, at += channels) sum += weights[k + i]! * row[at]!;
        out[to + c] = sum;
      }
    }
  }
}

/** Takes the rows of a picture from the top and has the resized picture in `result` once all were given. */
export class RowReducer {
  /** [height, width, channels] of the new size. */
  readonly result: Float32Array;
  readonly #channels: number;
  readonly #columns: FlatTaps;
  readonly #lines: FlatTaps;
  readonly #row: Float32Array;
  /** The next row, and the first new row that may read it. */
  #y = 0;
  #from = 0;

  constructor(from: Grid, to: Grid, channels: number) {
    this.#channels = channels;
    this.#columns = flatten(taps(from.width, to.width, undefined));
    this.#lines = flatten(taps(from.height, to.height, undefined));
    this.#row = new Float32Array(to.width * channels);
    this.result = new Float32Array(to.height * this.#row.length);
  }

  /** Passes over the next row, as if it were black. */
  skip(): void {
    this.#y++;
  }

  /** The next row, [width, channels] of the old size. */
  push(row: Float32Array): void {
    const { first, start, weights } = this.#lines;
    const y = this.#y++;
    alongRow(row, this.#channels, this.#columns, this.#row);
    const length = this.#row.length;
    while (this.#from < first.length && y >= first[this.#from]! + count(start, this.#from)) this.#from++;
    for (let line = this.#from; line < first.length && first[line]! <= y; line++) {
      const weight = y - first[line]! < count(start, line) ? weights[start[line]! + y - first[line]!]! : 0;
      if (weight === 0) continue;
      const out = this.result.subarray(line * length, (line + 1) * length);
      for (let k = 0; k < length; k++) out[k] = out[k]! + weight * this.#row[k]!;
    }
  }
}

const count = (start: Int32Array, i: number): number => start[i + 1]! - start[i]!;

/** Gives the rows of resized planes, in any order. */
export class RowEnlarger {
  readonly #planes: Float32Array;
  readonly #channels: number;
  readonly #columns: FlatTaps;
  readonly #lines: FlatTaps;
  readonly #line: Float32Array;
  readonly #row: Float32Array;

  /** @param planes [height, width, channels] of the old size */
  constructor(planes: Float32Array, from: Grid, to: Grid, channels: number, filter?: Filter) {
    this.#planes = planes;
    this.#channels = channels;
    this.#columns = flatten(taps(from.width, to.width, filter));
    this.#lines = flatten(taps(from.height, to.height, filter));
    this.#line = new Float32Array(from.width * channels);
    this.#row = new Float32Array(to.width * channels);
  }

  /** Row y of the new size, [width, channels]; the next call overwrites it. */
  row(y: number): Float32Array {
    const { first, start, weights } = this.#lines;
    const length = this.#line.length;
    const line = this.#line.fill(0);
    for (let k = start[y]!; k < start[y + 1]!; k++) {
      const weight = weights[k]!;
      const at = (first[y]! + k - start[y]!) * length;
      for (let x = 0; x < length; x++) line[x] = line[x]! + weight * this.#planes[at + x]!;
    }
    alongRow(line, this.#channels, this.#columns, this.#row);
    return this.#row;
  }
}

/** For each pixel of a row the values of the old row it reads, and their weights: `count` of each, of weight 0 where it needs fewer. */
export interface ColumnTaps {
  readonly count: number;
  /** Times the channels. */
  readonly at: Int32Array;
  readonly weights: Float64Array;
}

/** RowEnlarger in halves, for many channels of which few pixels need all: the lines between the old rows, and how a pixel reads from them. */
export class LineEnlarger {
  readonly columns: ColumnTaps;
  readonly #planes: Float32Array;
  readonly #lines: FlatTaps;
  readonly #line: Float64Array;

  /** @param planes [height, width, channels] of the old size */
  constructor(planes: Float32Array, from: Grid, to: Grid, channels: number, filter?: Filter) {
    this.#planes = planes;
    this.#lines = flatten(taps(from.height, to.height, filter));
    this.#line = new Float64Array(from.width * channels);
    const list = taps(from.width, to.width, filter);
    const count = Math.max(...list.map((tap) => tap.weights.length), 2);
    const at = new Int32Array(count * to.width);
    const weights = new Float64Array(count * to.width);
    list.forEach((tap, x) => {
      at.fill(channels * tap.first, count * x, count * (x + 1));
      tap.weights.forEach((weight, i) => {
        at[count * x + i] = channels * (tap.first + i);
        weights[count * x + i] = weight;
      });
    });
    this.columns = { count, at, weights };
  }

  /** What row y of the new size is between, [old width, channels]; the next call overwrites it. */
  line(y: number): Float64Array {
    const { first, start, weights } = this.#lines;
    const line = this.#line.fill(0);
    for (let k = start[y]!; k < start[y + 1]!; k++) {
      const weight = weights[k]!;
      const at = (first[y]! + k - start[y]!) * line.length;
      for (let x = 0; x < line.length; x++) line[x] = line[x]! + weight * this.#planes[at + x]!;
    }
    return line;
  }
}

/** Of the pixels along a pixel of the model's size so many at least are visited; all of them would say no more. */
const LEAST = 3;

/**
 * Visits a picture's opaque pixels that lie in a box of the model's size `small`: where in the bytes, and in which pixel of that size.
 * Where the picture is much larger, every second or third of a row, and of the next row those beside them.
 */
export function eachPixel(
  { width, height, data }: Picture,
  small: Grid,
  box: Box,
  visit: (at: number, p: number) => void,
): void {
  const columns = Int32Array.from({ length: width }, (_, x) => Math.floor(((x + 0.5) * small.width) / width));
  const right = box.x + box.width;
  const step = Math.max(1, Math.floor(width / small.width / LEAST));
  for (let y = 0; y < height; y++) {
    const row = Math.floor(((y + 0.5) * small.height) / height);
    if (row < box.y || row >= box.y + box.height) continue;
    for (
      let x = y % step, at = 4 * (y * width + x);
      x < width && columns[x]! < right;
      x += step, at += 4 * step
    ) {
      if (columns[x]! < box.x || data[at + 3] !== 255) continue;
      visit(at, row * small.width + columns[x]!);
    }
  }
}
