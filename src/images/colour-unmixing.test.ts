import { describe, expect, it } from "vitest";
import { tensor } from "../tensor/tensor.ts";
import { groupColours } from "./colour-groups.ts";
import { fitColourTransform } from "./colour-transform.ts";
import { unmix } from "./colour-unmixing.ts";
import { transferDetail } from "./detail-transfer.ts";
import { compareInsideOutside } from "./difference.ts";
import { fromModelImage, toModelImage } from "./model-image.ts";
import { cropPicture, type Picture } from "./picture.ts";

const SIDE = 256;
const SMALL = 32;
const COLOURS = [
  [196, 64, 60],
  [150, 48, 46],
  [110, 170, 220],
  [90, 140, 70],
  [240, 238, 230],
  [50, 52, 60],
] as const;

/** Six colours, three of them meeting everywhere: more than one affine transform can tell apart. A house, its roof and its shade. */
function surface(x: number, y: number): number {
  const [u, v] = [x / SIDE, y / SIDE];
  if (v > 0.35 && v < 0.6 && Math.abs(u - 0.5) < v - 0.3) return u < 0.55 ? 0 : 1;
  if (v >= 0.6 && v < 0.8 && u > 0.3 && u < 0.7) return Math.floor(24 * u) % 4 === 0 ? 5 : 4;
  return v < 0.7 ? 2 : 3;
}

function drawn(colourOf: (of: number) => readonly number[]): Picture {
  const data = new Uint8ClampedArray(4 * SIDE * SIDE).fill(255);
  for (let p = 0; p < SIDE * SIDE; p++) {
    const colour = colourOf(surface(p % SIDE, Math.floor(p / SIDE)));
    for (let c = 0; c < 3; c++) data[4 * p + c] = colour[c]!;
  }
  return { width: SIDE, height: SIDE, data };
}

const picture = drawn((of) => COLOURS[of]!);
const blue = [[60, 90, 200] as const, [46, 68, 152] as const];
const truth = drawn((of) => blue[of] ?? COLOURS[of]!);
const image = (one: Picture) => toModelImage(one, SMALL, SMALL);
const interleaved = (one: Picture) => {
  const { data } = image(one);
  const n = SMALL * SMALL;
  return Float32Array.from(data, (_, i) => data[(i % 3) * n + Math.floor(i / 3)]! / 2 + 0.5);
};
const small = { width: SMALL, height: SMALL };
const box = { x: 0, y: 0, width: SMALL, height: SMALL };

describe("groupColours", () => {
  it("finds the colours that are there, each by itself", () => {
    const groups = groupColours(picture, small, box);
    expect(groups.size).toBe(COLOURS.length);
    const cells = COLOURS.map((colour) => groups.cellOfBytes(Uint8ClampedArray.from(colour), 0));
    expect(new Set(cells.map((cell) => groups.first[cell])).size).toBe(COLOURS.length);
    for (const cell of cells) expect(groups.share[cell]!).toBeLessThan(0.05);
    for (const colour of COLOURS) {
      const floats = Float32Array.from(colour, (v) => v / 255);
      expect(groups.cellOf(floats, 0)).toBe(groups.cellOfBytes(Uint8ClampedArray.from(colour), 0));
    }
  });

  it("leaves transparent pixels out", () => {
    const clear = { ...picture, data: picture.data.map((value, i) => (i % 4 === 3 ? 0 : value)) };
    expect(groupColours(clear, small, box).size).toBe(0);
    const edited = interleaved(truth);
    const { coarse } = fitColourTransform(edited, edited, small);
    expect(unmix(clear, { before: edited, after: edited, small }, coarse, box, 1)).toBeUndefined();
  });
});

describe("unmix", () => {
  it("explains a recolour of two of six surfaces better than the transform that it begins with", () => {
    const [before, after] = [interleaved(picture), interleaved(truth)];
    const { coarse } = fitColourTransform(before, after, small);
    const { explained, changes } = unmix(picture, { before, after, small }, coarse, box, 1)!;
    const left = after.reduce((sum, value, i) => sum + (value - explained[i]!) ** 2, 0);
    const change = after.reduce((sum, value, i) => sum + (value - before[i]!) ** 2, 0);
    expect(left).toBeLessThan(0.03 * change);
    expect(changes.every(Number.isFinite)).toBe(true);
  });

  it("keeps the borders of what was recoloured, which enlarging loses", () => {
    const [reconstruction, edited] = [image(picture), image(truth)];
    const { picture: result, carried } = transferDetail(picture, { reconstruction, edited });
    const plain = fromModelImage(edited, SIDE, SIDE, picture);
    const psnr = (one: Picture) => compareInsideOutside(one, truth).inside.psnr;
    expect(psnr(result)).toBeGreaterThan(psnr(plain) + 8);
    expect(carried).toBeGreaterThan(0.95);
  });
});

/** The model's image with errors: each pixel by up to so many levels of 255, the same in every run. */
function noisy(one: Picture, levels: number) {
  const { data, shape } = image(one);
  let state = 7;
  const out = data.map((value) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return value + ((state / 2 ** 31 - 1) * levels) / 127.5;
  });
  return tensor(out, shape);
}

/** The deviation of the red channel's error over the pixels of a surface that are away from its border. */
function unevenness(one: Picture, of: number): number {
  let [n, sum, squares] = [0, 0, 0];
  for (let y = 8; y < SIDE - 8; y++) {
    for (let x = 8; x < SIDE - 8; x++) {
      const inside = [-8, 0, 8].every((dy) => [-8, 0, 8].every((dx) => surface(x + dx, y + dy) === of));
      if (!inside) continue;
      const error = one.data[4 * (y * SIDE + x)]! - truth.data[4 * (y * SIDE + x)]!;
      n++;
      sum += error;
      squares += error * error;
    }
  }
  return Math.sqrt(squares / n - (sum / n) ** 2);
}

describe("a model's errors", () => {
  it("are averaged over a surface, which comes out in one colour", () => {
    const [reconstruction, edited] = [image(picture), noisy(truth, 12)];
    const result = transferDetail(picture, { reconstruction, edited }).picture;
    const plain = fromModelImage(edited, SIDE, SIDE, picture);
    expect(unevenness(plain, 0)).toBeGreaterThan(4);
    expect(unevenness(result, 0)).toBeLessThan(unevenness(plain, 0) / 4);
  });

  it("that tint what an edit of some surfaces leaves alone are taken back", () => {
    const tinted = drawn((of) => {
      const colour = blue[of] ?? COLOURS[of]!;
      return of === 2 ? colour.map((value) => value - 9) : colour;
    });
    const result = transferDetail(picture, { reconstruction: image(picture), edited: image(tinted) }).picture;
    const sky = { x: 8, y: 8, width: SIDE - 16, height: 60 };
    const apart = (one: Picture) =>
      compareInsideOutside(cropPicture(one, sky), cropPicture(picture, sky)).inside.psnr;
    expect(apart(fromModelImage(image(tinted), SIDE, SIDE, picture))).toBeLessThan(30);
    expect(apart(result)).toBeGreaterThan(45);
  });

  it("are averaged in an edit of everything too, with the borders of all surfaces as sharp as they are", () => {
    const night = drawn((of) => COLOURS[of]!.map((value, c) => [0.3, 0.35, 0.55][c]! * value + 8 * c));
    const [reconstruction, edited] = [image(picture), noisy(night, 8)];
    const result = transferDetail(picture, { reconstruction, edited }).picture;
    const psnr = (one: Picture) => compareInsideOutside(one, night).inside.psnr;
    expect(psnr(result)).toBeGreaterThan(psnr(fromModelImage(edited, SIDE, SIDE, picture)) + 8);
  });
});

describe("where surfaces do not explain an edit", () => {
  const textured = (one: Picture): Picture => {
    const data = one.data.map((value, i) =>
      i % 4 === 3 ? 255 : value + 24 * Math.sin((i >> 2) * 1.7 + ((i >> 10) % 7)),
    );
    return { ...one, data };
  };

  it("a texture stays", () => {
    const [from, to] = [textured(picture), textured(truth)];
    const result = transferDetail(from, { reconstruction: image(from), edited: noisy(to, 4) }).picture;
    const psnr = (one: Picture) => compareInsideOutside(one, to).inside.psnr;
    expect(psnr(result)).toBeGreaterThan(psnr(fromModelImage(noisy(to, 4), SIDE, SIDE, from)) + 6);
  });

  it("a new thing is the model's, beside surfaces that are recoloured", () => {
    const ball = (x: number, y: number) => Math.hypot(x - 200, y - 60) < 26;
    const withBall = (one: Picture): Picture => {
      const data = one.data.slice();
      for (let p = 0; p < SIDE * SIDE; p++) {
        if (ball(p % SIDE, Math.floor(p / SIDE))) data.set([250, 220, 40], 4 * p);
      }
      return { ...one, data };
    };
    const edited = image(withBall(truth));
    const result = transferDetail(picture, { reconstruction: image(picture), edited }).picture;
    const middle = { x: 190, y: 50, width: 20, height: 20 };
    const psnr = (one: Picture) =>
      compareInsideOutside(cropPicture(one, middle), cropPicture(withBall(truth), middle)).inside.psnr;
    expect(psnr(result)).toBeGreaterThan(30);
  });
});
