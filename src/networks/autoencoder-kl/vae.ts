/**
 * The VAE at any picture size. Up to a limit its graphs run whole. Beyond it the coarse levels run whole and the fine ones
 * in tiles, with the same result to rounding: convolutions see beyond a tile's edge as far as they reach, and GroupNorm,
 * which sees the whole picture, is given the whole picture's statistics (docs/decisions/0052-vae-tiles.md).
 */

import type { PlacedWeights } from "../../checkpoint/storage.ts";
import type { Dialect, Graph } from "../../graph/graph.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { KlConfig } from "./config.ts";
import { type RunGraph, throughTiles } from "./fine-stage.ts";
import { buildDecoder, buildEncoder, vaeFactor } from "./graph.ts";
import * as stages from "./stages.ts";

/** Bytes of intermediate results that are allowed: to a graph that runs whole, and about that to a tile. */
export interface VaeLimits {
  readonly whole: number;
  readonly tile: number;
}

/** A full-size decoder runs whole up to 900 px (0.8 GB at 512 px, 3.2 GB at 1024 px), its encoder up to 1270 px. */
export const VAE_LIMITS: VaeLimits = { whole: 2.5e9, tile: 1.25e9 };

/** image [1, 3, h, w] in [-1, 1] → the mode of the posterior [1, latent, h/factor, w/factor] */
export async function encode(
  config: KlConfig,
  weights: PlacedWeights,
  image: Tensor,
  run: RunGraph,
  limits = VAE_LIMITS,
): Promise<Tensor> {
  const [, , h = 0, w = 0] = image.shape;
  const build = (dialect?: Dialect) => buildEncoder(config, weights, h, w, dialect);
  const whole = stages.hasFineLevels(config)
    ? ifWhole(weights, `encode ${h}x${w}`, build, limits.whole)
    : build;
  if (whole) return (await run(`${h}x${w}`, whole, { image })).latent!;
  const feature = await throughTiles(stages.fineEncoder(config, weights), image, run, limits.tile);
  const [, , rows = 0, columns = 0] = feature.shape;
  const coarse = (dialect: Dialect) => stages.buildCoarseEncoder(config, weights, rows, columns, dialect);
  return (await run(`coarse ${h}x${w}`, coarse, { feature }, true)).latent!;
}

/** z [1, latent, h, w], unscaled → image [1, 3, h · factor, w · factor] */
export async function decode(
  config: KlConfig,
  weights: PlacedWeights,
  z: Tensor,
  run: RunGraph,
  limits = VAE_LIMITS,
): Promise<Tensor> {
  const [, , h = 0, w = 0] = z.shape;
  const build = (dialect?: Dialect) => buildDecoder(config, weights, h, w, dialect);
  const whole = stages.hasFineLevels(config)
    ? ifWhole(weights, `decode ${h}x${w}`, build, limits.whole)
    : build;
  if (whole) return (await run(`${h}x${w}`, whole, { z })).image!;
  const coarse = (dialect: Dialect) => stages.buildCoarseDecoder(config, weights, h, w, dialect);
  const { feature } = await run(`coarse ${h}x${w}`, coarse, { z }, true);
  return throughTiles(stages.fineDecoder(config, weights), feature!, run, limits.tile);
}

type Build = (dialect?: Dialect) => Graph;

/** What whole graphs take, by their weights and what they do: to build one again for that takes as long as a small one runs. */
const peaks = new WeakMap<PlacedWeights, Map<string, number>>();

/** `build`, where what it builds takes no more than so many bytes; what was built to find that out is not built again. */
export function ifWhole(weights: PlacedWeights, what: string, build: Build, most: number): Build | null {
  const known = peaks.get(weights) ?? new Map<string, number>();
  peaks.set(weights, known);
  const bytes = known.get(what);
  if (bytes !== undefined) return bytes <= most ? build : null;
  const first = build("fused");
  known.set(what, first.peakBytes);
  if (first.peakBytes > most) return null;
  return (dialect = "fused") => (dialect === "fused" ? first : build(dialect));
}

/** Bytes of intermediate results of encoding or decoding a picture of [height, width] pixels, at most at one time. */
export function workingBytes(
  config: KlConfig,
  weights: PlacedWeights,
  what: "encode" | "decode",
  [height, width]: readonly [number, number],
  limits = VAE_LIMITS,
): number {
  const scale = what === "encode" ? 1 : vaeFactor(config);
  const [h, w] = [height / scale, width / scale];
  const whole = (what === "encode" ? buildEncoder : buildDecoder)(config, weights, h, w).peakBytes;
  if (!stages.hasFineLevels(config) || whole <= limits.whole) return whole;
  const { scale: fine } = stages.fineEncoder(config, weights);
  const coarse =
    what === "encode"
      ? stages.buildCoarseEncoder(config, weights, h / fine, w / fine)
      : stages.buildCoarseDecoder(config, weights, h, w);
  return Math.max(coarse.peakBytes, limits.tile);
}
