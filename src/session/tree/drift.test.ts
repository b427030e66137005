import { describe, expect, it } from "vitest";
import { warnedOf } from "../../../tests/support/drift-chain.ts";
import { blankPicture } from "../../images/picture.ts";
import { driftWarnings, quietHalf } from "./drift.ts";

describe("the quieter half", () => {
  it("is what half of the pixels moved by at most", () => {
    const grey = blankPicture(10, 10, [100, 100, 100, 255]);
    const moved = blankPicture(10, 10, [100, 100, 100, 255]);
    // 50 of 100 pixels: the other half did not move. One more, and the half has moved.
    for (let i = 0; i < 50; i++) moved.data.set([103, 106, 100], 4 * i);
    expect(quietHalf(grey, moved)).toBe(0);
    moved.data.set([103, 106, 100], 4 * 50);
    expect(quietHalf(grey, moved)).toBe(3);
    expect(quietHalf(moved, grey)).toBe(3);
    expect(quietHalf(blankPicture(3, 3, [0, 0, 0, 255]), blankPicture(3, 3))).toBe(255);
  });

  it("warns where it is farther from the original than single steps moved it, and not before", () => {
    expect(driftWarnings({ step: 4, largestStep: 4, since: 6 }, 0)).toEqual([]);
    expect(driftWarnings({ step: 2, largestStep: 2, since: 6 }, 0)).toEqual([
      expect.stringMatching(/6\.0 levels since the original.*more than 2\.0/s),
    ]);
    // One edit for the whole picture, as "make it night".
    expect(driftWarnings({ step: 60, largestStep: 60, since: 0 }, 0)).toEqual([]);
    expect(driftWarnings({ step: 0, largestStep: 0, since: 0 }, 0.3)).toEqual([
      expect.stringMatching(/30 % from the original's/),
    ]);
  });
});

describe("on chains of edits without masks", () => {
  const shade = (level: number) => blankPicture(8, 8, [level, level, level, 255]);

  it("edits of everything, one after the other, are no drift, and many small steps are; also after one of everything", async () => {
    expect(await warnedOf([100, 112, 125, 139, 152, 166].map(shade))).not.toContain(true);
    expect(await warnedOf([100, 102, 104, 106, 108].map(shade))).toEqual([false, false, true, true]);
    expect(await warnedOf([100, 160, 162, 164, 166].map(shade))).toEqual([false, false, false, true]);
    // Small steps that do not go anywhere.
    expect(await warnedOf([100, 103, 100, 103, 100, 103, 100].map(shade))).not.toContain(true);
  });
});
