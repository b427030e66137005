/**
 * npm run bench -- selections [--out out/selections.jpg]
 *
 * What a click selects in photographs (benchmarks/photographs), as one picture to look at: what is not selected is dark, the click is a
 * green dot. Prints the time of a selection in a picture of 12 megapixels, the median of five after one to warm up.
 */
import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { fromModelImage, toModelImage } from "../src/images/model-image.ts";
import { blankPicture } from "../src/images/picture.ts";
import { type Picture, readPicture, selectRegion, strip, writePicture } from "../src/index.ts";

/** Points in shares of the picture. */
const CLICKS: readonly (readonly [file: string, x: number, y: number])[] = [
  ["fig", 0.62, 0.55],
  ["fig", 0.45, 0.35],
  ["fig", 0.4, 0.15],
  ["brushes", 0.3, 0.55],
  ["meadow", 0.4, 0.8],
  ["meadow", 0.6, 0.25],
  ["mountains", 0.2, 0.28],
  ["drum", 0.45, 0.85],
  ["dandelion", 0.28, 0.3],
];

const { values: flags } = parseArgs({ options: { out: { type: "string", default: "out/selections.jpg" } } });
const folder = new URL("photographs/", import.meta.url).pathname;

const frames: { picture: Picture; caption: string }[] = [];
for (const [file, u, v] of CLICKS) {
  const picture = await readPicture(join(folder, `${file}.jpg`));
  frames.push({ picture: shown(picture, u * picture.width, v * picture.height), caption: file });
}
await mkdir(dirname(flags.out), { recursive: true });
await writePicture(strip(frames, { columns: 3 }), flags.out);

const fig = await readPicture(join(folder, "fig.jpg"));
const large = fromModelImage(
  toModelImage(fig, fig.width, fig.height),
  4000,
  3000,
  blankPicture(4000, 3000, [0, 0, 0, 255]),
);
const times = Array.from({ length: 6 }, () => {
  const start = performance.now();
  selectRegion(large, { point: { x: 2480, y: 1650 } });
  return performance.now() - start;
});
const median = times.slice(1).sort((a, b) => a - b)[2]!;
console.log(`${flags.out}; ${Math.round(median)} ms at 12 megapixels, warm`);

function shown(picture: Picture, x: number, y: number): Picture {
  const mask = selectRegion(picture, { point: { x, y } });
  const result = blankPicture(picture.width, picture.height, [0, 0, 0, 255]);
  for (const [i, inside] of mask.data.entries()) {
    for (let c = 0; c < 3; c++) result.data[4 * i + c] = picture.data[4 * i + c]! * (0.25 + 0.75 * inside);
    const away = Math.hypot((i % picture.width) - x, Math.floor(i / picture.width) - y);
    if (away < 4) result.data.set([0, 220, 0, 255], 4 * i);
  }
  return result;
}
