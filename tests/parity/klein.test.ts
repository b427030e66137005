/** Qwen3 text encoders, their tokenizers and AutoencoderKLFlux2 against transformers and diffusers (training/parity/make_klein.py). */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import type { Precision } from "../../src/checkpoint/derived.ts";
import { readSafetensorsHeader } from "../../src/checkpoint/safetensors.ts";
import { folderSource } from "../../src/checkpoint/source.node.ts";
import { mappedStorage } from "../../src/checkpoint/storage.node.ts";
import type { PlacedWeights } from "../../src/checkpoint/storage.ts";
import type { Dialect } from "../../src/graph/graph.ts";
import type { RunGraph } from "../../src/networks/autoencoder-kl/fine-stage.ts";
import { vaePrecision } from "../../src/networks/autoencoder-kl/layers.ts";
import { decodeFlux2, encodeFlux2 } from "../../src/networks/autoencoder-kl-flux2/autoencoder.ts";
import { flux2Channels } from "../../src/networks/autoencoder-kl-flux2/config.ts";
import {
  findFlux2Vae,
  flux2VaeOf,
  readFlux2Vae,
  readFlux2VaeFile,
} from "../../src/networks/autoencoder-kl-flux2/read.ts";
import { readQwen3 } from "../../src/networks/qwen3/read.ts";
import { encodeText, textNeeds } from "../../src/networks/qwen3/text-encoder.ts";
import { createNodeEngine } from "../../src/runtime/node.ts";
import { createNoise } from "../../src/tensor/noise.ts";
import { relativeError } from "../../src/tensor/ops.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import { expectClose, readTensors } from "./references.ts";

/** EMILIE_KLEIN_DIR tests another folder, such as random configurations (training/parity/README.md). */
const KLEIN = process.env.EMILIE_KLEIN_DIR ?? fileURLToPath(new URL("../fixtures/klein", import.meta.url));
const named = (kind: string) => readdirSync(KLEIN).filter((name) => name.startsWith(kind));

const cache = mkdtempSync(join(tmpdir(), "emilie-klein-"));
const engine = createNodeEngine({ threads: 1 });
afterAll(async () => {
  await engine.dispose();
  rmSync(cache, { recursive: true, force: true });
});

const batch = ({ data, shape }: Tensor): Tensor => ({ data, shape: [1, ...shape] });

const runner =
  (weights: PlacedWeights, dialect: Dialect = "fused"): RunGraph =>
  async (_key, build, feeds) => {
    const { files, root } = weights;
    const session = await engine.createSession(build(dialect).encode(), { files, root });
    const outputs = await session.run(feeds);
    await session.release();
    return outputs;
  };

interface TextReferences {
  readonly layers: readonly number[];
  readonly tokens: number;
  readonly cases: readonly {
    readonly prompt: string;
    readonly used: number;
    readonly rows: readonly number[];
    readonly ids: string;
    readonly embeds: string;
  }[];
}

describe.each(named("text"))("%s", (name) => {
  const folder = join(KLEIN, name);
  const { layers, tokens, cases }: TextReferences = JSON.parse(
    readFileSync(join(folder, "references.json"), "utf8"),
  );
  const tensor = readTensors(join(folder, "references.safetensors"));
  const source = folderSource(folder);
  const open = async (precision: Precision) => {
    const qwen3 = await readQwen3(source, { tokens, layers });
    const needs = textNeeds(qwen3, precision);
    const weights = await mappedStorage(cache).place(source, qwen3.table, undefined, needs, false);
    return { qwen3, weights };
  };
  /** The rows of an encoding that the references have. */
  const rowsOf = ({ data, shape: [, , width = 0] }: Tensor, rows: readonly number[]): Tensor => ({
    data: Float32Array.from(rows.flatMap((row) => [...data.subarray(row * width, (row + 1) * width)])),
    shape: [rows.length, width],
  });

  it("makes transformers' tokens", async () => {
    const { qwen3 } = await open("fp32");
    for (const { prompt, used, ids } of cases) {
      const made = qwen3.tokenizer.encode(prompt);
      expect([...made.ids], JSON.stringify(prompt)).toEqual([...tensor(ids).data]);
      expect(made.used).toBe(used);
    }
  });

  it.each(["fused", "plain"] as const)("encodes texts as the pipeline does (%s)", async (dialect) => {
    const { qwen3, weights } = await open("fp32");
    for (const { prompt, embeds, rows } of cases) {
      const encoded = await encodeText(qwen3, source, weights, prompt, runner(weights, dialect));
      expect(encoded.embeds.shape).toEqual([1, tokens, layers.length * qwen3.config.hidden_size]);
      expectClose(rowsOf(encoded.embeds, rows), tensor(embeds), `${name} ${dialect}: ${prompt}`);
    }
  });

  it("gives the same in two halves of its layers", async () => {
    const { qwen3, weights } = await open("fp32");
    const [{ prompt }] = cases as [(typeof cases)[0]];
    const [whole, halves] = [
      await encodeText(qwen3, source, weights, prompt, runner(weights)),
      await encodeText(qwen3, source, weights, prompt, runner(weights), true),
    ];
    expect(halves).toEqual(whole);
  });

  it.each([
    ["int8", 0.05],
    ["int4", 0.5],
  ] as const)("is near that in %s", async (precision, bar) => {
    const { qwen3, weights } = await open(precision);
    const [{ prompt, embeds, rows }] = cases as [(typeof cases)[0]];
    const encoded = await encodeText(qwen3, source, weights, prompt, runner(weights));
    const error = relativeError(rowsOf(encoded.embeds, rows), tensor(embeds));
    expect(error).toBeLessThan(bar);
    if (layers.some((layer) => layer > 0)) expect(error).toBeGreaterThan(1e-4);
  });
});

interface VaeReferences {
  readonly cases: readonly Record<"image" | "encoded" | "latent" | "decoded", string>[];
}

describe.each(named("vae"))("%s", (name) => {
  const folder = join(KLEIN, name);
  const { cases }: VaeReferences = JSON.parse(readFileSync(join(folder, "references.json"), "utf8"));
  const tensor = readTensors(join(folder, "references.safetensors"));
  const source = folderSource(folder);

  it.each(["fp32", "int8"] as const)("encodes and decodes as the pipeline does (%s)", async (precision) => {
    const vae = await readFlux2Vae(source);
    const placed = await mappedStorage(cache).place(source, vae.table, undefined, undefined, false);
    const weights = { ...placed, precision: vaePrecision(precision) };
    const run = runner(weights);
    for (const { image, encoded, latent, decoded } of cases) {
      const z = await encodeFlux2(vae, weights, batch(tensor(image)), run);
      expectClose(z, batch(tensor(encoded)), `${name}: encoded`);
      const x = await decodeFlux2(vae, weights, batch(tensor(latent)), run);
      expectClose(x, batch(tensor(decoded)), `${name}: decoded`);
    }
  });

  it("says what it takes", async () => {
    const vae = await readFlux2Vae(source);
    const weights = await mappedStorage(cache).place(source, vae.table, undefined, undefined, false);
    const refused = { code: "option.invalid" };
    const zeros = (shape: number[]) => ({
      data: new Float32Array(shape.reduce((a, b) => a * b)),
      shape,
    });
    await expect(encodeFlux2(vae, weights, zeros([1, 3, 7, 8]), runner(weights))).rejects.toMatchObject(
      refused,
    );
    await expect(decodeFlux2(vae, weights, zeros([1, 5, 2, 2]), runner(weights))).rejects.toMatchObject(
      refused,
    );
  });
});

it.skipIf(process.env.EMILIE_KLEIN_DIR)(
  "a large picture goes through in tiles, and comes out as whole",
  async () => {
    const source = folderSource(join(KLEIN, "vae"));
    const vae = await readFlux2Vae(source);
    const weights = await mappedStorage(cache).place(source, vae.table, undefined, undefined, false);
    const [whole, tiled] = [runner(weights), runner(weights)];
    const keys: string[] = [];
    const watched: RunGraph = (key, ...rest) => {
      keys.push(key);
      return tiled(key, ...rest);
    };
    // Tiles as small as they can be, of noise: statistics of a sample as small are some per cent off.
    const limits = { whole: 0, tile: 1 };
    const z = createNoise(5).randn([1, flux2Channels(vae.config), 15, 23]);
    const picture = await decodeFlux2(vae, weights, z, whole);
    const again = await decodeFlux2(vae, weights, z, watched, limits);
    expect(again.shape).toEqual([1, 3, 120, 184]);
    expect(relativeError(again, picture)).toBeLessThan(0.03);
    const image = { data: picture.data.map(Math.tanh), shape: picture.shape };
    const encoded = await encodeFlux2(vae, weights, image, watched, limits);
    expect(relativeError(encoded, await encodeFlux2(vae, weights, image, whole))).toBeLessThan(0.03);
    expect(keys.filter((key) => key.startsWith("tile")).length).toBeGreaterThan(8);
  },
);

it.skipIf(process.env.EMILIE_KLEIN_DIR)("the original program's file is read as the folder is", async () => {
  const source = folderSource(join(KLEIN, "vae"));
  const [whole, single] = [
    await readFlux2Vae(source),
    await readFlux2VaeFile(source, "ae.safetensors", { norm_num_groups: 4 }),
  ];
  expect(single.statistics).toEqual(whole.statistics);
  const bytes = ({ table }: typeof whole) =>
    Promise.all(
      [...table.tensors]
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(async ([key, { file, offset, length, shape }]) => [
          key,
          shape,
          await source.read(file, offset, length),
        ]),
    );
  expect(await bytes(single)).toEqual(await bytes(whole));
  // Beside other networks, as in files with all of them.
  const [file] = single.table.files;
  const { tensors } = await readSafetensorsHeader(source, "ae.safetensors");
  const refs = [...tensors].map(
    ([name, ref]) => [`vae.${name}`, { ...ref, file: "ae.safetensors" }] as const,
  );
  const other = [["model.norm_out.weight", refs[0]![1]]] as const;
  const found = findFlux2Vae(new Map([...other, ...refs]))!;
  expect(await bytes(await flux2VaeOf(source, file!, found, { norm_num_groups: 4 }))).toEqual(
    await bytes(whole),
  );
  expect(findFlux2Vae(new Map(other))).toBeUndefined();
});
