/** Tiny autoencoders against diffusers' AutoencoderTiny, both ways, in the layouts of every precision (training/parity/make_few.py). */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { folderSource } from "../../src/checkpoint/source.node.ts";
import { decodeTiny, encodeTiny } from "../../src/networks/autoencoder-tiny/autoencoder.ts";
import { readTinyAutoencoder } from "../../src/networks/autoencoder-tiny/read.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import { expectClose, readTensors } from "./references.ts";
import { FEW, openTiny, runner, tinyNames } from "./tiny-fixture.ts";

interface References {
  readonly cases: readonly Record<"image" | "encoded" | "latent" | "decoded", string>[];
}
const batch = ({ data, shape }: Tensor): Tensor => ({ data, shape: [1, ...shape] });

describe.each(tinyNames)("%s", (name) => {
  const references: References = JSON.parse(readFileSync(join(FEW, name, "references.json"), "utf8"));
  const tensor = readTensors(join(FEW, name, "references.safetensors"));

  it.each(["fp32", "fp32-fast"] as const)("%s: encodes and decodes as diffusers does", async (precision) => {
    const { config, weights } = await openTiny(name);
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
