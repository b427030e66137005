/**
 * Where tokens are: rotary positions of text and picture (Qwen3VLModel.get_rope_index and the two rotary embeddings of transformers), and the grid of learned
 * positions brought to a picture's size.
 */
import { type Tensor, tensor } from "../../tensor/tensor.ts";
import { rotaryFrequencies } from "../qwen3/graph.ts";
import type { Qwen3VlTextConfig, Qwen3VlVisionConfig } from "./config.ts";

/** Rows and columns. */
export type Grid = readonly [rows: number, columns: number];

/** Cosines and sines, [tokens, head / 2] each. */
export interface Rotations {
  readonly cos: Tensor;
  readonly sin: Tensor;
}

/** Angles rounded as torch rounds them, `angles(place)` for every token's place. */
function rotations<Place>(
  places: readonly Place[],
  pairs: number,
  angle: (place: Place, i: number) => number,
) {
  const table = (of: (angle: number) => number) =>
    tensor(
      Float32Array.from({ length: places.length * pairs }, (_, k) =>
        of(Math.fround(angle(places[Math.floor(k / pairs)]!, k % pairs))),
      ),
      [places.length, pairs],
    );
  return { cos: table(Math.cos), sin: table(Math.sin) };
}

/** A picture in a text: the number of its first token, and rows and columns of its features. */
export interface Placed {
  readonly first: number;
  readonly grid: Grid;
}

/** Time, row and column of every token. In a text the three are one count, which a picture holds up: it moves it on by its longer side. */
export function textPlaces(tokens: number, picture: Placed | null): (readonly [number, number, number])[] {
  const [rows, columns] = picture?.grid ?? [0, 0];
  const { first } = picture ?? { first: tokens };
  return Array.from({ length: tokens }, (_, i) => {
    const inside = i - first;
    if (inside < 0) return [i, i, i];
    if (inside < rows * columns)
      return [first, first + Math.floor(inside / columns), first + (inside % columns)];
    const place = first + Math.max(rows, columns) + inside - rows * columns;
    return [place, place, place];
  });
}

/** Which of time, row and column turns the i-th pair: they take turns as far as their sections reach, and time has the rest. */
function axisOf(i: number, [, rows, columns]: Qwen3VlTextConfig["mrope_section"]): 0 | 1 | 2 {
  if (i % 3 === 1 && i < 3 * rows) return 1;
  return i % 3 === 2 && i < 3 * columns ? 2 : 0;
}

export function textRotations(config: Qwen3VlTextConfig, tokens: number, picture: Placed | null): Rotations {
  const frequencies = rotaryFrequencies(config.rope_theta, config.head_dim);
  const axes = frequencies.map((_, i) => axisOf(i, config.mrope_section));
  return rotations(
    textPlaces(tokens, picture),
    frequencies.length,
    (place, i) => place[axes[i]!]! * frequencies[i]!,
  );
}

/** Row and column of every patch in the tower's order: those that become one feature follow each other. */
export function patchPlaces([rows, columns]: Grid, merge: number): Grid[] {
  const [across, block] = [columns / merge, merge * merge];
  return Array.from({ length: rows * columns }, (_, i) => {
    const [at, inside] = [Math.floor(i / block), i % block];
    return [
      Math.floor(at / across) * merge + Math.floor(inside / merge),
      (at % across) * merge + (inside % merge),
    ];
  });
}

/** The first half of the pairs is turned by a patch's row, the second by its column. */
export function patchRotations(config: Qwen3VlVisionConfig, grid: Grid): Rotations {
  const { hidden_size, num_heads, rope_theta, spatial_merge_size: merge } = config;
  const frequencies = rotaryFrequencies(rope_theta, hidden_size / num_heads / 2);
  const each = frequencies.length;
  return rotations(
    patchPlaces(grid, merge),
    2 * each,
    (place, i) => place[i < each ? 0 : 1] * frequencies[i % each]!,
  );
}

/** The four learned positions about every patch, and their shares. */
export interface Corners {
  /** [patches] each, rows of the table of positions. */
  readonly indices: readonly number[][];
  /** [patches] each. */
  readonly shares: readonly Float32Array[];
}

/** Linear between the places of a square grid, whose corners are the picture's. */
export function positionCorners(config: Qwen3VlVisionConfig, grid: Grid): Corners {
  const side = Math.floor(Math.sqrt(config.num_position_embeddings));
  const places = patchPlaces(grid, config.spatial_merge_size);
  const axes = ([0, 1] as const).map((axis) => {
    const size = grid[axis];
    return Array.from({ length: size }, (_, i) => {
      const at = Math.fround((i * (side - 1)) / Math.max(1, size - 1));
      const floor = Math.floor(at);
      const share = Math.fround(at - floor);
      return { taps: [floor, Math.min(floor + 1, side - 1)], shares: [1 - share, share] } as const;
    });
  });
  const corners = [0, 1].flatMap((down) => [0, 1].map((across) => [down, across] as const));
  const of = (read: (row: Tap, column: Tap, corner: readonly [number, number]) => number) =>
    corners.map((corner) => places.map(([y, x]) => read(axes[0]![y]!, axes[1]![x]!, corner)));
  return {
    indices: of((row, column, [down, across]) => row.taps[down]! * side + column.taps[across]!),
    shares: of((row, column, [down, across]) => row.shares[down]! * column.shares[across]!).map((shares) =>
      Float32Array.from(shares),
    ),
  };
}

interface Tap {
  readonly taps: readonly number[];
  readonly shares: readonly number[];
}
