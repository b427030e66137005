/** What `npm run bench -- peers` has edited, and whether it came out. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { succeeded } from "../packages/bench/src/picture-metrics.ts";
import { fromModelImage, toModelImage } from "../src/images/model-image.ts";
import { readPicture, writePicture } from "../src/index.ts";

export interface EditItem {
  readonly image: string;
  readonly instruction: string;
  readonly seed: number;
  /** Target and change mask, where the truth is known. */
  readonly truth?: { readonly target: string; readonly mask: string };
}

const root = (path: string) => new URL(path, import.meta.url).pathname;

/** picturebook's held-out single edits, every so many-th, so that all kinds stay in. */
export async function heldOut(count: number): Promise<EditItem[]> {
  const folder = root("./picturebook/single/");
  const { items } = JSON.parse(await readFile(join(folder, "dataset.json"), "utf8")) as {
    items: { image: string; turns: { instruction: string; target: string; change_mask: string }[] }[];
  };
  const stride = Math.max(1, Math.floor(items.length / count));
  return items
    .filter((_, i) => i % stride === 0)
    .slice(0, count)
    .map(({ image, turns: [turn] }, seed) => ({
      image: join(folder, image),
      instruction: turn!.instruction,
      seed,
      truth: { target: join(folder, turn!.target), mask: join(folder, turn!.change_mask) },
    }));
}

/** One picture at a size, edited again and again with other seeds: for checkpoints whose results mean nothing. */
export async function samePicture(count: number, size: number, folder: string): Promise<EditItem[]> {
  const picture = await readPicture(root("../examples/cottage.png"));
  const image = join(folder, "picture.png");
  const blank = { width: size, height: size, data: new Uint8ClampedArray(4 * size * size).fill(255) };
  await writePicture(fromModelImage(toModelImage(picture, size, size), size, size, blank), image);
  return Array.from({ length: count }, (_, seed) => ({ image, instruction: "make it winter", seed }));
}

/** By the success rule of picturebook; null where there is no truth. */
export async function score(item: EditItem, result: string): Promise<boolean | null> {
  if (!item.truth) return null;
  const [made, source, target, mask] = await Promise.all(
    [result, item.image, item.truth.target, item.truth.mask].map((file) => readPicture(file)),
  );
  return succeeded(made!, source!, target!, (i) => mask!.data[4 * i]! > 127);
}
