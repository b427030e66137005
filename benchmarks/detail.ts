/**
 * What detail transfer gains: `npm run bench -- detail FOLDER [PER GROUP [GROUPS]]` on the pictures that training/picturebook/export_detail.py
 * draws, with their exact truth at 1024 px; `npm run bench -- detail --cost` for its time and memory at 24 megapixels.
 * Docs: docs/results/detail.md.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ssimMap } from "../packages/bench/src/ssim.ts";
import { transferDetail } from "../src/images/detail-transfer.ts";
import { compareInsideOutside } from "../src/images/difference.ts";
import { boxOfMask, cropMask, type Mask } from "../src/images/mask.ts";
import { fromModelImage } from "../src/images/model-image.ts";
import { cropPicture, type Picture } from "../src/images/picture.ts";
import { loadModel, openSession, readPicture } from "../src/index.ts";
import { toDecoderInput } from "../src/method/latent-iteration.ts";
import { tensor } from "../src/tensor/tensor.ts";

interface Item {
  readonly id: string;
  readonly group: string;
  readonly image: string;
  readonly target: string;
  readonly turns: readonly string[];
}

/** Student's t for 95 %, two-sided, to a hundredth from 5 degrees of freedom on. */
const student = (df: number): number => 1.96 + 2.37 / df + 2.8 / df ** 2 + 2.5 / df ** 3;

const [folder, most = "1000", groups] = process.argv.slice(2);
if (folder === undefined) throw new Error("Name the folder of the pictures, or --cost.");
if (folder === "--cost") cost();
else await measure(folder, Number(most), groups?.split(","));

async function measure(folder: string, most: number, groups: string[] | undefined): Promise<void> {
  const { items } = JSON.parse(readFileSync(join(folder, "dataset.json"), "utf8")) as { items: Item[] };
  const model = await loadModel("picturebook");
  const rows = new Map<string, number[][]>();
  for (const { id, group, image, target, turns } of items) {
    const done = rows.get(group) ?? [];
    if (done.length >= most || groups?.includes(group) === false) continue;
    const [source, truth] = [await readPicture(join(folder, image)), await readPicture(join(folder, target))];
    const { width, height } = source;
    const session = await openSession(model, source);
    for (const turn of turns) await session.edit(turn);
    const lifted = await session.head.render();
    const pixels = await model.decodeLatent(toDecoderInput(model, session.head.latent));
    const enlarged = fromModelImage(pixels, width, height, source);
    const where = changed(source, truth);
    const both = [enlarged, lifted];
    const psnr = both.map((picture) => compareInsideOutside(picture, truth, where).inside.psnr);
    const alike = both.map((picture) => ssimIn(picture, truth, where));
    rows.set(group, [...done, [...psnr, ...alike]]);
    console.log([id, ...[...psnr, ...alike].map((value) => value.toFixed(3))].join("\t"));
  }
  await model.dispose();
  console.log("\n| Edits | n | PSNR enlarged | with detail | gain (95 %) | SSIM enlarged | with detail |");
  console.log("|---|---|---|---|---|---|---|");
  for (const [group, values] of rows) {
    const mean = (k: number) => values.reduce((sum, row) => sum + row[k]!, 0) / values.length;
    const gains = values.map((row) => row[1]! - row[0]!);
    const gain = mean(1) - mean(0);
    const deviation = Math.sqrt(gains.reduce((sum, g) => sum + (g - gain) ** 2, 0) / (gains.length - 1));
    const half = (student(gains.length - 1) * deviation) / Math.sqrt(gains.length);
    const cells = [group, values.length, mean(0).toFixed(2), mean(1).toFixed(2)];
    const sign = gain < 0 ? "−" : "+";
    cells.push(
      `${sign}${Math.abs(gain).toFixed(2)} ± ${half.toFixed(2)}`,
      mean(2).toFixed(3),
      mean(3).toFixed(3),
    );
    console.log(`| ${cells.join(" | ")} |`);
  }
}

/** Where the truth differs from the source by more than 4 levels, and 16 pixels around it where that is no edit of everything. */
function changed(a: Picture, b: Picture): Mask {
  const { width, height } = a;
  const data = new Float32Array(width * height);
  for (let at = 0; at < a.data.length; at++) {
    if (Math.abs(a.data[at]! - b.data[at]!) > 4) data[at >> 2] = 1;
  }
  const share = data.reduce((sum, m) => sum + m, 0) / data.length;
  if (share >= 0.6) return { width, height, data };
  const grow = (from: Float32Array, step: number, length: number) => {
    const out = from.slice();
    for (let i = 0; i < from.length; i++) {
      if (from[i] === 0) continue;
      const along = Math.floor(i / step) % length;
      for (let k = -Math.min(16, along); k <= Math.min(16, length - 1 - along); k++) out[i + k * step] = 1;
    }
    return out;
  };
  return { width, height, data: grow(grow(data, 1, width), width, height) };
}

/** The mean of the SSIM map where the mask is. */
function ssimIn(a: Picture, b: Picture, mask: Mask): number {
  const box = boxOfMask(mask)!;
  const map = ssimMap(cropPicture(a, box), cropPicture(b, box));
  const where = cropMask(mask, box).data;
  let [sum, n] = [0, 0];
  for (let i = 0; i < map.length; i++) {
    if (where[i] === 0) continue;
    sum += map[i]!;
    n++;
  }
  return sum / n;
}

/** One transfer at 24 megapixels, from a model's size of 768×512. */
function cost(): void {
  const [width, height, w, h] = [6000, 4000, 768, 512];
  const data = Uint8ClampedArray.from({ length: 4 * width * height }, (_, i) =>
    i % 4 === 3 ? 255 : (i * 2_654_435_761) >>> 24,
  );
  const image = (phase: number) =>
    tensor(
      Float32Array.from({ length: 3 * w * h }, (_, i) => Math.sin(i / 100 + phase)),
      [3, h, w],
    );
  const [reconstruction, edited] = [image(0), image(0.3)];
  const start = process.cpuUsage();
  transferDetail({ width, height, data }, { reconstruction, edited });
  const { user, system } = process.cpuUsage(start);
  // Beside the picture and its result; what Node.js itself holds, some 80 MB, is in it.
  const megabytes = process.resourceUsage().maxRSS / 1024 - (2 * data.length) / 2 ** 20;
  console.log(
    `${((user + system) / 1e6).toFixed(1)} s of one core, ${megabytes.toFixed(0)} MB beside source and result`,
  );
}
