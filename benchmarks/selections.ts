/**
 * npm run bench -- selections [--out out/selections.jpg]
 *
 * What a click selects in photographs (benchmarks/photographs) and examples, as one picture to look at: what is not selected is dark, the click is a
 * green dot. How right it is and how long it takes, on drawn scenes: `npm run bench -- select`.
 */
import { mkdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { blankPicture } from "../src/images/picture.ts";
import { type Picture, readPicture, selectRegion, strip, writePicture } from "../src/index.ts";

/** Points in shares of the picture. */
const CLICKS: readonly (readonly [file: string, x: number, y: number])[] = [
  ["benchmarks/photographs/fig.jpg", 0.62, 0.55],
  ["benchmarks/photographs/fig.jpg", 0.45, 0.35],
  ["benchmarks/photographs/fig.jpg", 0.4, 0.15],
  ["benchmarks/photographs/brushes.jpg", 0.3, 0.55],
  ["benchmarks/photographs/meadow.jpg", 0.4, 0.8],
  ["benchmarks/photographs/meadow.jpg", 0.6, 0.25],
  ["benchmarks/photographs/mountains.jpg", 0.2, 0.28],
  ["benchmarks/photographs/drum.jpg", 0.45, 0.85],
  ["benchmarks/photographs/dandelion.jpg", 0.28, 0.3],
  ["examples/cottage.png", 0.48, 0.48],
  ["examples/cottage.png", 0.78, 0.91],
  ["examples/road.png", 0.5, 0.5],
];

const { values: flags } = parseArgs({
  options: {
    out: { type: "string", default: "out/selections.jpg" },
  },
});
const root = new URL("..", import.meta.url).pathname;

const frames: { picture: Picture; caption: string }[] = [];
for (const [file, u, v] of CLICKS) {
  const picture = await readPicture(join(root, file));
  frames.push({ picture: shown(picture, u * picture.width, v * picture.height), caption: basename(file) });
}
await mkdir(dirname(flags.out), { recursive: true });
await writePicture(strip(frames, { columns: 3 }), flags.out);

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
