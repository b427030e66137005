/**
 * UNet2DConditionModel of diffusers (models/unets/unet_2d_condition.py) as an ONNX graph for one picture size. Module
 * paths are the checkpoint's keys.
 */

import type { Precision } from "../../checkpoint/derived.ts";
import type { Needs, PlacedWeights } from "../../checkpoint/storage.ts";
import { type Dialect, Graph, type Layout, type Value } from "../../graph/graph.ts";
import { channelAxis, fromChannelsFirst, sizeOfPicture, toChannelsFirst } from "../../graph/layout.ts";
import { add, cast, concat, mul, reshape, silu, unary } from "../../graph/ops.ts";
import { conv2d, groupNorm, linear } from "../layers/layers.ts";
import { downsample, resnetBlock, upsample } from "../layers/resnet.ts";
import { Scope, WeightReader } from "../layers/scope.ts";
import { frequenciesOf } from "../layers/sinusoids.ts";
import { transformer2d } from "./transformer.ts";
import { TIME_IDS, type UNetConfig, type UNetLevel } from "./unet-config.ts";

export interface UNetShape {
  /** Size of the latent. */
  readonly height: number;
  readonly width: number;
  /** Tokens of the text encoding. */
  readonly tokens: number;
  /** Picture pixels per latent pixel: SDXL is told the picture's size. Default 8. */
  readonly factor?: number;
  /**
   * From so many pixels on, self-attention looks at the keys and values of every second row and column alone, a quarter of
   * them (token downsampling, arXiv 2402.13573). Default: 2048 in int8, where all of them would be a third of the work at 512 px; else never.
   */
  readonly keysFrom?: number;
}

/** 4096 pixels is the finest level of Stable Diffusion at 512 px. With 1024, attention is no longer what takes the time. */
const MANY_KEYS = 2048;

/** One row is too little to be faster for. */
const GUARDED = { guarded: true };

/** What every block needs besides its picture. */
interface Context {
  readonly config: UNetConfig;
  readonly time: Value;
  readonly text: Value;
  readonly keysFrom: number;
}

/**
 * Inputs: z and c, [1, channels, h, w] each, which are concatenated (c is left out where in_channels says so);
 * timestep [1, 1]; text [tokens, d]; pooled [1, p] where the configuration has added conditioning; guidance [1, 1], 1 or more, where it has
 * time_cond_proj_dim. Output: noise [1, out_channels, h, w]
 * (ε̂, v̂ or x̂₀, as the checkpoint was trained).
 */
export function buildUNet(
  config: UNetConfig,
  weights: PlacedWeights,
  shape: UNetShape,
  dialect?: Dialect,
): Graph {
  const g = new Graph("unet", dialect, layoutOf(weights.precision));
  const s = new Scope(g, new WeightReader(weights));
  g.output("noise", unet(s, config, shape));
  s.reader.finish();
  return g;
}

/** What is to be made of the weights, and which are used as they are, for a precision other than fp32. */
export function unetNeeds(config: UNetConfig, weights: PlacedWeights): Needs {
  const { precision = "fp32" } = weights;
  const reader = new WeightReader(weights);
  // Some choices depend on a picture's size; they are made for the one that the checkpoint was trained at.
  const [height = 64, width = height] = [config.sample_size ?? 64].flat();
  const graph = new Graph("unet", "fused", layoutOf(precision));
  unet(new Scope(graph, reader), config, { height, width, tokens: 1 });
  return { precision, derived: reader.derivations, plain: reader.plain };
}

/** Where pixels are rows of a matrix, all but a few convolutions are products; on a processor that is faster in int8 and fp32-fast. */
function layoutOf(precision: Precision = "fp32"): Layout {
  return precision === "fp32" || precision === "fp16" ? "nchw" : "nhwc";
}

/** Adds the UNet to a graph, with its inputs. */
export function unet(s: Scope, config: UNetConfig, shape: UNetShape): Value {
  const { height, width, tokens } = shape;
  const g = s.graph;
  const latent = config.out_channels;
  const z = g.input("z", [1, latent, height, width]);
  const condition = config.in_channels - latent;
  const sample = condition > 0 ? concat(s, [z, g.input("c", [1, condition, height, width])], 1) : z;
  const timestep = g.input("timestep", [1, 1]);
  // Levels may declare different widths, but there is one text: it is projected by each level's own keys and values.
  const text = cast(s, g.input("text", [tokens, config.levels[0]!.crossAttentionDim]), s.float);
  const time = timeEmbedding(s, timestep, config);
  const embedding =
    config.addition_embed_type === null ? time : add(s, time, addedEmbedding(s, config, shape));
  const { keysFrom = s.precision === "int8" ? MANY_KEYS : Number.POSITIVE_INFINITY } = shape;
  const context = { config, time: silu(s, embedding), text, keysFrom };

  const picture = fromChannelsFirst(s, cast(s, centred(s, sample, config), s.float));
  let x = conv2d(s.at("conv_in"), picture, config.levels[0]!.channels, {
    kernel: config.conv_in_kernel,
    guarded: true,
  });
  const skips: Value[] = [x];
  const down = (made: Value) => {
    x = made;
    skips.push(x);
  };
  config.levels.forEach((level, i) => {
    const b = s.at("down_blocks", i);
    for (let j = 0; j < level.layers; j++) down(layer(b, x, j, level, level.attendsDown, context));
    if (i < config.levels.length - 1) {
      down(downsample(b.at("downsamplers", 0), x, config.downsample_padding));
    }
  });
  x = middle(s.at("mid_block"), x, context);
  [...config.levels].reverse().forEach((level, i) => {
    const b = s.at("up_blocks", i);
    for (let j = 0; j <= level.layers; j++) {
      const skip = skips.pop()!;
      x = layer(b, concat(b, [x, skip], channelAxis(b)), j, level, level.attendsUp, context);
    }
    const next = skips.at(-1);
    // A side that is no multiple of the stride was rounded up on the way down: go to the skip's size, not to twice ours.
    if (!next) return;
    const { height, width } = sizeOfPicture(b, next);
    x = upsample(b.at("upsamplers", 0), x, [height, width]);
  });
  x = silu(s, groupNorm(s.at("conv_norm_out"), x, config.norm_num_groups, config.norm_eps));
  const noise = conv2d(s.at("conv_out"), x, latent, { kernel: config.conv_out_kernel, guarded: true });
  return cast(s, toChannelsFirst(s, noise), "float32");
}

function layer(b: Scope, x: Value, j: number, level: UNetLevel, attends: boolean, context: Context): Value {
  const { config, time, text, keysFrom } = context;
  const options = { groups: config.norm_num_groups, eps: config.norm_eps, time };
  const h = resnetBlock(b.at("resnets", j), x, level.channels, options);
  if (!attends) return h;
  return transformer2d(b.at("attentions", j), h, text, {
    heads: level.heads,
    layers: level.transformerLayers,
    groups: config.norm_num_groups,
    linearProjection: config.use_linear_projection,
    onlyCrossAttention: level.onlyCrossAttention,
    keysFrom,
  });
}

/** UNetMidBlock2DCrossAttn; UNetMidBlock2D is its first block alone; null is nothing. */
function middle(s: Scope, x: Value, context: Context): Value {
  const { config } = context;
  if (config.mid_block_type === null) return x;
  const level = { ...config.levels.at(-1)!, onlyCrossAttention: false };
  const attends = config.mid_block_type === "UNetMidBlock2DCrossAttn";
  const h = layer(s, x, 0, level, attends, context);
  return attends ? layer(s, h, 1, level, false, context) : h;
}

function centred(s: Scope, x: Value, config: UNetConfig): Value {
  if (!config.center_input_sample) return x;
  return add(s, mul(s, x, s.graph.constant([2], [1])), s.graph.constant([-1], [1]));
}

/**
 * SDXL's added conditioning: the pooled text and the picture's original size, crop corner and target size. A picture that
 * is edited is whole and as large as it is: (h, w, 0, 0, h, w), which is known when the graph is made.
 */
function addedEmbedding(s: Scope, config: UNetConfig, { height, width, factor = 8 }: UNetShape): Value {
  const waves = config.addition_time_embed_dim!;
  const size = [height * factor, width * factor];
  const frequencies = frequenciesOf(Math.floor(waves / 2), config.freq_shift);
  const encoded = [...size, 0, 0, ...size].flatMap((value) => {
    const angles = Array.from(frequencies, (frequency) => Math.fround(value * frequency));
    const [sin, cos] = [angles.map(Math.sin), angles.map(Math.cos)];
    const pair = config.flip_sin_to_cos ? [...cos, ...sin] : [...sin, ...cos];
    return waves % 2 === 1 ? [...pair, 0] : pair;
  });
  const input = config.projection_class_embeddings_input_dim!;
  const pooled = s.graph.input("pooled", [1, input - TIME_IDS * waves]);
  const a = s.at("add_embedding");
  const out = config.time_embedding_dim ?? 4 * config.levels[0]!.channels;
  const joined = cast(s, concat(s, [pooled, s.graph.constant(encoded, [1, encoded.length])], 1), s.float);
  return linear(a.at("linear_2"), silu(a, linear(a.at("linear_1"), joined, out, GUARDED)), out, GUARDED);
}

/**
 * How strongly the answer is to be guided, s (LCM, arXiv 2310.04378, section 4.1; diffusers' get_guidance_scale_embedding): the sinusoids of 1000·(s − 1), as a
 * network of the width `out`.
 */
function guidanceEmbedding(s: Scope, dimensions: number, out: number): Value {
  const half = Math.floor(dimensions / 2);
  const { graph } = s;
  const scaled = mul(
    s,
    add(s, graph.input("guidance", [1, 1]), graph.constant([-1], [1])),
    graph.constant([1000], [1]),
  );
  const angle = mul(s, scaled, graph.constant(frequenciesOf(half, 1), [1, half]));
  const padding = dimensions % 2 === 1 ? [graph.constant([0], [1, 1])] : [];
  const waves = concat(s, [unary(s, "Sin", angle), unary(s, "Cos", angle), ...padding], 1);
  return linear(s.at("cond_proj"), cast(s, waves, s.float), out, { ...GUARDED, bias: false });
}

/** Sinusoidal timesteps (Timesteps, embeddings.py), then the two-layer TimestepEmbedding → [1, 4·channels] */
function timeEmbedding(s: Scope, timestep: Value, config: UNetConfig): Value {
  const width = config.levels[0]!.channels;
  const half = Math.floor(width / 2);
  const frequencies = frequenciesOf(half, config.freq_shift);
  const angle = mul(s, timestep, s.graph.constant(frequencies, [1, half]));
  const sin = unary(s, "Sin", angle);
  const cos = unary(s, "Cos", angle);
  const waves = config.flip_sin_to_cos ? [cos, sin] : [sin, cos];
  const padding = width % 2 === 1 ? [s.graph.constant([0], [1, 1])] : [];
  const t = s.at("time_embedding");
  const out = config.time_embedding_dim ?? 4 * width;
  // Angles are up to 999: in half precision they would be a quarter off, and their sine anything.
  const told = cast(t, concat(s, [...waves, ...padding], 1), s.float);
  const dimensions = config.time_cond_proj_dim;
  const encoded = dimensions === null ? told : add(t, told, guidanceEmbedding(t, dimensions, width));
  const hidden = silu(t, linear(t.at("linear_1"), encoded, out, GUARDED));
  return linear(t.at("linear_2"), reshape(t, hidden, [1, out]), out, GUARDED);
}
