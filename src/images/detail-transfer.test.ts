import { describe, expect, it } from "vitest";
import { tensor } from "../tensor/tensor.ts";
import { type ModelEdit, thingsBrought, transferDetail } from "./detail-transfer.ts";
import { compareInsideOutside } from "./difference.ts";
import { type Mask, maskFromBox } from "./mask.ts";
import { fromModelImage, toModelImage } from "./model-image.ts";
import { cropPicture, type Picture, samePicture } from "./picture.ts";
import { resizePlanes } from "./resize.ts";
import { RowEnlarger, RowReducer } from "./resize-rows.ts";

const SIDE = 192;
const SMALL = 24;

/** Areas of three colours with fine stripes of every period on them: much of it is lost at the model's size. */
function detailed(width = SIDE, height = SIDE): Picture {
  const data = new Uint8ClampedArray(4 * width * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const area = y > height / 2 ? [60, 140, 80] : x > width / 3 ? [90, 120, 200] : [200, 110, 70];
      const stripe = 30 * Math.sin(x * (0.4 + y / 300)) + 15 * (((x * 7 + y * 13) % 11) / 11);
      const at = 4 * (y * width + x);
      for (let c = 0; c < 3; c++) data[at + c] = area[c]! + stripe;
      data[at + 3] = 255;
    }
  }
  return { width, height, data };
}

/** Every colour through a grade that no one channel can do alone. */
function graded({ width, height, data }: Picture): Picture {
  const out = data.slice();
  for (let at = 0; at < data.length; at += 4) {
    const [r, g, b] = [data[at]!, data[at + 1]!, data[at + 2]!];
    out[at] = 0.4 * r + 0.1 * b;
    out[at + 1] = 0.2 * r + 0.4 * g + 10;
    out[at + 2] = 0.7 * b + 0.2 * g + 20;
  }
  return { width, height, data: out };
}

/** A new thing in two colours, in squares. */
function withSquares(picture: Picture): Picture {
  const data = picture.data.slice();
  for (let y = 70; y < 130; y++) {
    for (let x = 60; x < 120; x++) {
      const colour = (x >> 4) % 2 === (y >> 4) % 2 ? [250, 240, 20] : [120, 10, 160];
      data.set(colour, 4 * (y * SIDE + x));
    }
  }
  return { ...picture, data };
}

const small = (picture: Picture) => toModelImage(picture, SMALL, SMALL);
const psnr = (a: Picture, b: Picture) => compareInsideOutside(a, b).inside.psnr;

const transferred = (picture: Picture, edit: ModelEdit) => transferDetail(picture, edit).picture;

describe("transferDetail", () => {
  it("gives the picture's own bytes back where the edit is the reconstruction", () => {
    const picture = detailed();
    const reconstruction = small(picture);
    expect(samePicture(transferred(picture, { reconstruction, edited: reconstruction }), picture)).toBe(true);
  });

  it("keeps the detail under a change of all colours, which enlarging loses", () => {
    const [picture, truth] = [detailed(), graded(detailed())];
    const [reconstruction, edited] = [small(picture), small(truth)];
    const result = transferred(picture, { reconstruction, edited });
    const enlarged = fromModelImage(edited, SIDE, SIDE, picture);
    expect(psnr(result, truth)).toBeGreaterThan(psnr(enlarged, truth) + 6);
  });

  it("shows a new thing as the model does, without shards of what was there", () => {
    const picture = detailed();
    const truth = { ...picture, data: picture.data.slice() };
    for (let y = 64; y < 128; y++) {
      for (let x = 64; x < 128; x++) truth.data.set([240, 30, 30], 4 * (y * SIDE + x));
    }
    const [reconstruction, edited] = [small(picture), small(truth)];
    const box = { x: 80, y: 80, width: 32, height: 32 };
    const inside = cropPicture(transferred(picture, { reconstruction, edited }), box);
    expect(psnr(inside, cropPicture(truth, box))).toBeGreaterThan(30);
  });

  it("leaves to the model what an earlier edit brought, after an edit that changed all colours", () => {
    const picture = detailed();
    const added = withSquares(picture);
    const truth = graded(added);
    const [reconstruction, first, edited] = [small(picture), small(added), small(truth)];
    const box = { x: 76, y: 76, width: 40, height: 40 };
    const quality = (brought?: Mask) => {
      const result = transferred(picture, { reconstruction, edited, brought });
      return { thing: psnr(cropPicture(result, box), cropPicture(truth, box)), all: psnr(result, truth) };
    };
    const earlier = thingsBrought({ reconstruction, edited: first });
    const brought = thingsBrought({ reconstruction: first, edited, brought: earlier });
    // The grade brought nothing, and takes nothing back.
    expect(brought).toEqual(earlier);
    expect(earlier.data).toContain(1);
    const [without, known] = [quality(), quality(brought)];
    expect(known.thing).toBeGreaterThan(without.thing + 1);
    expect(known.all).toBeGreaterThan(without.all);
    // What a square is told to leave is the model's own pixel.
    const enlarged = cropPicture(fromModelImage(edited, SIDE, SIDE, picture), box);
    expect(known.thing).toBeGreaterThan(psnr(enlarged, cropPicture(truth, box)) - 0.2);
  });

  it("remembers nothing of an edit that changes colours only", () => {
    const picture = detailed();
    const brought = thingsBrought({ reconstruction: small(picture), edited: small(graded(picture)) });
    expect(brought.data).not.toContain(1);
  });

  it("says how much of the change carries the picture's detail: all of a grade, little of a new thing", () => {
    const picture = detailed();
    const grade = graded(picture);
    const thing = withSquares(picture);
    const carried = (truth: Picture) =>
      transferDetail(picture, { reconstruction: small(picture), edited: small(truth) }).carried;
    expect(carried(picture)).toBe(1);
    expect(carried(grade)).toBeGreaterThan(0.9);
    expect(carried(thing)).toBeLessThan(0.5);
  });

  it("shows what an edit of things moved exactly as enlarging does, and a recolour of the same place with its detail", () => {
    const picture = detailed();
    const inside = (x: number, y: number) => x >= 48 && x < 128 && y >= 40 && y < 88;
    const edit = (change: (x: number, y: number, c: number, value: number) => number) => {
      const truth = { ...picture, data: picture.data.slice() };
      for (let at = 0; at < truth.data.length; at++) {
        const [x, y] = [(at >> 2) % SIDE, Math.floor((at >> 2) / SIDE)];
        if (at % 4 < 3 && inside(x, y)) truth.data[at] = change(x, y, at % 4, picture.data[at]!);
      }
      return truth;
    };
    // Blobs of two colours, of which the source has nothing; and the source, with its channels turned.
    const thing = edit((x, y, c) =>
      ((x >> 4) + (y >> 4)) % 2 === 0 ? [250, 240, 20][c]! : [120, 10, 160][c]!,
    );
    const recolour = edit((x, y, c) => picture.data[4 * (y * SIDE + x) + ((c + 1) % 3)]!);
    const middle = { x: 64, y: 56, width: 48, height: 16 };
    const both = (truth: Picture) => {
      const edited = small(truth);
      const result = transferred(picture, { reconstruction: small(picture), edited });
      const enlarged = fromModelImage(edited, SIDE, SIDE, picture);
      return [result, enlarged, truth].map((one) => cropPicture(one, middle)) as [Picture, Picture, Picture];
    };
    const [made, plain] = both(thing);
    expect(psnr(made, plain)).toBeGreaterThan(45);
    const [kept, lost, truth] = both(recolour);
    expect(psnr(kept, truth)).toBeGreaterThan(psnr(lost, truth) + 2);
  });

  it("leaves everything outside of the mask alone", () => {
    const [picture, truth] = [detailed(), graded(detailed())];
    const mask = maskFromBox(SIDE, SIDE, { x: 40, y: 30, width: 90, height: 100 });
    const result = transferred(picture, { reconstruction: small(picture), edited: small(truth), mask });
    const { inside, outside } = compareInsideOutside(picture, result, mask);
    expect(outside.changedPixels).toBe(0);
    expect(inside.changedPixels).toBeGreaterThan(inside.pixels / 2);
  });

  it("keeps alpha, and the colours under full transparency", () => {
    const picture = detailed();
    for (let i = 0; i < SIDE * 40; i++) picture.data[4 * i + 3] = i % 3 === 0 ? 0 : 120;
    const edited = small(graded(picture));
    const result = transferred(picture, { reconstruction: small(picture), edited });
    for (let at = 0; at < 4 * SIDE * 40; at += 4) {
      expect(result.data[at + 3]).toBe(picture.data[at + 3]);
      if (picture.data[at + 3] === 0) expect(result.data[at]).toBe(picture.data[at]);
    }
  });

  it("refuses model images of two shapes, and values that are not numbers", () => {
    const picture = detailed();
    const reconstruction = small(picture);
    const other = toModelImage(picture, SMALL, 16);
    expect(() => transferred(picture, { reconstruction, edited: other })).toThrow(/\[3,16,24\]/);
    const broken = tensor(
      new Float32Array(reconstruction.data.length).fill(Number.NaN),
      reconstruction.shape,
    );
    expect(() => transferred(picture, { reconstruction, edited: broken })).toThrow(/not numbers/);
  });
});

describe("rows", () => {
  const planes = (width: number, height: number) =>
    tensor(
      Float32Array.from({ length: 2 * width * height }, (_, i) => ((i * 37) % 101) / 101),
      [2, height, width],
    );
  const interleave = ({ data, shape }: ReturnType<typeof planes>) => {
    const n = shape[1]! * shape[2]!;
    return Float32Array.from({ length: 2 * n }, (_, i) => data[(i % 2) * n + (i >> 1)]!);
  };

  it.each([
    [50, 40, 16, 8],
    [17, 9, 24, 8],
    [24, 24, 24, 24],
  ])("%i×%i reduced to %i×%i row by row is the whole, resized", (width, height, toWidth, toHeight) => {
    const source = planes(width, height);
    const rows = interleave(source);
    const reducer = new RowReducer({ width, height }, { width: toWidth, height: toHeight }, 2);
    for (let y = 0; y < height; y++) reducer.push(rows.subarray(2 * width * y, 2 * width * (y + 1)));
    const whole = interleave(resizePlanes(source, toHeight, toWidth));
    reducer.result.forEach((value, i) => {
      expect(value).toBeCloseTo(whole[i]!, 5);
    });
  });

  it.each(["linear", "cubic"] as const)("enlarged by %s they are too", (filter) => {
    const source = planes(7, 5);
    const rows = new RowEnlarger(
      interleave(source),
      { width: 7, height: 5 },
      { width: 31, height: 23 },
      2,
      filter,
    );
    const whole = interleave(resizePlanes(source, 23, 31, filter));
    for (const y of [22, 0, 11]) {
      rows.row(y).forEach((value, i) => {
        expect(value).toBeCloseTo(whole[2 * 31 * y + i]!, 5);
      });
    }
  });
});
