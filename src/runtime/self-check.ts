/**
 * Whether a card computes what the processor does. Its provider and its driver may be wrong without saying so, and by how
 * much depends on the card; so a small network of the models' operators is run on both before the card gets any work.
 */
import type { InferenceSession } from "onnxruntime-node";
import { EmilieError } from "../errors.ts";
import { attention } from "../graph/attention.ts";
import { type Dialect, Graph, type Site, type Value } from "../graph/graph.ts";
import type { FloatType } from "../graph/onnx.ts";
import * as ops from "../graph/ops.ts";
import { createNoise } from "../tensor/noise.ts";
import { relativeError } from "../tensor/ops.ts";
import { sizeOf, type Tensor } from "../tensor/tensor.ts";
import type { Ort } from "./worker-loop.ts";

/**
 * Relative L2 of the result. Rounding comes to 1e-6, in half precision to 2e-3; what providers got wrong came to 1e-2 and more, all
 * of it together to 0.4.
 */
const TOLERANCE = { float32: 1e-3, float16: 1e-2 };

/** What is said of a card that computes in single precision alone. */
export const NO_HALF =
  'This GPU does not support half precision (WebGPU\'s "shader-f16"), which precision "fp16" needs. Load the model in "fp32".';

const SEED = 7;
/** Side and channels of the picture, width and number of the text's tokens. */
const [SIDE, CHANNELS, WIDTH, TOKENS] = [16, 8, 32, 77];

/** What is said where a processor takes over from a card that was to compute in half precision. */
export const IN_SINGLE = "Instead of fp16, the UNet computes in fp32, with weights in half precision.";

/** How a session is made: of what graph, and where it runs. */
export interface Candidate {
  readonly dialect: Dialect;
  /** What the network computes in. Default "float32". */
  readonly float?: FloatType;
  readonly options: InferenceSession.SessionOptions;
}

/** All the trials of a card, with these options, against the processor with those: in fp32, and with `half` in fp16 too. */
export async function checkCard(
  ort: Ort,
  half: boolean,
  card: InferenceSession.SessionOptions,
  processor: InferenceSession.SessionOptions,
): Promise<void> {
  // In fp16 the text encoder and the autoencoder are fp32 all the same.
  for (const float of half ? (["float32", "float16"] as const) : (["float32"] as const)) {
    await selfCheck(
      ort,
      { dialect: "plain", float, options: card },
      { dialect: "fused", options: processor },
    );
  }
}

/** Throws "runtime.failed" where `card` is further from `processor` than rounding explains. */
export async function selfCheck(ort: Ort, card: Candidate, processor: Candidate): Promise<void> {
  const expected = await run(ort, processor);
  const error = relativeError(await run(ort, card), expected);
  // Written so that a result that is no number fails too.
  const tolerance = TOLERANCE[card.float ?? "float32"];
  if (error <= tolerance) return;
  throw new EmilieError(
    "runtime.failed",
    `The GPU failed its self-test: its results differ from the CPU's by ${error.toPrecision(2)}, and ${tolerance} is allowed.`,
  );
}

async function run(ort: Ort, { dialect, float, options }: Candidate): Promise<Tensor> {
  const session = await ort.InferenceSession.create(trial(dialect, float).encode(), options);
  try {
    const { data, shape } = createNoise(SEED).randn([1, CHANNELS, SIDE, SIDE]);
    const timestep = new ort.Tensor("float32", Float32Array.of(981), [1, 1]);
    const { result } = await session.run({ picture: new ort.Tensor("float32", data, shape), timestep });
    return { data: (await result!.getData()) as Float32Array, shape: [...result!.dims] };
  } finally {
    await session.release();
  }
}

/** picture [1, 8, 16, 16] and timestep [1, 1] → result [1, 4, 16, 16] through one layer of each kind. */
export function trial(dialect: Dialect, float: FloatType = "float32"): Graph {
  const graph = new Graph("trial", dialect);
  const at: Site = { graph, path: "trial" };
  const noise = createNoise(SEED + 1);
  /** Weights that keep the size of what they are applied to, as trained ones do. */
  const weight = (...shape: number[]): Value => {
    const { data } = noise.randn(shape);
    const scale = 1 / Math.sqrt(sizeOf(shape) / shape[0]!);
    return graph.constant(
      data.map((v) => v * scale),
      shape,
      float,
    );
  };
  const bias = (...shape: number[]) => graph.constant(noise.randn(shape).data, shape, float);
  const norm = (x: Value, groups: number) => {
    const channels = x.shape[1]!;
    return ops.silu(at, ops.groupNorm(at, x, bias(channels, 1, 1), bias(channels, 1, 1), groups, 1e-5));
  };
  const linear = (x: Value, out: number) =>
    ops.gemm(at, x, weight(out, x.shape[1]!), { transB: true, bias: bias(out) });
  const layerNorm = (x: Value) => ops.layerNorm(at, x, bias(WIDTH), bias(WIDTH), 1e-5);
  const around = { padding: [1, 1, 1, 1] as const };

  const angles = ops.mul(
    at,
    graph.input("timestep", [1, 1]),
    graph.constant(
      Array.from({ length: WIDTH / 2 }, (_, i) => 10000 ** ((-2 * i) / WIDTH)),
      [1, WIDTH / 2],
    ),
  );
  const waves = ops.concat(at, [ops.unary(at, "Sin", angles), ops.unary(at, "Cos", angles)], 1);
  const time = ops.reshape(at, linear(ops.cast(at, waves, float), WIDTH), [WIDTH]);

  // A residual block, half the size and back.
  const picture = ops.cast(at, graph.input("picture", [1, CHANNELS, SIDE, SIDE]), float);
  let x = ops.conv2d(at, picture, weight(WIDTH, CHANNELS, 3, 3), time, around);
  const skip = x;
  x = ops.conv2d(at, norm(x, 8), weight(WIDTH, WIDTH, 3, 3), bias(WIDTH), { ...around, residual: x });
  x = ops.conv2d(at, x, weight(WIDTH, WIDTH, 3, 3), bias(WIDTH), { ...around, stride: 2 });
  x = ops.concat(at, [ops.resizeNearest(at, x, SIDE, SIDE), skip], 1);
  x = ops.conv2d(at, norm(x, 16), weight(WIDTH, 2 * WIDTH, 1, 1), bias(WIDTH), { residual: skip });

  // A transformer block over the pixels and a text.
  const pixels = SIDE * SIDE;
  const [rows, out] = [weight(WIDTH, WIDTH), bias(WIDTH)];
  const flat = ops.reshape(at, x, [WIDTH, pixels]);
  let tokens = ops.gemm(at, flat, rows, { transA: true, transB: true, bias: out });
  const text = attention(at, bias(TOKENS, WIDTH), bias(TOKENS, WIDTH), bias(TOKENS, WIDTH), {
    heads: 1,
    causal: true,
  });
  for (const context of [null, text]) {
    const q = layerNorm(tokens);
    const [k, v] = [linear(context ?? q, WIDTH), linear(context ?? q, WIDTH)];
    tokens = ops.add(at, tokens, attention(at, q, k, v, { heads: 4 }));
  }
  const hidden = layerNorm(tokens);
  const gated = ops.mul(
    at,
    ops.gelu(at, linear(hidden, 2 * WIDTH)),
    ops.quickGelu(at, linear(hidden, 2 * WIDTH)),
  );
  tokens = ops.add(at, tokens, linear(gated, WIDTH));
  const back = ops.gemm(at, weight(WIDTH, WIDTH), tokens, { transB: true, bias: bias(WIDTH, 1) });
  x = ops.add(at, ops.reshape(at, back, [1, WIDTH, SIDE, SIDE]), x);
  const result = ops.conv2d(at, norm(x, 8), weight(4, WIDTH, 3, 3), bias(4), around);
  graph.output("result", ops.cast(at, result, "float32"));
  return graph;
}
