/** DreamLite's tiny configurations in a browser, beside what Node makes of the same. */
import { describe, expect, inject, it } from "vitest";
import { toModelImage } from "../../src/images/model-image.ts";
import { edit, loadModel, type Picture, readPicture, type WebLoadOptions } from "../../src/web.ts";

export const server = inject("checkpoints");

export async function pictureOf(name: string): Promise<Picture> {
  return readPicture(await (await fetch(`${server}${name}/picture-0.png`)).blob());
}

/** The same edit as the server makes in Node. */
export async function latents(name: string, options: WebLoadOptions): Promise<Float32Array> {
  const model = await loadModel(`${server}${name}/checkpoint`, options);
  try {
    const picture = await pictureOf(name);
    const c = await model.encodeImage(toModelImage(picture, picture.width, picture.height));
    return (await edit(model, c, [{ instruction: "make it winter" }], { seed: 7n, steps: 2 })).c.data;
  } finally {
    await model.dispose();
  }
}

const made = new Map<string, Promise<Float32Array>>();

/** They are asked for twice, and take seconds. */
export function rounded(name: string, precision: "int8" | "int4"): Promise<Float32Array> {
  const key = `${name} in ${precision}`;
  const known = made.get(key) ?? latents(name, { precision });
  made.set(key, known);
  return known;
}

export async function ofNode(path: string): Promise<Float32Array> {
  return new Float32Array(await (await fetch(`${server}-/latents/${path}`)).arrayBuffer());
}

/** The largest difference, relative to the largest value. */
export function distance(a: Float32Array, b: Float32Array): number {
  const largest = (values: Float32Array) => values.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
  expect(a.length).toBe(b.length);
  return largest(a.map((v, i) => v - b[i]!)) / largest(b);
}

/** Whole edits of a configuration on WebAssembly give Node's latents, in every precision that a page has. */
export function describeEditsOf(name: "mobile" | "base"): void {
  describe(name, () => {
    it("gives Node's latents in fp32, to 1e-3", async () => {
      expect(distance(await latents(name, { precision: "fp32" }), await ofNode(`${name}/fp32`))).toBeLessThan(
        1e-3,
      );
    });

    // Where a value is on the border of two roundings, another processor's last digit decides; with so few channels one of them is seen.
    it.each(["int8", "int4"] as const)(
      "rounds in %s, and is as near to fp32 as Node is",
      async (precision) => {
        const here = await rounded(name, precision);
        const there = await ofNode(`${name}/${precision}`);
        const exact = await ofNode(`${name}/fp32`);
        const [own, nodes, apart] = [distance(here, exact), distance(there, exact), distance(here, there)];
        console.log(
          `${name} in ${precision}: ${own} from fp32, where Node is ${nodes}; ${apart} from Node's`,
        );
        expect(own).toBeLessThan(1.5 * nodes);
        expect(apart).toBeLessThan(own + nodes);
      },
    );
  });
}
