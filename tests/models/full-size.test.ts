/**
 * Every network of every family at its published width, built and not run, at the sizes that pictures have: there are choices that
 * only wide layers, or only large pictures, meet. No weights are needed for that.
 */
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import type { Precision } from "../../src/checkpoint/derived.ts";
import type { Dialect, Graph } from "../../src/graph/graph.ts";
import { buildDecoder, buildEncoder } from "../../src/networks/autoencoder-kl/graph.ts";
import {
  buildCoarseDecoder,
  buildCoarseEncoder,
  fineDecoder,
  fineEncoder,
} from "../../src/networks/autoencoder-kl/stages.ts";
import { VAE_LIMITS } from "../../src/networks/autoencoder-kl/vae.ts";
import { buildTinyDecoder, buildTinyEncoder, fineHalo } from "../../src/networks/autoencoder-tiny/graph.ts";
import { buildClipText } from "../../src/networks/clip/text.ts";
import { buildUNet } from "../../src/networks/stable-diffusion/unet.ts";
import {
  componentsOf,
  configsOf,
  PUBLISHED,
  type PublishedName,
  placedNowhere,
  placedUNet,
  textUses,
} from "../support/published.ts";
import { checkByRuntime } from "../support/strict-session.ts";
import { tinyConfig, tinyShapes } from "../support/tiny.ts";

type Size = readonly [width: number, height: number];

/** Pixels. */
const SQUARES: readonly Size[] = [
  256, 384, 448, 512, 576, 640, 704, 768, 832, 864, 896, 928, 960, 1024, 1088, 1136, 1216, 1280, 1408, 1536,
].map((side) => [side, side]);
const OTHERS: readonly Size[] = [
  [512, 384],
  [512, 288],
  [512, 344],
  [320, 576],
  [768, 512],
  [960, 640],
  [1024, 576],
  [1024, 683],
  [1024, 768],
  [1152, 896],
  [1216, 832],
  [832, 1216],
  [1280, 720],
  [1536, 1024],
  [1920, 1080],
];
/** For what takes longer to build: a small one, an odd one, one of 729 to 1279 pixels at the coarsest level, a large one. */
const FEW: readonly Size[] = [
  [256, 256],
  [320, 576],
  [1024, 768],
  [1536, 1024],
];

const latentOf = ([width, height]: Size) => ({ height: Math.ceil(height / 8), width: Math.ceil(width / 8) });

/** A file of holes, as long as the longest tensor: text encoders have 49,408 rows of 1280. */
const root = mkdtempSync(join(tmpdir(), "emilie-full-size-"));
writeFileSync(join(root, "holes"), "");
truncateSync(join(root, "holes"), 4 * 49408 * 1280);
const nowhere = { root, location: "holes" };
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** CosXL-Edit is SDXL with another schedule: its networks are the same. */
const FAMILIES: readonly PublishedName[] = ["sd1", "sd2", "sdxl"];

interface Way {
  readonly precision: Precision;
  readonly dialect: Dialect;
  readonly sizes: readonly Size[];
}

/** What a model of each precision is asked for, on the processor ("fused") and on a graphics card ("plain"). */
const WAYS: readonly Way[] = [
  { precision: "fp32", dialect: "fused", sizes: [...SQUARES, ...OTHERS] },
  { precision: "fp32", dialect: "plain", sizes: FEW },
  { precision: "fp32-fast", dialect: "fused", sizes: FEW },
  { precision: "int8", dialect: "fused", sizes: [...FEW, [512, 344], [1024, 683]] },
  { precision: "fp16", dialect: "plain", sizes: FEW },
  { precision: "fp16", dialect: "fused", sizes: FEW },
];

const shapesOf = (values: Graph["inputs"]) =>
  Object.fromEntries(values.map(({ name, shape }) => [name, [...shape]]));

describe.each(FAMILIES)("%s at full size", (name) => {
  const published = PUBLISHED[name];
  const components = componentsOf(published);
  const { unet: config, texts } = configsOf(published);
  const textWidth = texts.reduce((sum, { hidden_size }) => sum + hidden_size, 0);

  it.each(WAYS)("has a UNet in $precision ($dialect)", ({ precision, dialect, sizes }) => {
    const weights = placedUNet(published, components, precision, nowhere);
    for (const size of sizes) {
      const { height, width } = latentOf(size);
      const graph = buildUNet(config, weights, { height, width, tokens: 77 }, dialect);
      expect(shapesOf(graph.outputs), String(size)).toEqual({ noise: [1, 4, height, width] });
      expect(shapesOf(graph.inputs)).toEqual({
        z: [1, 4, height, width],
        c: [1, 4, height, width],
        timestep: [1, 1],
        text: [77, textWidth],
        ...(texts.length === 2 ? { pooled: [1, 1280] } : {}),
      });
    }
  });

  it("has its text encoders", () => {
    for (const [i, text] of texts.entries()) {
      const use = textUses(published)[i]!;
      const graph = buildClipText(text, placedNowhere(components.texts[i]!, nowhere), 77, use);
      expect(shapesOf(graph.outputs)).toEqual({
        hidden: [77, text.hidden_size],
        ...(use.pooled ? { pooled: [1, text.projection_dim] } : {}),
      });
    }
  });
});

/** Of all families: their VAEs differ in weights and in the scaling factor. */
describe("the VAE at full size", () => {
  const { vae } = configsOf(PUBLISHED.sd1);
  const components = componentsOf(PUBLISHED.sd1).vae;

  it("is one for all families", () => {
    for (const name of ["sd2", "sdxl", "cosxl"] as const) {
      expect(componentsOf(PUBLISHED[name]).vae, name).toEqual(components);
    }
  });

  it.each([
    ["fp32", [...SQUARES, ...OTHERS]],
    ["fp32-fast", FEW.slice(0, 3)],
  ] as const)("in %s, whole and in stages", (precision, sizes) => {
    const weights = placedNowhere(components, nowhere, { precision });
    for (const size of sizes) {
      const { height: h, width: w } = latentOf(size);
      const encoder = buildEncoder(vae, weights, 8 * h, 8 * w);
      const decoder = buildDecoder(vae, weights, h, w);
      expect(shapesOf(encoder.outputs)).toEqual({ latent: [1, 4, h, w] });
      expect(shapesOf(decoder.outputs)).toEqual({ image: [1, 3, 8 * h, 8 * w] });
      if (decoder.peakBytes <= VAE_LIMITS.whole) continue;
      const feature = shapesOf(buildCoarseDecoder(vae, weights, h, w).outputs).feature!;
      expect(feature.slice(2)).toEqual([2 * h, 2 * w]);
      const coarse = buildCoarseEncoder(vae, weights, 2 * h, 2 * w);
      expect(shapesOf(coarse.outputs)).toEqual({ latent: [1, 4, h, w] });
      expect(Math.max(coarse.peakBytes, VAE_LIMITS.tile)).toBeLessThan(VAE_LIMITS.whole);
    }
    for (const kind of ["sample", "tile"] as const) {
      const image = [1, 3, 160, 288];
      expect(shapesOf(fineDecoder(vae, weights).build(40, 72, kind).outputs).image).toEqual(image);
      expect(shapesOf(fineEncoder(vae, weights).build(40, 72, kind).inputs).image).toEqual(image);
    }
  });
});

/** TAESD and TAESDXL have one configuration. */
describe("the tiny autoencoder at full size", () => {
  const config = tinyConfig();

  it.each([
    ["fp32", "fused", [...SQUARES, ...OTHERS, [2048, 2048] as const]],
    ["fp32", "plain", FEW],
    ["fp32-fast", "fused", [...FEW, [2048, 2048] as const]],
  ] as const)("in %s (%s), whole and in stages", (precision, dialect, sizes) => {
    const weights = placedNowhere(tinyShapes(), nowhere, { precision });
    for (const size of sizes) {
      const { height: h, width: w } = latentOf(size);
      const encoder = buildTinyEncoder(config, weights, 8 * h, 8 * w, dialect);
      const decoder = buildTinyDecoder(config, weights, h, w, dialect);
      expect(shapesOf(encoder.outputs), String(size)).toEqual({ latent: [1, 4, h, w] });
      expect(shapesOf(decoder.outputs), String(size)).toEqual({ image: [1, 3, 8 * h, 8 * w] });
      if (decoder.peakBytes <= VAE_LIMITS.whole) continue;
      const coarse = buildTinyDecoder(config, weights, h, w, dialect, "coarse");
      expect(shapesOf(coarse.outputs)).toEqual({ feature: [1, 64, 2 * h, 2 * w] });
      expect(coarse.peakBytes).toBeLessThan(VAE_LIMITS.whole / 4);
      const whole = buildTinyEncoder(config, weights, 2 * h, 2 * w, dialect, "coarse");
      expect(shapesOf(whole.outputs)).toEqual({ latent: [1, 4, h, w] });
    }
    const fine = buildTinyDecoder(config, weights, 40, 72, dialect, "fine");
    expect(shapesOf(fine.outputs)).toEqual({ image: [1, 3, 160, 288] });
    const encoded = buildTinyEncoder(config, weights, 160, 288, dialect, "fine");
    expect(shapesOf(encoded.outputs)).toEqual({ feature: [1, 64, 40, 72] });
    // What a tile needs around it is little beside the largest tile.
    expect([fineHalo(config, "encoder"), fineHalo(config, "decoder")]).toEqual([7, 7]);
  });
});

describe("ONNX Runtime infers the shapes that the graphs declare", () => {
  const unetOf = (name: PublishedName, precision: Precision, dialect?: Dialect) => {
    const sides = latentOf(dialect === "plain" ? [320, 576] : [1024, 768]);
    const published = PUBLISHED[name];
    const weights = placedUNet(published, componentsOf(published), precision, nowhere);
    return buildUNet(configsOf(published).unet, weights, { ...sides, tokens: 77 }, dialect);
  };

  it.each([
    ["sd1", "fp32", "fused"],
    ["sd2", "fp32-fast", "fused"],
    ["sdxl", "fp32", "fused"],
    ["sdxl", "int8", "fused"],
    ["sd1", "fp16", "plain"],
  ] as const)("of the UNet of %s in %s (%s)", async (name, precision, dialect) => {
    await checkByRuntime(unetOf(name, precision, dialect), root);
  });

  it.each(["fp32", "fp32-fast"] as const)("of a VAE in %s", async (precision) => {
    const published = PUBLISHED.sd1;
    const { vae } = configsOf(published);
    const weights = placedNowhere(componentsOf(published).vae, nowhere, { precision });
    const graphs = [
      buildEncoder(vae, weights, 320, 576),
      buildDecoder(vae, weights, 40, 72),
      buildCoarseEncoder(vae, weights, 80, 144),
      buildCoarseDecoder(vae, weights, 40, 72),
      fineDecoder(vae, weights).build(40, 72, "tile"),
      fineEncoder(vae, weights).build(40, 72, "sample"),
    ];
    for (const graph of graphs) await checkByRuntime(graph, root);
  });

  it.each(["fp32", "fp32-fast"] as const)("of a tiny autoencoder in %s", async (precision) => {
    const config = tinyConfig();
    const weights = placedNowhere(tinyShapes(), nowhere, { precision });
    for (const dialect of precision === "fp32" ? (["fused", "plain"] as const) : (["fused"] as const)) {
      for (const part of ["whole", "coarse", "fine"] as const) {
        await checkByRuntime(buildTinyEncoder(config, weights, 320, 576, dialect, part), root);
        await checkByRuntime(buildTinyDecoder(config, weights, 40, 72, dialect, part), root);
      }
    }
  });

  it("of both text encoders of SDXL", async () => {
    const published = PUBLISHED.sdxl;
    const { texts } = componentsOf(published);
    for (const [i, text] of configsOf(published).texts.entries()) {
      const weights = placedNowhere(texts[i]!, nowhere);
      await checkByRuntime(buildClipText(text, weights, 77, textUses(published)[i]), root);
    }
  });

  it("and refuses one that declares another", async () => {
    const published = PUBLISHED.sd1;
    const { vae } = configsOf(published);
    const graph = buildEncoder(vae, placedNowhere(componentsOf(published).vae, nowhere), 64, 64);
    const at = { graph, path: "wrong" };
    const x = graph.input("x", [2, 3]);
    const wrong = graph.add(at, { op: "Relu", inputs: [x], shape: [3, 2] });
    graph.output("y", graph.add(at, { op: "Relu", inputs: [wrong], shape: [3, 2] }));
    await expect(checkByRuntime(graph, root)).rejects.toThrow(/Inferred=2 Declared=3/);
  });
});
