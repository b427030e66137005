/**
 * The VAE's two graphs in two stages each: the coarse levels, which run whole, since attention and most of the work are
 * there; and the fine ones, whose memory is what a large picture needs. Between them lies a grid of coarse pixels.
 */

import type { PlacedWeights } from "../../checkpoint/storage.ts";
import { type Dialect, Graph } from "../../graph/graph.ts";
import { fromChannelsFirst, toChannelsFirst } from "../../graph/layout.ts";
import { Scope, WeightReader } from "../layers/scope.ts";
import type { KlConfig } from "./config.ts";
import type { FineStage } from "./fine-stage.ts";
import { down, imageIn, imageOut, latentIn, latentOut, up } from "./graph.ts";
import { vaeLayout } from "./layers.ts";
import { givenNorm, sampledNorm } from "./norms.ts";

/** Levels of the fine stages: half and the whole of the picture's size, where there are so many. */
const fineLevels = ({ block_out_channels: all }: KlConfig) => Math.min(2, all.length - 1);

/** A VAE of one level has nothing that could run in tiles. */
export const hasFineLevels = (config: KlConfig) => fineLevels(config) > 0;

/** z [1, latent, height, width] → feature [1, channels, height', width'] */
export function buildCoarseDecoder(
  config: KlConfig,
  weights: PlacedWeights,
  height: number,
  width: number,
  dialect?: Dialect,
): Graph {
  return stage(
    new Graph("vae_decoder_coarse", dialect, vaeLayout(config, weights.precision)),
    weights,
    (root, g) => {
      const z = fromChannelsFirst(root, g.input("z", [1, config.latent_channels, height, width]));
      const to = config.block_out_channels.length - fineLevels(config);
      g.output("feature", toChannelsFirst(root, up(root, latentIn(root, z, config), config, 0, to)));
    },
  );
}

/** feature [1, channels, h, w] → image [1, 3, h · scale, w · scale] */
export function fineDecoder(config: KlConfig, weights: PlacedWeights): FineStage {
  const perLevel = 2 * (config.layers_per_block + 1) + 1;
  let halo = 1; // conv_out
  // Every convolution looks one pixel further; where a level doubles the size, that is half as far in the pixels before it.
  for (let i = 0; i < fineLevels(config); i++) halo = Math.ceil((halo + perLevel) / 2);
  const levels = config.block_out_channels.length;
  const channels = config.block_out_channels[fineLevels(config)]!;
  const build: FineStage["build"] = (height, width, kind, dialect) =>
    stage(new Graph("vae_decoder_fine", dialect), weights, (root, g) => {
      const norm = kind === "sample" ? sampledNorm : givenNorm(g.input("kept", [1, 1, height, width]));
      const x = g.input("feature", [1, channels, height, width]);
      const y = up(root, x, config, levels - fineLevels(config), levels, norm);
      g.output("image", imageOut(root, y, config, norm));
    });
  return { from: "feature", to: "image", scale: 2 ** fineLevels(config), halo, build };
}

/** image [1, 3, h · scale, w · scale] → feature [1, channels, h, w] */
export function fineEncoder(config: KlConfig, weights: PlacedWeights): FineStage {
  const scale = 2 ** fineLevels(config);
  let reach = 0;
  // Backwards: a pixel of a halved picture has seen two of the picture before it, and one more to the right and below.
  for (let i = 0; i < fineLevels(config); i++) reach = 2 * reach + 2 + 2 * config.layers_per_block;
  const halo = Math.ceil((reach + 1) / scale); // and conv_in
  const build: FineStage["build"] = (height, width, kind, dialect) =>
    stage(new Graph("vae_encoder_fine", dialect), weights, (root, g) => {
      const norm = kind === "sample" ? sampledNorm : givenNorm(g.input("kept", [1, 1, height, width]));
      const image = g.input("image", [1, config.in_channels, height * scale, width * scale]);
      g.output("feature", down(root, imageIn(root, image, config), config, 0, fineLevels(config), norm));
    });
  return { from: "image", to: "feature", scale, halo, build };
}

/** feature [1, channels, height, width] → latent, the mode of the posterior */
export function buildCoarseEncoder(
  config: KlConfig,
  weights: PlacedWeights,
  height: number,
  width: number,
  dialect?: Dialect,
): Graph {
  const all = config.block_out_channels;
  const fine = fineLevels(config);
  return stage(
    new Graph("vae_encoder_coarse", dialect, vaeLayout(config, weights.precision)),
    weights,
    (root, g) => {
      const x = fromChannelsFirst(root, g.input("feature", [1, all[fine - 1]!, height, width]));
      const latent = latentOut(root, down(root, x, config, fine, all.length), config);
      g.output("latent", toChannelsFirst(root, latent));
    },
  );
}

/** Without the tensors of the other stages; that all of them fit was found out when the checkpoint was read. */
function stage(g: Graph, weights: PlacedWeights, build: (root: Scope, g: Graph) => void): Graph {
  const root = new Scope(g, new WeightReader(weights));
  build(root, g);
  root.reader.skip("");
  root.reader.finish();
  return g;
}
