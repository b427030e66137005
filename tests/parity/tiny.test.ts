/** Tiny autoencoders against diffusers' AutoencoderTiny, both ways, whole and in tiles, in the layouts of every precision (training/parity/make_few.py). */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { folderSource } from "../../src/checkpoint/source.node.ts";
import { mappedStorage } from "../../src/checkpoint/storage.node.ts";
import type { PlacedWeights } from "../../src/checkpoint/storage.ts";
import type { RunGraph } from "../../src/networks/autoencoder-kl/fine-stage.ts";
import { decodeTiny, encodeTiny } from "../../src/networks/autoencoder-tiny/autoencoder.ts";
import { readTinyAutoencoder } from "../../src/networks/autoencoder-tiny/read.ts";
import { createNodeEngine } from "../../src/runtime/node.ts";
import { createNoise } from "../../src/tensor/noise.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import { expectClose, readTensors } from "./references.ts";

const FEW = process.env.EMILIE_FEW_DIR ?? fileURLToPath(new URL("../fixtures/few", import.meta.url));
const names = readdirSync(FEW).filter((name) => name.startsWith("tiny"));
const engine = createNodeEngine({ threads: 1 });
afterAll(() => engine.dispose());

interface References {
  readonly cases: readonly Record<"image" | "encoded" | "latent" | "decoded", string>[];
}
const batch = ({ data, shape }: Tensor): Tensor => ({ data, shape: [1, ...shape] });

/** Runs each graph once, and counts them. */
function runner(weights: PlacedWeights) {
  const keys: string[] = [];
  const run: RunGraph = async (key, build, feeds) => {
    keys.push(key);
    const session = await engine.createSession(build("fused").encode(), {
      files: weights.files,
      root: weights.root,
    });
    const outputs = await session.run(feeds);
    await session.release();
    return outputs;
  };
  return { run, keys };
}

describe.each(names)("%s", (name) => {
  const references: References = JSON.parse(readFileSync(join(FEW, name, "references.json"), "utf8"));
  const tensor = readTensors(join(FEW, name, "references.safetensors"));
  const open = async (file?: string) => {
    const { source, config, table } = await readTinyAutoencoder(folderSource(join(FEW, name)), file);
    return { config, weights: await mappedStorage().place(source, table) };
  };

  it.each(["fp32", "fp32-fast"] as const)("%s: encodes and decodes as diffusers does", async (precision) => {
    const { config, weights } = await open();
    const placed = { ...weights, precision };
    const { run, keys } = runner(weights);
    for (const { image, encoded, latent, decoded } of references.cases) {
      const bar = precision === "fp32" ? 1e-5 : 1e-4;
      const z = await encodeTiny(config, placed, batch(tensor(image)), run);
      expectClose(z, batch(tensor(encoded)), `${name} ${precision}: encoded`, bar);
      const x = await decodeTiny(config, placed, batch(tensor(latent)), run);
      expectClose(x, batch(tensor(decoded)), `${name} ${precision}: decoded`, bar);
    }
    expect(keys).toHaveLength(2 * references.cases.length);
  });

  it.each(["fp32", "fp32-fast"] as const)("%s: gives the same in tiles", async (precision) => {
    const { config, weights } = await open();
    const placed = { ...weights, precision };
    const random = createNoise(4);
    const levels = config.encoder.blocks.length;
    // As large as four tiles of the smallest size.
    const z = random.randn(
      [1, config.latentChannels, 29, 43].map((side, i) => (i < 2 ? side : levels > 2 ? side : 3 * side)),
    );
    const whole = runner(weights);
    const expected = await decodeTiny(config, placed, z, whole.run);
    const tiles = runner(weights);
    const limits = { whole: 0, tile: 1 };
    expectClose(await decodeTiny(config, placed, z, tiles.run, limits), expected, `${name}: decoded`, 1e-5);
    expect(whole.keys).toHaveLength(1);
    expect(tiles.keys.length).toBeGreaterThan(4);
    const image = { data: expected.data.map((value) => Math.tanh(value)), shape: expected.shape };
    const once = await encodeTiny(config, placed, image, whole.run);
    const encoded = await encodeTiny(config, placed, image, tiles.run, limits);
    expectClose(encoded, once, `${name}: encoded`, 1e-5);
  });
});

describe("the original program's files", () => {
  it.each(["taesd_encoder.safetensors", "taesd_decoder.safetensors", "diffusion_pytorch_model.safetensors"])(
    "%s is read as the folder is",
    async (file) => {
      const folder = folderSource(join(FEW, "tiny"));
      const [whole, named] = [await readTinyAutoencoder(folder), await readTinyAutoencoder(folder, file)];
      expect(named.config).toEqual(whole.config);
      const bytes = async ({ source, table }: typeof named) => {
        const parts = [...table.tensors].sort(([a], [b]) => (a < b ? -1 : 1));
        return Promise.all(
          parts.map(async ([key, { file: path, offset, length }]) => [
            key,
            await source.read(path, offset, length),
          ]),
        );
      };
      expect(await bytes(named)).toEqual(await bytes(whole));
    },
  );
});
