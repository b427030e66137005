import { describe, expect, it } from "vitest";
import { parseClipTextConfig, parseUNetConfig, parseVaeConfig } from "./configs.ts";

describe("unet/config.json", () => {
  it("has diffusers' defaults and ignores the writer's notes", () => {
    const config = parseUNetConfig({ _class_name: "UNet2DConditionModel", _diffusers_version: "0.8.0" });
    expect(config.levels.map((l) => [l.channels, l.layers, l.heads, l.attendsDown, l.attendsUp])).toEqual([
      [320, 2, 8, true, true],
      [640, 2, 8, true, true],
      [1280, 2, 8, true, true],
      [1280, 2, 8, false, false],
    ]);
    expect(config.freq_shift).toBe(0);
  });

  it("gives every level its own entry of a list", () => {
    const { levels } = parseUNetConfig({
      block_out_channels: [8, 16],
      down_block_types: ["DownBlock2D", "CrossAttnDownBlock2D"],
      up_block_types: ["UpBlock2D", "CrossAttnUpBlock2D"],
      layers_per_block: [1, 3],
      attention_head_dim: [2, 4],
      cross_attention_dim: [32, 48],
      transformer_layers_per_block: [1, 2],
      only_cross_attention: [true, false],
    });
    expect(levels[1]).toEqual({
      channels: 16,
      layers: 3,
      heads: 4,
      crossAttentionDim: 48,
      transformerLayers: 2,
      onlyCrossAttention: false,
      attendsDown: true,
      attendsUp: false, // up_block_types are written from the smallest level to the largest
    });
  });

  it.each([
    ["time_embedding_type", "fourier"],
    ["class_embed_type", "timestep"],
    ["addition_embed_type", "text_time"],
    ["resnet_time_scale_shift", "scale_shift"],
    ["down_block_types", ["ResnetDownsampleBlock2D"]],
    ["mid_block_type", "UNetMidBlock2DSimpleCrossAttn"],
    ["act_fn", "mish"],
    ["num_attention_heads", 8],
    ["time_cond_proj_dim", 256],
    ["norm_num_groups", null],
    ["layers_per_block", 0],
    ["attention_head_dim", "8"],
    ["dual_cross_attention", true],
    ["encoder_hid_dim_type", "image_proj"],
  ])("refuses %s = %j, naming both", (key, value) => {
    expect(() => parseUNetConfig({ [key]: value })).toThrow(
      expect.objectContaining({
        code: "checkpoint.unsupported",
        message: expect.stringMatching(new RegExp(`unet/config.json.*"${key}" is`)),
      }),
    );
    expect(() => parseUNetConfig({ [key]: value })).toThrow(JSON.stringify(value));
  });

  it("refuses a key that it does not know, naming key and value", () => {
    expect(() => parseUNetConfig({ use_magic: { depth: 3 } })).toThrow(/"use_magic" \(\{"depth":3\}\)/);
  });

  it("refuses a list that is not as long as the blocks", () => {
    expect(() => parseUNetConfig({ attention_head_dim: [8, 8] })).toThrow(
      /"attention_head_dim" has 2 entries for 4/,
    );
    expect(() => parseUNetConfig({ block_out_channels: [320, 640] })).toThrow(/"down_block_types" has 4/);
  });

  it("refuses what is no object", () => {
    for (const json of [null, [], 3, "x"]) {
      expect(() => parseUNetConfig(json)).toThrow(expect.objectContaining({ code: "checkpoint.malformed" }));
    }
  });
});

describe("vae/config.json", () => {
  it("keeps the scaling factor and refuses a shift", () => {
    expect(parseVaeConfig({ scaling_factor: 0.7 }).scaling_factor).toBe(0.7);
    expect(() => parseVaeConfig({ shift_factor: 0.1159 })).toThrow(/"shift_factor" is 0.1159/);
    expect(() => parseVaeConfig({ latents_mean: [0, 0, 0, 0] })).toThrow(/"latents_mean"/);
    expect(() => parseVaeConfig({ down_block_types: ["AttnDownEncoderBlock2D"] })).toThrow(/AttnDown/);
  });
});

describe("text_encoder/config.json", () => {
  it("reads what older transformers wrote, with its generation settings", () => {
    const config = parseClipTextConfig({
      _name_or_path: "openai/clip-vit-large-patch14",
      architectures: ["CLIPTextModel"],
      hidden_size: 768,
      num_attention_heads: 12,
      num_beams: 1,
      id2label: { "0": "LABEL_0" },
      torch_dtype: "float32",
      transformers_version: "4.21.1",
    });
    expect([config.hidden_size, config.hidden_act, config.num_hidden_layers]).toEqual([
      768,
      "quick_gelu",
      12,
    ]);
  });

  it("refuses other models, other activations and unknown keys", () => {
    expect(() => parseClipTextConfig({ model_type: "t5" })).toThrow(/"model_type" is "t5"/);
    expect(() => parseClipTextConfig({ hidden_act: "relu" })).toThrow(/"hidden_act" is "relu"/);
    expect(() => parseClipTextConfig({ use_attention_mask: true })).toThrow(/"use_attention_mask" is true/);
    expect(() => parseClipTextConfig({ rotary: 1 })).toThrow(/"rotary" \(1\)/);
    expect(() => parseClipTextConfig({ hidden_size: 10, num_attention_heads: 4 })).toThrow(
      /10 cannot be split/,
    );
  });
});
