import { describe, expect, it } from "vitest";
import { type Mask, maskFromBox } from "../../../../src/images/mask.ts";
import { type Tensor, tensor, zeros } from "../../../../src/tensor/tensor.ts";
import { shrinkingMasks } from "./blended-latent.ts";
import { dilate, hardMask, isThin, latentMask } from "./latent-mask.ts";

const c = zeros([4, 4, 6]);
/** A latent mask drawn in rows of dots and hashes. */
const drawn = (...rows: string[]): Tensor =>
  tensor(
    rows.flatMap((row) => Array.from(row, (mark) => (mark === "#" ? 1 : 0))),
    [1, rows.length, rows[0]!.length],
  );
const count = ({ data }: Tensor) => data.reduce((sum, m) => sum + m, 0);

describe("a mask on the latent grid", () => {
  it("takes the pixel at each cell's centre, and cuts at a half", () => {
    const mask: Mask = { width: 48, height: 32, data: new Float32Array(48 * 32) };
    mask.data[4 * 48 + 4] = 0.5; // the centre of cell 0
    mask.data[4 * 48 + 12] = 0.49; // of cell 1: too faint
    mask.data[5 * 48 + 20] = 1; // beside the centre of cell 2
    expect([...latentMask(mask, c).data].map((m, i) => m * (i + 1)).filter(Boolean)).toEqual([1]);
  });

  it("is the same for a mask of the picture's own size and for a larger picture", () => {
    const small = maskFromBox(48, 32, { x: 8, y: 8, width: 16, height: 16 });
    const large = maskFromBox(480, 320, { x: 80, y: 80, width: 160, height: 160 });
    expect(latentMask(large, c).data).toEqual(latentMask(small, c).data);
    expect(latentMask(small, c)).toEqual(drawn("......", ".##...", ".##...", "......"));
  });

  it("takes what it touches where no centre lies in it, and stays empty where nothing does", () => {
    const line = maskFromBox(48, 32, { x: 0, y: 0, width: 48, height: 2 });
    expect(latentMask(line, c)).toEqual(drawn("######", "......", "......", "......"));
    const faint = { ...line, data: line.data.map((m) => m * 0.4) };
    expect(count(latentMask(faint, c))).toBe(0);
    expect(count({ data: hardMask(faint).data, shape: [] })).toBe(0);
  });
});

describe("thin masks", () => {
  it("are dilated by a square", () => {
    expect(dilate(drawn(".....", "..#..", ".....", "....."), 1)).toEqual(
      drawn(".###.", ".###.", ".###.", "....."),
    );
    expect(count(dilate(drawn("#....", ".....", ".....", "....."), 2))).toBe(9);
    expect(count(dilate(drawn(".....", "....."), 2))).toBe(0);
  });

  it("are those without a cell whose neighbours all belong to them; the picture's edge is no edge", () => {
    expect(isThin(drawn("......", ".####.", ".####.", "......"))).toBe(true);
    expect(isThin(drawn(".###..", ".###..", ".###..", "......"))).toBe(false);
    expect(isThin(drawn("##....", "##....", "......", "......"))).toBe(false);
    expect(isThin(drawn("###", "###"))).toBe(false);
  });

  it("begin wide and shrink to themselves; other masks are themselves at every step", () => {
    const thin = drawn("........", "........", "...#....", "........", "........");
    const masks = shrinkingMasks(thin, 2, 8);
    expect(masks.map(count)).toEqual([25, 25, 25, 9, 9, 9, 1, 1]);
    expect(masks.at(-1)).toBe(thin);
    const wide = drawn("....", "###.", "###.", "###.");
    expect(shrinkingMasks(wide, 2, 3)).toEqual([wide, wide, wide]);
    expect(shrinkingMasks(thin, 0, 3)).toEqual([thin, thin, thin]);
  });
});
