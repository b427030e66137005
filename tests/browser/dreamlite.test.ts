/** DreamLite in a browser: whole edits of the tiny configurations on WebAssembly, against Node's, in every precision that a page has. */
import { describe, expect, inject, it } from "vitest";
import { toModelImage } from "../../src/images/model-image.ts";
import { edit, loadModel, openSession, readPicture, type WebLoadOptions } from "../../src/web.ts";

const server = inject("checkpoints");

async function pictureOf(name: string) {
  return readPicture(await (await fetch(`${server}${name}/picture-0.png`)).blob());
}

/** The same edit as the server makes in Node. */
async function latents(name: string, options: WebLoadOptions): Promise<Float32Array> {
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
function rounded(name: string, precision: "int8" | "int4"): Promise<Float32Array> {
  const key = `${name} in ${precision}`;
  const known = made.get(key) ?? latents(name, { precision });
  made.set(key, known);
  return known;
}

async function ofNode(path: string): Promise<Float32Array> {
  return new Float32Array(await (await fetch(`${server}-/latents/${path}`)).arrayBuffer());
}

/** The largest difference, relative to the largest value. */
function distance(a: Float32Array, b: Float32Array): number {
  const largest = (values: Float32Array) => values.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
  expect(a.length).toBe(b.length);
  return largest(a.map((v, i) => v - b[i]!)) / largest(b);
}

describe.each(["mobile", "base"])("%s", (name) => {
  it("gives Node's latents in fp32, to 1e-3", async () => {
    expect(distance(await latents(name, { precision: "fp32" }), await ofNode(`${name}/fp32`))).toBeLessThan(
      1e-3,
    );
  });

  // Where a value is on the border of two roundings, another processor's last digit decides; with so few channels one of them is seen.
  it.each(["int8", "int4"] as const)("rounds in %s, and is as near to fp32 as Node is", async (precision) => {
    const here = await rounded(name, precision);
    const there = await ofNode(`${name}/${precision}`);
    const exact = await ofNode(`${name}/fp32`);
    const [own, nodes, apart] = [distance(here, exact), distance(there, exact), distance(here, there)];
    console.log(`${name} in ${precision}: ${own} from fp32, where Node is ${nodes}; ${apart} from Node's`);
    expect(own).toBeLessThan(1.5 * nodes);
    expect(apart).toBeLessThan(own + nodes);
  });
});

it("gives them from the browser's storage in fp32, and in buffers in int8", async () => {
  const kept = await latents("mobile", { precision: "fp32", keep: true });
  expect(distance(kept, await ofNode("mobile/fp32"))).toBeLessThan(1e-3);
  const fetched = await latents("mobile", { precision: "int8", keep: false });
  // Without "keep" it is kept.
  expect(fetched).toEqual(await rounded("mobile", "int8"));
});

it("merges a LoRA into weights that are kept", async () => {
  const lora = [{ file: `${server}mobile/lora-peft.safetensors`, weight: 0.5 }];
  const with_ = await latents("mobile", { precision: "fp32", keep: true, lora });
  expect(distance(with_, await ofNode("mobile/fp32/lora-peft.safetensors"))).toBeLessThan(1e-3);
  expect(distance(with_, await ofNode("mobile/fp32"))).toBeGreaterThan(1e-3);
});

it("edits in a session, with the memory of a single network", async () => {
  const model = await loadModel(`${server}mobile/checkpoint`, {
    precision: "int4",
    memory: "low",
    id: "DreamLite",
  });
  const session = await openSession(model, await pictureOf("mobile"));
  const winter = await session.edit("make it winter", { steps: 1 });
  const green = await session.edit("make it green", { steps: 1 });
  expect(model.calls.encodeImage).toBe(1);
  expect(green.parent).toBe(winter);
  expect(session.model.id).toBe("DreamLite in int4");
  expect((await session.verify()).map(({ result }) => result)).toEqual(["same", "same", "same"]);
  await model.dispose();
});
