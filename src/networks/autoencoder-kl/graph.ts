/** AutoencoderKL of diffusers (models/autoencoders/autoencoder_kl.py, vae.py): encoder and decoder, a graph each. */

import type { PlacedWeights } from "../../checkpoint/storage.ts";
import { attention } from "../../graph/attention.ts";
import { type Dialect, Graph, type Value } from "../../graph/graph.ts";
import { fromChannelsFirst, sizeOfPicture, toChannelsFirst } from "../../graph/layout.ts";
import { add } from "../../graph/ops.ts";
import { groupNorm, imageToTokens, type Norm, tokensToImage } from "../layers/layers.ts";
import { Scope, WeightReader } from "../layers/scope.ts";
import type { KlConfig } from "./config.ts";
import { activatedConv, conv, conv1x1, downsample, resnetBlock, upsample, vaeLayout } from "./layers.ts";

const EPS = 1e-6;

/** Picture pixels per latent pixel. */
export function vaeFactor(config: KlConfig): number {
  return 2 ** (config.block_out_channels.length - 1);
}

/** image [1, 3, height, width] → latent, the mode of the posterior [1, latent, height/factor, width/factor] */
export function buildEncoder(
  config: KlConfig,
  weights: PlacedWeights,
  height: number,
  width: number,
  dialect?: Dialect,
): Graph {
  const g = new Graph("vae_encoder", dialect, vaeLayout(config, weights.precision));
  const root = new Scope(g, new WeightReader(weights));
  const image = g.input("image", [1, config.in_channels, height, width]);
  const first = imageIn(root, fromChannelsFirst(root, image), config);
  const x = down(root, first, config, 0, config.block_out_channels.length);
  g.output("latent", toChannelsFirst(root, latentOut(root, x, config)));
  root.reader.skip("decoder.", "post_quant_conv.");
  root.reader.finish();
  return g;
}

export function imageIn(root: Scope, image: Value, config: KlConfig): Value {
  return conv(root.at("encoder", "conv_in"), image, config.block_out_channels[0]!);
}

/** Levels `from` to `to` (exclusive) of the encoder; each but the last halves the size. */
export function down(
  root: Scope,
  image: Value,
  config: KlConfig,
  from: number,
  to: number,
  norm?: Norm,
): Value {
  const channels = config.block_out_channels;
  const options = { groups: config.norm_num_groups, eps: EPS, norm };
  let x = image;
  for (let i = from; i < to; i++) {
    const b = root.at("encoder", "down_blocks", i);
    for (let j = 0; j < config.layers_per_block; j++) {
      x = resnetBlock(b.at("resnets", j), x, channels[i]!, options);
    }
    if (i < channels.length - 1) x = downsample(b.at("downsamplers", 0), x);
  }
  return x;
}

/** What follows the encoder's levels: the middle, and the mode of the posterior. */
export function latentOut(root: Scope, x: Value, config: KlConfig): Value {
  const s = root.at("encoder");
  const middled = middle(s.at("mid_block"), x, config);
  // The last convolutions make mean and log variance; the mode is the mean, so only its half of the last is computed.
  const [mean, both] = [config.latent_channels, 2 * config.latent_channels];
  const options = { groups: config.norm_num_groups, eps: EPS, all: both };
  const last = (out: number) => activatedConv(s.at("conv_norm_out"), s.at("conv_out"), middled, out, options);
  return config.use_quant_conv ? conv1x1(root.at("quant_conv"), last(both), mean, both) : last(mean);
}

/** z [1, latent, height, width] (unscaled) → image [1, 3, height·factor, width·factor] */
export function buildDecoder(
  config: KlConfig,
  weights: PlacedWeights,
  height: number,
  width: number,
  dialect?: Dialect,
): Graph {
  const g = new Graph("vae_decoder", dialect, vaeLayout(config, weights.precision));
  const root = new Scope(g, new WeightReader(weights));
  const latent = g.input("z", [1, config.latent_channels, height, width]);
  const first = latentIn(root, fromChannelsFirst(root, latent), config);
  const x = up(root, first, config, 0, config.block_out_channels.length);
  g.output("image", toChannelsFirst(root, imageOut(root, x, config)));
  root.reader.skip("encoder.", "quant_conv.");
  root.reader.finish();
  return g;
}

/** What comes before the decoder's levels: z [1, latent, h, w] → [1, channels, h, w] */
export function latentIn(root: Scope, latent: Value, config: KlConfig): Value {
  const s = root.at("decoder");
  const channels = config.block_out_channels.at(-1)!;
  const z = config.use_post_quant_conv
    ? conv1x1(root.at("post_quant_conv"), latent, config.latent_channels)
    : latent;
  return middle(s.at("mid_block"), conv(s.at("conv_in"), z, channels), config);
}

/** Levels `from` to `to` (exclusive) of the decoder; each but the first begins by doubling the size. */
export function up(
  root: Scope,
  latent: Value,
  config: KlConfig,
  from: number,
  to: number,
  norm?: Norm,
): Value {
  const channels = [...config.block_out_channels].reverse();
  const options = { groups: config.norm_num_groups, eps: EPS, norm };
  const blocks = root.at("decoder", "up_blocks");
  let x = latent;
  for (let i = from; i < to; i++) {
    // The doubling belongs to the level before in the checkpoint.
    if (i > 0) x = upsample(blocks.at(i - 1, "upsamplers", 0), x);
    for (let j = 0; j <= config.layers_per_block; j++) {
      x = resnetBlock(blocks.at(i, "resnets", j), x, channels[i]!, options);
    }
  }
  return x;
}

export function imageOut(root: Scope, x: Value, config: KlConfig, norm?: Norm): Value {
  const s = root.at("decoder");
  const options = { groups: config.norm_num_groups, eps: EPS, norm };
  return activatedConv(s.at("conv_norm_out"), s.at("conv_out"), x, config.out_channels, options);
}

/** UNetMidBlock2D with one attention of one head. */
function middle(s: Scope, x: Value, config: KlConfig): Value {
  const { channels: c } = sizeOfPicture(s, x);
  const options = { groups: config.norm_num_groups, eps: EPS };
  const h = resnetBlock(s.at("resnets", 0), x, c, options);
  const attended = config.mid_block_add_attention ? attend(s.at("attentions", 0), h, config) : h;
  return resnetBlock(s.at("resnets", 1), attended, c, options);
}

/** Attention over the pixels. Checkpoints from before diffusers 0.17 name its projections differently. */
function attend(s: Scope, x: Value, config: KlConfig): Value {
  const { channels: c, height: h, width: w } = sizeOfPicture(s, x);
  const [q, k, v, out] = s.has("query.weight")
    ? [s.at("query"), s.at("key"), s.at("value"), s.at("proj_attn")]
    : [s.at("to_q"), s.at("to_k"), s.at("to_v"), s.at("to_out", 0)];
  const normed = groupNorm(s.at("group_norm"), x, config.norm_num_groups, EPS);
  const project = (p: Scope) => imageToTokens(p, normed, c, "linear");
  const tokens = attention(s, project(q), project(k), project(v), { heads: 1 });
  return add(s, tokensToImage(out, tokens, c, [h, w], "linear"), x);
}
