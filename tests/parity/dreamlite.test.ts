/** DreamLite against diffusers' DreamLitePipeline and DreamLiteMobilePipeline: the UNet alone, and whole edits (training/parity/make_dreamlite.py). */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import type { Precision } from "../../src/checkpoint/derived.ts";
import { folderSource } from "../../src/checkpoint/source.node.ts";
import { mappedStorage } from "../../src/checkpoint/storage.node.ts";
import { dryPlacement } from "../../src/checkpoint/storage.ts";
import { openWeights } from "../../src/checkpoint/weights.ts";
import type { Dialect } from "../../src/graph/graph.ts";
import { readPicture } from "../../src/images/codec.node.ts";
import { toModelImage } from "../../src/images/model-image.ts";
import { edit } from "../../src/method/edit.ts";
import { resolveOptions } from "../../src/method/options.ts";
import { buildDreamLite, dreamLiteNeeds } from "../../src/networks/dreamlite/unet.ts";
import { readDreamLiteUNet } from "../../src/networks/dreamlite/unet-config.ts";
import { createNodeEngine } from "../../src/runtime/node.ts";
import { relativeError } from "../../src/tensor/ops.ts";
import { type Tensor, tensor as tensorOf } from "../../src/tensor/tensor.ts";
import { modelOf } from "./models.ts";
import { at, expectClose, readTensors } from "./references.ts";

/** EMILIE_DREAMLITE_DIR tests another folder, such as random configurations (training/parity/README.md). */
const FOLDER =
  process.env.EMILIE_DREAMLITE_DIR ?? fileURLToPath(new URL("../fixtures/dreamlite", import.meta.url));

const cache = mkdtempSync(join(tmpdir(), "emilie-dreamlite-"));
const engine = createNodeEngine({ threads: 1 });
afterAll(async () => {
  await engine.dispose();
  rmSync(cache, { recursive: true, force: true });
});

interface UNetCase {
  readonly z: string;
  readonly c: string;
  readonly text: string;
  readonly timestep: number;
  readonly output: string;
}

interface References {
  readonly mobile?: boolean;
  readonly unet: readonly UNetCase[];
  readonly pipeline?: readonly {
    readonly picture: string;
    readonly prompt: string;
    readonly seed: number;
    readonly steps: number;
    readonly guidance: number;
    readonly imageGuidance: number;
    readonly timesteps: readonly number[];
    readonly image: string;
    readonly condition: string;
    readonly tokens: number;
    readonly text: string;
    readonly x: string;
    readonly decoded: string;
  }[];
}

const batch = ({ data, shape }: Tensor): Tensor => ({ data, shape: [1, ...shape] });
const lastRows = ({ data, shape: [, width = 0] }: Tensor, rows: number): Tensor =>
  tensorOf(data.slice(-rows * width), [rows, width]);

describe.each(readdirSync(FOLDER))("%s", (name) => {
  const references: References = JSON.parse(readFileSync(join(FOLDER, name, "references.json"), "utf8"));
  const tensor = readTensors(join(FOLDER, name, "references.safetensors"));
  const source = folderSource(join(FOLDER, name, "checkpoint"));

  const answer = async (one: UNetCase, precision: Precision, dialect?: Dialect, padding = 0) => {
    const config = await readDreamLiteUNet(source);
    const table = await openWeights(source, "unet", "diffusion_pytorch_model");
    const needs = precision === "fp32" ? undefined : dreamLiteNeeds(config, dryPlacement(table, precision));
    const weights = await mappedStorage(cache).place(source, table, undefined, needs);
    const [z, text] = [tensor(one.z), tensor(one.text)];
    const [, height = 0, width = 0] = z.shape;
    const [rows = 0, columns = 0] = text.shape;
    const tokens = rows + padding;
    const filled = new Float32Array(tokens * columns).fill(7);
    filled.set(text.data);
    const graph = buildDreamLite(config, weights, { height, width, tokens, factor: 8 }, dialect);
    const session = await engine.createSession(graph.encode(), { files: weights.files, root: weights.root });
    const { velocity } = await session.run({
      z: batch(z),
      c: batch(tensor(one.c)),
      text: tensorOf(filled, [tokens, columns]),
      mask: { data: new Int32Array(tokens).fill(1, 0, rows), shape: [1, tokens] },
      timestep: tensorOf([one.timestep], [1, 1]),
    });
    await session.release();
    await weights.release();
    expect(graph.flops).toBeGreaterThan(0);
    return velocity!;
  };

  it.each(references.unet)("UNet: $output", async (one) => {
    const expected = batch(tensor(one.output));
    expectClose(await answer(one, "fp32"), expected, `${name}: ${one.output}`);
    expectClose(await answer(one, "fp32", "plain"), expected, `${name} plain: ${one.output}`);
    expectClose(await answer(one, "fp32", "fused", 5), expected, `${name} padded: ${one.output}`);
  });

  it("is near that in int8", async () => {
    const [one] = references.unet as [UNetCase];
    const error = relativeError(await answer(one, "int8"), batch(tensor(one.output)));
    expect(error).toBeLessThan(process.env.EMILIE_DREAMLITE_DIR ? 0.5 : 0.1);
    expect(error).toBeGreaterThan(1e-4);
  });

  if (!references.pipeline) return;
  const model = modelOf(join(FOLDER, name));

  it.each(references.pipeline)("an edit of $picture, every step", async (one) => {
    const dreamlite = model();
    const picture = await readPicture(join(FOLDER, name, one.picture));
    const image = toModelImage(picture, picture.width, picture.height);
    expectClose(image, tensor(one.image), `${name}: ${one.image}`);
    const c = await dreamlite.encodeImage(image);
    expectClose(c, tensor(one.condition), `${name}: ${one.condition}`);
    const { hidden } = await dreamlite.encodeText(one.prompt, { c });
    expect(hidden.shape[0]).toBe(one.tokens);
    const rows = tensor(one.text);
    expectClose(lastRows(hidden, rows.shape[0]!), rows, `${name}: ${one.text}`);
    const levels: number[] = [];
    const x = tensor(one.x);
    const result = await edit(dreamlite, c, [{ instruction: one.prompt }], {
      seed: one.seed,
      steps: one.steps,
      ...(references.mobile ? {} : { textGuidance: one.guidance, imageGuidance: one.imageGuidance }),
      onStep: (event) => {
        levels.push(event.level.t);
        expectClose(event.x, at(x, event.step), `${name}: step ${event.step}`);
      },
    });
    expect(levels).toHaveLength(one.steps);
    for (const [i, t] of levels.entries()) expect(t).toBeCloseTo(one.timesteps[i]!, 2);
    expectClose(result.c, at(x, one.steps - 1), `${name}: c of the next edit`);
    expectClose(await dreamlite.decodeLatent(result.c), tensor(one.decoded), `${name}: ${one.decoded}`);
  });

  it("has the settings that its pipeline has", () => {
    const { sampler, steps, textGuidance, imageGuidance } = resolveOptions(model());
    expect({ sampler, steps, textGuidance, imageGuidance }).toEqual(
      references.mobile
        ? { sampler: "flow-euler", steps: 4, textGuidance: 1, imageGuidance: 1 }
        : { sampler: "flow-euler", steps: 28, textGuidance: 3.5, imageGuidance: 1.5 },
    );
  });
});
