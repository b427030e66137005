/** A VAE that is wide enough for convolutions in bands, in a checkpoint that is small else: every precision against fp32. */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { writeSafetensors } from "../../checkpoint/safetensors.ts";
import { folderSource } from "../../checkpoint/source.node.ts";
import { mappedStorage } from "../../checkpoint/storage.node.ts";
import { Graph } from "../../graph/graph.ts";
import type { EditModel } from "../../method/edit-model.ts";
import { createNodeEngine } from "../../runtime/node.ts";
import { relativeError } from "../../tensor/ops.ts";
import { sizeOf, type Tensor, tensor } from "../../tensor/tensor.ts";
import { Scope, WeightReader } from "../layers/scope.ts";
import { createEditModel, type EditModelOptions } from "../stable-diffusion/editor.ts";
import { parseVaeConfig } from "./config.ts";
import { down, imageIn, imageOut, latentIn, latentOut, up } from "./graph.ts";

const TINY = resolve(import.meta.dirname, "../../../tests/fixtures/parity/sd1/checkpoint");

const folder = mkdtempSync(join(tmpdir(), "emilie-wide-vae-"));
cpSync(TINY, folder, { recursive: true });
widen(join(folder, "vae"));

const models: EditModel[] = [];
afterAll(async () => {
  for (const model of models) await model.dispose();
  rmSync(folder, { recursive: true, force: true });
});

async function open(options: Partial<EditModelOptions> = {}): Promise<EditModel> {
  const storage = mappedStorage(join(folder, "cache"));
  const engine = createNodeEngine({ threads: 1 });
  const model = await createEditModel(folderSource(folder), engine, { storage, ...options });
  models.push(model);
  return model;
}

function wave(shape: readonly number[], scale = 1): Tensor {
  const values = Float32Array.from(
    { length: sizeOf(shape) },
    (_, i) => scale * Math.sin(1.3 * i * i + 0.2 * i),
  );
  return tensor(values, shape);
}

/** Gives a VAE's levels 64 channels, and weights for them. */
function widen(path: string): void {
  const file = join(path, "config.json");
  const values = JSON.parse(readFileSync(file, "utf8"));
  const raw = { ...values, block_out_channels: values.block_out_channels.map(() => 64), norm_num_groups: 8 };
  writeFileSync(file, JSON.stringify(raw));
  const config = parseVaeConfig(raw);
  const reader = new WeightReader({ folder: "vae", tensors: new Map(), files: [], release: async () => {} });
  const root = new Scope(new Graph("vae"), reader);
  const levels = config.block_out_channels.length;
  const image = root.graph.input("image", [1, config.in_channels, 16, 16]);
  const latent = latentOut(root, down(root, imageIn(root, image, config), config, 0, levels), config);
  imageOut(root, up(root, latentIn(root, latent, config), config, 0, levels), config);
  const weights = [...reader.needed].map(([name, shape]) => [
    name,
    wave(shape, 1 / Math.sqrt(sizeOf(shape.slice(1)))),
  ]);
  writeFileSync(
    join(path, "diffusion_pytorch_model.safetensors"),
    writeSafetensors(Object.fromEntries(weights)),
  );
}

describe.each(["fp32-fast", "int8"] as const)("the VAE in %s", (precision) => {
  it.each([
    [2, 2],
    [5, 7],
    [16, 12],
  ])("is fp32's to rounding, at %i × %i latent pixels", async (height, width) => {
    const [exact, model] = [await open(), await open({ precision })];
    const latent = wave([4, height, width]);
    const [a, b] = [await model.decodeLatent(latent), await exact.decodeLatent(latent)];
    expect(relativeError(a, b)).toBeLessThan(1e-5);
    // It went another way.
    expect(a.data).not.toEqual(b.data);
    const [c, d] = [await model.encodeImage(b), await exact.encodeImage(b)];
    expect(relativeError(c, d)).toBeLessThan(1e-5);
    expect(c.data).not.toEqual(d.data);
  });

  it("is the same in tiles", async () => {
    const latent = wave([4, 40, 44]);
    const whole = await open({ precision });
    const tiled = await open({ precision, vaeLimits: { whole: 0, tile: 16e6 } });
    const image = await whole.decodeLatent(latent);
    expect(relativeError(await tiled.decodeLatent(latent), image)).toBeLessThan(1e-2);
    expect(relativeError(await tiled.encodeImage(image), await whole.encodeImage(image))).toBeLessThan(1e-2);
  });
});
