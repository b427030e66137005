/** The picture metrics against scikit-image's numbers (training/parity/make_picture_metrics.py), and what a turn is worth. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { Mask } from "../../../src/images/mask.ts";
import { blankPicture, type Picture } from "../../../src/images/picture.ts";
import { spearman } from "./spearman.ts";
import { scoreTurn, type TurnView } from "./turn-metrics.ts";

const reference = JSON.parse(
  readFileSync(new URL("../../../tests/fixtures/parity/picture-metrics.json", import.meta.url), "utf8"),
);
const { width, height } = reference as { width: number; height: number };

function paint(colour: (x: number, y: number, channel: number) => number): Picture {
  const data = new Uint8ClampedArray(width * height * 4).fill(255);
  for (let i = 0; i < width * height; i++) {
    for (let k = 0; k < 3; k++) data[4 * i + k] = colour(i % width, Math.floor(i / width), k);
  }
  return { width, height, data };
}
function maskOf(value: (x: number, y: number) => number): Mask {
  const data = Float32Array.from({ length: width * height }, (_, i) =>
    value(i % width, Math.floor(i / width)),
  );
  return { width, height, data };
}

/** The formulas of the script. */
const level = (x: number, y: number, k: number) => (3 * x + 5 * y + 40 * k + ((x * y) % 17)) % 256;
const a = paint(level);
const b = paint((x, y, k) => level(x, y, k) + ((7 * x + 11 * y + 13 * k) % 31) - 15);
const disc = maskOf((x, y) => ((x - 18) ** 2 + (y - 14) ** 2 < 64 ? 1 : 0));
const black = blankPicture(width, height, [0, 0, 0, 255]);
const white = blankPicture(width, height);

const view = (over: Partial<TurnView>): TurnView => ({
  original: a,
  before: a,
  result: a,
  truths: [a],
  sourceKnown: true,
  ...over,
});

describe("the metrics with truth", () => {
  it("are scikit-image's, whole, inside and outside the change mask", () => {
    const { metrics } = scoreTurn(view({ result: b, target: a, changed: disc }));
    for (const [part, ending] of [
      ["whole", ""],
      ["inside", ".inside"],
      ["outside", ".outside"],
    ] as const) {
      for (const name of ["l1", "l2", "psnr", "ssim"]) {
        const [got, expected] = [metrics[name + ending]!, reference[part][name]];
        expect(Math.abs(got / expected - 1), name + ending).toBeLessThan(1e-9);
      }
    }
  });

  it("are null where they are not finite, and absent where they cannot be said", () => {
    const { metrics, success, collapsed } = scoreTurn(view({}));
    expect([metrics, success, collapsed]).toEqual([{}, null, null]);
    const same = scoreTurn(view({ target: a })).metrics;
    expect(same).toMatchObject({ l1: 0, l2: 0, psnr: null, ssim: 1, sharpness: 1 });
    expect(Object.keys(same).some((name) => name.endsWith("side"))).toBe(false);
  });

  it("count the pixels that no mask allowed and that are not the original's", () => {
    // One pixel outside of the disc, by one level in one channel; and all of the disc.
    const data = a.data.slice();
    data[4] = data[4]! + 1;
    disc.data.forEach((m, i) => {
      if (m > 0) data[4 * i] = 255 - data[4 * i]!;
    });
    const result = { ...a, data };
    const outside = disc.data.filter((m) => m === 0).length;
    const { metrics } = scoreTurn(view({ result, allowed: disc, mask: disc }));
    expect(metrics["changed.outside"]).toBe(1 / outside);
    expect(metrics["psnr.original.outside"]).toBeCloseTo(10 * Math.log10(255 ** 2 * 3 * outside), 9);
    expect(metrics.leak).toBeCloseTo(Math.sqrt(1 / (3 * outside)) / 255, 12);
  });

  it("see a seam at the border of a mask, and none where the truth has the same step", () => {
    const half = maskOf((x) => (x < 18 ? 1 : 0));
    const stepped = paint((x) => (x < 18 ? 200 : 100));
    const flat = paint(() => 100);
    expect(scoreTurn(view({ result: stepped, target: flat, mask: half })).metrics.seam).toBeCloseTo(
      100 / 255,
      9,
    );
    expect(scoreTurn(view({ result: stepped, target: stepped, mask: half })).metrics.seam).toBe(0);
  });

  it("rank how much of the change was made by how much a soft mask allowed", () => {
    const ramp = maskOf((x) => x / width);
    const follows = paint((x) => (255 * x) / width);
    const against = paint((x) => 255 - (255 * x) / width);
    const of = (result: Picture) =>
      scoreTurn(view({ original: black, before: black, truths: [black], target: white, result, mask: ramp }))
        .metrics["soft.spearman"];
    expect(of(follows)).toBeCloseTo(1, 9);
    expect(of(against)).toBeCloseTo(-1, 9);
    expect(spearman([1, 2, 2, 3], [1, 3, 2, 4])).toBeCloseTo(4.5 / Math.sqrt(4.5 * 5), 12);
  });
});

describe("right and collapsed", () => {
  const half = maskOf((x) => (x < 18 ? 1 : 0));
  const edited = paint((x, y, k) => (x < 18 ? 255 - level(x, y, k) : level(x, y, k)));

  it("an edit is right under a quarter of the source's error, inside the change mask alone", () => {
    const edit = { target: edited, changed: half };
    expect(scoreTurn(view({ ...edit, result: edited })).success).toBe(true);
    expect(scoreTurn(view({ ...edit, result: a })).success).toBe(false);
    expect(scoreTurn(view({ ...edit, result: a })).metrics["error.ratio"]).toBe(1);
    const ruinedOutside = paint((x, y, k) => (x < 18 ? 255 - level(x, y, k) : 0));
    expect(scoreTurn(view({ ...edit, result: ruinedOutside })).success).toBe(true);
    expect(scoreTurn(view({ ...edit, result: edited, sourceKnown: false })).success).toBeNull();
  });

  it("strictly right is only what is right, has harmed nothing outside, and is about as sharp as the truth", () => {
    const edit = { target: edited, changed: half };
    const strict = (result: Picture) => scoreTurn(view({ ...edit, result })).metrics["success.strict"];
    // Outside the change every level is off by as much: its mean colour is far off, and the old rule does not see it.
    const off = (by: number) =>
      paint((x, y, k) => {
        const truth = x < 18 ? 255 - level(x, y, k) : level(x, y, k);
        return x < 18 ? truth : Math.min(255, truth + by);
      });
    expect([edited, off(4), off(60), a].map(strict)).toEqual([1, 1, 0, 0]);
    expect(scoreTurn(view({ ...edit, result: off(60) })).success).toBe(true);
    // Too faint to change a colour, but the truth is smooth.
    const smooth = (noise: number) =>
      paint((x, y) => (x < 18 ? 200 : 60 + x) + ((x + y) % 2 ? noise : -noise));
    const change = { original: black, before: black, truths: [black], changed: half, target: smooth(0) };
    const noisy = scoreTurn(view({ ...change, result: smooth(10) }));
    expect(noisy.metrics.sharpness).toBeGreaterThan(1.4);
    expect([noisy.success, noisy.metrics["success.strict"]]).toEqual([true, 0]);
    expect(scoreTurn(view({ ...change, result: smooth(1) })).metrics["success.strict"]).toBe(1);
    expect(scoreTurn(view({ result: a })).metrics).not.toHaveProperty("success.strict");
  });

  it("where nothing is to change, a picture within 22 dB is right", () => {
    const nothing = { target: a, changed: maskOf(() => 0) };
    expect(scoreTurn(view({ ...nothing, result: b })).success).toBe(true);
    expect(scoreTurn(view({ ...nothing, result: edited })).success).toBe(false);
  });

  it("a missed edit is no collapse; noise, blur and a picture of nothing are", () => {
    const of = (result: Picture) => scoreTurn(view({ target: edited, changed: half, result })).collapsed;
    expect([of(a), of(edited), of(b)]).toEqual([false, false, false]);
    const noisy = paint((x, y, k) => level(x, y, k) + 90 * ((x + y) % 2 ? 1 : -1));
    expect([of(noisy), of(paint(() => 128)), of(black)]).toEqual([true, true, true]);
  });
});
