/**
 * Flux2Transformer2DModel of diffusers (models/transformers/transformer_flux2.py) as an ONNX graph for one size of picture, source and references. Module paths are the
 * checkpoint's keys.
 */
import type { Needs, PlacedWeights } from "../../checkpoint/storage.ts";
import { type Dialect, Graph, type Value } from "../../graph/graph.ts";
import { add, cast, concat, mul, reshape, silu, sliceRows, unary } from "../../graph/ops.ts";
import { modulatedLayerNorm } from "../../graph/transformer-ops.ts";
import { rowLinear } from "../layers/row-linear.ts";
import { Scope, WeightReader } from "../layers/scope.ts";
import { frequenciesOf } from "../layers/sinusoids.ts";
import { fromColumns, plainLinear, toColumns } from "../layers/tokens.ts";
import { doubleBlock, type Modulation, singleBlock } from "./blocks.ts";
import { type Grid, rotations } from "./positions.ts";
import { type Flux2TransformerConfig, widthOf } from "./transformer-config.ts";

export interface TransformerShape {
  /** The picture that is made, then what it is made from: the source, and references. */
  readonly pictures: readonly [Grid, ...Grid[]];
  /** Tokens of the text encoding. */
  readonly tokens: number;
}

/** The input of the n-th picture: what is made is z, the source c, references r1, r2 … */
export const pictureInput = (i: number): string => (i === 0 ? "z" : i === 1 ? "c" : `r${i - 1}`);

/**
 * Inputs: z, c, r1, … [1, in_channels, h, w] of their own sizes; timestep [1, 1], σ·1000; text [tokens, joint_attention_dim]; guidance [1, 1] where the configuration
 * embeds it. Output: velocity [1, in_channels, h, w] of z, ε − x₀.
 */
export function buildTransformer(
  config: Flux2TransformerConfig,
  weights: PlacedWeights,
  shape: TransformerShape,
  dialect?: Dialect,
): Graph {
  const g = new Graph("transformer", dialect);
  const s = new Scope(g, new WeightReader(weights));
  g.output("velocity", transformer(s, config, shape));
  s.reader.finish();
  return g;
}

/** What is to be made of the weights, and which are used as they are, for a precision other than fp32. */
export function transformerNeeds(config: Flux2TransformerConfig, weights: PlacedWeights): Needs {
  const { precision = "fp32" } = weights;
  const reader = new WeightReader(weights);
  const smallest: TransformerShape = { pictures: [{ height: 1, width: 1 }], tokens: 1 };
  transformer(new Scope(new Graph("transformer"), reader), config, smallest);
  return { precision, derived: reader.derivations, plain: reader.plain };
}

/** Adds the transformer to a graph, with its inputs. */
export function transformer(s: Scope, config: Flux2TransformerConfig, shape: TransformerShape): Value {
  const { pictures, tokens } = shape;
  const { graph } = s;
  const { in_channels: channels } = config;
  const width = widthOf(config);
  const inputs = pictures.map(({ height, width }, i) => ({
    value: graph.input(pictureInput(i), [1, channels, height, width]),
    pixels: height * width,
  }));
  const { cos, sin } = rotations(config, tokens, pictures);
  const pairs = config.attention_head_dim / 2;
  const all = inputs.reduce((sum, { pixels }) => sum + pixels, tokens);
  const rotation = (values: Float32Array) => graph.constant(values, [all, pairs], s.float);
  const context = { config, cos: rotation(cos), sin: rotation(sin) };

  const time = silu(s, timeEmbedding(s, config));
  const modulation = (name: string, sets: number) => modulationsOf(s.at(name), time, sets);
  const [picture1, picture2] = modulation("double_stream_modulation_img", 2);
  const [text1, text2] = modulation("double_stream_modulation_txt", 2);
  const double = { picture: [picture1!, picture2!], text: [text1!, text2!] } as const;
  const [single] = modulation("single_stream_modulation", 1);

  // [channels, pixels] of all pictures, side by side; the product reads them transposed.
  const columns = inputs.map(({ value, pixels }) => reshape(s, value, [channels, pixels]));
  const seen = columns.length === 1 ? columns[0]! : concat(s, columns, 1);
  const embedded = cast(s, fromColumns(s.at("x_embedder"), cast(s, seen, s.float), width), "float32");
  const text = cast(s, graph.input("text", [tokens, config.joint_attention_dim]), s.float);
  const texts = cast(s, rowLinear(s.at("context_embedder"), text, width), "float32");
  let streams = { text: texts, picture: embedded };
  for (let i = 0; i < config.num_layers; i++) {
    streams = doubleBlock(s.at("transformer_blocks", i), streams, double, context);
  }
  let x = concat(s, [streams.text, streams.picture], 0);
  for (let i = 0; i < config.num_single_layers; i++) {
    x = singleBlock(s.at("single_transformer_blocks", i), x, single!, context);
  }
  const { pixels } = inputs[0]!;
  const made = sliceRows(s, x, tokens, tokens + pixels);
  const [first, second] = parts(s, plainLinear(s.at("norm_out", "linear"), time, 2 * width), width);
  const [shift, scale] = config.shiftFirst ? [first, second] : [second, first];
  const normal = cast(s, modulatedLayerNorm(s, made, scale!, shift!, config.eps), s.float);
  const out = cast(s, toColumns(s.at("proj_out"), normal, channels), "float32");
  return reshape(s, out, [1, channels, pictures[0].height, pictures[0].width]);
}

/** Shift, scale and gate of each of `sets` parts, from time [1, width]. */
function modulationsOf(s: Scope, time: Value, sets: number): Modulation[] {
  const width = time.shape[1] ?? 0;
  const values = parts(s, plainLinear(s.at("linear"), time, 3 * sets * width), width);
  return Array.from({ length: sets }, (_, i) => {
    const [shift, scale, gate] = values.slice(3 * i);
    return { shift: shift!, scale: scale!, gate: gate! };
  });
}

/** x [1, n · width] → n of fp32 [width] */
function parts(s: Scope, x: Value, width: number): Value[] {
  const count = (x.shape[1] ?? 0) / width;
  const rows = cast(s, reshape(s, x, [count, width]), "float32");
  return Array.from({ length: count }, (_, i) => reshape(s, sliceRows(s, rows, i, i + 1), [width]));
}

/** The timestep's sinusoids, and the guidance scale's where that is embedded, each through two layers, added → [1, width] */
function timeEmbedding(s: Scope, config: Flux2TransformerConfig): Value {
  const t = s.at("time_guidance_embed");
  const { graph } = s;
  const embed = (name: string, value: Value) => {
    const e = t.at(name);
    const hidden = plainLinear(e.at("linear_1"), waves(t, value, config), widthOf(config));
    return plainLinear(e.at("linear_2"), silu(e, hidden), widthOf(config));
  };
  const time = embed("timestep_embedder", graph.input("timestep", [1, 1]));
  if (!config.guidance_embeds) return time;
  const scaled = mul(t, graph.input("guidance", [1, 1]), graph.constant([1000], [1]));
  return add(t, time, embed("guidance_embedder", scaled));
}

function waves(
  s: Scope,
  value: Value,
  { timestep_guidance_channels: channels }: Flux2TransformerConfig,
): Value {
  const half = Math.floor(channels / 2);
  const angle = mul(s, value, s.graph.constant(frequenciesOf(half, 0), [1, half]));
  const padding = channels % 2 === 1 ? [s.graph.constant([0], [1, 1])] : [];
  return cast(s, concat(s, [unary(s, "Cos", angle), unary(s, "Sin", angle), ...padding], 1), s.float);
}
