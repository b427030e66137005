/**
 * npm run bench -- first-run [--precision int8,fp32-fast,fp32] [--stored F16] [--largest] [--json] [--clean]
 *
 * What the first load of a full-size UNet (859.5 M parameters, random) costs, and what is seen of it: seconds until something is said, the
 * longest silence between two reports, the most processor time between two (which a busy machine does not lengthen), bytes on disk, memory,
 * and how soon it stops when it is told to. --largest makes only what is made of the largest layer, where silences would be longest.
 */
import { mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type Derivation, type Precision, specsOf } from "../src/checkpoint/derived.ts";
import type { LoadWatch } from "../src/checkpoint/load-progress.ts";
import { folderSource } from "../src/checkpoint/source.node.ts";
import { mappedStorage } from "../src/checkpoint/storage.node.ts";
import { dryPlacement, type Needs } from "../src/checkpoint/storage.ts";
import { openWeights } from "../src/checkpoint/weights.ts";
import { isEmilieError } from "../src/errors.ts";
import { checkPrecision } from "../src/models/open.node.ts";
import { unetNeeds } from "../src/networks/stable-diffusion/unet.ts";
import { sizeOf } from "../src/tensor/tensor.ts";
import { watchMemory } from "./memory.ts";
import { config, folder, halfFolder, makeHalfUNet, makeRandomUNet } from "./random-unet.ts";

const { values: args } = parseArgs({
  options: {
    precision: { type: "string", default: "int8,fp32-fast,fp32" },
    stored: { type: "string", default: "F16" },
    largest: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    clean: { type: "boolean", default: false },
  },
});

const half = args.stored === "F16";
const root = half ? halfFolder : folder;
if (args.clean) await rm(root, { recursive: true, force: true });
else {
  await (half ? makeHalfUNet() : makeRandomUNet());
  const rows = [];
  for (const precision of args.precision.split(",").map(checkPrecision)) rows.push(await measure(precision));
  if (args.json) console.log(JSON.stringify({ stored: args.stored, rows }, null, 2));
  else console.table(rows);
}

async function measure(precision: Precision) {
  const cache = await mkdtemp(join(tmpdir(), "emilie-first-run-"));
  try {
    const stop = await timeToStop(cache, precision);
    const half = await sizes(cache);
    const peak = watchMemory();
    const { seconds, first, silence, computing, estimate, from } = await load(cache, precision);
    const memory = peak();
    const again = await load(cache, precision);
    return {
      precision,
      seconds: round(seconds),
      estimate: round(estimate),
      "first report (s)": round(first),
      "longest silence (s)": round(silence),
      "most processor time between reports (s)": round(computing),
      "disk (GB)": round((await sizes(cache)) / 1e9),
      "anonymous memory (GB)": round(memory / 1e9),
      "stopped after (s)": round(stop),
      "gone on from (GB)": round(from / 1e9),
      "left by the stop (GB)": round(half / 1e9),
      "second load (s)": round(again.seconds),
    };
  } finally {
    await rm(cache, { recursive: true, force: true });
  }
}

async function place(cache: string, precision: Precision, watch: LoadWatch): Promise<void> {
  const source = folderSource(root, "the random UNet");
  const table = await openWeights(source, "unet", "diffusion_pytorch_model");
  const needs = precision === "fp32" ? undefined : unetNeeds(config, dryPlacement(table, precision));
  const made = args.largest && needs ? largestOf(needs) : needs;
  const placed = await mappedStorage(cache, watch).place(source, table, undefined, made);
  await placed.release();
}

function largestOf(needs: Needs): Needs {
  const size = (one: Derivation) => specsOf(one).reduce((sum, { shape }) => sum + sizeOf(shape), 0);
  const derived = [...needs.derived].sort((a, b) => size(b) - size(a)).slice(0, 1);
  return { ...needs, derived, plain: new Set() };
}

async function load(cache: string, precision: Precision) {
  const start = performance.now();
  let [last, first, silence, estimate, from] = [start, Number.NaN, 0, Number.NaN, 0];
  let [used, computing] = [process.cpuUsage(), 0];
  await place(cache, precision, {
    onProgress({ stage, secondsLeft, bytes }) {
      const now = performance.now();
      if (stage === "start") [first, estimate, from] = [now - start, secondsLeft, bytes];
      silence = Math.max(silence, now - last);
      last = now;
      const { user, system } = process.cpuUsage(used);
      computing = Math.max(computing, (user + system) / 1e6);
      used = process.cpuUsage();
    },
  });
  const end = performance.now();
  silence = Math.max(silence, end - last);
  return {
    seconds: (end - start) / 1000,
    first: first / 1000,
    silence: silence / 1000,
    computing,
    estimate,
    from,
  };
}

/** Stops a load in its middle. Returns how long it takes to end. */
async function timeToStop(cache: string, precision: Precision): Promise<number> {
  const controller = new AbortController();
  let asked = Number.NaN;
  const onProgress: LoadWatch["onProgress"] = ({ bytes, totalBytes }) => {
    if (bytes < totalBytes / 4 || controller.signal.aborted) return;
    asked = performance.now();
    controller.abort();
  };
  try {
    await place(cache, precision, { onProgress, signal: controller.signal });
  } catch (error) {
    if (!isEmilieError(error) || error.code !== "aborted") throw error;
  }
  return (performance.now() - asked) / 1000;
}

async function sizes(cache: string): Promise<number> {
  const files = await readdir(cache);
  const all = await Promise.all(files.map((file) => stat(join(cache, file))));
  return all.reduce((sum, { size }) => sum + size, 0);
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
