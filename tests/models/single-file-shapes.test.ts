/**
 * The architectures of full-size checkpoints, told from the shapes of their tensors under the original names. Nothing is
 * computed: the graphs say which tensors there are.
 */
import { expect, it } from "vitest";
import { Graph } from "../../src/graph/graph.ts";
import { Scope, WeightReader } from "../../src/networks/layers/scope.ts";
import { inferUNet } from "../../src/networks/stable-diffusion/single-file/infer.ts";
import { originalUNetModules, unetNames } from "../../src/networks/stable-diffusion/single-file/names.ts";
import { unet } from "../../src/networks/stable-diffusion/unet.ts";
import { parseUNetConfig } from "../../src/networks/stable-diffusion/unet-config.ts";

const CROSS = ["CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"];
const UP = ["UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"];
const COMMON = { in_channels: 8, out_channels: 4, layers_per_block: 2 };
const SD = {
  ...COMMON,
  sample_size: 64,
  block_out_channels: [320, 640, 1280, 1280],
  down_block_types: CROSS,
  up_block_types: UP,
};

/** The configurations of timbrooks/instruct-pix2pix, of Stable Diffusion 2.1 and of SDXL, as editors. */
const KNOWN = {
  "SD 1.x": { ...SD, cross_attention_dim: 768, attention_head_dim: 8 },
  "SD 2.x": {
    ...SD,
    cross_attention_dim: 1024,
    attention_head_dim: [5, 10, 20, 20],
    use_linear_projection: true,
  },
  SDXL: {
    ...COMMON,
    sample_size: 128,
    block_out_channels: [320, 640, 1280],
    down_block_types: ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
    up_block_types: ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"],
    transformer_layers_per_block: [1, 2, 10],
    cross_attention_dim: 2048,
    attention_head_dim: [5, 10, 20],
    use_linear_projection: true,
    addition_embed_type: "text_time",
    addition_time_embed_dim: 256,
    projection_class_embeddings_input_dim: 2816,
  },
};

it.each(Object.entries(KNOWN))("%s", (family, json) => {
  const config = parseUNetConfig(json);
  const reader = new WeightReader({ folder: "unet", tensors: new Map(), files: [], release: async () => {} });
  unet(new Scope(new Graph("unet"), reader), config, { height: 8, width: 8, tokens: 77 });
  expect(reader.needed.size).toBe({ "SD 1.x": 686, "SD 2.x": 686, SDXL: 1680 }[family]);

  const original = originalUNetModules(config.levels);
  const stored = new Map(
    [...reader.needed].map(([name, shape]) => {
      const cut = name.lastIndexOf(".");
      const ref = { file: "x", type: "F32", shape, offset: 0, length: 0 } as const;
      return [`${original(name.slice(0, cut))[0]}${name.slice(cut)}`, ref];
    }),
  );
  expect(
    [...stored.keys()].every((name) =>
      /^(input|middle|output)_block|^time_embed|^label_emb|^out\./.test(name),
    ),
  ).toBe(true);
  const renamed = unetNames(stored);
  expect([...renamed].map(([name, { shape }]) => [name, shape])).toEqual([...reader.needed]);
  const inferred = parseUNetConfig(inferUNet(renamed, "x", family === "SDXL" ? 1280 : null));
  expect(inferred.levels).toEqual(config.levels);
  const same = [
    "in_channels",
    "out_channels",
    "sample_size",
    "use_linear_projection",
    "mid_block_type",
    "addition_embed_type",
    "addition_time_embed_dim",
    "projection_class_embeddings_input_dim",
    "norm_num_groups",
  ] as const;
  for (const key of same) expect(inferred[key], key).toEqual(config[key]);
});
