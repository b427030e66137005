import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { sizeOf, type Tensor, zeros } from "../../tensor/tensor.ts";
import { bandsOf, crop, paste, pick, tileSpans } from "./tiles.ts";

/** Every value is its place. */
const places = (shape: readonly number[]): Tensor => ({
  data: Float32Array.from({ length: sizeOf(shape) }, (_, i) => i),
  shape,
});

describe("tiles", () => {
  it("cover an axis once, with a halo all around but at its ends, in one length", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 700 }), fc.integer({ min: 0, max: 9 }), (length, halo) => {
        for (const most of [4 * halo + 1, 4 * halo + 37, 900]) {
          const spans = tileSpans(length, most, halo);
          let at = 0;
          for (const { read, kept } of spans) {
            expect(kept.from).toBe(at);
            at = kept.to;
            expect(read.to - read.from).toBe(spans[0]!.read.to - spans[0]!.read.from);
            expect(read.to - read.from).toBeLessThanOrEqual(most);
            expect(kept.to).toBeGreaterThan(kept.from);
            expect(read.from === 0 || kept.from - read.from >= halo).toBe(true);
            expect(read.to === length || read.to - kept.to >= halo).toBe(true);
            expect(read.from).toBeGreaterThanOrEqual(0);
            expect(read.to).toBeLessThanOrEqual(length);
          }
          expect(at).toBe(length);
          if (length <= most) expect(spans).toHaveLength(1);
        }
      }),
    );
  });

  it("cut out and pasted make the tensor again", () => {
    const x = places([1, 3, 13, 22]);
    const again = zeros(x.shape);
    for (const row of tileSpans(13, 8, 2)) {
      for (const column of tileSpans(22, 9, 2)) {
        paste(again, crop(x, row.kept, column.kept), row.kept.from, column.kept.from);
      }
    }
    expect(again).toEqual(x);
  });
});

describe("a sample", () => {
  it("has as many places as asked for, in bands, from one end to the other", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 300 }), (a, b) => {
        const [length, count] = [Math.max(a, b), Math.min(a, b)];
        const at = bandsOf(length, count, 4);
        expect(at).toHaveLength(count);
        expect(new Set(at).size).toBe(count);
        expect(at.every((place) => Number.isInteger(place) && place >= 0 && place < length)).toBe(true);
        if (count > 4) expect([at[0], at.at(-1)]).toEqual([0, length - 1]);
      }),
    );
    expect(bandsOf(20, 8, 4)).toEqual([0, 1, 2, 3, 16, 17, 18, 19]);
  });

  it("is picked out of every channel", () => {
    const x = places([1, 2, 4, 5]);
    expect(pick(x, [0, 3], [1, 4])).toEqual({
      data: Float32Array.of(1, 4, 16, 19, 21, 24, 36, 39),
      shape: [1, 2, 2, 2],
    });
  });
});
