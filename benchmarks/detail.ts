/**
 * What detail transfer gains: `npm run bench -- detail FOLDER [--groups global,recolour,object,chain] [--most N] [--bounds 5] [--forget] [--json FILE]` on the
 * pictures that training/picturebook/export_detail.py draws, with their exact truth at 1024 px: each edit in a session, with detail and
 * without, gate and compositing as they are by default; with --forget, as if no turn remembered what those before it had brought. `npm run bench -- detail --cost
 * [--surfaces middle|everywhere] [--brought]`: time and memory at 24 megapixels, --brought with a square of the picture that an earlier turn brought. Docs: docs/results/detail.md.
 *
 * Beside enlarging and the transfer stand two bounds that know the truth: the transfer from exact images at the model's size (what the
 * method loses), and the model's edit with the truth's own detail over it (what is left of the model's errors). They are of the first scenes of a group only (--bounds).
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { nothingBrought } from "../src/images/detail-history.ts";
import { transferDetail } from "../src/images/detail-transfer.ts";
import { compareInsideOutside } from "../src/images/difference.ts";
import { fromModelImage, toModelImage } from "../src/images/model-image.ts";
import type { Picture } from "../src/images/picture.ts";
import { loadModel, type Node, openSession, readPicture } from "../src/index.ts";
import { toDecoderInput } from "../src/method/latent-iteration.ts";
import type { TreeNode } from "../src/session/tree/tree-node.ts";
import { tensor } from "../src/tensor/tensor.ts";
import { changedIn, gainOf, ssimIn } from "./detail-measure.ts";

interface Item {
  readonly id: string;
  readonly group: string;
  readonly image: string;
  readonly target: string;
  readonly turns: readonly string[];
}
interface Row {
  readonly id: string;
  readonly group: string;
  readonly turns: readonly string[];
  /** dB where the truth changes the source. */
  readonly psnr: { readonly enlarged: number; readonly detail: number };
  readonly bounds?: { readonly exactImages: number; readonly truthsDetail: number };
  readonly ssim: { readonly enlarged: number; readonly detail: number };
  /** Of what changed, the share that carries the source's detail. */
  readonly carried: number;
}

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    cost: { type: "boolean" },
    surfaces: { type: "string" },
    brought: { type: "boolean" },
    forget: { type: "boolean" },
    groups: { type: "string" },
    most: { type: "string", default: "1000" },
    bounds: { type: "string", default: "5" },
    json: { type: "string" },
  },
});
const [folder] = positionals;
let model: ReturnType<typeof loadModel> | undefined;
if (flags.cost) cost();
else if (folder === undefined) throw new Error("Name the folder of the pictures, or --cost.");
else await measure(folder);

async function measure(folder: string): Promise<void> {
  const { items } = JSON.parse(readFileSync(join(folder, "dataset.json"), "utf8")) as { items: Item[] };
  const groups = flags.groups?.split(",");
  const counts = new Map<string, number>();
  const chosen = items.filter(({ group }) => {
    if (groups?.includes(group) === false) return false;
    counts.set(group, (counts.get(group) ?? 0) + 1);
    return counts.get(group)! <= Number(flags.most);
  });
  const rows: Row[] = [];
  for (const item of chosen) {
    const before = rows.filter(({ group }) => group === item.group).length;
    const row = await measureOne(folder, item, before < Number(flags.bounds));
    rows.push(row);
    const numbers = [row.psnr, row.bounds, row.ssim].flatMap((part) =>
      part ? Object.values<number>(part) : [],
    );
    console.log([row.id, ...[...numbers, row.carried].map((value) => value.toFixed(3))].join("\t"));
    if (flags.json) writeFileSync(flags.json, `${JSON.stringify({ table: tableOf(rows), rows }, null, 1)}\n`);
  }
  console.log(
    "\n| Edits | n | enlarged | with detail | gain (95 %) | of n | exact images | truth's detail | SSIM |",
  );
  console.log(`|---|${"---|".repeat(8)}`);
  for (const { group, n, psnr, gain, half, bounded, bounds, ssim } of tableOf(rows)) {
    const sign = gain < 0 ? "−" : "+";
    const cells = [group, n, psnr.enlarged.toFixed(2), psnr.detail.toFixed(2)];
    cells.push(`${sign}${Math.abs(gain).toFixed(2)} ± ${half.toFixed(2)}`, bounded);
    for (const bound of [bounds.exactImages, bounds.truthsDetail])
      cells.push(bounded === 0 ? "–" : bound.toFixed(2));
    console.log(`| ${[...cells, `${ssim.enlarged.toFixed(3)} → ${ssim.detail.toFixed(3)}`].join(" | ")} |`);
  }
}

function tableOf(rows: readonly Row[]) {
  return [...new Set(rows.map(({ group }) => group))].map((group) => {
    const of = rows.filter((row) => row.group === group);
    const mean = (value: (row: Row) => number | undefined) => {
      const values = of.flatMap((row) => value(row) ?? []);
      return values.reduce((sum, one) => sum + one, 0) / values.length;
    };
    const { mean: gain, half } = gainOf(of.map(({ psnr }) => psnr.detail - psnr.enlarged));
    return {
      ...{ group, n: of.length, gain, half },
      psnr: { enlarged: mean(({ psnr }) => psnr.enlarged), detail: mean(({ psnr }) => psnr.detail) },
      bounded: of.filter(({ bounds }) => bounds).length,
      bounds: {
        exactImages: mean(({ bounds }) => bounds?.exactImages),
        truthsDetail: mean(({ bounds }) => bounds?.truthsDetail),
      },
      ssim: { enlarged: mean(({ ssim }) => ssim.enlarged), detail: mean(({ ssim }) => ssim.detail) },
      carried: mean(({ carried }) => carried),
    };
  });
}

async function measureOne(folder: string, item: Item, bounded: boolean): Promise<Row> {
  const { id, group, image, target, turns } = item;
  const [source, truth] = [await readPicture(join(folder, image)), await readPicture(join(folder, target))];
  model ??= loadModel("picturebook");
  const loaded = await model;
  const session = await openSession(loaded, source);
  const last = async (detail: "on" | "off") => {
    let node: Node = session.root;
    for (const turn of turns) {
      node = await session.edit(turn, { from: node, detail });
      const [, h, w] = node.latent.shape as [number, number, number];
      const small = { width: w * loaded.factor, height: h * loaded.factor };
      if (flags.forget) (node as TreeNode).brought = nothingBrought(small);
    }
    return node;
  };
  const [plain, kept] = [await last("off"), await last("on")];
  const [enlarged, detail] = [await plain.render(), await kept.render()];
  const carried = (await session.drift(kept)).look?.carried ?? 1;
  const where = changedIn(source, truth);
  const psnr = (one: Picture) => compareInsideOutside(one, truth, where).inside.psnr;
  const row = {
    ...{ id, group, turns, carried },
    psnr: { enlarged: psnr(enlarged), detail: psnr(detail) },
    ssim: { enlarged: ssimIn(enlarged, truth, where), detail: ssimIn(detail, truth, where) },
  };
  if (!bounded) return row;
  const edited = await loaded.decodeLatent(toDecoderInput(loaded, kept.latent));
  const small = (one: Picture) => toModelImage(one, edited.shape[2]!, edited.shape[1]!);
  const exact = transferDetail(source, { reconstruction: small(source), edited: small(truth) }).picture;
  const low = fromModelImage(small(truth), source.width, source.height, source);
  const over = { ...truth, data: truth.data.map((value, i) => value - low.data[i]! + enlarged.data[i]!) };
  return { ...row, bounds: { exactImages: psnr(exact), truthsDetail: psnr(over) } };
}

/** One transfer at 24 megapixels from a model's size of 768×512: an edit of everything, or with --surfaces one that recolours two colours of eight. */
function cost(): void {
  const [width, height, w, h] = [6000, 4000, 768, 512];
  const data = new Uint8ClampedArray(4 * width * height);
  const image = (edited: boolean) => {
    const colours = new Float32Array(3 * w * h);
    for (let p = 0; p < w * h; p++) {
      const [x, y] = [(p % w) / w, Math.floor(p / w) / h];
      const inside = flags.surfaces !== "middle" || Math.max(Math.abs(x - 0.5), Math.abs(y - 0.5)) < 0.25;
      for (let c = 0; c < 3; c++)
        colours[c * w * h + p] = colourOf(tileOf(x, y), c, edited && inside) / 127.5 - 1;
    }
    return tensor(colours, [3, h, w]);
  };
  for (let p = 0; p < width * height; p++) {
    const tile = tileOf((p % width) / width, Math.floor(p / width) / height);
    // Noise of eight levels, so that there is detail to keep.
    for (let c = 0; c < 3; c++)
      data[4 * p + c] = colourOf(tile, c, false) + (((p * 3 + c) * 2_654_435_761) >>> 29);
    data[4 * p + 3] = 255;
  }
  const [reconstruction, edited] = [image(false), image(true)];
  const brought = flags.brought ? nothingBrought({ width: w, height: h }) : undefined;
  if (brought) brought.data[Math.floor(brought.data.length / 2)] = 1;
  const start = process.cpuUsage();
  transferDetail({ width, height, data }, { reconstruction, edited, brought });
  const { user, system } = process.cpuUsage(start);
  // Beside the picture and its result; what Node.js itself holds, some 80 MB, is in it.
  const megabytes = process.resourceUsage().maxRSS / 1024 - (2 * data.length) / 2 ** 20;
  console.log(
    `${((user + system) / 1e6).toFixed(1)} s of one core, ${megabytes.toFixed(0)} MB beside source and result`,
  );
}

/** One of eight colours for each tile of 24×16 of the picture. */
function tileOf(x: number, y: number): number {
  return (Math.floor(24 * x) * 5 + Math.floor(16 * y) * 3) % 8;
}
/** A level; two of the eight colours change in an edit of surfaces, all in one of everything. */
function colourOf(tile: number, channel: number, edited: boolean): number {
  const level = 40 + ((tile * 61 + channel * 97) % 160);
  if (!edited) return level;
  return flags.surfaces && tile > 1 ? level : 40 + ((level * 3 + 50 * channel) % 160);
}
