/**
 * npm run bench:unet -- [--size 512] [--memory low] [--runs N] [--threads N] [--json] [--clean]
 *
 * One forward of the full InstructPix2Pix UNet at a picture size, against the fastest matrix product that the same
 * runtime does on the same machine in the same minute: machines throttle, and neighbours come and go.
 */
import { parseArgs } from "node:util";
import { folderSource } from "../src/checkpoint/source.node.ts";
import { mappedStorage } from "../src/checkpoint/storage.node.ts";
import { openWeights } from "../src/checkpoint/weights.ts";
import { Graph } from "../src/graph/graph.ts";
import { gemm } from "../src/graph/ops.ts";
import { buildUNet } from "../src/models/unet.ts";
import type { Engine } from "../src/runtime/engine.ts";
import { createNodeEngine, physicalCores } from "../src/runtime/node.ts";
import { sizeOf, type Tensor } from "../src/tensor/tensor.ts";
import { watchMemory } from "./memory.ts";
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
    memory: { type: "string", default: "normal" },
    runs: { type: "string", default: "7" },
    threads: { type: "string" },
    json: { type: "boolean", default: false },
    clean: { type: "boolean", default: false },
  },
});

if (args.clean) await removeRandomUNet();
else await main(Number(args.size), args.memory === "low", Number(args.runs), args.threads);

async function main(size: number, low: boolean, runs: number, threads?: string): Promise<void> {
  if (!(size >= 64 && size % 8 === 0))
    throw new RangeError(`--size is ${size}; expected a multiple of 8 from 64`);
  const parameters = await makeRandomUNet();
  const source = folderSource(folder);
  const weights = await mappedStorage().place(
    source,
    await openWeights(source, "unet", "diffusion_pytorch_model"),
  );
  const cores = threads ? Number(threads) : physicalCores();
  const engine = createNodeEngine({ threads: cores });
  const stopMemory = watchMemory();
  const started = performance.now();
  const graph = buildUNet(config, weights, { height: size / 8, width: size / 8, tokens: TOKENS });
  const session = await engine.createSession(graph.encode(), {
    files: weights.files,
    root: weights.root,
    prepack: !low,
  });
  const createSeconds = (performance.now() - started) / 1000;
  const feeds = {
    z: noise([1, 4, size / 8, size / 8]),
    c: noise([1, 4, size / 8, size / 8]),
    timestep: { data: Float32Array.of(500), shape: [1, 1] },
    text: noise([TOKENS, config.levels[0]!.crossAttentionDim]),
  };
  const coldSeconds = await seconds(() => session.run(feeds));
  const warm = [await seconds(() => session.run(feeds))];
  const anonymous = stopMemory();
  const peakGflops = await peakProbe(engine);
  const peaks: number[] = [];
  // Rounds of about four seconds, so that the probe does not push the weights out of memory before every run.
  const together = Math.max(1, Math.min(4, Math.round(4 / warm[0]!)));
  while (warm.length < runs) {
    peaks.push(await peakGflops());
    for (let i = 0; i < together; i++) warm.push(await seconds(() => session.run(feeds)));
  }
  peaks.push(await peakGflops());
  await engine.dispose();

  const gflopPerSecond = graph.flops / median(warm) / 1e9;
  report({
    size,
    memory: low ? "low" : "normal",
    threads: cores,
    parameters,
    gflop: round(graph.flops / 1e9, 1),
    seconds: round(median(warm), 3),
    coldSeconds: round(coldSeconds, 3),
    gflopPerSecond: round(gflopPerSecond, 1),
    peakGflopPerSecond: round(median(peaks), 1),
    ratioToPeak: round(gflopPerSecond / median(peaks), 3),
    createSeconds: round(createSeconds, 2),
    anonymousGB: round(anonymous / 1e9, 3),
    nodes: graph.nodeCount,
  });
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
