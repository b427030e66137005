/**
 * The latent of a picture that is larger than the model's native size, encoded where somebody asks for it. The grid of tiles is
 * fixed by the picture's size, and a tile is always encoded from the same pixels, so c₁ depends on nothing that came before.
 */
import { type Size, toModelPart } from "../../images/model-image.ts";
import type { Picture } from "../../images/picture.ts";
import type { CallOptions, EditModel } from "../../method/edit-model.ts";
import { firstCondition } from "../../method/latent-iteration.ts";
import { crop, overlay, type Window } from "../../method/window.ts";
import { type Tensor, zeros } from "../../tensor/tensor.ts";

/** Encoded around a tile and thrown away, as a share of the native size: seams between tiles then do not show. */
const HALO = 1 / 8;

/** The picture, when it is asked for: a crop's is only made then. */
export type PictureSource = (options?: CallOptions) => Promise<Picture>;

/** Each tile is encoded once, on first use, from a crop of the native size: what the encoder was trained on. */
export class Tiles {
  readonly #model: EditModel;
  readonly #picture: PictureSource;
  readonly #size: Size;
  readonly #done = new Map<string, Promise<Tensor>>();

  /** @param size what the model works at, in pixels; multiples of its factor */
  constructor(model: EditModel, picture: PictureSource, size: Size) {
    this.#model = model;
    this.#picture = picture;
    this.#size = size;
  }

  /** c₁ [channels, h, w] in a window of the latent. */
  async region(window: Window, options?: CallOptions): Promise<Tensor> {
    let c = zeros([this.#model.latentChannels, window.height, window.width]);
    const { factor } = this.#model;
    const rows = tilesOf(this.#size.height / factor, this.#model, window.y, window.height);
    const columns = tilesOf(this.#size.width / factor, this.#model, window.x, window.width);
    for (const row of rows) {
      for (const column of columns) {
        const place = { x: column.start, y: row.start, width: column.length, height: row.length };
        c = overlay(c, window, await this.#tile(column, row, options), place);
      }
    }
    return c;
  }

  #tile(column: Span, row: Span, options?: CallOptions): Promise<Tensor> {
    const key = `${column.start},${row.start}`;
    const tile = this.#done.get(key) ?? this.#encode(column, row, options);
    this.#done.set(key, tile);
    tile.catch(() => this.#done.delete(key));
    return tile;
  }

  async #encode(column: Span, row: Span, options?: CallOptions): Promise<Tensor> {
    const { factor } = this.#model;
    const box = {
      x: column.from * factor,
      y: row.from * factor,
      width: column.seen * factor,
      height: row.seen * factor,
    };
    const picture = await this.#picture(options);
    const mode = await this.#model.encodeImage(toModelPart(picture, this.#size, box), options);
    return crop(firstCondition(this.#model, mode), {
      x: column.start - column.from,
      y: row.start - row.from,
      width: column.length,
      height: row.length,
    });
  }
}

/** One axis of a tile, in latent pixels: what it covers, and what is encoded for it. */
interface Span {
  readonly start: number;
  readonly length: number;
  readonly from: number;
  readonly seen: number;
}

/** The tiles of an axis of `size` latent pixels that touch [first, first + length). */
function tilesOf(size: number, model: EditModel, first: number, length: number): Span[] {
  const seen = Math.min(size, nativeCells(model));
  const halo = Math.max(1, Math.round(HALO * nativeCells(model)));
  const step = Math.max(1, nativeCells(model) - 2 * halo);
  const spans: Span[] = [];
  for (let start = Math.floor(first / step) * step; start < first + length; start += step) {
    const from = Math.min(Math.max(0, start - halo), size - seen);
    spans.push({ start, length: Math.min(step, size - start), from, seen });
  }
  return spans;
}

/** The native size in latent pixels. */
export function nativeCells({ nativeSize, factor }: Pick<EditModel, "nativeSize" | "factor">): number {
  return Math.max(1, Math.round(nativeSize / factor));
}
