/** FLUX.2 klein against diffusers' Flux2KleinPipeline: the transformer alone, and whole edits (training/parity/make_flux2.py). */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { folderSource } from "../../src/checkpoint/source.node.ts";
import { mappedStorage } from "../../src/checkpoint/storage.node.ts";
import { openWeights } from "../../src/checkpoint/weights.ts";
import { readPicture } from "../../src/images/codec.node.ts";
import { toModelImage } from "../../src/images/model-image.ts";
import { edit } from "../../src/method/edit.ts";
import { resolveOptions } from "../../src/method/options.ts";
import { buildTransformer, pictureInput } from "../../src/networks/flux2/transformer.ts";
import { readTransformerConfig } from "../../src/networks/flux2/transformer-config.ts";
import { createNodeEngine } from "../../src/runtime/node.ts";
import { type Tensor, tensor as tensorOf } from "../../src/tensor/tensor.ts";
import { modelOf } from "./models.ts";
import { at, expectClose, readTensors } from "./references.ts";

const FOLDER = process.env.EMILIE_FLUX2_DIR ?? fileURLToPath(new URL("../fixtures/flux2", import.meta.url));
const names = readdirSync(FOLDER);
const engine = createNodeEngine({ threads: 1 });
afterAll(() => engine.dispose());

interface References {
  readonly distilled: boolean;
  readonly text: readonly { readonly prompt: string; readonly hidden: string }[];
  readonly pipeline: readonly {
    readonly pictures: readonly string[];
    readonly prompt: string;
    readonly seed: number;
    readonly steps: number;
    readonly guidance: number;
    readonly timesteps: readonly number[];
    readonly conditions: readonly string[];
    readonly image: string;
    readonly x: string;
    readonly decoded: string;
  }[];
  readonly transformer: readonly {
    readonly pictures: readonly string[];
    readonly text: string;
    readonly timestep: number;
    readonly guidance: number;
    readonly output: string;
  }[];
}

const batch = ({ data, shape }: Tensor): Tensor => ({ data, shape: [1, ...shape] });

describe.each(names)("%s", (name) => {
  const references: References = JSON.parse(readFileSync(join(FOLDER, name, "references.json"), "utf8"));
  const tensor = readTensors(join(FOLDER, name, "references.safetensors"));

  it.each(references.transformer)("transformer: $output", async (one) => {
    const source = folderSource(join(FOLDER, name, "checkpoint"));
    const config = await readTransformerConfig(source);
    const table = await openWeights(source, "transformer", "diffusion_pytorch_model");
    const weights = await mappedStorage().place(source, table);
    const pictures = one.pictures.map(tensor);
    const [first, ...rest] = pictures.map(({ shape: [, height = 0, width = 0] }) => ({ height, width }));
    const text = tensor(one.text);
    const graph = buildTransformer(config, weights, { pictures: [first!, ...rest], tokens: text.shape[0]! });
    const session = await engine.createSession(graph.encode(), { files: weights.files, root: weights.root });
    const { velocity } = await session.run({
      ...Object.fromEntries(pictures.map((picture, i) => [pictureInput(i), batch(picture)])),
      text,
      timestep: tensorOf([one.timestep], [1, 1]),
      ...(config.guidance_embeds ? { guidance: tensorOf([one.guidance], [1, 1]) } : {}),
    });
    await session.release();
    expectClose(velocity!, batch(tensor(one.output)), `${name}: ${one.output}`);
    expect(graph.flops).toBeGreaterThan(0);
  });

  const model = modelOf(join(FOLDER, name));

  it.each(references.text)("text encoding of $prompt", async ({ prompt, hidden }) => {
    expectClose((await model().encodeText(prompt)).hidden, tensor(hidden), `${name}: text`);
  });

  it.each(references.pipeline)("an edit of $pictures, every step", async (one) => {
    const flux2 = model();
    const encoded = [];
    for (const [i, file] of one.pictures.entries()) {
      const picture = await readPicture(join(FOLDER, name, file));
      const image = toModelImage(picture, picture.width, picture.height);
      if (i === 0) expectClose(image, tensor(one.image), `${name}: ${one.image}`);
      encoded.push(await flux2.encodeImage(image));
      expectClose(encoded[i]!, tensor(one.conditions[i]!), `${name}: ${one.conditions[i]}`);
    }
    const [c, ...pictures] = encoded;
    const levels: number[] = [];
    const x = tensor(one.x);
    const result = await edit(flux2, c!, [{ instruction: one.prompt }], {
      references: pictures,
      seed: one.seed,
      steps: one.steps,
      ...(flux2.guidedBy === "text" || flux2.embedsGuidance ? { textGuidance: one.guidance } : {}),
      onStep: (event) => {
        levels.push(event.level.t);
        expectClose(event.x, at(x, event.step), `${name}: step ${event.step}`);
      },
    });
    expect(levels).toHaveLength(one.steps);
    for (const [i, t] of levels.entries()) expect(t).toBeCloseTo(one.timesteps[i]!, 2);
    expectClose(result.c, at(x, one.steps - 1), `${name}: c of the next edit`);
    expectClose(await flux2.decodeLatent(result.c), tensor(one.decoded), `${name}: ${one.decoded}`);
  });

  it("has the settings that its pipeline has", () => {
    const { distilled } = references;
    const { sampler, steps, textGuidance, imageGuidance } = resolveOptions(model());
    expect({ sampler, steps, imageGuidance }).toEqual({
      sampler: "flow-euler",
      steps: distilled ? 4 : 50,
      imageGuidance: 1,
    });
    expect(textGuidance).toBe(distilled ? 1 : 4);
  });
});
