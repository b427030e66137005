/**
 * A fine stage of the VAE in tiles, with the whole picture's statistics in its GroupNorms. Those of a layer depend on the
 * layers before it, so that they cannot simply be counted beforehand. A sample of the picture, in bands that lie evenly
 * over it, is normalised by its own statistics, corrected by what the whole had beyond it when all tiles were last computed
 * by them: the sample carries a correction in one layer on to those after it, and so two or three passes come to rest.
 */
import type { Dialect, Graph } from "../../graph/graph.ts";
import type { Feeds } from "../../runtime/engine.ts";
import { type Tensor, zeros } from "../../tensor/tensor.ts";
import { GroupStatistics } from "./group-statistics.ts";
import { bandsOf, crop, paste, pick, type Span, type TileSpan, tileSpans } from "./tiles.ts";

/** A stage between a picture and the coarse pixels, each of scale × scale of its own. */
export interface FineStage {
  readonly from: "image" | "feature";
  readonly to: "image" | "feature";
  readonly scale: number;
  /** How far it looks beyond a pixel, in coarse pixels. */
  readonly halo: number;
  /**
   * The graph for [height, width] coarse pixels, as norms.ts has it: of a "sample" whose statistics are measured, or of a
   * "tile" that is given them, with the input "kept" [1, 1, height, width].
   */
  build(height: number, width: number, kind: "sample" | "tile", dialect?: Dialect): Graph;
}

/**
 * Runs a graph. `key` tells it apart from others of the same network; `alone`: nothing else of the VAE stays in memory.
 */
export type RunGraph = (
  key: string,
  build: (dialect: Dialect) => Graph,
  feeds: Feeds,
  alone?: boolean,
) => Promise<Record<string, Tensor>>;

/** Neighbouring coarse pixels in a sample: more see fewer places, fewer have more false edges between them. */
const BAND = 4;
/** Passes end where what the whole had was what it was given, to 8 bits of the picture (see the decision). */
const PASSES = { most: 6, tolerance: 1e-2 };

/** x through the stage, [1, channels, h, w] each; no tile's intermediate results take more than about `limit` bytes. */
export async function throughTiles(
  stage: FineStage,
  x: Tensor,
  run: RunGraph,
  limit: number,
): Promise<Tensor> {
  const [grow, shrink] = stage.from === "image" ? [1, stage.scale] : [stage.scale, 1];
  const [height, width] = [x.shape[2]! / shrink, x.shape[3]! / shrink];
  const [rows, columns] = tilesOf(stage, height, width, limit);
  const [h, w] = [lengthOf(rows[0]!.read), lengthOf(columns[0]!.read)];
  const sample = pick(x, sampled(height, h, shrink), sampled(width, w, shrink));
  const build = (kind: "sample" | "tile") => (dialect?: Dialect) => stage.build(h, w, kind, dialect);
  const key = (kind: string) => `${kind} ${stage.from} ${h}x${w}`;
  const statistics = new GroupStatistics(build("sample")().inputs);
  for (let pass = 1; ; pass++) {
    const feeds = { [stage.from]: sample, ...statistics.corrections };
    const { [stage.to]: _, ...used } = await run(key("sample"), build("sample"), feeds, true);
    let result: Tensor | undefined;
    for (const row of rows) {
      for (const column of columns) {
        const tile = crop(x, times(row.read, shrink), times(column.read, shrink));
        const feeds = { [stage.from]: tile, kept: keptOf(row, column), ...used };
        const { [stage.to]: y, ...moments } = await run(key("tile"), build("tile"), feeds, true);
        result ??= zeros([1, y!.shape[1]!, height * grow, width * grow]);
        const kept = crop(y!, times(within(row), grow), times(within(column), grow));
        paste(result, kept, row.kept.from * grow, column.kept.from * grow);
        statistics.add(moments, (h * w) / (height * width));
      }
    }
    const distance = statistics.correct(used);
    if (distance < PASSES.tolerance || pass === PASSES.most) return result!;
  }
}

/** As square as the picture allows. */
function tilesOf(stage: FineStage, height: number, width: number, limit: number): [TileSpan[], TileSpan[]] {
  const perPixel = stage.build(PROBE, PROBE, "tile").peakBytes / PROBE ** 2;
  const side = Math.max(Math.sqrt(limit / perPixel), 4 * stage.halo);
  const most = (other: number) => Math.floor(Math.max(side, side ** 2 / other));
  return [tileSpans(height, most(width), stage.halo), tileSpans(width, most(height), stage.halo)];
}

/** A side that is large enough for intermediate results to outweigh what does not grow. */
const PROBE = 32;

/** The places of a sample: `count` coarse pixels of `length`, `scale` places each. */
function sampled(length: number, count: number, scale: number): number[] {
  return bandsOf(length, count, BAND).flatMap((at) =>
    Array.from({ length: scale }, (_, i) => at * scale + i),
  );
}

/** [1, 1, h, w]: 1 where the tile's results are kept. */
function keptOf(row: TileSpan, column: TileSpan): Tensor {
  const [h, w] = [lengthOf(row.read), lengthOf(column.read)];
  const [inRows, inColumns] = [within(row), within(column)];
  const kept = zeros([1, 1, h, w]);
  for (let i = inRows.from; i < inRows.to; i++)
    kept.data.fill(1, i * w + inColumns.from, i * w + inColumns.to);
  return kept;
}

const lengthOf = ({ from, to }: Span): number => to - from;
const times = ({ from, to }: Span, n: number): Span => ({ from: from * n, to: to * n });
/** What is kept of a tile, counted from the tile's own beginning. */
const within = ({ read, kept }: TileSpan): Span => ({ from: kept.from - read.from, to: kept.to - read.from });
