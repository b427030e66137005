/**
 * The vision tower of Qwen3-VL (Qwen3VLVisionModel of transformers, models/qwen3_vl/modeling_qwen3_vl.py) for one size of picture: patches, learned positions between which it
 * is interpolated, attention turned by row and column, and four neighbours merged into one feature, at the end and after some of the blocks (DeepStack, arXiv 2406.04334).
 */
import type { Needs, PlacedWeights } from "../../checkpoint/storage.ts";
import { attention } from "../../graph/attention.ts";
import { type Dialect, Graph, type Value } from "../../graph/graph.ts";
import { add, gather, gelu, gemm, layerNorm, mul, reshape } from "../../graph/ops.ts";
import { geluTanh, rotary } from "../../graph/transformer-ops.ts";
import { rowLinear } from "../layers/row-linear.ts";
import { Scope, WeightReader } from "../layers/scope.ts";
import type { Qwen3VlVisionConfig } from "./config.ts";
import { type Grid, patchRotations, positionCorners } from "./positions.ts";

const EPS = 1e-6;

/** Names of the results, the picture's features first. */
export const featureName = (i: number): string => `features.${i}`;

/**
 * Input: patches [rows · columns, values], in the order of patchPlaces. Outputs: features.0, features.1, … [rows · columns / merge², out_hidden_size].
 *
 * @param grid rows and columns of patches
 */
export function buildVision(
  config: Qwen3VlVisionConfig,
  weights: PlacedWeights,
  grid: Grid,
  dialect?: Dialect,
): Graph {
  const root = new Scope(new Graph("qwen3_vl_vision", dialect), new WeightReader(weights));
  vision(root, config, grid);
  root.reader.finish();
  return root.graph;
}

/** What is to be made of the weights, and which are used as they are, for a precision other than fp32. */
export function visionNeeds(config: Qwen3VlVisionConfig, weights: PlacedWeights): Needs {
  const { precision = "fp32" } = weights;
  const reader = new WeightReader(weights);
  const { spatial_merge_size: merge } = config;
  vision(new Scope(new Graph("qwen3_vl_vision"), reader), config, [merge, merge]);
  return { precision, derived: reader.derivations, plain: reader.plain };
}

interface Context {
  readonly config: Qwen3VlVisionConfig;
  /** [patches, head / 2] */
  readonly cos: Value;
  readonly sin: Value;
}

function vision(s: Scope, config: Qwen3VlVisionConfig, grid: Grid): void {
  const g = s.graph;
  const { depth, deepstack_visual_indexes: taken } = config;
  const patches = grid[0] * grid[1];
  let x = add(s, embedPatches(s.at("patch_embed", "proj"), config, patches), positions(s, config, grid));
  const { cos, sin } = patchRotations(config, grid);
  const constant = ({ data, shape }: typeof cos) => g.constant(data, shape);
  const context = { config, cos: constant(cos), sin: constant(sin) };
  const kept: Value[] = [];
  for (let i = 0; i < depth; i++) {
    x = block(s.at("blocks", i), x, context);
    const at = taken.indexOf(i);
    if (at >= 0) kept.push(merger(s.at("deepstack_merger_list", at), x, config, "after"));
  }
  const features = [merger(s.at("merger"), x, config, "before"), ...kept];
  for (const [i, value] of features.entries()) g.output(featureName(i), value);
}

/** A convolution whose kernel is as large as its step is a product: a patch's values are in the order of the kernel's. */
function embedPatches(s: Scope, config: Qwen3VlVisionConfig, patches: number): Value {
  const { hidden_size: width, patch_size: side, temporal_patch_size: frames } = config;
  const values = 3 * frames * side * side;
  const weight = s.parameter("weight", [width, 3, frames, side, side], { as: [width, values] });
  const input = s.graph.input("patches", [patches, values]);
  return gemm(s, input, weight, { transB: true, bias: s.parameter("bias", [width]) });
}

function positions(s: Scope, config: Qwen3VlVisionConfig, grid: Grid): Value {
  const g = s.graph;
  const { hidden_size: width, num_position_embeddings: places } = config;
  const table = s.at("pos_embed").parameter("weight", [places, width]);
  const { indices, shares } = positionCorners(config, grid);
  return indices
    .map((rows, i) => mul(s, gather(s, table, g.ints(rows)), g.constant(shares[i]!, [rows.length, 1])))
    .reduce((sum, corner) => add(s, sum, corner));
}

/** x [patches, width] → [patches, width] */
function block(s: Scope, x: Value, context: Context): Value {
  const { hidden_size: width, intermediate_size: inner, hidden_act: act } = context.config;
  const attended = add(s, x, attend(s.at("attn"), norm(s.at("norm1"), x), context));
  const m = s.at("mlp");
  const hidden = rowLinear(m.at("linear_fc1"), norm(s.at("norm2"), attended), inner, ROTATED);
  const active = act === "gelu" ? gelu(m, hidden) : geluTanh(m, hidden);
  return add(s, attended, rowLinear(m.at("linear_fc2"), active, width, ROTATED));
}

/** Vision transformers too have a few channels that are far larger than the others (arXiv 2402.17762). */
const ROTATED = { bias: true, rotated: true };

function norm(s: Scope, x: Value): Value {
  const width = x.shape[1] ?? 0;
  return layerNorm(s, x, s.parameter("weight", [width]), s.parameter("bias", [width]), EPS);
}

function attend(s: Scope, x: Value, { config, cos, sin }: Context): Value {
  const { hidden_size: width, num_heads: heads } = config;
  const part = (i: number) =>
    rowLinear(s.at("qkv"), x, 3 * width, { ...ROTATED, rows: [i * width, (i + 1) * width] });
  const turned = (of: Value) => rotary(s, of, cos, sin, { width: width / heads, interleaved: false });
  return rowLinear(
    s.at("proj"),
    attention(s, turned(part(0)), turned(part(1)), part(2), { heads }),
    width,
    ROTATED,
  );
}

/** Neighbours side by side, normalised before or after that, through two layers: x [patches, width] → [patches / merge², out] */
function merger(s: Scope, x: Value, config: Qwen3VlVisionConfig, normalised: "before" | "after"): Value {
  const { hidden_size: width, spatial_merge_size: merge, out_hidden_size: out } = config;
  const all = width * merge ** 2;
  const beside = (of: Value) => reshape(s, of, [(of.shape[0] ?? 0) / merge ** 2, all]);
  const n = s.at("norm");
  const rows = normalised === "before" ? beside(norm(n, x)) : norm(n, beside(x));
  const hidden = gelu(s, rowLinear(s.at("linear_fc1"), rows, all, ROTATED));
  return rowLinear(s.at("linear_fc2"), hidden, out, ROTATED);
}
