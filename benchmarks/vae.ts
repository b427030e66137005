/**
 * npm run bench -- vae [--sizes 512,1024,2048] [--precision fp32,fp32-fast] [--runs 1] [--threads N] [--whole-up-to 7]
 *   [--json] [--clean]
 *
 * Encoding and decoding by a full-size VAE of SD 1.x, whole and in tiles: seconds, sessions made anew each time as in an edit,
 * seconds of the processor over all cores, and the most anonymous memory. Every figure is a process of its own, so that none
 * inherits another's memory; precisions, whole and tiled take turns. Of tiles, only what lies between them knows a precision. Whole graphs of more than --whole-up-to gigabytes are left out. Then what tiles change, on picturebook's VAE.
 */
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import type { Precision } from "../src/checkpoint/derived.ts";
import { folderSource } from "../src/checkpoint/source.node.ts";
import { mappedStorage } from "../src/checkpoint/storage.node.ts";
import type { PlacedWeights } from "../src/checkpoint/storage.ts";
import { openWeights } from "../src/checkpoint/weights.ts";
import { readPicture } from "../src/images/codec.node.ts";
import { toModelImage } from "../src/images/model-image.ts";
import { checkPrecision } from "../src/models/open.node.ts";
import type { VaeConfig } from "../src/networks/autoencoder-kl/config.ts";
import { readVaeConfig } from "../src/networks/autoencoder-kl/config.ts";
import type { RunGraph } from "../src/networks/autoencoder-kl/fine-stage.ts";
import { buildDecoder, buildEncoder } from "../src/networks/autoencoder-kl/graph.ts";
import { vaePrecision } from "../src/networks/autoencoder-kl/layers.ts";
import { decode, encode, VAE_LIMITS, type VaeLimits } from "../src/networks/autoencoder-kl/vae.ts";
import { createNodeEngine, physicalCores } from "../src/runtime/node.ts";
import { createNoise } from "../src/tensor/noise.ts";
import { relativeError } from "../src/tensor/ops.ts";
import type { Tensor } from "../src/tensor/tensor.ts";
import { watchMemory } from "./memory.ts";
import { config, folder, makeRandomVae, removeRandomVae } from "./random-vae.ts";
import { record } from "./record.ts";

const WHOLE: VaeLimits = { whole: Number.POSITIVE_INFINITY, tile: VAE_LIMITS.tile };
const TILED: VaeLimits = { whole: 0, tile: VAE_LIMITS.tile };
/** Picturebook's VAE is small; so are its tiles, for as many as a full-size one has at 1024 and 2048 px. */
const QUALITY = { height: 512, width: 640, tiles: [60e6, 20e6] };
const PICTURES = ["lake", "meadow", "road"];

const { values: args } = parseArgs({
  options: {
    sizes: { type: "string", default: "512,1024,2048" },
    precision: { type: "string", default: "fp32" },
    runs: { type: "string", default: "1" },
    threads: { type: "string" },
    "whole-up-to": { type: "string", default: "7" },
    json: { type: "boolean", default: false },
    clean: { type: "boolean", default: false },
    one: { type: "string" },
  },
});

interface One {
  readonly op: "encode" | "decode";
  readonly size: number;
  readonly tiled: boolean;
  readonly precision: Precision;
}

interface Cost {
  readonly seconds: number;
  /** Of all cores together. */
  readonly cpuSeconds: number;
  readonly anonymousGB: number;
  /** Graphs that ran. */
  readonly runs: number;
}

const precisions = args.precision.split(",").map(checkPrecision);
const threads = args.threads ? Number(args.threads) : physicalCores();
if (args.clean) await removeRandomVae();
else if (args.one) console.log(JSON.stringify(await measure(JSON.parse(args.one))));
else await main(args.sizes.split(",").map(Number), Number(args.runs), Number(args["whole-up-to"]) * 1e9);

async function main(sizes: readonly number[], runs: number, wholeUpTo: number): Promise<void> {
  for (const size of sizes) {
    if (!(size >= 64 && size % 8 === 0))
      throw new RangeError(`--sizes has ${size}; expected multiples of 8 from 64`);
  }
  const parameters = await makeRandomVae();
  const weights = await weightsIn(folder);
  const rows: Record<string, string | number>[] = [];
  for (const size of sizes) {
    for (const op of ["encode", "decode"] as const) {
      const ways = precisions.flatMap((precision) =>
        [false, true]
          .filter((tiled) => tiled || bytesOf(weights, { op, size, precision }) <= wholeUpTo)
          .map((tiled) => ({ op, size, precision, tiled, costs: [] as Cost[] })),
      );
      for (let i = 0; i < runs; i++) {
        for (const { costs, ...one } of ways) costs.push(inChild(one));
      }
      for (const { precision, tiled, costs } of ways) {
        const fits = bytesOf(weights, { op, size, precision }) <= VAE_LIMITS.whole;
        rows.push({
          op,
          size,
          precision,
          way: tiled ? "tiled" : "whole",
          default: fits !== tiled ? "yes" : "",
          seconds: round(median(costs.map(({ seconds }) => seconds)), 2),
          cpuSeconds: round(median(costs.map(({ cpuSeconds }) => cpuSeconds)), 2),
          anonymousGB: round(Math.max(...costs.map(({ anonymousGB }) => anonymousGB)), 2),
          graphsRun: costs[0]!.runs,
        });
        if (!args.json) console.log(line(rows.at(-1)!));
      }
    }
  }
  const quality = await measureQuality();
  if (args.json)
    console.log(JSON.stringify({ parameters, threads, rows, quality, record: record("vae", rows) }, null, 2));
  else for (const row of quality) console.log(line(row));
}

function line(row: Record<string, string | number>): string {
  return Object.entries(row)
    .map(([key, value]) => `${key} ${value}`.padEnd(18))
    .join(" ");
}

function bytesOf(weights: PlacedWeights, { op, size, precision }: Omit<One, "tiled">): number {
  const side = op === "encode" ? size : size / 8;
  const placed = { ...weights, precision: vaePrecision(precision) };
  return (op === "encode" ? buildEncoder : buildDecoder)(config, placed, side, side).peakBytes;
}

function inChild(one: One): Cost {
  const file = fileURLToPath(import.meta.url);
  const argv = [...process.execArgv, file, "--one", JSON.stringify(one), "--threads", String(threads)];
  return JSON.parse(execFileSync(process.execPath, argv, { encoding: "utf8" }));
}

async function measure({ op, size, tiled, precision }: One): Promise<Cost> {
  const vae = openVae(config, { ...(await weightsIn(folder)), precision: vaePrecision(precision) });
  const limits = tiled ? TILED : WHOLE;
  const noise = createNoise(1);
  const input = op === "encode" ? noise.randn([1, 3, size, size]) : noise.randn([1, 4, size / 8, size / 8]);
  const stopMemory = watchMemory();
  const [started, before] = [performance.now(), process.cpuUsage()];
  await vae[op](input, limits);
  const seconds = (performance.now() - started) / 1000;
  const { user, system } = process.cpuUsage(before);
  const anonymousGB = stopMemory() / 1e9;
  await vae.dispose();
  return { seconds, cpuSeconds: (user + system) / 1e6, anonymousGB, runs: vae.runs() };
}

async function weightsIn(path: string): Promise<PlacedWeights> {
  const source = folderSource(path);
  return mappedStorage().place(source, await openWeights(source, "vae", "diffusion_pytorch_model"));
}

/** A VAE with one session at a time, as the editor has them where pictures are large. */
function openVae(config: VaeConfig, weights: PlacedWeights) {
  const engine = createNodeEngine({ threads });
  let runs = 0;
  let held: { key: string; session: Awaited<ReturnType<typeof engine.createSession>> } | undefined;
  const run: RunGraph = async (key, build, feeds) => {
    runs++;
    if (held?.key !== key) {
      await held?.session.release();
      const { files, root } = weights;
      const session = await engine.createSession(build("fused").encode(), { files, root, prepack: false });
      held = { key, session };
    }
    return held.session.run(feeds);
  };
  return {
    encode: (image: Tensor, limits: VaeLimits) => encode(config, weights, image, run, limits),
    decode: (z: Tensor, limits: VaeLimits) => decode(config, weights, z, run, limits),
    runs: () => runs,
    dispose: () => engine.dispose(),
  };
}

/** Pictures of picturebook's own drawn large: what comes out in tiles against what comes out whole. */
async function measureQuality(): Promise<Record<string, string | number>[]> {
  const picturebook = fileURLToPath(new URL("../models/picturebook", import.meta.url));
  const vae = openVae(await readVaeConfig(folderSource(picturebook)), await weightsIn(picturebook));
  const { height, width, tiles } = QUALITY;
  const rows: Record<string, string | number>[] = [];
  for (const name of PICTURES) {
    const file = fileURLToPath(new URL(`../examples/${name}.png`, import.meta.url));
    const { data, shape } = toModelImage(await readPicture(file), width, height);
    const image = { data, shape: [1, ...shape] };
    const latent = await vae.encode(image, WHOLE);
    const decoded = await vae.decode(latent, WHOLE);
    for (const tile of tiles) {
      const again = await vae.encode(image, { whole: 0, tile });
      const before = vae.runs();
      const { psnr, levels } = distance(decoded, await vae.decode(latent, { whole: 0, tile }));
      rows.push({
        picture: name,
        size: `${width}x${height}`,
        graphsRun: vae.runs() - before,
        latentError: relativeError(again, latent).toExponential(1),
        psnr: round(psnr, 1),
        largestLevels: round(levels, 2),
      });
    }
  }
  await vae.dispose();
  return rows;
}

/** PSNR in dB and the largest difference in levels of 255, of pictures in [-1, 1] before they are rounded. */
function distance(a: Tensor, b: Tensor): { psnr: number; levels: number } {
  let [squares, largest] = [0, 0];
  const shown = (value: number) => Math.min(1, Math.max(-1, value));
  a.data.forEach((value, i) => {
    const difference = Math.abs(shown(value) - shown(b.data[i]!));
    squares += difference ** 2;
    largest = Math.max(largest, difference);
  });
  return { psnr: 10 * Math.log10(4 / (squares / a.data.length)), levels: largest * 127.5 };
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1]!;
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
