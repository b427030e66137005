/**
 * npm run bench -- photographs FOLDER [--limit N] [--megapixels 12,24] [--resized-only] [--out FILE]
 *
 * What can be measured on photographs without a checkpoint for photographs: every JPEG of the folder with at least 10 megapixels, as it is, and the largest
 * also resized to 12 megapixels, and enlarged to 24 (which has no finer detail than it had). Docs: docs/results/photographs.md.
 *
 * - detail: an edit that is known exactly (a tone or colour map) is made at the model's size and brought to the picture's own, enlarged or by detail transfer;
 *   the truth is the same map at the picture's own size. No network takes part: this is what detail transfer is worth where a model makes no error.
 * - masked, window, gate: picturebook, which has never seen a photograph, edits under a mask on the whole picture and at the picture's own pixels, and is asked to
 *   change nothing. What is measured is not its edit but the bytes outside.
 * - round trip: picturebook's autoencoder. It was trained on drawings; the number says nothing of other autoencoders.
 */
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { psnr } from "../packages/bench/src/picture-metrics.ts";
import { transferDetail } from "../src/images/detail-transfer.ts";
import { type Box, type Mask, maskFromBox } from "../src/images/mask.ts";
import { fromModelImage, toModelImage, workingSize } from "../src/images/model-image.ts";
import type { Picture } from "../src/images/picture.ts";
import { sharp } from "../src/images/sharp.node.ts";
import { loadModel, openSession, readPicture } from "../src/index.ts";
import type { EditModel } from "../src/method/edit-model.ts";
import { toDecoderInput } from "../src/method/latent-iteration.ts";
import { conditionOf } from "../src/session/picture/condition.ts";

/** The longer side that checkpoints of InstructPix2Pix's kind work at. */
const MODEL_SIDE = 768;
const LEAST_PIXELS = 1e7;

type Rgb = [r: number, g: number, b: number];
/** Edits that are known exactly: maps of a pixel's colour, on the scale of 0 to 1. */
const EDITS: Readonly<Record<string, (colour: Rgb) => Rgb>> = {
  night: ([r, g, b]) => [0.45 * r ** 1.6, 0.5 * g ** 1.5, 0.25 * b + 0.45 * b ** 1.4],
  sunset: ([r, g, b]) => [r ** 0.8, 0.85 * g, 0.6 * b + 0.05],
  fog: ([r, g, b]) => [0.5 * r + 0.38, 0.5 * g + 0.39, 0.5 * b + 0.4],
};

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    limit: { type: "string", default: "4" },
    megapixels: { type: "string", default: "12,24" },
    "resized-only": { type: "boolean", default: false },
    out: { type: "string" },
  },
});
const [folder] = positionals;
if (folder === undefined) throw new Error("Name the folder of the photographs.");

const model = await loadModel("picturebook");
const rows: object[] = [];
for (const { name, picture } of await photographs(folder)) {
  const megapixels = Number(((picture.width * picture.height) / 1e6).toFixed(1));
  const row = {
    name,
    width: picture.width,
    height: picture.height,
    megapixels,
    ...(await measured(model, picture)),
  };
  rows.push(row);
  console.log(JSON.stringify(row));
}
await model.dispose();
if (flags.out !== undefined)
  await writeFile(flags.out, `${JSON.stringify({ photographs: rows }, null, 1)}\n`);

async function photographs(from: string): Promise<{ name: string; picture: Picture }[]> {
  const found: { name: string; picture: Picture }[] = [];
  for (const name of (await readdir(from)).filter((file) => /\.jpe?g$/i.test(file)).sort()) {
    const picture = await readPicture(join(from, name));
    if (picture.width * picture.height >= LEAST_PIXELS) found.push({ name, picture });
  }
  found.sort((a, b) => b.picture.data.length - a.picture.data.length);
  const most = found.slice(0, Number(flags.limit));
  if (most.length === 0) throw new Error(`There is no JPEG of ten megapixels in ${from}.`);
  const [{ name, picture }] = most as [(typeof most)[0]];
  const resized = flags.megapixels.split(",").map(async (megapixels) => ({
    name: `${name}, ${Number(megapixels) * 1e6 < picture.width * picture.height ? "reduced" : "enlarged"}`,
    picture: await resizedTo(picture, Number(megapixels)),
  }));
  return [...(flags["resized-only"] ? [] : most), ...(await Promise.all(resized))];
}

async function resizedTo({ width, height, data }: Picture, megapixels: number): Promise<Picture> {
  const scale = Math.sqrt((megapixels * 1e6) / (width * height));
  const image = sharp(data, { raw: { width, height, channels: 4 } }).resize(
    Math.round(width * scale),
    Math.round(height * scale),
  );
  const made = await image.raw().toBuffer({ resolveWithObject: true });
  return { width: made.info.width, height: made.info.height, data: new Uint8ClampedArray(made.data) };
}

async function measured(model: EditModel, picture: Picture) {
  return {
    detail: detail(picture),
    masked: await masked(model, picture, 0.3 * picture.width, 0.3 * picture.height),
    // As much as the model sees at once, with what has to be around it.
    window: await masked(model, picture, model.nativeSize / 2, model.nativeSize / 2, "own"),
    noop: { gated: await untouched(model, picture), ungated: await untouched(model, picture, 0) },
    roundTrip: await roundTrip(model, picture),
  };
}

/** PSNR in dB to the truth at the picture's own size: the edit of the model's size enlarged, and with detail. */
function detail(picture: Picture) {
  const { width, height } = workingSize(picture.width, picture.height, MODEL_SIDE);
  const reconstruction = toModelImage(picture, width, height);
  const edits = Object.entries(EDITS).map(([name, map]) => {
    const truth = mapped(picture, map);
    const edited = toModelImage(truth, width, height);
    const plain = fromModelImage(edited, picture.width, picture.height, picture);
    const start = performance.now();
    const lifted = transferDetail(picture, { reconstruction, edited }).picture;
    const seconds = rounded((performance.now() - start) / 1000, 1);
    return [
      name,
      { enlarged: rounded(psnr(plain, truth), 2), detail: rounded(psnr(lifted, truth), 2), seconds },
    ];
  });
  return Object.fromEntries(edits);
}

function mapped(picture: Picture, map: (colour: Rgb) => Rgb): Picture {
  const data = picture.data.slice();
  for (let i = 0; i < data.length; i += 4) {
    const colour = map([data[i]! / 255, data[i + 1]! / 255, data[i + 2]! / 255]);
    for (let k = 0; k < 3; k++) data[i + k] = 255 * colour[k]!;
  }
  return { ...picture, data };
}

/** An edit of a box in the middle: pixels that changed outside the mask and inside, and what it took. */
async function masked(model: EditModel, picture: Picture, width: number, height: number, size?: "own") {
  const mask = maskFromBox(picture.width, picture.height, middle(picture, width, height));
  const session = await openSession(model, picture, size && { workingSize: size });
  const start = performance.now();
  const node = await session.edit("make the walls blue", { mask, window: "auto", seed: 1 });
  const result = await node.render();
  const seconds = rounded((performance.now() - start) / 1000, 1);
  return { ...changed(picture, result, mask), seconds };
}

function middle(picture: Picture, width: number, height: number): Box {
  const [w, h] = [Math.round(width), Math.round(height)];
  return { x: (picture.width - w) >> 1, y: (picture.height - h) >> 1, width: w, height: h };
}

/** Pixels that differ: how many where the mask is 0, and which share where it is not. */
function changed(a: Picture, b: Picture, mask: Mask) {
  let [outside, inside, all] = [0, 0, 0];
  for (let i = 0; i < mask.data.length; i++) {
    const differs = [0, 1, 2, 3].some((k) => a.data[4 * i + k] !== b.data[4 * i + k]);
    if (mask.data[i] === 0) outside += Number(differs);
    else {
      all++;
      inside += Number(differs);
    }
  }
  return { changedOutside: outside, changedInside: rounded(inside / all, 3) };
}

/** An edit that asks for nothing, with the checkpoint's gate or another: the share of pixels that are the photograph's own, and the distance to it. */
async function untouched(model: EditModel, picture: Picture, gate?: number) {
  const session = await openSession(model, picture);
  const result = await (
    await session.edit("leave it as it is", { seed: 1, ...(gate !== undefined && { gate }) })
  ).render();
  let same = 0;
  for (let i = 0; i < picture.data.length; i += 4) {
    if ([0, 1, 2].every((k) => picture.data[i + k] === result.data[i + k])) same++;
  }
  const distance = psnr(picture, result);
  return {
    identical: rounded((4 * same) / picture.data.length, 3),
    psnr: Number.isFinite(distance) ? rounded(distance, 1) : null,
  };
}

/** PSNR of the autoencoder's passage, at the model's size and at the picture's own. */
async function roundTrip(model: EditModel, picture: Picture) {
  const size = workingSize(picture.width, picture.height, model.nativeSize, model.factor);
  const pixels = await model.decodeLatent(toDecoderInput(model, await conditionOf(model, picture, size, {})));
  const blank: Picture = { ...size, data: new Uint8ClampedArray(4 * size.width * size.height).fill(255) };
  const small = fromModelImage(
    toModelImage(picture, size.width, size.height),
    size.width,
    size.height,
    blank,
  );
  return {
    atModelSize: rounded(psnr(small, fromModelImage(pixels, size.width, size.height, blank)), 1),
    atOwnSize: rounded(psnr(picture, fromModelImage(pixels, picture.width, picture.height, picture)), 1),
  };
}

function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
