import { describe, expect, it } from "vitest";
import { parseSchedulerConfig } from "../../checkpoint/scheduler-config.ts";
import { parseVaeConfig } from "../autoencoder-kl/config.ts";
import { parseClipTextConfig } from "../clip/config.ts";
import { parseUNetConfig } from "./unet-config.ts";

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

/** What the constructors of diffusers 0.42 and transformers 5 take, with their defaults. */
const CONSTRUCTORS = {
  unet: {
    parse: parseUNetConfig,
    defaults: {
      ...{
        sample_size: null,
        in_channels: 4,
        out_channels: 4,
        center_input_sample: false,
        flip_sin_to_cos: true,
      },
      ...{ freq_shift: 0, mid_block_type: "UNetMidBlock2DCrossAttn", only_cross_attention: false },
      down_block_types: [
        "CrossAttnDownBlock2D",
        "CrossAttnDownBlock2D",
        "CrossAttnDownBlock2D",
        "DownBlock2D",
      ],
      up_block_types: ["UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"],
      ...{ block_out_channels: [320, 640, 1280, 1280], layers_per_block: 2, downsample_padding: 1 },
      ...{ mid_block_scale_factor: 1, dropout: 0, act_fn: "silu", norm_num_groups: 32, norm_eps: 1e-5 },
      ...{
        cross_attention_dim: 1280,
        transformer_layers_per_block: 1,
        reverse_transformer_layers_per_block: null,
      },
      ...{
        encoder_hid_dim: null,
        encoder_hid_dim_type: null,
        attention_head_dim: 8,
        num_attention_heads: null,
      },
      ...{ dual_cross_attention: false, use_linear_projection: false, class_embed_type: null },
      ...{ addition_embed_type: null, addition_time_embed_dim: null, num_class_embeds: null },
      ...{ upcast_attention: false, resnet_time_scale_shift: "default", resnet_skip_time_act: false },
      ...{ resnet_out_scale_factor: 1, time_embedding_type: "positional", time_embedding_dim: null },
      ...{
        time_embedding_act_fn: null,
        timestep_post_act: null,
        time_cond_proj_dim: null,
        conv_in_kernel: 3,
      },
      ...{ conv_out_kernel: 3, projection_class_embeddings_input_dim: null, attention_type: "default" },
      ...{ class_embeddings_concat: false, mid_block_only_cross_attention: null, cross_attention_norm: null },
      addition_embed_type_num_heads: 64,
    },
    /** Keys whose null is something else than their default, and what it is (undefined: refused). */
    nulls: { flip_sin_to_cos: false, mid_block_type: null, norm_num_groups: undefined },
  },
  vae: {
    parse: parseVaeConfig,
    defaults: {
      ...{
        in_channels: 3,
        out_channels: 3,
        down_block_types: ["DownEncoderBlock2D"],
        up_block_types: ["UpDecoderBlock2D"],
      },
      ...{
        block_out_channels: [64],
        layers_per_block: 1,
        act_fn: "silu",
        latent_channels: 4,
        norm_num_groups: 32,
      },
      ...{
        sample_size: 32,
        scaling_factor: 0.18215,
        shift_factor: null,
        latents_mean: null,
        latents_std: null,
      },
      ...{
        force_upcast: true,
        use_quant_conv: true,
        use_post_quant_conv: true,
        mid_block_add_attention: true,
      },
    },
    nulls: {
      force_upcast: false,
      use_quant_conv: false,
      use_post_quant_conv: false,
      mid_block_add_attention: false,
    },
  },
  text_encoder: {
    parse: parseClipTextConfig,
    defaults: {
      ...{
        vocab_size: 49408,
        hidden_size: 512,
        intermediate_size: 2048,
        projection_dim: 512,
        num_hidden_layers: 12,
      },
      ...{
        num_attention_heads: 8,
        max_position_embeddings: 77,
        hidden_act: "quick_gelu",
        layer_norm_eps: 1e-5,
      },
      ...{
        attention_dropout: 0,
        initializer_range: 0.02,
        initializer_factor: 1,
        pad_token_id: 1,
        bos_token_id: 49406,
      },
      ...{
        eos_token_id: 49407,
        output_hidden_states: false,
        return_dict: true,
        dtype: null,
        chunk_size_feed_forward: 0,
      },
      ...{
        is_encoder_decoder: false,
        id2label: { 0: "LABEL_0" },
        label2id: { LABEL_0: 0 },
        problem_type: null,
      },
      ...{ architectures: null, output_attentions: false, transformers_version: "5.23.0" },
    },
    nulls: { projection_dim: null },
  },
} as const;

describe.each(Object.entries(CONSTRUCTORS))("%s/config.json, every key of the constructor", (_, one) => {
  const { defaults, nulls } = one;
  const parse = one.parse as (json: unknown) => Record<string, unknown>;
  const inert =
    /dropout|initializer|_token_id|output_|return_dict|dtype|chunk_|is_enc|label|problem|architectures|version|num_heads$|^sample_size$|^mid_block_only/;

  it("has its default where it is absent, and where it is said", () => {
    expect(parse(defaults)).toMatchObject(parse({}));
    for (const [key, value] of Object.entries(defaults)) {
      if (!inert.test(key)) expect(parse({})[key], key).toEqual(value);
    }
  });

  it.each(Object.keys(defaults))("%s: null is the default, unless it is a value of its own", (key) => {
    const own = nulls as Readonly<Record<string, unknown>>;
    if (key in own && own[key] === undefined)
      return expect(() => parse({ [key]: null })).toThrow(`"${key}" is null`);
    const parsed = parse({ [key]: null });
    if (inert.test(key)) return;
    expect(parsed[key]).toEqual(key in own ? own[key] : (defaults as Record<string, unknown>)[key]);
  });

  it.each(Object.keys(defaults))("%s: whatever is there instead, the error has a code", (key) => {
    const deep = JSON.parse(`${"[".repeat(60)}${"]".repeat(60)}`);
    const wrong = [
      -1,
      0,
      0.5,
      1e308,
      2 ** 53 - 1,
      -0,
      "",
      "8",
      "\u0000",
      true,
      [],
      [[]],
      [null],
      {},
      { a: 1 },
      deep,
    ];
    for (const value of wrong) {
      try {
        parse({ [key]: value });
      } catch (error) {
        expect(error, `${key} = ${JSON.stringify(value)}`).toMatchObject({
          name: "EmilieError",
          code: expect.stringMatching(/^checkpoint\./),
        });
      }
    }
  });
});

describe("what changes nothing", () => {
  it("does not refuse: the writer's notes, averaging, an unknown null", () => {
    const averaging = {
      ...{ decay: 0.9999, inv_gamma: 1, min_decay: 0, optimization_step: 7000, power: 2 / 3 },
      ...{ update_after_step: 0, use_ema_warmup: false },
    };
    const notes = {
      _name_or_path: "x",
      _diffusers_version: "0.32.2",
      quantization_config: null,
      some_new_key: null,
    };
    expect(parseUNetConfig({ ...averaging, ...notes })).toMatchObject(parseUNetConfig({}));
    expect(parseVaeConfig({ ...averaging, ...notes })).toMatchObject(parseVaeConfig({}));
    expect(parseClipTextConfig(notes)).toEqual(parseClipTextConfig({}));
  });

  it("and what changes something does, by name and value", () => {
    expect(() => parseUNetConfig({ quantization_config: { bits: 4 } })).toThrow(
      /"quantization_config" \(\{"bits":4\}\)/,
    );
    expect(() => parseUNetConfig({ transformer_layers_per_block: [[1, 2], 1, 1, 1] })).toThrow(
      /"transformer_layers_per_block"/,
    );
    expect(() => parseUNetConfig({ attention_head_dim: "8" })).toThrow(/"8".*without quotes/);
    expect(() =>
      parseUNetConfig(Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`key${i}`, i]))),
    ).toThrow(/and 92 more/);
  });

  it("integers may be written as floats", () => {
    expect(
      parseUNetConfig(JSON.parse('{"in_channels": 8.0, "block_out_channels": [320.0, 640, 1280, 1280]}')),
    ).toEqual(parseUNetConfig({ in_channels: 8 }));
  });
});

describe("a number that is counted through", () => {
  it.each([
    [parseUNetConfig, { layers_per_block: 9007199254740991 }],
    [parseUNetConfig, { transformer_layers_per_block: 1e9 }],
    [parseUNetConfig, { block_out_channels: Array(1000).fill(32) }],
    [parseUNetConfig, { sample_size: 2 ** 31 }],
    [parseUNetConfig, { attention_head_dim: 1281 }],
    [parseUNetConfig, { freq_shift: 160 }],
    [parseVaeConfig, { layers_per_block: 9007199254740991 }],
    [parseVaeConfig, { scaling_factor: 1e308 }],
    [parseClipTextConfig, { num_hidden_layers: 1e6 }],
    [parseClipTextConfig, { max_position_embeddings: 1e9 }],
    [parseSchedulerConfig, { num_train_timesteps: 9007199254740991 }],
    [parseSchedulerConfig, { num_train_timesteps: "1000" }],
    [parseSchedulerConfig, { beta_end: 1 }],
    [parseSchedulerConfig, { trained_betas: [0.1, "0.2"] }],
    [parseSchedulerConfig, { solver_order: 1e6 }],
  ] as const)("has a maximum: %o %j", (parse, json) => {
    const [key] = Object.keys(json);
    expect(() => parse(json)).toThrow(
      expect.objectContaining({
        code: expect.stringMatching(/^checkpoint\./),
        message: expect.stringContaining(`"${key}"`),
      }),
    );
  });

  it("but a limit that Python writes as infinite is read", () => {
    expect(
      parseSchedulerConfig({ lambda_min_clipped: Number.NEGATIVE_INFINITY, _class_name: "X" })._class_name,
    ).toBe("X");
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
  it("reads the part of a whole CLIPModel's that is the text encoder's, as transformers does", () => {
    const whole = {
      model_type: "clip",
      projection_dim: 768,
      text_config: { model_type: "clip_text_model", hidden_size: 768 },
    };
    expect(parseClipTextConfig(whole).hidden_size).toBe(768);
  });

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
