/** Every form in which a single file is written, at full size: read, its graphs built, or refused with what does not agree. */
import { describe, expect, it, test } from "vitest";
import { readCheckpoint } from "../../src/networks/stable-diffusion/checkpoint.ts";
import {
  clipShapes,
  headerSource,
  openClipShapes,
  type Shapes,
  UNETS,
  unetShapes,
  vaeShapes,
  withAverages,
} from "../support/single-file-forms.ts";

const CLIP_L = { width: 768, layers: 12 };
const OPEN_H = { width: 1024, layers: 24, projection: 1024 };
const OPEN_G = { width: 1280, layers: 32, projection: 1280 };
const vae = vaeShapes();
const unets = { sd1: unetShapes(UNETS.sd1), sd2: unetShapes(UNETS.sd2), sdxl: unetShapes(UNETS.sdxl) };
const marks = (...names: string[]): Shapes => new Map(names.map((name) => [name, []]));
const firstXL = clipShapes("conditioner.embedders.0.transformer.", CLIP_L);
const secondXL = openClipShapes("conditioner.embedders.1.model.", OPEN_G);
const alone = "cond_stage_model.transformer.";
const openAlone = "cond_stage_model.model.";

const FORMS: readonly [string, readonly Shapes[], string, readonly number[]][] = [
  [
    "1.x, as InstructPix2Pix was published",
    [withAverages(unets.sd1), clipShapes(alone, CLIP_L)],
    "1.x",
    [12],
  ],
  [
    "1.x, its encoder without text_model.",
    [
      unets.sd1,
      new Map([...clipShapes(alone, CLIP_L)].map(([name, s]) => [name.replace("text_model.", ""), s])),
    ],
    "1.x",
    [12],
  ],
  [
    "1.x, with a projection that it does not use",
    [unets.sd1, clipShapes(alone, { ...CLIP_L, projection: 768 })],
    "1.x",
    [12],
  ],
  ["2.x, all of OpenCLIP", [unets.sd2, openClipShapes(openAlone, OPEN_H)], "2.x", [23]],
  [
    "2.x, written back: 23 layers",
    [unets.sd2, openClipShapes(openAlone, { width: 1024, layers: 23 })],
    "2.x",
    [23],
  ],
  [
    "2.x, 23 layers and a projection",
    [unets.sd2, openClipShapes(openAlone, { ...OPEN_H, layers: 23 })],
    "2.x",
    [23],
  ],
  [
    "2.x, 24 layers, no projection",
    [unets.sd2, openClipShapes(openAlone, { width: 1024, layers: 24 })],
    "2.x",
    [23],
  ],
  ["2.x, transformers' names", [unets.sd2, clipShapes(alone, { width: 1024, layers: 23 })], "2.x", [23]],
  ["2.x, transformers' names, all layers", [unets.sd2, clipShapes(alone, OPEN_H)], "2.x", [23]],
  [
    "2.x, converted to 1×1 convolutions",
    [unetShapes({ ...UNETS.sd2, use_linear_projection: false }), openClipShapes(openAlone, OPEN_H)],
    "2.x",
    [23],
  ],
  ["XL", [unets.sdxl, firstXL, secondXL], "XL", [12, 32]],
  [
    "XL, both encoders in transformers' names",
    [unets.sdxl, firstXL, clipShapes("conditioner.embedders.1.transformer.", OPEN_G)],
    "XL",
    [12, 32],
  ],
  [
    "XL, a pipeline of diffusers in one file",
    [
      unetShapes(UNETS.sdxl, "unet."),
      clipShapes("text_encoder.", CLIP_L),
      clipShapes("text_encoder_2.", OPEN_G),
    ],
    "XL",
    [12, 32],
  ],
];

const within = (wrapper: string, parts: readonly Shapes[]): Shapes[] =>
  parts.map((part) => new Map([...part].map(([name, shape]) => [wrapper + name, shape])));
const averagesOf = (unet: Shapes): Shapes =>
  new Map([...withAverages(unet)].filter(([name]) => name.startsWith("model_ema.")));
const ONE: readonly Shapes[] = [vae, unets.sd1, clipShapes(alone, CLIP_L)];

describe("a single file is read", () => {
  it("whatever all of it is wrapped in, and with a UNet that has the averages alone", async () => {
    const keys = async (parts: readonly Shapes[]) =>
      [...(await readCheckpoint(headerSource(parts))).tables.unet.tensors.keys()].sort();
    const expected = await keys(ONE);
    for (const wrapper of ["state_dict.", "model.", "module.", "state_dict.model."]) {
      expect(await keys(within(wrapper, ONE)), wrapper).toEqual(expected);
      expect(await keys([...within(wrapper, ONE), marks("epoch", "global_step")]), wrapper).toEqual(expected);
    }
    expect(await keys([vae, averagesOf(unets.sd1), clipShapes(alone, CLIP_L)])).toEqual(expected);
    expect(
      await keys(within("state_dict.", [vae, averagesOf(unets.sd1), clipShapes(alone, CLIP_L)])),
    ).toEqual(expected);
    const two = openClipShapes(openAlone, OPEN_H);
    expect(await keys([vae, averagesOf(unets.sd2), two])).toEqual(await keys([vae, unets.sd2, two]));
    expect(await keys([vae, averagesOf(unets.sdxl), firstXL, secondXL])).toEqual(
      await keys([vae, unets.sdxl, firstXL, secondXL]),
    );
  });

  test.each(FORMS)("%s", async (name, parts, family, layers) => {
    const own = name.includes("diffusers") ? vaeShapes("vae.") : vae;
    const checkpoint = await readCheckpoint(headerSource([own, ...parts]));
    expect(checkpoint.family.name).toContain(family);
    expect(checkpoint.texts.map(({ config }) => config.num_hidden_layers)).toEqual(layers);
    expect(checkpoint.unet.levels.map(({ heads }) => heads)).toEqual(
      { "1.x": [8, 8, 8, 8], "2.x": [5, 10, 20, 20], XL: [5, 10, 20] }[family],
    );
    // Padding: 1.x and XL's first encoder end a text and fill up with its end, OpenCLIP's with "!".
    const pads = checkpoint.texts.map(({ tokenizer }) => tokenizer.encode("").at(-1));
    expect(pads).toEqual({ "1.x": [511], "2.x": [0], XL: [511, 0] }[family]);
  });

  it("as the 2.x kind that predicts v, where its metadata say so", async () => {
    const parts = [vae, unets.sd2, openClipShapes(openAlone, OPEN_H)];
    const read = async (architecture: string) =>
      (await readCheckpoint(headerSource(parts, { "modelspec.architecture": architecture }))).scheduler;
    expect((await read("stable-diffusion-v2-768-v")).prediction_type).toBe("v_prediction");
    expect((await read("stable-diffusion-v2-512")).prediction_type).toBe("epsilon");
  });
});

const MISFITS: readonly [string, readonly Shapes[], RegExp][] = [
  [
    "text-to-image",
    [unetShapes({ ...UNETS.sd1, in_channels: 4 }), clipShapes(alone, CLIP_L)],
    /cannot edit.*text-to-image/,
  ],
  [
    "inpainting",
    [unetShapes({ ...UNETS.sd1, in_channels: 9 }), clipShapes(alone, CLIP_L)],
    /cannot edit.*inpainting/,
  ],
  [
    "depth",
    [unetShapes({ ...UNETS.sd2, in_channels: 5 }), openClipShapes(openAlone, OPEN_H)],
    /cannot edit.*depth/,
  ],
  [
    "a 1.x UNet with OpenCLIP",
    [unets.sd1, openClipShapes(openAlone, OPEN_H)],
    /width 768, but its text encoder.*width 1024/,
  ],
  [
    "a 2.x UNet with CLIP",
    [unets.sd2, clipShapes(alone, CLIP_L)],
    /width 1024, but its text encoder.*width 768/,
  ],
  [
    "a UNet of two families",
    [unetShapes({ ...UNETS.sd1, use_linear_projection: true }), clipShapes(alone, CLIP_L)],
    /family cannot be determined.*768 wide \(Stable Diffusion 1\.x\).*matrices \(Stable Diffusion 2\.x\)/,
  ],
  [
    "OpenCLIP's names at CLIP's width",
    [unets.sd1, openClipShapes(openAlone, { width: 768, layers: 12 })],
    /family cannot be determined.*OpenCLIP's names \(Stable Diffusion 2\.x\).*768 wide \(Stable Diffusion 1\.x\)/,
  ],
  [
    "an XL UNet with one encoder",
    [unetShapes({ ...UNETS.sdxl, cross_attention_dim: 768 }), clipShapes(alone, CLIP_L)],
    /added conditioning.*one text encoder/,
  ],
  ["XL without its second encoder", [unets.sdxl, firstXL], /no tensors conditioner\.embedders\.1/],
  ["XL without its first encoder", [unets.sdxl, secondXL], /no tensors conditioner\.embedders\.0/],
  ["XL's refiner", [unets.sdxl, openClipShapes("conditioner.embedders.0.model.", OPEN_G)], /refiner/],
  [
    "a 1.x UNet with two encoders",
    [unetShapes({ ...UNETS.sd1, cross_attention_dim: 2048 }), firstXL, secondXL],
    /two text encoders.*no added conditioning/,
  ],
  [
    "CosXL's mark on 1.x",
    [unets.sd1, clipShapes(alone, CLIP_L), marks("edm_vpred.sigma_max")],
    /marks CosXL/,
  ],
  [
    "Playground's marks",
    [unets.sdxl, firstXL, secondXL, marks("edm_mean", "edm_std")],
    /"edm_mean".*not implemented/,
  ],
  [
    "two encoders for one place",
    [unets.sd1, clipShapes(alone, CLIP_L), openClipShapes(openAlone, OPEN_H)],
    /two networks for the same part/,
  ],
  [
    "a tensor numbered without end",
    [
      unets.sd1,
      new Map([[`${alone}text_model.encoder.layers.9007199254740990.x`, [1]]]),
      clipShapes(alone, CLIP_L),
    ],
    /numbered 9007199254740990/,
  ],
];

describe("a single file is refused", () => {
  test.each(MISFITS)("%s", async (_, parts, message) => {
    await expect(readCheckpoint(headerSource([vae, ...parts]))).rejects.toMatchObject({
      code: expect.stringMatching(/^checkpoint\.(unsupported|malformed)$/),
      message: expect.stringMatching(message),
    });
  });

  it("two checkpoints in one file", async () => {
    const both = headerSource([...within("a.", ONE), ...within("b.", ONE)]);
    await expect(readCheckpoint(both)).rejects.toThrow(/below different names, "a\." and "b\."/);
  });

  it("a UNet of diffusers alone", async () => {
    await expect(readCheckpoint(headerSource([unetShapes(UNETS.sd1, "")]))).rejects.toThrow(
      /UNet of diffusers alone.*folder/,
    );
  });
});
