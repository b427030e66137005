/** A tiny autoencoder at any picture size: whole up to a limit, and beyond it its fine levels in tiles, with the same result. */
import type { PlacedWeights } from "../../checkpoint/storage.ts";
import type { Dialect, Graph } from "../../graph/graph.ts";
import { type Tensor, zeros } from "../../tensor/tensor.ts";
import type { RunGraph } from "../autoencoder-kl/fine-stage.ts";
import { crop, paste, type Span, type TileSpan, tileSpans } from "../autoencoder-kl/tiles.ts";
import { ifWhole, type VaeLimits } from "../autoencoder-kl/vae.ts";
import type { TinyConfig } from "./config.ts";
import { buildTinyDecoder, buildTinyEncoder, fineHalo, fineLevels, type Part } from "./graph.ts";

/** One that is an editor's own decodes beside its denoiser, for every look: a picture of 1024 px would need 0.9 GB at once, and one of 512 px a quarter of that. */
export const TINY_LIMITS: VaeLimits = { whole: 1.5e8, tile: 1e8 };

/** image [1, 3, h, w] in [−1, 1] → latent [1, channels, h/factor, w/factor], in the autoencoder's own units */
export async function encodeTiny(
  config: TinyConfig,
  weights: PlacedWeights,
  image: Tensor,
  run: RunGraph,
  limits = TINY_LIMITS,
): Promise<Tensor> {
  const make = (h: number, w: number, dialect?: Dialect, part?: Part) =>
    buildTinyEncoder(config, weights, h, w, dialect, part);
  const [h, w] = sizeOf(image);
  const build = (dialect?: Dialect) => make(h, w, dialect);
  // One of one level has nothing that could run in tiles.
  const whole = fineLevels(config) === 0 ? build : ifWhole(weights, `encode ${h}x${w}`, build, limits.whole);
  if (whole) return (await run(`tiny ${h}x${w}`, whole, { image })).latent!;
  const scale = 2 ** fineLevels(config);
  const stage = { from: "image", to: "feature", grow: 1, shrink: scale, halo: fineHalo(config, "encoder") };
  const fine = (rows: number, columns: number, dialect?: Dialect) =>
    make(rows * scale, columns * scale, dialect, "fine");
  const feature = await throughTiles(stage, fine, image, run, limits);
  const [rows, columns] = sizeOf(feature);
  const coarse = (dialect: Dialect) => make(rows, columns, dialect, "coarse");
  return (await run(`tiny coarse ${h}x${w}`, coarse, { feature }, true)).latent!;
}

/** z [1, channels, h, w], in the autoencoder's own units → image [1, 3, h · factor, w · factor] */
export async function decodeTiny(
  config: TinyConfig,
  weights: PlacedWeights,
  z: Tensor,
  run: RunGraph,
  limits = TINY_LIMITS,
): Promise<Tensor> {
  const make = (h: number, w: number, dialect?: Dialect, part?: Part) =>
    buildTinyDecoder(config, weights, h, w, dialect, part);
  const [h, w] = sizeOf(z);
  const build = (dialect?: Dialect) => make(h, w, dialect);
  const whole = fineLevels(config) === 0 ? build : ifWhole(weights, `decode ${h}x${w}`, build, limits.whole);
  if (whole) return (await run(`tiny ${h}x${w}`, whole, { z })).image!;
  const coarse = (dialect: Dialect) => make(h, w, dialect, "coarse");
  const { feature } = await run(`tiny coarse ${h}x${w}`, coarse, { z }, true);
  const scale = 2 ** fineLevels(config);
  const stage = { from: "feature", to: "image", grow: scale, shrink: 1, halo: fineHalo(config, "decoder") };
  const fine = (rows: number, columns: number, dialect?: Dialect) => make(rows, columns, dialect, "fine");
  return throughTiles(stage, fine, feature!, run, limits);
}

const sizeOf = ({ shape: [, , h = 0, w = 0] }: Tensor) => [h, w] as const;

interface Stage {
  readonly from: string;
  readonly to: string;
  /** Results for each coarse pixel, along a side. */
  readonly grow: number;
  /** Pixels of x for each coarse pixel, along a side. */
  readonly shrink: number;
  readonly halo: number;
}

/** A side that is large enough for intermediate results to outweigh what does not grow. */
const PROBE = 32;

/** x through the fine stage, a tile after the other. `make` builds it for so many coarse pixels. */
async function throughTiles(
  { from, to, grow, shrink, halo }: Stage,
  make: (rows: number, columns: number, dialect?: Dialect) => Graph,
  x: Tensor,
  run: RunGraph,
  limits: VaeLimits,
): Promise<Tensor> {
  const [height, width] = sizeOf(x).map((side) => side / shrink) as [number, number];
  const perPixel = make(PROBE, PROBE).peakBytes / PROBE ** 2;
  const side = Math.max(Math.floor(Math.sqrt(limits.tile / perPixel)), 4 * halo);
  const [rows, columns] = [tileSpans(height, side, halo), tileSpans(width, side, halo)];
  let result: Tensor | undefined;
  for (const row of rows) {
    for (const column of columns) {
      const [h, w] = [lengthOf(row.read), lengthOf(column.read)];
      const tile = crop(x, times(row.read, shrink), times(column.read, shrink));
      const outputs = await run(
        `tiny ${from} ${h}x${w}`,
        (dialect) => make(h, w, dialect),
        { [from]: tile },
        true,
      );
      const y = outputs[to]!;
      result ??= zeros([1, y.shape[1]!, height * grow, width * grow]);
      const kept = crop(y, times(within(row), grow), times(within(column), grow));
      paste(result, kept, row.kept.from * grow, column.kept.from * grow);
    }
  }
  return result!;
}

const lengthOf = ({ from, to }: Span): number => to - from;
const times = ({ from, to }: Span, n: number): Span => ({ from: from * n, to: to * n });
/** What is kept of a tile, counted from the tile's own beginning. */
const within = ({ read, kept }: TileSpan): Span => ({ from: kept.from - read.from, to: kept.to - read.from });
