/** Outlines and colours against the truth: what is gone, moved or repainted is seen, wherever it is and however dark the scene. */
import { describe, expect, it } from "vitest";
import { eyeMetrics } from "./eye-metrics.ts";
import type { Picture } from "./library.ts";
import { STRICT_COLOUR, STRICT_STRUCTURE, scoreTurn } from "./turn-metrics.ts";

type Rgb = readonly [number, number, number];
function paint(of: (x: number, y: number) => Rgb, width = 64, height = 64): Picture {
  const data = new Uint8ClampedArray(4 * width * height);
  for (let i = 0; i < width * height; i++) data.set([...of(i % width, Math.floor(i / width)), 255], 4 * i);
  return { width, height, data };
}
/** Bars of two colours, one of them of another where x is from 32 on. */
const bars = (light: Rgb, dark: Rgb, right = light, shift = 0) =>
  paint((x) => ((x + shift) % 8 < 4 ? (x < 32 ? light : right) : dark));
const [SKY, ROOF, NIGHT, SHADE]: Rgb[] = [
  [120, 180, 240],
  [200, 60, 40],
  [20, 24, 60],
  [40, 20, 40],
];

describe("outlines", () => {
  it("are the same in the same picture, gone where it is smooth, and moved where they are elsewhere", () => {
    const truth = bars(SKY!, ROOF!);
    expect(eyeMetrics(truth, truth)).toEqual({ structure: 1, "colour.worst": 0, "colour.mean": 0 });
    expect(
      eyeMetrics(
        paint(() => SKY!),
        truth,
      ).structure,
    ).toBeLessThan(0.1);
    expect(eyeMetrics(bars(SKY!, ROOF!, SKY, 2), truth).structure).toBeLessThan(0.1);
    expect(
      eyeMetrics(
        truth,
        paint(() => SKY!),
      ).structure,
    ).toBeUndefined();
  });

  it("count at night as by day, where the squared error hardly does", () => {
    const gone = (light: Rgb, dark: Rgb) => {
      const metrics = eyeMetrics(
        paint(() => light),
        bars(light, dark),
      );
      return metrics.structure!;
    };
    expect(gone(NIGHT!, SHADE!)).toBeLessThan(0.15);
    expect(gone(SKY!, ROOF!)).toBeLessThan(0.15);
  });
});

describe("colours", () => {
  it("that are off in a patch are off, whatever the rest", () => {
    const truth = paint(() => SKY!, 128, 128);
    const patched = paint((x, y) => (x >= 40 && x < 72 && y >= 40 && y < 72 ? ROOF! : SKY!), 128, 128);
    expect(eyeMetrics(patched, truth)["colour.worst"]).toBeGreaterThan(80);
    const speck = paint((x, y) => (x >= 40 && x < 43 && y >= 40 && y < 43 ? ROOF! : SKY!), 128, 128);
    expect(eyeMetrics(speck, truth)["colour.mean"]).toBeLessThan(STRICT_COLOUR);
  });

  it("keep their mean where texture and sharp edges are lost, and lose it with a thing", () => {
    const texture = paint((x, y) => ((x + y) % 2 ? [140, 140, 140] : [100, 100, 100]), 128, 128);
    const smooth = eyeMetrics(
      paint(() => [120, 120, 120], 128, 128),
      texture,
    );
    expect(smooth["colour.worst"]).toBeGreaterThan(5);
    expect(smooth["colour.mean"]).toBeLessThan(1);
    const thing = paint((x, y) => (x < 16 && y < 16 ? ROOF! : [120, 120, 120]), 128, 128);
    expect(
      eyeMetrics(
        paint(() => [120, 120, 120], 128, 128),
        thing,
      )["colour.mean"],
    ).toBeGreaterThan(STRICT_COLOUR);
  });

  it("are CIELAB's: black and white are 100 apart, and a grey has no colour", () => {
    const grey = (level: number) => paint(() => [level, level, level]);
    expect(eyeMetrics(grey(255), grey(0))["colour.worst"]).toBeCloseTo(100, 1);
    // L* of sRGB 119 is 50.03.
    expect(eyeMetrics(grey(119), grey(0))["colour.worst"]).toBeCloseTo(50.03, 1);
    expect(
      eyeMetrics(
        paint(() => [255, 0, 0]),
        grey(0),
      )["colour.worst"],
    ).toBeCloseTo(117.3, 0);
  });
});

it("the strict rule refuses the wrong colour on the right thing, which the old rule takes", () => {
  const before = bars(SKY!, ROOF!);
  const target = bars(SKY!, ROOF!, [250, 240, 60]);
  const changed = {
    width: 64,
    height: 64,
    data: Float32Array.from({ length: 4096 }, (_, i) => Number(i % 64 >= 32)),
  };
  const score = (result: Picture) =>
    scoreTurn({ original: before, before, result, target, truths: [before], sourceKnown: true, changed });
  const wrong = score(bars(SKY!, ROOF!, [250, 160, 40]));
  expect(wrong.success).toBe(true);
  expect(wrong.metrics["colour.mean"]).toBeGreaterThan(STRICT_COLOUR);
  expect(wrong.metrics.structure).toBeGreaterThan(STRICT_STRUCTURE);
  expect([wrong.metrics["success.strict"], score(target).metrics["success.strict"]]).toEqual([0, 1]);
});
