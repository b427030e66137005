/** Drawn scenes whose things are known to the pixel (training/picturebook/export_select.py), and what a click on a thing finds of it. */
import { readFileSync } from "node:fs";
import { readPicture } from "../../src/images/codec.node.ts";
import { distanceTo } from "../../src/images/distance.ts";
import type { Mask } from "../../src/images/mask.ts";
import { cropPicture, type Picture } from "../../src/images/picture.ts";

/** What is clicked on, and what things.png says of its pixels. */
export const THINGS = { roof: 80, hull: 160, balloon: 240 } as const;
export type ThingKind = keyof typeof THINGS;

export interface Scene {
  readonly picture: Picture;
  /** The label of each pixel. */
  readonly labels: Uint8Array;
}

export interface Scenes {
  readonly side: number;
  /** From the first seed up to, without, the last. */
  readonly seeds: readonly [number, number];
  readonly scenes: readonly Scene[];
}

export async function readScenes(folder: URL): Promise<Scenes> {
  const about = JSON.parse(readFileSync(new URL("scenes.json", folder), "utf8"));
  const { side, scenes: count, seeds } = about as { side: number; scenes: number; seeds: [number, number] };
  const [pictures, things] = await Promise.all(
    ["scenes.png", "things.png"].map((name) => readPicture(readFileSync(new URL(name, folder)))),
  );
  const columns = pictures!.width / side;
  const scenes = Array.from({ length: count }, (_, i) => {
    const at = {
      x: (i % columns) * side,
      y: Math.floor(i / columns) * side,
      width: side,
      height: side,
    };
    const { data } = cropPicture(things!, at);
    return {
      picture: cropPicture(pictures!, at),
      labels: Uint8Array.from({ length: side * side }, (_, k) => data[4 * k]!),
    };
  });
  return { side, seeds, scenes };
}

/** The pixels of a thing. */
export function truthOf({ picture, labels }: Scene, kind: ThingKind): Mask {
  const { width, height } = picture;
  return { width, height, data: Float32Array.from(labels, (label) => (label === THINGS[kind] ? 1 : 0)) };
}

/** The point of a mask that is farthest from its edge: where a person would click. */
export function middleOf({ width, height, data }: Mask): { x: number; y: number } {
  const outside = Uint8Array.from(data, (value) => (value > 0.5 ? 0 : 1));
  const depth = distanceTo(outside, width, height);
  let deepest = 0;
  for (let i = 0; i < depth.length; i++) if (depth[i]! > depth[deepest]!) deepest = i;
  return { x: deepest % width, y: Math.floor(deepest / width) };
}

/** Intersection over union of what is at least half in. */
export function overlap(found: Mask, truth: Mask): number {
  let [both, either] = [0, 0];
  for (let i = 0; i < truth.data.length; i++) {
    const [a, b] = [truth.data[i]! > 0.5, found.data[i]! > 0.5];
    if (a && b) both++;
    if (a || b) either++;
  }
  return both / either;
}
