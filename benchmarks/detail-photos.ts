/**
 * npm run bench -- detail-photos FOLDER [--sheet FILE] [--json FILE]
 *
 * Detail transfer on photographs (.jpg, .png) against enlarging, the guided filter, a bilateral grid and Poisson blending. The edits are
 * synthetic, so the truth is exact: grades, fog, night with lights, a recolour under a mask, things pasted and removed. A photograph is
 * 512 pixels long; the model's size is a quarter, and stands for a model that knows the edit: its images are blurred by 0.7 pixels
 * and have noise of two levels. --sheet writes parts of the results at 100 %. Docs: docs/results/detail.md.
 */
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { transferDetail } from "../src/images/detail-transfer.ts";
import { compareInsideOutside } from "../src/images/difference.ts";
import type { Mask } from "../src/images/mask.ts";
import { fromModelImage, toModelImage } from "../src/images/model-image.ts";
import { cropPicture, type Picture } from "../src/images/picture.ts";
import { readPicture, strip, writePicture } from "../src/index.ts";
import { type Tensor, tensor } from "../src/tensor/tensor.ts";
import { changedIn, gainOf } from "./detail-measure.ts";
import { bilateralGrid, enlarged, guided, type Method, poisson } from "./detail-methods.ts";

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: { sheet: { type: "string" }, json: { type: "string" } },
});
const [folder] = positionals;
if (folder === undefined) throw new Error("Name the folder of the photographs.");

type Colour = readonly [number, number, number];
/** Of a pixel's colour (0 to 255) and its place (0 to 1 each). */
const eachPixel =
  (change: (colour: Colour, x: number, y: number) => Colour) =>
  ({ width, height, data }: Picture): Picture => {
    const out = data.slice();
    for (let p = 0; p < width * height; p++) {
      const [r, g, b] = data.subarray(4 * p, 4 * p + 3);
      out.set(change([r!, g!, b!], (p % width) / width, Math.floor(p / width) / height), 4 * p);
    }
    return { width, height, data: out };
  };
const mix = (a: Colour, b: Colour, t: number) => a.map((v, c) => v + t * (b[c]! - v)) as unknown as Colour;
const within = (x: number, y: number, cx: number, cy: number, rx: number, ry: number) =>
  ((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 < 1;
const LIGHTS = [0.12, 0.31, 0.5, 0.68, 0.87].map((x, i) => ({ x, y: 0.45 + 0.1 * (i % 3) }));

/** A patch of the picture at another place, with a border two pixels soft. */
const moved =
  (from: readonly [number, number], to: readonly [number, number], r: number) => (picture: Picture) => {
    const { width, height, data } = picture;
    const [dx, dy] = [Math.round((from[0] - to[0]) * width), Math.round((from[1] - to[1]) * height)];
    const out = data.slice();
    for (let p = 0; p < width * height; p++) {
      const [x, y] = [p % width, Math.floor(p / width)];
      const away = Math.hypot(x - to[0] * width, y - to[1] * height) - r * height;
      const weight = Math.min(1, Math.max(0, 0.5 - away / 4));
      if (weight === 0) continue;
      const at = 4 * ((y + dy) * width + x + dx);
      for (let c = 0; c < 3; c++)
        out[4 * p + c] = data[4 * p + c]! + weight * (data[at + c]! - data[4 * p + c]!);
    }
    return { width, height, data: out };
  };

const EDITS: Readonly<Record<string, (picture: Picture) => Picture>> = {
  warm: eachPixel(([r, g, b]) => [1.12 * r + 12, 0.95 * g + 4, 0.7 * b]),
  contrast: eachPixel((colour) => {
    const grey = 0.3 * colour[0] + 0.59 * colour[1] + 0.11 * colour[2];
    const bent = 255 / (1 + Math.exp((118 - grey) / 34));
    return colour.map((v) => bent + 0.6 * (v - grey)) as unknown as Colour;
  }),
  fog: eachPixel((colour, _, y) => mix(colour, [205, 210, 216], 0.75 - 0.5 * y)),
  "night with lights": eachPixel(([r, g, b], x, y) => {
    const dark: Colour = [0.16 * r, 0.19 * g + 2, 0.34 * b + 12];
    const glow = Math.max(...LIGHTS.map((l) => Math.exp(-((x - l.x) ** 2 + (y - l.y) ** 2) / 2e-4)));
    return mix(dark, [255, 226, 150], glow);
  }),
  "recolour under a mask": eachPixel(([r, g, b], x, y) =>
    within(x, y, 0.45, 0.6, 0.22, 0.25) ? [0.2 * r + 0.7 * b, 0.9 * g, 0.9 * r + 0.1 * b] : [r, g, b],
  ),
  pasted: moved([0.25, 0.3], [0.68, 0.62], 0.16),
  removed: moved([0.75, 0.35], [0.4, 0.42], 0.13),
};

const METHODS: Readonly<Record<string, Method>> = {
  enlarged,
  "detail transfer": (picture, reconstruction, edited) =>
    transferDetail(picture, { reconstruction, edited }).picture,
  "guided filter": guided,
  "bilateral grid": bilateralGrid,
  Poisson: poisson,
};

/** [3, h, w] as an autoencoder would give it back: a little blurred, with noise that is the same in every run. */
function asDecoded({ data, shape }: Tensor, seed: number): Tensor {
  const [, h, w] = shape as [number, number, number];
  const near = Math.exp(-1 / (2 * 0.7 ** 2));
  const sum = 1 + 2 * near;
  const at = (c: number, y: number, x: number) =>
    data[(c * h + Math.min(h - 1, Math.max(0, y))) * w + Math.min(w - 1, Math.max(0, x))]!;
  let state = seed;
  const random = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
  const out = Float32Array.from(data, (_, i) => {
    const [c, y, x] = [Math.floor(i / (h * w)), Math.floor(i / w) % h, i % w];
    let value = 0;
    for (const [dy, v] of [
      [-1, near],
      [0, 1],
      [1, near],
    ] as const) {
      value += (v * (near * (at(c, y + dy, x - 1) + at(c, y + dy, x + 1)) + at(c, y + dy, x))) / sum ** 2;
    }
    // Uniform with a deviation of two levels.
    return value + ((random() - 0.5) * 2 * Math.sqrt(3) * 2) / 127.5;
  });
  return tensor(out, shape);
}

const side = (length: number) => Math.max(32, Math.round(length / 32) * 32);
const psnrIn = (a: Picture, truth: Picture, where: Mask) => compareInsideOutside(a, truth, where).inside.psnr;
const rows: { photograph: string; edit: string; psnr: Record<string, number> }[] = [];
const frames: { picture: Picture; caption: string }[] = [];
for (const name of readdirSync(folder)
  .filter((file) => /\.(jpe?g|png)$/i.test(file))
  .sort()) {
  const whole = await readPicture(join(folder, name));
  const scale = 512 / Math.max(whole.width, whole.height);
  const [width, height] = [side(whole.width * scale), side(whole.height * scale)];
  const opaque = { width, height, data: new Uint8ClampedArray(4 * width * height).fill(255) };
  const photograph = fromModelImage(toModelImage(whole, width, height), width, height, opaque);
  const small = (picture: Picture) => toModelImage(picture, width / 4, height / 4);
  const before = asDecoded(small(photograph), 1);
  for (const [edit, change] of Object.entries(EDITS)) {
    const truth = change(photograph);
    const edited = asDecoded(small(truth), 2);
    const where = changedIn(photograph, truth);
    const results = Object.entries(METHODS).map(([m, f]) => [m, f(photograph, before, edited)] as const);
    rows.push({
      photograph: name,
      edit,
      psnr: Object.fromEntries(results.map(([m, result]) => [m, psnrIn(result, truth, where)])),
    });
    console.log([name, edit, ...Object.values(rows.at(-1)!.psnr).map((v) => v.toFixed(2))].join("\t"));
    if (flags.sheet && frames.length < 5 * 14) {
      const part = { x: Math.floor(0.3 * width), y: Math.floor(0.35 * height), width: 192, height: 144 };
      const shown = [["source", photograph], ["truth", truth], ...results.slice(0, 3)] as const;
      for (const [m, picture] of shown)
        frames.push({ picture: cropPicture(picture, part), caption: `${edit}: ${m}` });
    }
  }
}
console.log(
  `\n| Edit | n | ${Object.keys(METHODS).join(" | ")} | gain (95 %) |\n|---|---|${"---|".repeat(6)}`,
);
const table = [...Object.keys(EDITS), "all"].map((edit) => {
  const of = rows.filter((row) => edit === "all" || row.edit === edit);
  const mean = (m: string) => of.reduce((sum, row) => sum + row.psnr[m]!, 0) / of.length;
  const gain = gainOf(of.map(({ psnr }) => psnr["detail transfer"]! - psnr.enlarged!));
  const psnr = Object.keys(METHODS).map(mean);
  console.log(`| ${[edit, of.length, ...psnr.map((v) => v.toFixed(2)), gain.text].join(" | ")} |`);
  return {
    edit,
    n: of.length,
    psnr: Object.fromEntries(Object.keys(METHODS).map((m) => [m, mean(m)])),
    ...gain,
  };
});
if (flags.json) writeFileSync(flags.json, `${JSON.stringify({ table, rows }, null, 1)}\n`);
if (flags.sheet) await writePicture(strip(frames, { columns: 5 }), flags.sheet);
