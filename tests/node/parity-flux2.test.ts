/** FLUX.2 klein against diffusers' Flux2KleinPipeline: the transformer alone, and whole edits (training/parity/make_flux2.py). */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { folderSource } from "../../src/checkpoint/source.node.ts";
import { mappedStorage } from "../../src/checkpoint/storage.node.ts";
import { openWeights } from "../../src/checkpoint/weights.ts";
import { buildTransformer, pictureInput } from "../../src/networks/flux2/transformer.ts";
import { readTransformerConfig } from "../../src/networks/flux2/transformer-config.ts";
import { createNodeEngine } from "../../src/runtime/node.ts";
import { type Tensor, tensor as tensorOf } from "../../src/tensor/tensor.ts";
import { expectClose, readTensors } from "./parity/references.ts";

const FOLDER = process.env.EMILIE_FLUX2_DIR ?? fileURLToPath(new URL("../fixtures/flux2", import.meta.url));
const names = readdirSync(FOLDER);
const engine = createNodeEngine({ threads: 1 });
afterAll(() => engine.dispose());

interface References {
  readonly distilled: boolean;
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
});
