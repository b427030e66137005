import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { readPicture } from "../../images/codec.node.ts";
import { blankPicture, type Picture } from "../../images/picture.ts";
import { driftWarnings, measureDrift, quietHalf } from "./drift.ts";
import { type Node, pathTo } from "./tree.ts";
import { TreeNode } from "./tree-node.ts";

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
  const chainOf = (pictures: readonly Picture[]): Node =>
    pictures.reduce<Node | null>((parent, picture, i) => {
      const latent = { data: new Float32Array(4), shape: [1, 2, 2] };
      const cost = { seconds: 0, unetCalls: 0 };
      const { width, height } = picture;
      const size = { width, height };
      const record = { id: String(i), parent, recipe: null, latent, changed: true, cost, size };
      const edit = () => Promise.reject(new Error("it has no session"));
      return new TreeNode(record, { render: async () => picture, carried: () => undefined, edit });
    }, null)!;
  const warned = async (pictures: readonly Picture[]) => {
    const last = chainOf(pictures);
    await measureDrift(last);
    return pathTo(last)
      .slice(1)
      .map((node) => node.drift!.warnings.length > 0);
  };
  const shade = (level: number) => blankPicture(8, 8, [level, level, level, 255]);

  it("edits of everything, one after the other, are no drift, and many small steps are; also after one of everything", async () => {
    expect(await warned([100, 112, 125, 139, 152, 166].map(shade))).not.toContain(true);
    expect(await warned([100, 102, 104, 106, 108].map(shade))).toEqual([false, false, true, true]);
    expect(await warned([100, 160, 162, 164, 166].map(shade))).toEqual([false, false, false, true]);
    // Small steps that do not go anywhere.
    expect(await warned([100, 103, 100, 103, 100, 103, 100].map(shade))).not.toContain(true);
  });

  it("the exact pictures of the held-out chains: at most one of 200 edits is warned of", async () => {
    const root = new URL("../../../benchmarks/picturebook/chain/", import.meta.url);
    const { items } = JSON.parse(readFileSync(new URL("dataset.json", root), "utf8")) as {
      items: { image: string; turns: { target: string }[] }[];
    };
    const warnings: boolean[] = [];
    for (const { image, turns } of items) {
      const files = [image, ...turns.map(({ target }) => target)];
      warnings.push(
        ...(await warned(await Promise.all(files.map((file) => readPicture(new URL(file, root)))))),
      );
    }
    expect(warnings.length).toBe(200);
    expect(warnings.filter(Boolean).length).toBeLessThanOrEqual(1);
  });
});
