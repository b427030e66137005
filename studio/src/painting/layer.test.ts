import { describe, expect, it } from "vitest";
import type { MaskPatch } from "../../../src/web.ts";
import {
  box,
  clear,
  coverage,
  createLayer,
  feather,
  fill,
  invert,
  isBlank,
  type Layer,
  lasso,
  place,
  stroke,
  toMask,
  underneath,
} from "./layer.ts";
import { Strokes } from "./strokes.ts";

/** One character a pixel: # may change, . must stay, + in between. */
function draw({ width, data }: Layer): string[] {
  const marks = Array.from(data, (v) => (v === 255 ? "#" : v === 0 ? "." : "+"));
  return Array.from({ length: data.length / width }, (_, y) =>
    marks.slice(y * width, (y + 1) * width).join(""),
  );
}

const hard = { radius: 1.5, softness: 0, erase: false };

describe("a stroke", () => {
  it("paints every pixel whose centre is within its radius of the line, and no other", () => {
    const layer = createLayer(8, 5);
    const rect = stroke(layer, { x: 2.5, y: 2.5 }, { x: 5.5, y: 2.5 }, hard);
    expect(draw(layer)).toEqual(["........", ".######.", ".######.", ".######.", "........"]);
    expect(rect).toEqual({ x0: 1, y0: 1, x1: 7, y1: 4 });
  });

  it("that is soft fades towards its edge, and does not grow harder where it crosses itself", () => {
    const [once, twice] = [createLayer(20, 20), createLayer(20, 20)];
    const soft = { radius: 8, softness: 1, erase: false };
    const [a, b] = [
      { x: 4, y: 10 },
      { x: 16, y: 10 },
    ];
    stroke(once, a, b, soft);
    stroke(twice, a, b, soft);
    stroke(twice, b, a, soft);
    expect(twice.data).toEqual(once.data);
    const down = Array.from({ length: 9 }, (_, y) => once.data[(10 + y) * 20 + 10]!);
    expect(down).toEqual([...down].sort((x, y) => y - x));
    expect(down[0]).toBeGreaterThan(240);
    expect(down[7]).toBeLessThan(20);
  });

  it("paints the pixel under a brush that is smaller than a pixel", () => {
    const layer = createLayer(4, 4);
    stroke(layer, { x: 2.1, y: 1.2 }, { x: 2.1, y: 1.2 }, { radius: 0.1, softness: 0, erase: false });
    expect(draw(layer)).toEqual(["....", "..#.", "....", "...."]);
  });

  it("of the eraser takes away what the brush has painted", () => {
    const layer = createLayer(6, 3);
    stroke(layer, { x: 0, y: 1.5 }, { x: 6, y: 1.5 }, hard);
    stroke(layer, { x: 0, y: 1.5 }, { x: 6, y: 1.5 }, { ...hard, erase: true });
    expect(isBlank(layer)).toBe(true);
  });
});

describe("shapes", () => {
  it("a box goes from corner to corner, in any order, and stays in the picture", () => {
    const layer = createLayer(5, 4);
    box(layer, { x: 9, y: 2.9 }, { x: 2.2, y: 0.8 });
    expect(draw(layer)).toEqual([".....", "..###", "..###", "....."]);
  });

  it("a lasso holds the pixels whose centres lie inside, by the even-odd rule", () => {
    const layer = createLayer(6, 6);
    lasso(layer, [
      { x: 0, y: 0 },
      { x: 6, y: 0 },
      { x: 0, y: 6 },
    ]);
    expect(draw(layer)).toEqual(["#####.", "####..", "###...", "##....", "#.....", "......"]);
  });

  it("fill stops at the edge of what is painted, and erases a painted part", () => {
    const layer = createLayer(7, 7);
    box(layer, { x: 1, y: 1 }, { x: 6, y: 6 });
    box(layer, { x: 2, y: 2 }, { x: 5, y: 5 }, true);
    fill(layer, { x: 3.5, y: 3.5 });
    expect(draw(layer)[3]).toBe(".#####.");
    fill(layer, { x: 3.5, y: 3.5 }, true);
    expect(isBlank(layer)).toBe(true);
    expect(fill(layer, { x: -1, y: 2 })).toEqual({ x0: 0, y0: 0, x1: 0, y1: 0 });
  });

  it("invert twice is nothing; clear leaves nothing", () => {
    const layer = createLayer(4, 4);
    box(layer, { x: 0, y: 0 }, { x: 2, y: 4 });
    const before = layer.data.slice();
    invert(layer);
    expect(draw(layer)[0]).toBe("..##");
    expect(coverage(layer)).toBe(0.5);
    invert(layer);
    expect(layer.data).toEqual(before);
    clear(layer);
    expect(isBlank(layer)).toBe(true);
  });

  it("feather softens an edge, keeps the far inside and outside, and a full mask full", () => {
    const layer = createLayer(40, 8);
    box(layer, { x: 20, y: 0 }, { x: 40, y: 8 });
    feather(layer, 6);
    const row = [...layer.data.subarray(4 * 40, 5 * 40)];
    expect(row).toEqual([...row].sort((a, b) => a - b));
    expect(row[0]).toBe(0);
    expect(row[39]).toBe(255);
    expect(row[19]).toBeGreaterThan(60);
    expect(row[19]).toBeLessThan(195);
  });
});

describe("an automatic mask", () => {
  const mask = (...values: number[]): MaskPatch => ({
    box: { x: 0, y: 0, width: 4, height: 1 },
    levels: Uint8Array.from(values, (value) => 255 * value),
  });

  it("goes under what was painted by hand, and leaves what was painted by hand", () => {
    const layer = createLayer(4, 1);
    underneath(layer, mask(0, 0, 1, 1));
    expect(draw(layer)).toEqual(["..##"]);
    box(layer, { x: 0, y: 0 }, { x: 1, y: 1 });
    box(layer, { x: 3, y: 0 }, { x: 4, y: 1 }, true);
    underneath(layer, mask(0, 1, 1, 1));
    expect(draw(layer)).toEqual(["###."]);
  });

  it("goes to the library and back without loss", () => {
    const layer = createLayer(16, 16);
    layer.data.forEach((_, i) => {
      layer.data[i] = i;
    });
    const again = createLayer(16, 16);
    place(again, toMask(layer));
    expect(again.data).toEqual(layer.data);
  });
});

describe("strokes", () => {
  it("are undone and redone one by one, exactly", () => {
    const layer = createLayer(8, 8);
    const strokes = new Strokes(layer);
    const states = [layer.data.slice()];
    for (const x of [1, 3, 5]) {
      strokes.begin();
      strokes.end(stroke(layer, { x, y: 1 }, { x, y: 7 }, hard));
      states.push(layer.data.slice());
    }
    for (const state of states.slice(0, -1).reverse()) {
      expect(strokes.undo()).toBe(true);
      expect(layer.data).toEqual(state);
    }
    expect(strokes.undo()).toBe(false);
    for (const state of states.slice(1)) {
      strokes.redo();
      expect(layer.data).toEqual(state);
    }
    expect(strokes.canRedo).toBe(false);
  });

  it("that change nothing, or are taken back, leave no trace", () => {
    const layer = createLayer(4, 4);
    const strokes = new Strokes(layer);
    strokes.begin();
    strokes.end(stroke(layer, { x: 2, y: 2 }, { x: 2, y: 2 }, { ...hard, erase: true }));
    strokes.begin();
    stroke(layer, { x: 2, y: 2 }, { x: 2, y: 2 }, hard);
    strokes.cancel();
    expect(strokes.canUndo).toBe(false);
    expect(isBlank(layer)).toBe(true);
  });

  it("a new stroke after undo forgets what could be redone", () => {
    const layer = createLayer(4, 4);
    const strokes = new Strokes(layer);
    for (const x of [0, 2]) {
      strokes.begin();
      strokes.end(box(layer, { x, y: 0 }, { x: x + 1, y: 1 }));
      if (x === 0) strokes.undo();
    }
    expect(strokes.canRedo).toBe(false);
    expect(draw(layer)[0]).toBe("..#.");
  });
});
