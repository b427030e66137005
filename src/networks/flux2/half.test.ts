/**
 * FLUX.2 klein in half precision on the processor, whose provider runs the graphs for cards too: it sums in fp32, so this holds the graph and its weights, and that no value between the
 * blocks is half. What a card's sums do: npm run test:webgpu-node.
 */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { readSafetensorsHeader } from "../../checkpoint/safetensors.ts";
import { folderSource } from "../../checkpoint/source.node.ts";
import { mappedStorage } from "../../checkpoint/storage.node.ts";
import { edit } from "../../method/edit.ts";
import type { EditModel } from "../../method/edit-model.ts";
import { loadModel } from "../../models/load.node.ts";
import type { Engine } from "../../runtime/engine.ts";
import { createNodeEngine } from "../../runtime/node.ts";
import { createNoise } from "../../tensor/noise.ts";
import { relativeError } from "../../tensor/ops.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { createEditModel } from "./editor.ts";

const FIXTURES = resolve(import.meta.dirname, "../../../tests/fixtures/flux2");
const root = mkdtempSync(join(tmpdir(), "emilie-flux2-half-"));
const cache = join(root, "cache");
const models: EditModel[] = [];
afterAll(async () => {
  for (const model of models) await model.dispose();
  rmSync(root, { recursive: true, force: true });
});

/** The processor as what is given the graphs for cards. */
function asCard(): Engine {
  const engine = createNodeEngine({ threads: 1 });
  return {
    wantsPlain: true,
    createSession: (model, options = {}) => engine.createSession(options.plain ?? model, options),
    dispose: () => engine.dispose(),
  };
}

async function inHalf(folder: string, engine = asCard()): Promise<EditModel> {
  const source = { ...folderSource(folder), id: `${folder} in fp16` };
  const model = await createEditModel(source, engine, { storage: mappedStorage(cache), precision: "fp16" });
  models.push(model);
  return model;
}

async function inSingle(folder: string): Promise<EditModel> {
  const model = await loadModel(folder, { threads: 1, cache });
  models.push(model);
  return model;
}

/** A text's encoding, the transformer's answers on the same inputs, and an edit's latent and picture. */
async function outcome(model: EditModel, hidden?: Tensor): Promise<Tensor[]> {
  const noise = createNoise(4);
  const shape = [model.latentChannels, 4, 6];
  const [z, c] = [noise.randn(shape), noise.randn(shape)];
  const text = await model.encodeText("make it winter");
  const input = { z, c, references: [noise.randn(shape)], text: hidden ? { hidden } : text };
  const answers: Tensor[] = [];
  for (const t of [1000, 500, 50]) answers.push((await model.denoise([input], t))[0]!);
  const edited = await edit(model, c, [{ instruction: "make it winter" }], { seed: 7, steps: 2 });
  return [text.hidden, ...answers, edited.c, await model.decodeLatent(edited.c)];
}

async function errors(folder: string, engine?: Engine): Promise<number[]> {
  const expected = await outcome(await inSingle(folder));
  const actual = await outcome(await inHalf(folder, engine), expected[0]);
  return actual.map((part, i) => relativeError(part, expected[i]!));
}

describe.each(["klein", "klein-base"])("%s in half precision", (name) => {
  it("gives what fp32 gives, but for rounding", async () => {
    const all = await errors(join(FIXTURES, name, "checkpoint"));
    expect(Math.max(...all)).toBeLessThan(2e-2);
    // Not fp32 after all.
    expect(Math.min(...all)).toBeGreaterThan(1e-6);
  });
});

it("the processor takes over with the same weights, and computes in fp32", async () => {
  const all = await errors(join(FIXTURES, "klein/checkpoint"), createNodeEngine({ threads: 1 }));
  expect(Math.max(...all)).toBeLessThan(5e-3);
});

it("what goes from block to block may be beyond half precision", async () => {
  const folder = join(root, "large");
  cpSync(join(FIXTURES, "klein/checkpoint"), folder, { recursive: true });
  const file = join(folder, "transformer/diffusion_pytorch_model.safetensors");
  const { tensors } = await readSafetensorsHeader(
    folderSource(folder),
    "transformer/diffusion_pytorch_model.safetensors",
  );
  const bytes = readFileSync(file);
  // Gates: the third of the three rows of a set.
  for (const name of ["double_stream_modulation_img", "single_stream_modulation"]) {
    const { offset, shape } = tensors.get(`${name}.linear.weight`)!;
    const [all = 0, width = 0] = shape;
    const one = all / (name.startsWith("single") ? 3 : 6);
    for (let row = 2 * one; row < 3 * one; row++) {
      for (let i = row * width; i < (row + 1) * width; i++) {
        bytes.writeFloatLE(20_000 * bytes.readFloatLE(offset + 4 * i), offset + 4 * i);
      }
    }
  }
  writeFileSync(file, bytes);
  const all = await errors(folder);
  expect(Math.max(...all)).toBeLessThan(5e-2);
});
