/**
 * What a window around the mask costs and saves:
 * `npm run bench -- window [--limit N] [--settings 2:8,2:8:0.25] [--steps N] [--timed N] [--full-size] [--runs N] [--json]`
 *
 * Every local edit of imie-picturebook that has a brush and a known result, from the true picture before it: on the whole picture
 * and on windows of MARGIN:LEAST latent pixels. What is paired is
 * compared with intervals (bootstrap over scenes). A setting of one number is an edit on the whole picture in so many steps, which says what
 * fewer steps alone would cost. `--full-size` instead: one forward of the full InstructPix2Pix UNet at 512 px against those on the window
 * around a tenth of the picture, what an edit of 8 and of 20 steps then costs,
 * and a photo of 24 megapixels from opening to the finished picture, against the picture of the native size.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { estimate } from "../packages/bench/src/aggregate.ts";
import { median, psnr } from "../packages/bench/src/picture-metrics.ts";
import { scoreTurn } from "../packages/bench/src/turn-metrics.ts";
import { folderSource } from "../src/checkpoint/source.node.ts";
import { mappedStorage } from "../src/checkpoint/storage.node.ts";
import { openWeights } from "../src/checkpoint/weights.ts";
import { type Mask, maskFromBox, maskFromPicture } from "../src/images/mask.ts";
import { fromModelImage, toModelImage } from "../src/images/model-image.ts";
import { resizePlanes } from "../src/images/resize.ts";
import { loadModel, openSession, type Picture, readPicture, type WindowOption } from "../src/index.ts";
import { firstCondition, toDecoderInput } from "../src/method/latent-iteration.ts";
import { crop, type ResolvedWindow, resolveWindow, windowOf } from "../src/method/window.ts";
import { buildUNet } from "../src/networks/stable-diffusion/unet.ts";
import { createNodeEngine, physicalCores } from "../src/runtime/node.ts";
import { createNoise } from "../src/tensor/noise.ts";
import { watchMemory } from "./memory.ts";
import { config, folder, makeRandomUNet } from "./random-unet.ts";

const { values: flags } = parseArgs({
  options: {
    limit: { type: "string" },
    settings: { type: "string" },
    steps: { type: "string" },
    timed: { type: "string", default: "24" },
    runs: { type: "string", default: "5" },
    "full-size": { type: "boolean", default: false },
    json: { type: "boolean", default: false },
  },
});
const say = (line: string) => flags.json || console.log(line);
const seconds = async (work: () => Promise<unknown>): Promise<number> => {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
};
const result = flags["full-size"]
  ? { forward: await forwards(Number(flags.runs)), photo: await photo() }
  : { quality: await quality(), tiles: await tiles() };
if (flags.json) console.log(JSON.stringify(result));

/** MARGIN:LEAST or MARGIN:LEAST:WHOLE, several with commas between; without a colon, no window. */
function settingsOf(text: string) {
  return text.split(",").map((name) => {
    const [margin, least] = name.split(":").map(Number);
    return { name, option: least === undefined ? undefined : { margin: margin!, least } };
  });
}

interface Edit {
  readonly item: string;
  readonly turn: number;
  readonly instruction: string;
  readonly source: string;
  readonly target: string;
  readonly mask: string;
  readonly changed: string;
}

/** Local edits with a brush whose source and result are both known; `--limit` takes every n-th. */
function localEdits(root: string): Edit[] {
  const { items } = JSON.parse(readFileSync(join(root, "dataset.json"), "utf8"));
  const edits: Edit[] = [];
  for (const item of items) {
    let source: string | undefined = item.image;
    for (const [turn, { instruction, mask, global, target, change_mask: changed }] of item.turns.entries()) {
      if (mask && !global && target && source)
        edits.push({ item: item.id, turn, instruction, source, target, mask, changed });
      source = target;
    }
  }
  const stride = flags.limit ? Math.max(1, Math.ceil(edits.length / Number(flags.limit))) : 1;
  return edits.filter((_, i) => i % stride === 0);
}

async function quality() {
  const root = new URL("../packages/bench/datasets/imie-picturebook/", import.meta.url).pathname;
  const load = (file: string) => readPicture(join(root, file));
  const model = await loadModel("picturebook");
  const steps = flags.steps === undefined ? undefined : Number(flags.steps);
  // A setting of one number is the whole picture in so many steps.
  const settings = settingsOf(flags.settings ?? "2:8,4:8,2:8:0.25,1:8:0.25,2").map(({ name, option }) =>
    option
      ? { name, steps, window: resolveWindow(model, option) }
      : { name, steps: Number(name), window: "off" as const },
  );
  const edits = localEdits(root);
  const rows: { setting: string; item: string; windowed: boolean; scores: Record<string, number> }[] = [];
  const times: { setting: string; ratio: number }[] = [];
  for (const [i, { item, turn, instruction, ...files }] of edits.entries()) {
    const [source, target] = [await load(files.source), await load(files.target)];
    const [mask, changed] = [await load(files.mask), await load(files.changed)].map(maskFromPicture) as [
      Mask,
      Mask,
    ];
    const session = await openSession(model, source);
    const run = (window: WindowOption, seed: number, taken = steps) =>
      session.edit(instruction, { from: session.root, seed, mask, window, steps: taken });
    const whole = await run("off", turn);
    for (const { name, window, steps: taken } of [
      { name: "off", window: "off" as const, steps },
      ...settings,
    ]) {
      const node = await run(window, turn, taken);
      const picture = await node.render();
      const { success, metrics } = scoreTurn({
        ...{ original: source, before: source, result: picture, target, truths: [source], sourceKnown: true },
        ...{ changed, mask, allowed: mask },
      });
      const scores = { success: success ? 1 : 0, error: metrics["l1.inside"]!, seam: metrics.seam! };
      const windowed = node.latent.data.some((value, k) => value !== whole.latent.data[k]);
      rows.push({ setting: name, item, windowed, scores });
      if (i >= Number(flags.timed) || !windowed) continue;
      // Both are warm: each has just run once.
      const windowTime = (await run(window, turn + 1000, taken)).cost.seconds;
      await run("off", turn + 2000 + settings.length);
      times.push({ setting: name, ratio: windowTime / (await run("off", turn + 1000)).cost.seconds });
    }
    if ((i + 1) % 50 === 0) say(`  ${i + 1} of ${edits.length} edits`);
  }
  await model.dispose();
  const off = rows.filter(({ setting }) => setting === "off");
  const table = settings.map(({ name }) => {
    const mine = rows.filter(({ setting }) => setting === name);
    const paired = (key: string, only: (row: (typeof rows)[number]) => boolean) =>
      estimate(
        mine.flatMap((row, i) =>
          only(row) ? [{ cluster: row.item, value: row.scores[key]! - off[i]!.scores[key]! }] : [],
        ),
      );
    const both = (only: (row: (typeof rows)[number]) => boolean) =>
      Object.fromEntries(["success", "error", "seam"].map((key) => [key, paired(key, only)]));
    const ratios = times.filter(({ setting }) => setting === name).map(({ ratio }) => ratio);
    return {
      setting: name,
      windowed: mine.filter(({ windowed }) => windowed).length,
      of: mine.length,
      all: both(() => true),
      onWindows: both(({ windowed }) => windowed),
      timeRatio: ratios.length ? median(ratios) : null,
      timed: ratios.length,
    };
  });
  const mean = (key: string) => estimate(off.map((row) => ({ cluster: row.item, value: row.scores[key]! })));
  const whole = { success: mean("success"), error: mean("error"), seam: mean("seam") };
  const show = (e: ReturnType<typeof estimate>, digits = 3) =>
    e
      ? `${e.value.toFixed(digits)} (95 %: ${e.low?.toFixed(digits) ?? "–"} to ${e.high?.toFixed(digits) ?? "–"}, n = ${e.n})`
      : "–";
  say(`whole picture: success ${show(whole.success)}, error inside ${show(whole.error, 4)}`);
  say(`               seam ${show(whole.seam, 4)}`);
  for (const { setting, windowed, of, all, onWindows, timeRatio, timed } of table) {
    say(
      setting.includes(":")
        ? `margin:least ${setting}, ${windowed} of ${of} edits on a window; paired differences to the whole:`
        : `${setting} steps on the whole picture, ${windowed} of ${of} edits differ:`,
    );
    for (const [called, part] of [
      ["all edits", all],
      ["on windows", onWindows],
    ] as const) {
      say(`  ${called.padEnd(11)} success ${show(part.success)}  error ${show(part.error, 4)}`);
      say(`  ${"".padEnd(11)} seam ${show(part.seam, 4)}`);
    }
    say(`  time of such an edit / of the whole's, median ${timeRatio?.toFixed(2) ?? "–"} (n = ${timed})`);
  }
  return { whole, table };
}

/** The latent of tiles against that of the whole, on pictures of twice the native size; and a window decoded by itself. */
async function tiles() {
  const root = new URL("../packages/bench/datasets/imie-picturebook/", import.meta.url).pathname;
  const { items } = JSON.parse(readFileSync(join(root, "dataset.json"), "utf8"));
  const model = await loadModel("picturebook");
  const rows: Record<"fromTiles" | "fromWhole" | "between" | "windowDecoded", number>[] = [];
  for (const item of items.filter((_: unknown, i: number) => i % 7 === 0)) {
    const small = await readPicture(join(root, item.image));
    const picture = enlarged(small, 2 * small.width, 2 * small.height);
    const { width, height } = picture;
    const session = await openSession(model, picture, { workingSize: "own" });
    const { large } = session.canvasOf(session.root);
    const tiled = await large!.latentOf(session.root, large!.whole);
    const whole = firstCondition(model, await model.encodeImage(toModelImage(picture, width, height)));
    const decode = async (c: typeof tiled) =>
      fromModelImage(await model.decodeLatent(toDecoderInput(model, c)), width, height, picture);
    const [fromTiles, fromWhole] = [await decode(tiled), await decode(whole)];
    // A window in the middle of the native size, with a quarter of it as margin on each side.
    const cells = large!.whole.width / 2;
    const window = { x: cells / 2, y: cells / 2, width: cells, height: cells };
    const core = (i: number) => {
      const [x, y] = [i % width, Math.floor(i / width)];
      return Math.abs(x - width / 2) < width / 8 && Math.abs(y - height / 2) < height / 8;
    };
    const mask: Mask = maskFromBox(width, height, { x: 0, y: 0, width, height });
    const part = await large!.render(crop(toDecoderInput(model, tiled), window), window, picture, mask);
    rows.push({
      fromTiles: psnr(fromTiles, picture),
      fromWhole: psnr(fromWhole, picture),
      between: psnr(fromTiles, fromWhole),
      windowDecoded: psnr(part, fromTiles, core),
    });
  }
  await model.dispose();
  const of = (key: keyof (typeof rows)[number]) => median(rows.map((row) => row[key]));
  const found = {
    n: rows.length,
    fromTiles: of("fromTiles"),
    fromWhole: of("fromWhole"),
    between: of("between"),
    windowDecoded: of("windowDecoded"),
  };
  say(
    `latent of tiles: ${found.fromTiles.toFixed(1)} dB to the picture, of the whole ${found.fromWhole.toFixed(1)} dB,`,
  );
  say(`  between the two ${found.between.toFixed(1)} dB (medians, n = ${found.n})`);
  say(`a window decoded alone, inside its margin: ${found.windowDecoded.toFixed(1)} dB to the whole decoded`);
  return found;
}

function enlarged({ width, height, data }: Picture, w: number, h: number): Picture {
  const planes = { data: new Float32Array(4 * width * height), shape: [4, height, width] };
  for (let i = 0; i < data.length; i++) planes.data[(i % 4) * width * height + (i >> 2)] = data[i]!;
  const { data: large } = resizePlanes(planes, h, w);
  return {
    width: w,
    height: h,
    data: Uint8ClampedArray.from({ length: 4 * w * h }, (_, i) => large[(i % 4) * w * h + (i >> 2)]!),
  };
}

/** One forward of the full-size UNet on 512 px, and on windows around a tenth of it, taking turns. */
async function forwards(runs: number) {
  await makeRandomUNet();
  const source = folderSource(folder);
  const opened = await openWeights(source, "unet", "diffusion_pytorch_model");
  const weights = await mappedStorage().place(source, opened);
  const engine = createNodeEngine({ threads: physicalCores() });
  // 20 × 20 of 64 × 64 latent pixels are 9.8 %.
  const inside = (i: number) => i % 64 >= 22 && i % 64 < 42 && i >= 22 * 64 && i < 42 * 64;
  const mask = {
    data: Float32Array.from({ length: 4096 }, (_, i) => (inside(i) ? 1 : 0)),
    shape: [1, 64, 64],
  };
  const model = { nativeSize: 512, factor: 8 };
  const settings = settingsOf(flags.settings ?? "16:32,8:32,6:32").map(({ name, option }) => {
    const resolved = resolveWindow(model, option) as ResolvedWindow;
    const window = windowOf(mask, resolved, 8) ?? { x: 0, y: 0, width: 64, height: 64 };
    return { name, window };
  });
  const probes = new Map<string, { flops: number; times: number[]; run: () => Promise<unknown> }>();
  const keyOf = (width: number, height: number) => `${width}×${height} latent pixels`;
  for (const { width, height } of [{ width: 64, height: 64 }, ...settings.map(({ window }) => window)]) {
    const key = keyOf(width, height);
    if (probes.has(key)) continue;
    const graph = buildUNet(config, weights, { height, width, tokens: 77 });
    const session = await engine.createSession(graph.encode(), {
      ...{ files: weights.files, root: weights.root, prepack: false },
    });
    const noise = createNoise(1);
    const [{ crossAttentionDim }] = config.levels as [(typeof config.levels)[number]];
    const feeds = {
      z: noise.randn([1, 4, height, width]),
      c: noise.randn([1, 4, height, width]),
      timestep: { data: Float32Array.of(500), shape: [1, 1] },
      text: noise.randn([77, crossAttentionDim]),
    };
    await session.run(feeds);
    const { flops } = graph;
    probes.set(key, { flops, times: [], run: () => session.run(feeds) });
  }
  for (let i = 0; i < runs; i++)
    for (const probe of probes.values()) probe.times.push(await seconds(probe.run));
  await engine.dispose();
  const whole = probes.get(keyOf(64, 64))!;
  const rows = [...probes].map(([name, { flops, times }]) => {
    const row = {
      ...{ name, seconds: median(times), ratio: median(times) / median(whole.times), n: times.length },
      flopRatio: flops / whole.flops,
    };
    say(
      `UNet on ${name}: ${row.seconds.toFixed(2)} s a forward, ` +
        `${row.ratio.toFixed(3)} of the whole (n = ${row.n}; ${row.flopRatio.toFixed(3)} of its operations)`,
    );
    return row;
  });
  return { forwards: rows };
}

/** picturebook on a drawing of 24 megapixels at its own size, and on one of the native size. */
async function photo() {
  const model = await loadModel("picturebook");
  const edit = async (width: number, height: number, workingSize?: "own") => {
    const data = Uint8ClampedArray.from({ length: 4 * width * height }, (_, i) =>
      i % 4 === 3 ? 255 : ((i >> 2) % width) >> (4 + (i % 4)),
    );
    const mask = maskFromBox(width, height, { x: width >> 2, y: height >> 2, width: 64, height: 64 });
    const stop = watchMemory();
    const start = performance.now();
    const session = await openSession(model, { width, height, data }, { workingSize });
    const open = (performance.now() - start) / 1000;
    const rows = [];
    for (const seed of [0, 1, 2]) {
      const calls = { ...model.calls };
      const node = await session.edit("make it winter", { mask, seed, from: session.root });
      const render = await seconds(() => node.render());
      const encoded = model.calls.encodeImage - calls.encodeImage;
      rows.push({ edit: node.cost.seconds, render, encoded });
    }
    const row = { width, height, open, first: rows[0]!, warm: rows[2]!, megabytes: stop() / 1e6 };
    say(
      `${width}×${height}: opened in ${open.toFixed(2)} s; first edit ${row.first.edit.toFixed(2)} s ` +
        `(${row.first.encoded} tiles), later ${row.warm.edit.toFixed(2)} s; picture ${row.warm.render.toFixed(2)} s; ` +
        `${row.megabytes.toFixed(0)} MB`,
    );
    return row;
  };
  const rows = [await edit(128, 128), await edit(6000, 4000, "own")];
  await model.dispose();
  return rows;
}
