/**
 * npm run bench -- select [FOLDER] [--scenes N] [--seed N] [--draw FILE] [--worst KIND] [--processes 5] [--json] [--write]
 *
 * What a click finds in drawn scenes whose things are known to the pixel: overlap (intersection over union) with the truth, by its mean with the 95 % interval, its
 * median and the share of scenes above 0.85: of roofs, hulls of boats, and balloons, each clicked where it is thickest.
 *
 * FOLDER holds scenes of `python training/picturebook/export_select.py --seed 5000000 --scenes 128 --out FOLDER`, each seed others; without it the 64 are taken on which
 * the tests run. --scenes takes the first N, or with --seed N of a folder's scenes as many drawn by lot.
 *
 * Then the time of a click in a picture of 12 megapixels (a photograph of benchmarks/photographs, enlarged), in a process of its own, by the median of --processes (0: no times):
 * "first" with nothing prepared and code that has never run, "picture" the first click in another picture, "later" clicks in one; and, in a fresh process too, "prepared": the first
 * click where the picture was looked at before, as the studio does while the pointer is on its way from the tool to the thing.
 *
 * --draw writes what was found as a picture, --worst KIND the 24 worst of a kind alone. --write puts the numbers into docs/results/select.json.
 */
import { fork } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { intervalOf } from "../packages/bench/src/interval.ts";
import { blankPicture } from "../src/images/picture.ts";
import { type Mask, type Picture, selectRegion, strip, writePicture } from "../src/index.ts";
import {
  middleOf,
  overlap,
  readScenes,
  type Scene,
  THINGS,
  type ThingKind,
  truthOf,
} from "../tests/support/select-scenes.ts";
import { usage, whole } from "./options.ts";
import { digits, record } from "./record.ts";
import { printRows } from "./table.ts";

const BAR = 0.85;
const TIMES = ["first", "picture", "later", "prepared"] as const;
const KINDS = Object.keys(THINGS) as ThingKind[];

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    scenes: { type: "string" },
    seed: { type: "string" },
    draw: { type: "string" },
    worst: { type: "string" },
    processes: { type: "string", default: "5" },
    json: { type: "boolean", default: false },
    write: { type: "boolean", default: false },
  },
});
const worst = flags.worst as ThingKind | undefined;
if (worst !== undefined && !KINDS.includes(worst)) usage(`--worst ${worst}: expected one of ${KINDS}.`);
const folder = positionals[0]
  ? pathToFileURL(`${resolve(positionals[0])}/`)
  : new URL("../tests/fixtures/select/", import.meta.url);

const read = await readScenes(folder);
const scenes = chosen(read.scenes, whole("scenes", flags.scenes), whole("seed", flags.seed, 0));
const found = scenes.flatMap((scene) => KINDS.flatMap((kind) => clicked(scene, kind) ?? []));
const rows = KINDS.map((kind) => {
  const overlaps = found.filter((one) => one.kind === kind).map(({ iou }) => iou);
  const { low, high } = intervalOf(overlaps.map((iou) => ({ sum: iou, n: 1 })));
  const sorted = overlaps.toSorted((a, b) => a - b);
  return {
    kind,
    n: overlaps.length,
    mean: digits(overlaps.reduce((sum, iou) => sum + iou, 0) / overlaps.length),
    low: low && digits(low),
    high: high && digits(high),
    median: digits((sorted[sorted.length >> 1]! + sorted[(sorted.length - 1) >> 1]!) / 2),
    above: digits(overlaps.filter((iou) => iou >= BAR).length / overlaps.length),
    worst: digits(sorted[0]!),
  };
});
const times = await timed(whole("processes", flags.processes, 0) ?? 0);
const result = {
  ...record("select", rows),
  scenes: { side: read.side, count: scenes.length, seeds: read.seeds },
  ...(times && { milliseconds: { megapixels: 12, ...times } }),
};
if (flags.json) console.log(JSON.stringify(result, null, 1));
else {
  printRows(result);
  if (times)
    console.log(
      `12 megapixels: ${times.first} ms for the first click, ${times.picture} ms in another picture, ${times.later} ms for later ones; ${times.prepared} ms for the first where the picture was prepared`,
    );
}
if (flags.write) {
  const file = new URL("../docs/results/select.json", import.meta.url);
  await writeFile(file, `${JSON.stringify(result, null, 1)}\n`);
}
if (flags.draw !== undefined) await draw(flags.draw);

interface Clicked {
  readonly kind: ThingKind;
  readonly picture: Picture;
  readonly point: { readonly x: number; readonly y: number };
  readonly mask: Mask;
  readonly iou: number;
}

/** Nothing where the thing is hidden. */
function clicked(scene: Scene, kind: ThingKind): Clicked | undefined {
  const truth = truthOf(scene, kind);
  if (!truth.data.includes(1)) return undefined;
  const point = middleOf(truth);
  const mask = selectRegion(scene.picture, { point });
  return { kind, picture: scene.picture, point, mask, iou: overlap(mask, truth) };
}

/** The first ones, or as many by lot: an order that the seed decides (mulberry32). */
function chosen(all: readonly Scene[], count = all.length, seed?: number): readonly Scene[] {
  if (count > all.length) usage(`--scenes ${count}: there are ${all.length} in the folder.`);
  if (seed === undefined) return all.slice(0, count);
  let state = seed;
  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  };
  const lots = all.map((scene) => ({ scene, lot: next() }));
  return lots
    .sort((a, b) => a.lot - b.lot)
    .slice(0, count)
    .map(({ scene }) => scene);
}

/** Medians over processes; nothing without any. */
async function timed(count: number): Promise<Record<(typeof TIMES)[number], number> | undefined> {
  if (count === 0) return undefined;
  const runs: Record<string, number>[] = [];
  for (let i = 0; i < count; i++) runs.push({ ...(await timesOf()), ...(await timesOf("prepared")) });
  const median = (key: string) => Math.round(runs.map((run) => run[key]!).sort((a, b) => a - b)[count >> 1]!);
  return Object.fromEntries(TIMES.map((key) => [key, median(key)])) as Record<(typeof TIMES)[number], number>;
}

function timesOf(...args: string[]): Promise<Record<string, number>> {
  return new Promise((done, failed) => {
    const child = fork(new URL("./select-times.ts", import.meta.url), args);
    child.once("message", (times) => done(times as Record<string, number>)).once("error", failed);
    child.once("exit", (code) => failed(new Error(`select-times ended with ${code}`)));
  });
}

/** What is not selected is dark, and where it was clicked a green dot. */
async function draw(file: string): Promise<void> {
  const shown = (worst ? found.filter(({ kind }) => kind === worst) : found)
    .toSorted((a, b) => a.iou - b.iou)
    .slice(0, 24);
  const frames = shown.map(({ picture, point, mask, kind, iou }) => {
    const result = blankPicture(picture.width, picture.height, [0, 0, 0, 255]);
    for (const [i, inside] of mask.data.entries())
      for (let c = 0; c < 3; c++) result.data[4 * i + c] = picture.data[4 * i + c]! * (0.3 + 0.7 * inside);
    result.data.set([0, 255, 0, 255], 4 * (point.y * picture.width + point.x));
    return { picture: result, caption: `${kind} ${iou.toFixed(2)}` };
  });
  await mkdir(dirname(resolve(file)), { recursive: true });
  await writePicture(strip(frames, { columns: 6 }), file);
}
