/** Qwen3-VL with its processor and DreamLite's templates against transformers and diffusers (training/parity/make_qwen3_vl.py). */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import type { Precision } from "../../src/checkpoint/derived.ts";
import { folderSource } from "../../src/checkpoint/source.node.ts";
import { mappedStorage } from "../../src/checkpoint/storage.node.ts";
import type { PlacedWeights } from "../../src/checkpoint/storage.ts";
import type { Dialect } from "../../src/graph/graph.ts";
import type { RunGraph } from "../../src/networks/autoencoder-kl/fine-stage.ts";
import {
  encodePrompt,
  pictureFeatures,
  promptTokens,
  qwen3VlNeeds,
  seePicture,
} from "../../src/networks/qwen3-vl/encoder.ts";
import { patchesOf } from "../../src/networks/qwen3-vl/processor.ts";
import { readQwen3Vl } from "../../src/networks/qwen3-vl/read.ts";
import { createNodeEngine } from "../../src/runtime/node.ts";
import { relativeError } from "../../src/tensor/ops.ts";
import { type Tensor, tensor as tensorOf } from "../../src/tensor/tensor.ts";
import { expectClose, readTensors } from "./references.ts";

/** EMILIE_QWEN3_VL_DIR tests another folder, such as random configurations (training/parity/README.md). */
const FOLDER =
  process.env.EMILIE_QWEN3_VL_DIR ?? fileURLToPath(new URL("../fixtures/qwen3-vl", import.meta.url));
/** Where a reference was rounded to 8 bits when it was resized. */
const ROUNDED = 0.05;

const cache = mkdtempSync(join(tmpdir(), "emilie-qwen3-vl-"));
const engine = createNodeEngine({ threads: 1 });
afterAll(async () => {
  await engine.dispose();
  rmSync(cache, { recursive: true, force: true });
});

const runner =
  (weights: PlacedWeights, dialect: Dialect = "fused"): RunGraph =>
  async (_key, build, feeds) => {
    const { files, root } = weights;
    const session = await engine.createSession(build(dialect).encode(), { files, root });
    const outputs = await session.run(feeds);
    await session.release();
    return outputs;
  };

interface TextCase {
  readonly prompt: string;
  readonly tokens: number;
  readonly ids: string;
  readonly rows: readonly number[];
  readonly hidden: string;
}

interface PictureCase {
  readonly picture?: string;
  /** Repeated from its corner, to 512 × 512 pixels. */
  readonly tile?: string;
  /** Brought to that size. */
  readonly resized?: true;
  readonly rounded?: boolean;
  readonly grid?: readonly [number, number];
  readonly features?: readonly string[];
  readonly patches?: string;
  readonly texts: readonly TextCase[];
}

interface References {
  readonly cases: readonly PictureCase[];
  readonly alone: readonly TextCase[];
}

function tiled({ data, shape }: Tensor, side: number): Tensor {
  const [channels, h, w] = shape as [number, number, number];
  const values = Float32Array.from({ length: channels * side * side }, (_, i) => {
    const [c, y, x] = [Math.floor(i / side ** 2), Math.floor(i / side) % side, i % side];
    return data[(c * h + (y % h)) * w + (x % w)]!;
  });
  return tensorOf(values, [channels, side, side]);
}

const rowsOf = ({ data, shape }: Tensor, rows: readonly number[]): Tensor => {
  const [, width = 0] = shape;
  const values = new Float32Array(rows.length * width);
  for (const [i, row] of rows.entries()) values.set(data.subarray(row * width, (row + 1) * width), i * width);
  return tensorOf(values, [rows.length, width]);
};

describe.each(readdirSync(FOLDER))("%s", (name) => {
  const folder = join(FOLDER, name);
  const { cases, alone }: References = JSON.parse(readFileSync(join(folder, "references.json"), "utf8"));
  const tensor = readTensors(join(folder, "references.safetensors"));
  const source = folderSource(folder);
  const ids = (one: TextCase) => Int32Array.from(tensor(one.ids).data);
  const open = async (precision: Precision = "fp32") => {
    const qwen = await readQwen3Vl(source);
    const needs = qwen3VlNeeds(qwen, precision);
    const place = (part: "vision" | "text") =>
      mappedStorage(cache).place(source, qwen[part], undefined, needs[part], false);
    return { qwen, vision: await place("vision"), text: await place("text") };
  };
  type Opened = Awaited<ReturnType<typeof open>>;
  const pictureOf = (one: PictureCase) => (one.tile ? tiled(tensor(one.tile), 512) : tensor(one.picture!));
  const look = ({ qwen, vision }: Opened, one: PictureCase, dialect?: Dialect) => {
    const run = runner(vision, dialect);
    const see = one.tile || one.resized ? seePicture : pictureFeatures;
    return see(qwen, vision, pictureOf(one), run);
  };

  it("has the tokens of the two templates", async () => {
    const { qwen } = await open();
    for (const one of cases) {
      const grid = one.grid ?? [32, 32];
      const { merge } = qwen.processor;
      for (const text of one.texts) {
        const tokens = promptTokens(qwen, text.prompt, [grid[0] / merge, grid[1] / merge]);
        expect(tokens.ids, text.prompt).toEqual(ids(text));
        expect(tokens.ids.length - tokens.dropped).toBe(text.tokens);
      }
    }
    for (const text of alone) {
      const tokens = promptTokens(qwen, text.prompt, null);
      expect(tokens.ids, text.prompt).toEqual(ids(text));
      expect(tokens.ids.length - tokens.dropped).toBe(text.tokens);
    }
  });

  it("cuts pictures into the processor's patches", async () => {
    const { qwen } = await open();
    for (const one of cases) {
      if (!one.grid) continue;
      const { values, grid } = patchesOf(tensor(one.picture!), qwen.processor);
      expect(grid).toEqual(one.grid);
      if (one.patches) expectClose(values, tensor(one.patches), `${name}: patches`, 1e-5);
    }
  });

  it.each(["fused", "plain"] as const)("sees and encodes as transformers does (%s)", async (dialect) => {
    const opened = await open();
    const { qwen, text: weights } = opened;
    for (const [i, one] of cases.entries()) {
      const bar = one.rounded ? ROUNDED : undefined;
      const features = await look(opened, one, dialect);
      for (const [k, key] of (one.features ?? []).entries()) {
        expectClose(
          features.features[k]!,
          tensor(key),
          `${name} ${dialect}: picture ${i}, features ${k}`,
          bar,
        );
      }
      for (const text of one.texts) {
        const run = runner(weights, dialect);
        const encoded = await encodePrompt(qwen, source, weights, text.prompt, features, run);
        expect(encoded.hidden.shape).toEqual([text.tokens, qwen.config.text.hidden_size]);
        const what = `${name} ${dialect}: picture ${i}, ${text.prompt}`;
        expectClose(rowsOf(encoded.hidden, text.rows), tensor(text.hidden), what, bar);
      }
    }
    for (const text of alone) {
      const encoded = await encodePrompt(qwen, source, weights, text.prompt, null, runner(weights, dialect));
      const what = `${name} ${dialect}: ${text.prompt}`;
      expect(encoded.hidden.shape[0]).toBe(text.tokens);
      expectClose(rowsOf(encoded.hidden, text.rows), tensor(text.hidden), what);
    }
  });

  it.each([
    ["int8", 0.1],
    // Drawn ones may have eight values in a token.
    ["int4", process.env.EMILIE_QWEN3_VL_DIR ? 1 : 0.5],
  ] as const)("is near that in %s", async (precision, bar) => {
    const opened = await open(precision);
    const { qwen, text: weights } = opened;
    const [one] = cases as [PictureCase];
    const [text] = one.texts as [TextCase];
    const features = await look(opened, one);
    const encoded = await encodePrompt(qwen, source, weights, text.prompt, features, runner(weights));
    const error = relativeError(rowsOf(encoded.hidden, text.rows), tensor(text.hidden));
    expect(error).toBeLessThan(bar);
    expect(error).toBeGreaterThan(1e-4);
  });
});
