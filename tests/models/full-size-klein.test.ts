/** FLUX.2 klein's text encoder (Qwen3-4B) and autoencoder at their published width, built and not run, in every precision, and at the sizes that pictures have. */
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import type { Precision } from "../../src/checkpoint/derived.ts";
import type { Dialect } from "../../src/graph/graph.ts";
import { buildDecoder, buildEncoder } from "../../src/networks/autoencoder-kl/graph.ts";
import { vaePrecision } from "../../src/networks/autoencoder-kl/layers.ts";
import { buildCoarseDecoder, buildCoarseEncoder } from "../../src/networks/autoencoder-kl/stages.ts";
import { VAE_LIMITS } from "../../src/networks/autoencoder-kl/vae.ts";
import { flux2Channels, flux2Factor } from "../../src/networks/autoencoder-kl-flux2/config.ts";
import { buildQwen3, qwen3Needs } from "../../src/networks/qwen3/graph.ts";
import { KLEIN_TEXT } from "../../src/networks/qwen3/read.ts";
import { flux2VaeConfig, flux2VaeShapes, qwen3Config, qwen3Shapes } from "../support/klein.ts";
import { placedNowhere } from "../support/published.ts";
import { checkByRuntime } from "../support/strict-session.ts";

/** A file of holes, as long as the longest tensor. */
const root = mkdtempSync(join(tmpdir(), "emilie-full-klein-"));
writeFileSync(join(root, "holes"), "");
truncateSync(join(root, "holes"), 4 * 9728 * 2560);
const nowhere = { root, location: "holes" };
afterAll(() => rmSync(root, { recursive: true, force: true }));

const shapesOf = (values: readonly { readonly name: string; readonly shape: readonly number[] }[]) =>
  Object.fromEntries(values.map(({ name, shape }) => [name, [...shape]]));

const PRECISIONS: readonly Precision[] = ["fp32", "int8", "int4"];

describe("the text encoder", () => {
  const config = qwen3Config();
  const built = (
    precision: Precision,
    layers: readonly number[],
    tokens: number,
    dialect?: Dialect,
    part?: readonly [number, number],
  ) => {
    const shapes = qwen3Shapes(Math.max(...layers));
    const plain = placedNowhere(shapes, nowhere, { precision });
    const needs = precision === "fp32" ? undefined : qwen3Needs(config, plain, layers);
    const weights = placedNowhere(shapes, nowhere, { precision, needs });
    return { graph: buildQwen3(config, weights, { tokens, layers, part }, dialect), needs };
  };

  it.each([...PRECISIONS.map((precision) => [precision, "fused"] as const), ["fp32", "plain"] as const])(
    "in %s (%s)",
    (precision, dialect) => {
      const { layers, tokens } = KLEIN_TEXT;
      const { graph, needs } = built(precision, layers, tokens, dialect);
      expect(shapesOf(graph.inputs)).toEqual({ embeddings: [512, 2560], mask: [1, 512] });
      expect(shapesOf(graph.outputs)).toEqual({ embeds: [512, 7680] });
      // 27 layers of 101 million weights, two operations each for every token, and attention; rotations are a few per cent.
      const products = 27 * 100_925_440 * 2 * 512;
      expect(graph.flops / products).toBeGreaterThan(1);
      expect(graph.flops / products).toBeLessThan(1.1);
      expect(graph.peakBytes).toBeLessThan(dialect === "fused" ? 150e6 : 400e6);
      // Seven products a layer; everything else is small.
      if (needs) expect(needs.derived.length).toBe(7 * 27);
    },
  );

  it("in int4 in two halves, which together compute what the whole does", () => {
    const { layers, tokens } = KLEIN_TEXT;
    const half = (from: number, to: number) => built("int4", layers, tokens, "fused", [from, to]).graph;
    const [first, second, whole] = [half(0, 14), half(14, 27), built("int4", layers, tokens).graph];
    expect(shapesOf(first.inputs)).toEqual({ embeddings: [512, 2560], mask: [1, 512] });
    expect(shapesOf(first.outputs)).toEqual({ embeds: [512, 2560], x: [512, 2560] });
    expect(shapesOf(second.inputs)).toEqual({ x: [512, 2560], mask: [1, 512] });
    expect(shapesOf(second.outputs)).toEqual({ embeds: [512, 5120] });
    expect(first.flops + second.flops).toBe(whole.flops);
  });

  it("is refused where tensors are missing, or others than the configuration's", () => {
    const shapes = new Map(qwen3Shapes(2));
    const build = () => buildQwen3(config, placedNowhere(shapes, nowhere), { tokens: 8, layers: [2] });
    shapes.set("layers.1.mlp.up_proj.weight", [9728, 2561]);
    expect(build).toThrow(/"layers.1.mlp.up_proj.weight" should have shape \[9728,2560\]/);
    shapes.delete("layers.1.mlp.up_proj.weight");
    expect(build).toThrow(/"layers.1.mlp.up_proj.weight" of shape \[9728,2560\] is missing/);
    expect(() =>
      buildQwen3(config, placedNowhere(qwen3Shapes(3), nowhere), { tokens: 8, layers: [2] }),
    ).toThrow(/"layers.2.input_layernorm.weight" is not known/);
  });

  it.each([...PRECISIONS.map((precision) => [precision, "fused"] as const), ["fp32", "plain"] as const])(
    "has the shapes that ONNX Runtime infers, in %s (%s)",
    async (precision, dialect) => {
      await checkByRuntime(built(precision, [1, 2], 512, dialect).graph, root);
    },
  );
});

describe("the autoencoder", () => {
  const config = flux2VaeConfig();
  const SIZES = [
    [256, 256],
    [512, 512],
    [768, 768],
    [1024, 1024],
    [1536, 1024],
    [2048, 2048],
    [512, 352],
    [320, 576],
    [1024, 688],
    [1280, 720],
    [1920, 1088],
  ] as const;

  it("has 128 channels at a sixteenth of a picture's size", () => {
    expect([flux2Channels(config), flux2Factor(config)]).toEqual([128, 16]);
  });

  it.each(PRECISIONS)("in a model of %s, whole and in stages", (precision) => {
    const weights = placedNowhere(flux2VaeShapes(), nowhere, { precision: vaePrecision(precision) });
    // Graphs of bands are large, and int4 has int8's.
    const sizes = precision === "fp32" ? SIZES : precision === "int8" ? SIZES.slice(0, 2) : [];
    for (const [width, height] of sizes) {
      const [h, w] = [height / 8, width / 8];
      const encoder = buildEncoder(config.encoder, weights, height, width);
      const decoder = buildDecoder(config.decoder, weights, h, w);
      expect(shapesOf(encoder.outputs)).toEqual({ latent: [1, 32, h, w] });
      expect(shapesOf(decoder.outputs)).toEqual({ image: [1, 3, height, width] });
      if (decoder.peakBytes <= VAE_LIMITS.whole) continue;
      const coarse = buildCoarseDecoder(config.decoder, weights, h, w);
      expect(shapesOf(coarse.outputs)).toEqual({ feature: [1, 512, 2 * h, 2 * w] });
      const last = buildCoarseEncoder(config.encoder, weights, 2 * h, 2 * w);
      expect(shapesOf(last.outputs)).toEqual({ latent: [1, 32, h, w] });
    }
    expect(vaePrecision(precision)).toBe(precision === "fp32" ? "fp32" : "fp32-fast");
  });

  it.each(["fp32", "int8"] as const)(
    "has the shapes that ONNX Runtime infers, in a model of %s",
    async (precision) => {
      const weights = placedNowhere(flux2VaeShapes(), nowhere, { precision: vaePrecision(precision) });
      await checkByRuntime(buildEncoder(config.encoder, weights, 320, 576), root);
      await checkByRuntime(buildDecoder(config.decoder, weights, 40, 72), root);
    },
  );
});
