/** A whole edit in a real browser, on onnxruntime-web (WebAssembly), against the latents that diffusers gives. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readSafetensorsHeader } from "../../src/checkpoint/safetensors.ts";
import { webSource } from "../../src/checkpoint/source.web.ts";
import {
  type EditModel,
  edit,
  loadModel,
  maskFromBox,
  openSession,
  type Picture,
  readPicture,
} from "../../src/web.ts";

const fixture = new URL("/tests/fixtures/parity/sd1", location.href).href;
const references = webSource(fixture);

/** One entry of references.json's pipeline: what diffusers was asked, and the names of its tensors. */
interface PipelineReference {
  readonly picture: string;
  readonly image: string;
  readonly condition: string;
  readonly latents: string;
  readonly prompt: string;
  readonly seed: number;
  readonly steps: number;
  readonly sampler: "euler-ancestral";
  readonly textGuidance: number;
  readonly imageGuidance: number;
}

async function readReference(name: string) {
  const { tensors } = await readSafetensorsHeader(references, "references.safetensors");
  const { shape, offset, length } = tensors.get(name)!;
  const bytes = await references.read("references.safetensors", offset, length);
  return { shape, data: new Float32Array(bytes.slice().buffer) };
}

/** The largest difference, relative to the largest value. */
function distance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let [difference, size] = [0, 0];
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    difference = Math.max(difference, Math.abs(a[i]! - b[i]!));
    size = Math.max(size, Math.abs(b[i]!));
  }
  return difference / size;
}

describe("in a browser", () => {
  let model: EditModel;
  beforeAll(async () => {
    model = await loadModel(`${fixture}/checkpoint`);
  });
  afterAll(() => model.dispose());

  it("an edit gives diffusers' latents to 1e-3, at two sizes that are not square", async () => {
    const { pipeline } = JSON.parse(await references.readText("references.json")) as {
      pipeline: readonly PipelineReference[];
    };
    expect(pipeline).toHaveLength(2);
    for (const {
      image,
      condition,
      latents,
      prompt,
      seed,
      steps,
      sampler,
      textGuidance,
      imageGuidance,
    } of pipeline) {
      const c = await model.encodeImage(await readReference(image));
      expect(distance(c.data, (await readReference(condition)).data)).toBeLessThan(1e-3);
      const options = { preset: "best", seed, steps, sampler, textGuidance, imageGuidance } as const;
      const result = await edit(model, c, [{ instruction: prompt }], options);
      const expected = (await readReference(latents)).data;
      const scaled = result.c.data.map((value) => value * model.scalingFactor);
      expect(distance(scaled, expected)).toBeLessThan(1e-3);
    }
  });

  it("a session keeps the user's pixels outside the mask, and the page live meanwhile", async () => {
    const response = await fetch(`${fixture}/picture-0.png`);
    const picture = await readPicture(await response.blob());
    const session = await openSession(model, picture);
    let ticks = 0;
    const timer = setInterval(() => ticks++, 1);
    const mask = maskFromBox(picture.width, picture.height, { x: 0, y: 0, width: 6, height: 5 });
    const node = await session.edit("make it winter", { mask, steps: 4 });
    const result = await node.render();
    clearInterval(timer);
    const differs = (i: number, a: Picture, b: Picture) => a.data[i] !== b.data[i];
    const inside = (i: number) => (i >> 2) % picture.width < 6 && (i >> 2) / picture.width < 5;
    const changed = picture.data.reduce((n, _, i) => n + Number(inside(i) && differs(i, result, picture)), 0);
    const leaked = picture.data.reduce((n, _, i) => n + Number(!inside(i) && differs(i, result, picture)), 0);
    expect(changed).toBeGreaterThan(0);
    expect(leaked).toBe(0);
    expect(ticks).toBeGreaterThan(0);
    expect(model.calls.encodeImage).toBeGreaterThan(0);
  });
});
