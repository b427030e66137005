/** What an unmixed change of colours (colour-unmixing.ts) does to a picture's own pixels, a row at a time. */
import type { Grid } from "./colour-transform.ts";
import type { Unmixed } from "./colour-unmixing.ts";
import { RowEnlarger } from "./resize-rows.ts";

/** Adds the change of each pixel's colour to a row, in any order of rows. */
export class UnmixedRows {
  readonly #of: Unmixed;
  readonly #width: number;
  readonly #height: number;
  readonly #counts: RowEnlarger;
  /** Of every column the tile to its left, times the values of a tile, and how far it is from its middle. */
  readonly #first: Int32Array;
  readonly #along: Float32Array;

  /** @param counts how far the changes count, [h, w], 0 to 1 */
  constructor(of: Unmixed, counts: Float32Array, { width, height }: Grid) {
    this.#of = of;
    this.#width = width;
    this.#height = height;
    this.#counts = new RowEnlarger(counts, of.small, { width, height }, 1, "linear");
    this.#first = new Int32Array(width);
    this.#along = new Float32Array(width);
    for (let x = 0; x < width; x++) {
      const [tile, share] = between(((x + 0.5) * of.small.width) / width / of.tile, of.tiles.width);
      this.#first[x] = tile * 3 * of.groups.size;
      this.#along[x] = share;
    }
  }

  /**
   * @param source row y of the picture, [width, 3], 0 to 1
   * @param moved what is added to, [width, 3]
   */
  add(y: number, source: Float32Array, moved: Float32Array): void {
    const { groups, changes, tiles, tile, small } = this.#of;
    const counts = this.#counts.row(y);
    const values = 3 * groups.size;
    const [line, down] = between(((y + 0.5) * small.height) / this.#height / tile, tiles.height);
    const top = line * tiles.width * values;
    const below = line + 1 < tiles.height ? tiles.width * values : 0;
    for (let x = 0; x < this.#width; x++) {
      const weight = counts[x]!;
      if (weight === 0) continue;
      const cell = groups.cellOf(source, 3 * x);
      const one = 3 * groups.first[cell]!;
      const other = 3 * groups.second[cell]!;
      const share = groups.share[cell]!;
      const a = top + this.#first[x]!;
      const right = this.#first[x]! + values < tiles.width * values ? values : 0;
      const u = this.#along[x]!;
      // The four tiles around the pixel.
      const nw = weight * (1 - down) * (1 - u);
      const ne = weight * (1 - down) * u;
      const sw = weight * down * (1 - u);
      const se = weight * down * u;
      for (let c = 0; c < 3; c++) {
        const i = a + one + c;
        let change =
          nw * changes[i]! +
          ne * changes[i + right]! +
          sw * changes[i + below]! +
          se * changes[i + below + right]!;
        if (share > 0) {
          const j = a + other + c;
          const its =
            nw * changes[j]! +
            ne * changes[j + right]! +
            sw * changes[j + below]! +
            se * changes[j + below + right]!;
          change += share * (its - change);
        }
        moved[3 * x + c] = moved[3 * x + c]! + change;
      }
    }
  }
}

/** The tile whose middle comes before a place, in tiles, and how far that is on the way to the next one's. */
function between(place: number, tiles: number): readonly [tile: number, share: number] {
  const at = Math.min(Math.max(place - 0.5, 0), tiles - 1);
  const tile = Math.min(Math.floor(at), Math.max(0, tiles - 2));
  return [tile, at - tile];
}
