/**
 * DreamLiteUNetModel of diffusers (models/unets/unet_dreamlite.py) as an ONNX graph for one picture size. The picture that is made and the one that it is made from are side by
 * side, [z ‖ c], as the two halves of a diptych; of the answer, the left half is what is meant. Module paths are the checkpoint's keys.
 */
import type { Precision } from "../../checkpoint/derived.ts";
import type { Needs, PlacedWeights } from "../../checkpoint/storage.ts";
import { type Dialect, Graph, type Layout, type Value } from "../../graph/graph.ts";
import { channelAxis, fromChannelsFirst, sizeOfPicture, toChannelsFirst } from "../../graph/layout.ts";
import { add, concat, gemm, mul, silu, unary } from "../../graph/ops.ts";
import { rmsNorm } from "../../graph/transformer-ops.ts";
import { conv2d, groupNorm } from "../layers/layers.ts";
import { downsample, upsample } from "../layers/resnet.ts";
import { Scope, WeightReader } from "../layers/scope.ts";
import { frequenciesOf } from "../layers/sinusoids.ts";
import { type Context, residual, transformer } from "./blocks.ts";
import type { Attends, DreamLiteUNetConfig } from "./unet-config.ts";

export interface DreamLiteShape {
  /** Size of the latent. */
  readonly height: number;
  readonly width: number;
  /** Tokens of the text encoding. */
  readonly tokens: number;
  /** Picture pixels per latent pixel: it is told the picture's size. */
  readonly factor: number;
}

/** Of the norm after the text's projection. */
const TEXT_EPS = 1e-5;

/**
 * Inputs: z and c [1, channels, h, w]; timestep [1, 1], σ·1000; text [tokens, textWidth]; mask int32 [1, tokens], 0 where a row of the text is padding. Output: velocity
 * [1, channels, h, w], ε − x₀.
 */
export function buildDreamLite(
  config: DreamLiteUNetConfig,
  weights: PlacedWeights,
  shape: DreamLiteShape,
  dialect?: Dialect,
): Graph {
  const g = new Graph("dreamlite", dialect, layoutOf(weights.precision));
  const s = new Scope(g, new WeightReader(weights));
  g.output("velocity", dreamLite(s, config, shape));
  s.reader.finish();
  return g;
}

/** What is to be made of the weights, and which are used as they are, for a precision other than fp32. */
export function dreamLiteNeeds(config: DreamLiteUNetConfig, weights: PlacedWeights): Needs {
  const { precision = "fp32" } = weights;
  const reader = new WeightReader(weights);
  const side = 2 ** (config.levels.length - 1);
  const graph = new Graph("dreamlite", "fused", layoutOf(precision));
  dreamLite(new Scope(graph, reader), config, { height: side, width: side, tokens: 1, factor: 1 });
  return { precision, derived: reader.derivations, plain: reader.plain };
}

/** Where pixels are rows, a convolution of one pixel is a product of eight bits. */
const layoutOf = (precision: Precision = "fp32"): Layout => (precision === "int8" ? "nhwc" : "nchw");

/** Adds the UNet to a graph, with its inputs. */
export function dreamLite(s: Scope, config: DreamLiteUNetConfig, shape: DreamLiteShape): Value {
  const { height, width, tokens } = shape;
  const g = s.graph;
  const { in_channels: channels, levels, norm_num_groups: groups, norm_eps: eps } = config;
  const diptych = concat(
    s,
    [g.input("z", [1, channels, height, width]), g.input("c", [1, channels, height, width])],
    3,
  );
  const time = timeEmbedding(s, config, shape);
  const text = projected(s.at("encoder_hid_proj"), g.input("text", [tokens, config.textWidth]), config);
  const mask = g.input("mask", [1, tokens], "int32");
  const context: Context = { config, time: silu(s, time), text, mask };

  const picture = fromChannelsFirst(s, centred(s, diptych, config));
  let x = conv2d(s.at("conv_in"), picture, levels[0]!.channels, { kernel: config.conv_in_kernel, ...PLAIN });
  const skips: Value[] = [x];
  levels.forEach((level, i) => {
    const b = s.at("down_blocks", i);
    level.down.forEach((blocks, j) => {
      x = layer(b, x, j, level.channels, level.attendsDown, level.heads, blocks, context);
      skips.push(x);
    });
    if (i === levels.length - 1) return;
    x = downsample(b.at("downsamplers", 0), x, config.downsample_padding, PLAIN);
    skips.push(x);
  });
  x = middle(s.at("mid_block"), x, context);
  [...levels].reverse().forEach((level, i) => {
    const b = s.at("up_blocks", i);
    level.up.forEach((blocks, j) => {
      const joined = concat(b, [x, skips.pop()!], channelAxis(b));
      x = layer(b, joined, j, level.channels, level.attendsUp, level.heads, blocks, context);
    });
    const next = skips.at(-1);
    // A side that is no multiple of the stride was rounded up on the way down: go to the skip's size, not to twice ours.
    if (!next) return;
    const size = sizeOfPicture(b, next);
    x = upsample(b.at("upsamplers", 0), x, [size.height, size.width], PLAIN);
  });
  x = silu(s, groupNorm(s.at("conv_norm_out"), x, groups, eps));
  const both = conv2d(s.at("conv_out"), x, channels, { kernel: config.conv_out_kernel, ...PLAIN });
  return g.add(s, {
    op: "Slice",
    inputs: [toChannelsFirst(s, both), g.ints([0]), g.ints([width]), g.ints([3])],
    shape: [1, channels, height, width],
  });
}

/** The few convolutions of 3 × 3 pixels are a small part of the work, and everything goes through them. */
const PLAIN = { guarded: true };

/** A residual block, and a transformer where the block has one. */
function layer(
  b: Scope,
  x: Value,
  j: number,
  channels: number,
  attends: Attends,
  heads: number,
  blocks: number,
  context: Context,
): Value {
  const made = residual(b.at("resnets", j), x, channels, context);
  return attends === "no" ? made : transformer(b.at("attentions", j), made, attends, heads, blocks, context);
}

/** DreamLiteUNetMidBlock2DCrossAttn: residual blocks with a transformer between each two. */
function middle(s: Scope, x: Value, context: Context): Value {
  const { middle: depths, levels } = context.config;
  if (!depths) return x;
  const { channels, heads } = levels.at(-1)!;
  const first = residual(s.at("resnets", 0), x, channels, context);
  return depths.reduce((y, blocks, i) => {
    const seen = transformer(s.at("attentions", i), y, "both", heads, blocks, context);
    return residual(s.at("resnets", i + 1), seen, channels, context);
  }, first);
}

/** The text as the levels read it: x [tokens, textWidth] → [tokens, crossAttentionDim] */
function projected(s: Scope, x: Value, { encoder_hid_dim_type: kind, levels }: DreamLiteUNetConfig): Value {
  if (kind === null) return x;
  const { crossAttentionDim: out } = levels[0]!;
  const p = kind === "text_proj" ? s : s.at(0);
  const weight = p.parameter("weight", [out, x.shape[1] ?? 0]);
  const y = gemm(p, x, weight, { transB: true, bias: p.parameter("bias", [out]) });
  return kind === "text_proj" ? y : rmsNorm(s, y, s.at(1).parameter("weight", [out]), TEXT_EPS);
}

function centred(s: Scope, x: Value, config: DreamLiteUNetConfig): Value {
  if (!config.center_input_sample) return x;
  return add(s, mul(s, x, s.graph.constant([2], [1])), s.graph.constant([-1], [1]));
}

/** The timestep, and where the configuration has it the picture's width and height, each as sinusoids through two layers, added → [1, width] */
function timeEmbedding(s: Scope, config: DreamLiteUNetConfig, shape: DreamLiteShape): Value {
  const { graph } = s;
  const channels = config.levels[0]!.channels;
  const out = config.time_embedding_dim ?? 4 * channels;
  const frequencies = frequenciesOf(Math.floor(channels / 2), config.freq_shift);
  const angle = mul(s, graph.input("timestep", [1, 1]), graph.constant(frequencies, [1, frequencies.length]));
  const [sin, cos] = [unary(s, "Sin", angle), unary(s, "Cos", angle)];
  const padding = channels % 2 === 1 ? [graph.constant([0], [1, 1])] : [];
  const waves = config.flip_sin_to_cos ? [cos, sin] : [sin, cos];
  const time = twoLayers(s.at("time_embedding"), concat(s, [...waves, ...padding], 1), out);
  if (config.addition_embed_type === null) return time;
  const encoded = sizeWaves(config, shape);
  const size = graph.constant(encoded, [1, encoded.length]);
  return add(s, time, twoLayers(s.at("add_embedding"), size, out));
}

/** TimestepEmbedding */
function twoLayers(s: Scope, x: Value, out: number): Value {
  const linear = (p: Scope, of: Value) =>
    gemm(p, of, p.parameter("weight", [out, of.shape[1] ?? 0]), {
      transB: true,
      bias: p.parameter("bias", [out]),
    });
  return linear(s.at("linear_2"), silu(s, linear(s.at("linear_1"), x)));
}

/** A picture's width and height as sinusoids, which are known when the graph is made. */
function sizeWaves(config: DreamLiteUNetConfig, { width, height, factor }: DreamLiteShape): number[] {
  const waves = config.addition_time_embed_dim!;
  const frequencies = frequenciesOf(Math.floor(waves / 2), config.freq_shift);
  return [width * factor, height * factor].flatMap((side) => {
    const angles = Array.from(frequencies, (frequency) => Math.fround(side * frequency));
    const [sin, cos] = [angles.map(Math.sin), angles.map(Math.cos)];
    const pair = config.flip_sin_to_cos ? [...cos, ...sin] : [...sin, ...cos];
    return waves % 2 === 1 ? [...pair, 0] : pair;
  });
}
