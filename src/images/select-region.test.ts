import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { middleOf, overlap, readScenes, type ThingKind, truthOf } from "../../tests/support/select-scenes.ts";
import { readPicture } from "./codec.node.ts";
import { alongEdges } from "./edge-upsampling.ts";
import { type Box, boxOfMask, type Mask, maskFromBox, maskFromPicture } from "./mask.ts";
import { maskOfPatch } from "./mask-patch.ts";
import { otsuThreshold } from "./otsu.ts";
import { blankPicture, type Picture } from "./picture.ts";
import { Selector, selectRegion } from "./select-region.ts";

interface Turn {
  readonly kind: string;
  readonly instruction: string;
  readonly image: string;
  readonly target: string;
  readonly change_mask: string;
  readonly caption: string;
}

/** Edits of drawn scenes with the exact pixels that they change: what a roof, a hull or a balloon covers. */
function scenes(folder: string): Turn[] {
  const { items } = JSON.parse(readFileSync(new URL("dataset.json", folder), "utf8")) as {
    items: { image: string; turns: Turn[] }[];
  };
  return items.flatMap(({ image, turns }) =>
    turns.map((turn, i) => ({
      ...turn,
      image: `${folder}${i === 0 ? image : turns[i - 1]!.target}`,
      change_mask: `${folder}${turn.change_mask}`,
    })),
  );
}
const all = ["benchmarks/picturebook/single/", "packages/bench/datasets/imie-picturebook/"].flatMap((name) =>
  scenes(new URL(`../../${name}`, import.meta.url).href),
);
const read = (name: string) => readPicture(readFileSync(new URL(name)));

const grown = ({ x, y, width, height }: Box, by: number, { width: w, height: h }: Mask): Box => {
  const [x0, y0] = [Math.max(0, x - by), Math.max(0, y - by)];
  return { x: x0, y: y0, width: Math.min(w, x + width + by) - x0, height: Math.min(h, y + height + by) - y0 };
};

async function overlaps(turns: readonly Turn[], select: (picture: Picture, truth: Mask) => Mask) {
  const found: number[] = [];
  for (const { image, change_mask } of turns) {
    const [picture, truth] = [await read(image), maskFromPicture(await read(change_mask))];
    found.push(overlap(select(picture, truth), truth));
  }
  return found.sort((a, b) => a - b);
}

const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[values.length >> 1]!;
const mean = (values: readonly number[]) => values.reduce((sum, v) => sum + v, 0) / values.length;
const boxed = (by: number) => (picture: Picture, truth: Mask) =>
  selectRegion(picture, { box: grown(boxOfMask(truth)!, by, truth) });

describe("selecting in drawn scenes, where the truth is exact", () => {
  const boats = all
    .filter(({ kind, instruction }) => kind === "vehicle" && /boat/.test(instruction))
    .slice(0, 16);
  // Snow lies on roofs in winter, and a recoloured roof keeps it.
  const roofs = all
    .filter(({ kind, caption }) => kind === "roof" && !/winter|fog/.test(caption))
    .slice(0, 16);
  const balloons = all.filter(({ kind }) => kind === "remove_balloon").slice(0, 16);

  it("by a box, finds hulls, roofs and balloons", async () => {
    expect([boats.length, roofs.length, balloons.length]).toEqual([16, 16, 16]);
    expect(mean(await overlaps(boats, boxed(1)))).toBeGreaterThan(0.9);
    expect(mean(await overlaps(roofs, boxed(1)))).toBeGreaterThan(0.85);
    expect(mean(await overlaps(balloons, boxed(2)))).toBeGreaterThan(0.85);
  });

  /** 64 scenes that nothing was tuned on, each with a house, a boat and a balloon. */
  it("by a click, finds roofs with their shaded side, hulls of two colours and striped balloons", async () => {
    const { scenes } = await readScenes(new URL("../../tests/fixtures/select/", import.meta.url));
    expect(scenes).toHaveLength(64);
    const found = { roof: [] as number[], hull: [] as number[], balloon: [] as number[] };
    for (const scene of scenes) {
      const selector = new Selector(scene.picture);
      for (const [kind, overlaps] of Object.entries(found)) {
        const truth = truthOf(scene, kind as ThingKind);
        overlaps.push(overlap(selector.select({ point: middleOf(truth) }), truth));
      }
    }
    for (const overlaps of Object.values(found)) expect(median(overlaps)).toBeGreaterThan(0.85);
    // A white hull is taken together with its white sails, and a white balloon with the cloud behind it.
    expect(mean(found.roof)).toBeGreaterThan(0.85);
    expect(mean(found.hull)).toBeGreaterThan(0.85);
    expect(mean(found.balloon)).toBeGreaterThan(0.83);
  });

  it("by a click, takes the roof of the cottage without the wall between it and the door, whose colour is like the roof's", async () => {
    const example = (name: string) => read(new URL(`../../examples/${name}.png`, import.meta.url).href);
    const [picture, brushed] = await Promise.all([example("cottage"), example("cottage-roof")]);
    const truth = maskFromPicture(brushed!);
    const roof = selectRegion(picture!, { point: middleOf(truth) });
    // The brush is generous.
    expect(overlap(roof, truth)).toBeGreaterThan(0.65);
  });
});

describe("a selection", () => {
  const disc = (side: number): Picture => {
    const picture = blankPicture(side, side, [40, 90, 180, 255]);
    for (let y = 0; y < side; y++) {
      for (let x = 0; x < side; x++) {
        if (Math.hypot(x - side / 2, y - side / 2) < side / 4)
          picture.data.set([230, 60, 50, 255], 4 * (y * side + x));
      }
    }
    return picture;
  };

  it("follows the edges of a large picture to a pixel or two, and is soft along them", () => {
    const side = 1600;
    const picture = disc(side);
    for (const selection of [
      { point: { x: side / 2, y: side / 2 } },
      { box: { x: side / 5, y: side / 5, width: 0.6 * side, height: 0.6 * side } },
    ]) {
      const { data } = selectRegion(picture, selection);
      let wrong = 0;
      for (let i = 0; i < data.length; i++) {
        const from = Math.hypot((i % side) - side / 2, Math.floor(i / side) - side / 2) - side / 4;
        if (Math.abs(from) > 3 && data[i]! > 0.5 !== from < 0) wrong++;
      }
      expect(wrong).toBe(0);
      expect(Math.max(...data.subarray(0, side * 8))).toBe(0);
    }
  });

  it("must begin in the picture", () => {
    const picture = disc(32);
    for (const selection of [
      { point: { x: 32, y: 1 } },
      { point: { x: Number.NaN, y: 1 } },
      { box: { x: 1, y: 1, width: 0, height: 4 } },
    ])
      expect(() => selectRegion(picture, selection)).toThrow(/begins in the picture, which is 32×32/);
  });
});

it("Otsu's threshold lies between two groups, however far apart", () => {
  const data = Float32Array.from({ length: 1000 }, (_, i) => (i % 10 === 0 ? 0.3 : 0.05));
  expect(otsuThreshold({ data })).toBeGreaterThan(0.06);
  expect(otsuThreshold({ data })).toBeLessThan(0.3);
  expect(otsuThreshold({ data: new Float32Array(10) })).toBe(0.5);
});

it("a coarse mask is brought to the picture's edges", () => {
  const picture = blankPicture(400, 200, [20, 20, 20, 255]);
  for (let i = 0; i < 400 * 200; i++) if (i % 400 < 203) picture.data.set([240, 240, 240, 255], 4 * i);
  const coarse = maskFromBox(50, 25, { x: 0, y: 0, width: 26, height: 25 });
  const { data } = alongEdges(coarse, picture);
  // The block ends at 208, the picture's edge is at 203.
  expect(data[100 * 400 + 200]).toBeGreaterThan(0.5);
  expect(data[100 * 400 + 207]).toBeLessThan(0.5);
});

it("a picture that is asked about again answers as it did at first, in levels too", () => {
  const picture = blankPicture(700, 500, [40, 90, 180, 255]);
  for (let y = 100; y < 300; y++)
    for (let x = 150; x < 420; x++) picture.data.set([230, 60, 50, 255], 4 * (y * 700 + x));
  const selector = new Selector(picture);
  selector.prepare();
  for (const selection of [
    { point: { x: 200, y: 200 } },
    { point: { x: 20, y: 450 } },
    { box: { x: 130, y: 90, width: 320, height: 240 } },
    { point: { x: 200, y: 200 } },
  ]) {
    const { data } = selectRegion(picture, selection);
    const again = selector.select(selection).data;
    const patched = maskOfPatch(selector.patch(selection), picture).data;
    // Comparing large arrays by expect takes minutes.
    expect(data.every((value, i) => value === again[i] && value === patched[i])).toBe(true);
    expect(data.some((value) => value > 0)).toBe(true);
  }
  const { box } = selector.patch({ point: { x: 200, y: 200 } });
  expect(box.width * box.height).toBeLessThan(0.6 * 700 * 500);
});
