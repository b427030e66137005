/**
 * npm run bench -- unet [--size 512] [--precision fp32,fp32-fast,int8] [--memory low] [--runs N] [--threads N] [--json] [--clean]
 * or, on a graphics card, [--device webgpu] [--precision fp32,fp16] and the rest.
 *
 * One forward of the full InstructPix2Pix UNet at a picture size, against the fastest matrix product that the same
 * runtime does on the same machine in the same minute: machines throttle, and neighbours come and go.
 */
import { parseArgs } from "node:util";
import type { Precision } from "../src/checkpoint/derived.ts";
import { folderSource } from "../src/checkpoint/source.node.ts";
import { mappedStorage } from "../src/checkpoint/storage.node.ts";
import { dryPlacement } from "../src/checkpoint/storage.ts";
import { openWeights } from "../src/checkpoint/weights.ts";
import { Graph } from "../src/graph/graph.ts";
import { gemm } from "../src/graph/ops.ts";
import { checkDevice } from "../src/models/load.node.ts";
import { checkPrecision } from "../src/models/open.node.ts";
import { buildUNet, unetNeeds } from "../src/networks/stable-diffusion/unet.ts";
import type { Engine, Feeds, Session } from "../src/runtime/engine.ts";
import { createNodeEngine, type NodeDevice, physicalCores } from "../src/runtime/node.ts";
import { sizeOf, type Tensor } from "../src/tensor/tensor.ts";
import { anonymousBytes, watchMemory } from "./memory.ts";
import { config, folder, makeRandomUNet, removeRandomUNet } from "./random-unet.ts";
import { record } from "./record.ts";

const TOKENS = 77;
/** The fastest of these counts as the peak: in cache, between, and beyond it. */
const PEAK_SIDES = [512, 1024, 2048];
/** Work per sample: a tenth of a second or two on two cores, long enough for clocks and threads to settle. */
const PEAK_FLOPS = 40e9;
const THIN = 8;

const { values: args } = parseArgs({
  options: {
    size: { type: "string", default: "512" },
    precision: { type: "string", default: "fp32" },
    memory: { type: "string", default: "normal" },
    runs: { type: "string", default: "7" },
    threads: { type: "string" },
    device: { type: "string", default: "cpu" },
    json: { type: "boolean", default: false },
    clean: { type: "boolean", default: false },
  },
});

const precisions = args.precision.split(",").map(checkPrecision);
const device = args.device as NodeDevice;
if (device === "auto") throw new RangeError("--device: name the one that is measured");
for (const precision of precisions) checkDevice(precision, device);
if (args.clean) await removeRandomUNet();
else if (precisions.length === 1) await alone(Number(args.size), precisions[0]!);
else await side(Number(args.size), precisions);

interface Mode {
  readonly precision: Precision;
  readonly session: Session;
  readonly gflop: number;
  readonly nodes: number;
  readonly placeSeconds: number;
  readonly createSeconds: number;
  readonly coldSeconds: number;
  readonly anonymous: number;
  readonly noise: Float32Array;
}

function checkedSize(size: number): number {
  if (size >= 64 && size % 8 === 0) return size;
  throw new RangeError(`--size is ${size}; expected a multiple of 8 from 64`);
}

/** Weights, session and first run in one precision, with what each took. */
async function make(engine: Engine, size: number, precision: Precision, feeds: Feeds): Promise<Mode> {
  const source = folderSource(folder);
  const table = await openWeights(source, "unet", "diffusion_pytorch_model");
  const before = anonymousBytes();
  const stopMemory = watchMemory();
  let started = performance.now();
  const needs = precision === "fp32" ? undefined : unetNeeds(config, dryPlacement(table, precision));
  const weights = await mappedStorage().place(source, table, undefined, needs);
  const placeSeconds = (performance.now() - started) / 1000;
  started = performance.now();
  const dialect = device === "cpu" ? "fused" : "plain";
  const graph = buildUNet(config, weights, { height: size / 8, width: size / 8, tokens: TOKENS }, dialect);
  const session = await engine.createSession(graph.encode(), {
    files: weights.files,
    root: weights.root,
    prepack: args.memory !== "low",
  });
  const createSeconds = (performance.now() - started) / 1000;
  let noise: Float32Array | undefined;
  const coldSeconds = await seconds(async () => {
    noise = (await session.run(feeds)).noise!.data;
  });
  return {
    precision,
    session,
    gflop: round(graph.flops / 1e9, 1),
    nodes: graph.nodeCount,
    placeSeconds,
    createSeconds,
    coldSeconds,
    anonymous: stopMemory() - before,
    noise: noise!,
  };
}

function feedsOf(size: number): Feeds {
  return {
    z: noise([1, 4, size / 8, size / 8]),
    c: noise([1, 4, size / 8, size / 8]),
    timestep: { data: Float32Array.of(500), shape: [1, 1] },
    text: noise([TOKENS, config.levels[0]!.crossAttentionDim]),
  };
}

async function alone(size: number, precision: Precision): Promise<void> {
  const feeds = feedsOf(checkedSize(size));
  const parameters = await makeRandomUNet();
  const cores = args.threads ? Number(args.threads) : physicalCores();
  const engine = createNodeEngine({ threads: cores, device, half: precision === "fp16" });
  const mode = await make(engine, size, precision, feeds);
  const run = () => seconds(() => mode.session.run(feeds));
  const warm = [await run()];
  const peakGflops = await peakProbe(engine);
  const peaks: number[] = [];
  // Rounds of about four seconds, so that the probe does not push the weights out of memory before every run.
  const together = Math.max(1, Math.min(4, Math.round(4 / warm[0]!)));
  while (warm.length < Number(args.runs)) {
    peaks.push(await peakGflops());
    for (let i = 0; i < together; i++) warm.push(await run());
  }
  peaks.push(await peakGflops());
  await engine.dispose();

  const gflopPerSecond = mode.gflop / median(warm);
  report({
    size,
    precision,
    device,
    memory: args.memory,
    threads: cores,
    parameters,
    gflop: mode.gflop,
    seconds: round(median(warm), 3),
    coldSeconds: round(mode.coldSeconds, 3),
    gflopPerSecond: round(gflopPerSecond, 1),
    peakGflopPerSecond: round(median(peaks), 1),
    ratioToPeak: round(gflopPerSecond / median(peaks), 3),
    placeSeconds: round(mode.placeSeconds, 2),
    createSeconds: round(mode.createSeconds, 2),
    anonymousGB: round(mode.anonymous / 1e9, 3),
    nodes: mode.nodes,
  });
}

/**
 * Several precisions in turn, again and again, so that what slows the machine slows them all. Ratios are medians over the rounds.
 * All sessions are in memory together, but each has an engine of its own, whose memory is what it has added.
 */
async function side(size: number, precisions: readonly Precision[]): Promise<void> {
  const feeds = feedsOf(checkedSize(size));
  await makeRandomUNet();
  const cores = args.threads ? Number(args.threads) : physicalCores();
  const engines: Engine[] = [];
  const modes: Mode[] = [];
  for (const precision of precisions) {
    const engine = createNodeEngine({ threads: cores, device, half: precision === "fp16" });
    engines.push(engine);
    modes.push(await make(engine, size, precision, feeds));
  }
  const times: number[][] = modes.map(() => []);
  for (let round = 0; round < Number(args.runs); round++) {
    for (const [i, { session }] of modes.entries()) times[i]!.push(await seconds(() => session.run(feeds)));
  }
  for (const engine of engines) await engine.dispose();
  const base = modes.findIndex(({ precision }) => precision === "fp32");
  const rows = modes.map((mode, i) => ({
    precision: mode.precision,
    seconds: round(median(times[i]!), 3),
    timesFaster: base < 0 ? null : round(median(times[base]!.map((t, j) => t / times[i]![j]!)), 2),
    relativeError: base < 0 ? null : Number(relativeError(mode.noise, modes[base]!.noise).toPrecision(2)),
    weightSeconds: round(mode.placeSeconds, 1),
    createSeconds: round(mode.createSeconds, 1),
    coldSeconds: round(mode.coldSeconds, 2),
    anonymousGB: round(mode.anonymous / 1e9, 2),
    nodes: mode.nodes,
  }));
  if (args.json)
    console.log(
      JSON.stringify({ size, device, threads: cores, runs: times[0]!.length, modes: rows }, null, 2),
    );
  else console.table(rows);
}

/** ‖a − b‖ / ‖b‖ */
function relativeError(a: Float32Array, b: Float32Array): number {
  const squares = (values: Float32Array) => values.reduce((sum, v) => sum + v * v, 0);
  return Math.sqrt(squares(a.map((v, i) => v - b[i]!)) / squares(b));
}

/**
 * GFLOP/s of the fastest square product, each time it is called. A chain of products lies between two thin ones, so that
 * next to nothing travels to the worker and back.
 */
async function peakProbe(engine: Engine): Promise<() => Promise<number>> {
  const probes = await Promise.all(PEAK_SIDES.map((side) => squareProbe(engine, side)));
  return async () => {
    const measured: number[] = [];
    // The first call of each wakes its threads and fills the caches.
    for (const probe of probes) measured.push(await probe(), await probe());
    return Math.max(...measured);
  };
}

async function squareProbe(engine: Engine, side: number): Promise<() => Promise<number>> {
  const graph = new Graph("peak");
  const at = { graph, path: "peak" };
  const random = (rows: number, columns: number) => {
    const values = noise([rows, columns]).data.map((v) => v * Math.sqrt(3 / columns));
    return graph.constant(values, [rows, columns]);
  };
  const square = random(side, side);
  let y = gemm(at, graph.input("x", [side, THIN]), random(side, THIN), { transB: true });
  while (graph.flops < PEAK_FLOPS) y = gemm(at, y, square, { transB: true });
  graph.output("y", gemm(at, y, random(THIN, side), { transB: true }));
  const session = await engine.createSession(graph.encode());
  const feeds = { x: noise([side, THIN]) };
  return async () => graph.flops / (await seconds(() => session.run(feeds))) / 1e9;
}

async function seconds(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return (performance.now() - started) / 1000;
}

function noise(shape: readonly number[]): Tensor {
  return { data: Float32Array.from({ length: sizeOf(shape) }, () => 2 * Math.random() - 1), shape };
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1]!;
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}

function report(result: Record<string, number | string>): void {
  if (args.json) console.log(JSON.stringify({ ...result, record: record("unet", [result]) }, null, 2));
  else for (const [key, value] of Object.entries(result)) console.log(`${key.padEnd(20)} ${value}`);
}
