import { describe, expect, it } from "vitest";
import { readPicture } from "../../images/codec.node.ts";
import type { Picture } from "../../images/picture.ts";
import { sharp } from "../../images/sharp.node.ts";
import { changesOf, lookAtChange } from "./changes.ts";

const cottage = await readPicture(new URL("../../../examples/cottage.png", import.meta.url));

async function made(change: (from: ReturnType<typeof sharp>) => ReturnType<typeof sharp>): Promise<Picture> {
  const { width, height, data } = cottage;
  const raw = { width, height, channels: 4 } as const;
  const out = await change(sharp(new Uint8Array(data), { raw }))
    .raw()
    .toBuffer();
  return { width, height, data: new Uint8ClampedArray(out) };
}

const step = (masked: boolean, inside: [number, number], outside: [number, number], look = {}) =>
  changesOf({
    parent: {},
    changed: true,
    recipe: { regions: [{ mask: masked ? {} : null }] },
    drift: {
      parent: {
        inside: { changedPixels: inside[0], pixels: inside[1] },
        outside: { changedPixels: outside[0], pixels: outside[1] },
      },
      look: { visible: 0.318, sharpness: 1, shift: 0, ...look },
    },
  })!;

describe("what an edit did, in words", () => {
  it("with a mask says how much is identical, and is alarmed by a single byte outside", () => {
    const kept = step(true, [50, 65], [0, 935]);
    expect(kept).toMatchObject({ kind: "masked", level: "kept", share: 0.935 });
    expect(kept.text).toBe("Everything outside the mask is identical (93 % of the picture).");
    expect(step(true, [50, 65], [1, 935])).toMatchObject({ kind: "outside", level: "wrong" });
  });

  it("without a mask says how much changed, and is never kept", () => {
    const changed = step(false, [999, 1000], [0, 0]);
    expect(changed).toMatchObject({ kind: "everywhere", level: "changed" });
    expect(changed.text).toBe("32 % of the picture changed.");
    expect(step(false, [0, 1000], [0, 0])).toMatchObject({ kind: "none", level: "changed" });
    expect(step(false, [9, 10], [0, 0], { sharpness: 0.2 })).toMatchObject({
      kind: "blurred",
      level: "wrong",
    });
    expect(step(false, [9, 10], [0, 0], { shift: 0.02 })).toMatchObject({ kind: "shifted", level: "wrong" });
  });

  it("says nothing of the original", () => {
    expect(changesOf({ parent: null, recipe: null, changed: true })).toBeUndefined();
  });
});

describe("what is seen of a change", () => {
  it("is a blur where fine detail went, in light and dark, and not where colours moved", async () => {
    for (const sigma of [0.8, 1.5, 3]) {
      const blurred = await made((from) => from.blur(sigma));
      expect(lookAtChange(cottage, blurred).sharpness).toBeLessThan(0.6);
    }
    const darkAndBlurred = await made((from) => from.blur(1.5).modulate({ brightness: 0.6 }));
    expect(lookAtChange(cottage, darkAndBlurred).sharpness).toBeLessThan(0.6);
    for (const modulation of [{ brightness: 0.4 }, { saturation: 0 }, { hue: 90 }]) {
      const seen = lookAtChange(cottage, await made((from) => from.modulate(modulation)));
      expect(seen.sharpness).toBeGreaterThan(0.8);
      expect(seen.shift).toBe(0);
    }
  });

  it("is a shift where everything moved, by how much", () => {
    const { width, height } = cottage;
    const data = new Uint8ClampedArray(cottage.data.length);
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const from = 4 * (y * width + Math.max(0, x - 3));
        data.set(cottage.data.subarray(from, from + 4), 4 * (y * width + x));
      }
    }
    expect(lookAtChange(cottage, { width, height, data }).shift).toBeCloseTo(3 / width, 5);
    expect(lookAtChange(cottage, cottage)).toEqual({ visible: 0, sharpness: 1, shift: 0 });
  });
});
