/**
 * AutoencoderTiny of diffusers (models/autoencoders/autoencoder_tiny.py, vae.py): convolutions and ReLU, no norms and no attention, so that tiles with enough
 * around them give what the whole gives. Encoder and decoder are a graph each, and each is also two: the levels of the picture's own size and of half of it,
 * which take the memory, and the coarse ones.
 */
import type { Precision } from "../../checkpoint/derived.ts";
import type { PlacedWeights } from "../../checkpoint/storage.ts";
import { convolutionInBands } from "../../graph/convolution-in-bands.ts";
import { conv2dOfDoubled } from "../../graph/doubled.ts";
import { type Dialect, Graph, type Layout, type Value } from "../../graph/graph.ts";
import { fromChannelsFirst, sizeOfPicture, toChannelsFirst } from "../../graph/layout.ts";
import { add, conv2d, mul, resizeNearest, unary } from "../../graph/ops.ts";
import { halvingConvolution } from "../autoencoder-kl/banded-layers.ts";
import { Scope, WeightReader } from "../layers/scope.ts";
import type { TinyConfig, TinyHalf } from "./config.ts";

/** Channels from which Winograd's convolution is faster: with fewer, its transforms take longer than what they save. */
const MIN_CHANNELS = 64;
/** The decoder takes latents through 3 · tanh(z / 3). */
const CLAMP = 3;

/** Levels of the fine stage: the picture's own size and half of it, where there are so many. */
export const fineLevels = ({ encoder }: TinyConfig): number => Math.min(2, encoder.blocks.length - 1);

/** Which part of a half is built: all of it, or a stage. */
export type Part = "whole" | "coarse" | "fine";

/** image [1, 3, height, width] in [−1, 1] → latent [1, channels, height/factor, width/factor]; the stages meet at "feature" [1, c, h, w]. */
export function buildTinyEncoder(
  config: TinyConfig,
  weights: PlacedWeights,
  height: number,
  width: number,
  dialect?: Dialect,
  part: Part = "whole",
): Graph {
  const { encoder, latentChannels } = config;
  const levels = encoder.blocks.length;
  const fine = fineLevels(config);
  const [from, to] = part === "coarse" ? [fine, levels] : part === "fine" ? [0, fine] : [0, levels];
  return build("tiny_encoder", encoder, weights, dialect, part, (root, g) => {
    const s = root.at("encoder", "layers");
    let x: Value;
    if (from === 0) {
      const image = g.input("image", [1, 3, height, width]);
      const unit = mul(s, add(s, image, g.constant([1], [1])), g.constant([1 / 2], [1]));
      x = convolution(s.at(0), fromChannelsFirst(s, unit), encoder.channels);
    } else x = fromChannelsFirst(s, g.input("feature", [1, encoder.channels, height, width]));
    for (let level = from; level < to; level++) {
      let at = level + sum(encoder.blocks.slice(0, level));
      if (level > 0 && level > from) x = halving(s.at(at), x);
      for (let i = 0; i < encoder.blocks[level]!; i++) x = block(s.at(++at, "conv"), x);
    }
    if (to < levels) {
      // The step to the coarse levels is the fine ones' last.
      g.output("feature", toChannelsFirst(s, halving(s.at(to + sum(encoder.blocks.slice(0, to))), x)));
    } else {
      const last = s.at(levels + sum(encoder.blocks));
      g.output("latent", toChannelsFirst(s, convolution(last, x, latentChannels)));
    }
    if (part === "whole") root.reader.skip("decoder.");
  });
}

/** z [1, channels, height, width], in the units of the encoder's latents → image [1, 3, height·factor, width·factor], about [−1, 1] */
export function buildTinyDecoder(
  config: TinyConfig,
  weights: PlacedWeights,
  height: number,
  width: number,
  dialect?: Dialect,
  part: Part = "whole",
): Graph {
  const { decoder, latentChannels } = config;
  const levels = decoder.blocks.length;
  const coarse = levels - fineLevels(config);
  const [from, to] = part === "coarse" ? [0, coarse] : part === "fine" ? [coarse, levels] : [0, levels];
  return build("tiny_decoder", decoder, weights, dialect, part, (root, g) => {
    const s = root.at("decoder", "layers");
    let x: Value;
    if (from === 0) {
      const z = g.input("z", [1, latentChannels, height, width]);
      const clamped = mul(
        s,
        unary(s, "Tanh", mul(s, z, g.constant([1 / CLAMP], [1]))),
        g.constant([CLAMP], [1]),
      );
      x = convolution(s.at(0), fromChannelsFirst(s, clamped), decoder.channels, { relu: true });
    } else x = fromChannelsFirst(s, g.input("feature", [1, decoder.channels, height, width]));
    for (let level = from; level < to; level++) {
      // Before a level: the first convolution and its ReLU, and of every level before it the blocks, a doubling and a convolution.
      let at = 2 + sum(decoder.blocks.slice(0, level)) + 2 * level;
      if (level > 0) x = convolution(s.at(at - 1), x, decoder.channels, { bias: false, doubled: true });
      for (let i = 0; i < decoder.blocks[level]!; i++) x = block(s.at(at++, "conv"), x);
    }
    if (to < levels) g.output("feature", toChannelsFirst(s, x));
    else {
      const last = s.at(2 + sum(decoder.blocks) + 2 * (levels - 1));
      const image = toChannelsFirst(s, convolution(last, x, 3));
      g.output("image", add(s, mul(s, image, g.constant([2], [1])), g.constant([-1], [1])));
    }
    if (part === "whole") root.reader.skip("encoder.");
  });
}

/** How far a coarse pixel's results reach beyond it in the fine stage, in coarse pixels. */
export function fineHalo(config: TinyConfig, half: "encoder" | "decoder"): number {
  const fine = fineLevels(config);
  let reach = 1; // the first or the last convolution
  if (half === "encoder") {
    const { blocks } = config.encoder;
    reach = 0;
    for (let level = fine - 1; level >= 0; level--) reach = 2 * reach + 1 + 3 * blocks[level]!;
    return Math.ceil((reach + 1) / 2 ** fine);
  }
  const { blocks } = config.decoder;
  for (let level = blocks.length - 1; level >= blocks.length - fine; level--) {
    reach = Math.ceil((reach + 3 * blocks[level]! + 1) / 2);
  }
  return reach;
}

const sum = (values: readonly number[]) => values.reduce((all, value) => all + value, 0);

function layoutOf({ channels }: TinyHalf, precision: Precision = "fp32"): Layout {
  return precision !== "fp32" && channels >= MIN_CHANNELS ? "nhwc" : "nchw";
}

function build(
  name: string,
  half: TinyHalf,
  weights: PlacedWeights,
  dialect: Dialect | undefined,
  part: Part,
  make: (root: Scope, g: Graph) => void,
): Graph {
  const g = new Graph(
    part === "whole" ? name : `${name}_${part}`,
    dialect,
    layoutOf(half, weights.precision),
  );
  const root = new Scope(g, new WeightReader(weights));
  make(root, g);
  if (part !== "whole") root.reader.skip("");
  root.reader.finish();
  return g;
}

/** AutoencoderTinyBlock: relu(x + three convolutions with a ReLU between them) */
function block(s: Scope, x: Value): Value {
  const { channels } = sizeOfPicture(s, x);
  const first = convolution(s.at(0), x, channels, { relu: true });
  const second = convolution(s.at(2), first, channels, { relu: true });
  return convolution(s.at(4), second, channels, { relu: true, residual: x });
}

interface ConvolutionOptions {
  readonly bias?: boolean;
  readonly relu?: boolean;
  readonly residual?: Value;
  /** Whether x is first doubled in size, every pixel four times. */
  readonly doubled?: boolean;
}

/** nn.Conv2d 3×3, padded to keep the size */
function convolution(s: Scope, x: Value, out: number, options: ConvolutionOptions = {}): Value {
  const { bias: biased = true, doubled = false, ...after } = options;
  const { channels, height, width } = sizeOfPicture(s, x);
  const weight = s.parameter("weight", [out, channels, 3, 3]);
  const bias = biased ? s.parameter("bias", [out]) : s.graph.constant(new Float32Array(out), [out]);
  if (s.graph.layout === "nhwc") return convolutionInBands(s, x, weight, bias, { ...after, doubled });
  const padded = { ...after, padding: [1, 1, 1, 1] as const };
  if (!doubled) return conv2d(s, x, weight, bias, padded);
  if (s.graph.dialect === "fused") return conv2dOfDoubled(s, x, weight, bias);
  return conv2d(s, resizeNearest(s, x, 2 * height, 2 * width), weight, bias, padded);
}

/** nn.Conv2d 3×3 with stride 2 and without bias */
function halving(s: Scope, x: Value): Value {
  if (s.graph.layout === "nhwc") return halvingConvolution(s, x, "around", null);
  const { channels } = sizeOfPicture(s, x);
  const weight = s.parameter("weight", [channels, channels, 3, 3]);
  return conv2d(s, x, weight, null, { stride: 2, padding: [1, 1, 1, 1] });
}
