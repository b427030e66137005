/**
 * Pictures in tiles: where the tiles lie, what is cut out of one tensor for each, and where its result goes in another.
 * Tiles overlap by what an edge that is not the picture's own can reach; what is kept of them meets without overlap.
 */
import { type Tensor, zeros } from "../../tensor/tensor.ts";

/** From `from` to `to` (exclusive). */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** A tile along one axis: what is read, and the part of it whose results hold. */
export interface TileSpan {
  readonly read: Span;
  readonly kept: Span;
}

/**
 * Tiles of one length along an axis, so that nothing kept lies within `halo` of a tile's edge unless that is the axis's
 * own: as few as tiles of at most `most` can be, and as short as so many can be. `most` is over 2 · halo.
 */
export function tileSpans(length: number, most: number, halo: number): TileSpan[] {
  const step = most - 2 * halo;
  const count = length <= most ? 1 : Math.ceil((length - 2 * halo) / step);
  const kept = Math.ceil((length - 2 * halo) / count);
  const side = Math.min(length, kept + 2 * halo);
  return Array.from({ length: count }, (_, i) => {
    const from = Math.min(i * kept, length - side);
    return {
      read: { from, to: from + side },
      kept: { from: i === 0 ? 0 : i * kept + halo, to: i === count - 1 ? length : (i + 1) * kept + halo },
    };
  });
}

/**
 * `count` places of an axis, in bands of `band` neighbours that lie evenly over it: a sample that has the texture of the
 * whole, which a smaller picture of it would not have.
 */
export function bandsOf(length: number, count: number, band: number): number[] {
  const last = Math.ceil(count / band) - 1;
  const spare = length - count;
  return Array.from({ length: count }, (_, i) => {
    const j = Math.floor(i / band);
    return i + Math.floor(last === 0 ? spare / 2 : (j * spare) / last);
  });
}

/** x [1, channels, h, w] between rows and columns. */
export function crop(x: Tensor, rows: Span, columns: Span): Tensor {
  const [, channels = 0, height = 0, width = 0] = x.shape;
  const [h, w] = [rows.to - rows.from, columns.to - columns.from];
  const part = zeros([1, channels, h, w]);
  for (let c = 0; c < channels; c++) {
    for (let row = 0; row < h; row++) {
      const at = (c * height + rows.from + row) * width + columns.from;
      part.data.set(x.data.subarray(at, at + w), (c * h + row) * w);
    }
  }
  return part;
}

/** Writes x [1, channels, h, w] over a part of `into`, from `row` and `column` on. */
export function paste(into: Tensor, x: Tensor, row: number, column: number): void {
  const [, channels = 0, h = 0, w = 0] = x.shape;
  const [, , height = 0, width = 0] = into.shape;
  for (let c = 0; c < channels; c++) {
    for (let i = 0; i < h; i++) {
      const at = (c * h + i) * w;
      into.data.set(x.data.subarray(at, at + w), (c * height + row + i) * width + column);
    }
  }
}

/** x [1, channels, h, w] at those rows and columns alone. */
export function pick(x: Tensor, rows: readonly number[], columns: readonly number[]): Tensor {
  const [, channels = 0, height = 0, width = 0] = x.shape;
  const part = zeros([1, channels, rows.length, columns.length]);
  let at = 0;
  for (let c = 0; c < channels; c++) {
    for (const row of rows) {
      const from = (c * height + row) * width;
      for (const column of columns) part.data[at++] = x.data[from + column]!;
    }
  }
  return part;
}
