/** DreamLite in small (training/parity/make_dreamlite.py), as a folder that may be changed, and the published UNet's configuration and tensors. */
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll } from "vitest";
import { dreamLite } from "../../src/networks/dreamlite/unet.ts";
import { parseDreamLiteUNet } from "../../src/networks/dreamlite/unet-config.ts";
import type { StoredShape, WriteTensors } from "./full-checkpoint.ts";
import { askedFor, type Shapes } from "./published.ts";
import { layOutQwen3Vl } from "./qwen3-vl.ts";

export const DREAMLITE = fileURLToPath(new URL("../fixtures/dreamlite", import.meta.url));
export const SIDE = 96;

type Json = Record<string, unknown>;

/** A folder for the tests of a file. */
export function scratchFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "emilie-dreamlite-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A copy of a checkpoint in `folder`, with keys of its files replaced. */
export function copyCheckpoint(
  folder: string,
  name: "mobile" | "base",
  changes: Readonly<Record<string, Json>> = {},
  as = name as string,
): string {
  const to = join(folder, as);
  cpSync(join(DREAMLITE, name, "checkpoint"), to, { recursive: true });
  writeFileSync(join(to, "emilie.json"), JSON.stringify({ nativeSize: SIDE }));
  for (const [file, keys] of Object.entries(changes)) {
    const path = join(to, file);
    writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, "utf8")), ...keys }));
  }
  return to;
}

/** The configuration at DreamLite's widths that has as many parameters as are published, 0.39 billion. */
export const FULL_UNET = {
  sample_size: 128,
  block_out_channels: [256, 512, 896],
  attention_head_dim: [4, 8, 14],
  layers_per_block: 2,
  transformer_layers_per_block: [1, 2, 4],
  cross_attention_dim: 2048,
  encoder_hid_dim: 2048,
  encoder_hid_dim_type: "text_proj_rms",
  addition_embed_type: "time",
  addition_time_embed_dim: 256,
  projection_class_embeddings_input_dim: 512,
  use_linear_projection: true,
  ff_mult: 3,
  down_block_types: [
    "CrossAttnDownRemoveSelfAttnBlock2D",
    "CrossAttnDownRemoveSelfAttnBlock2D",
    "CrossAttnDownBlock2D",
  ],
  mid_block_type: "UNetMidBlock2DCrossAttn",
  up_block_types: ["CrossAttnUpBlock2D", "CrossAttnUpRemoveSelfAttnBlock2DV1", "UpBlock2D"],
};

/** Every tensor of a UNet of that configuration. */
export const unetShapes = (): Shapes =>
  askedFor((root) => {
    dreamLite(root, parseDreamLiteUNet(FULL_UNET), { height: 4, width: 4, tokens: 1, factor: 8 });
  });

/** Every tensor of AutoencoderTiny as it is published. */
export function tinyShapes(): Shapes {
  const shapes = new Map<string, readonly number[]>();
  const half = (name: string, first: number, last: number, blocks: readonly number[], gap: number) => {
    const convolution = (at: string, out: number, of: number, bias = true) => {
      shapes.set(`${name}.layers.${at}.weight`, [out, of, 3, 3]);
      if (bias) shapes.set(`${name}.layers.${at}.bias`, [out]);
    };
    convolution("0", 64, first);
    let at = gap;
    for (const [level, count] of blocks.entries()) {
      // Encoder: a halving convolution before each level but the first. Decoder: a doubling and a convolution after each but the last.
      if (gap === 1 && level > 0) convolution(String(at++), 64, 64, false);
      for (let i = 0; i < count; i++, at++) for (const j of [0, 2, 4]) convolution(`${at}.conv.${j}`, 64, 64);
      if (gap === 2 && level < blocks.length - 1) {
        convolution(String(at + 1), 64, 64, false);
        at += 2;
      }
    }
    convolution(String(at), last, 64);
  };
  half("encoder", 3, 4, [1, 3, 3, 3], 1);
  half("decoder", 4, 3, [3, 3, 3, 1], 2);
  return shapes;
}

/** Lays a whole checkpoint out as the hub has it, in bf16: five gigabytes. */
export async function layOutDreamLite(folder: string, write: WriteTensors): Promise<void> {
  const json = {
    "model_index.json": JSON.parse(
      readFileSync(join(DREAMLITE, "mobile/checkpoint/model_index.json"), "utf8"),
    ),
    "scheduler/scheduler_config.json": JSON.parse(
      readFileSync(join(DREAMLITE, "mobile/checkpoint/scheduler/scheduler_config.json"), "utf8"),
    ),
    "unet/config.json": FULL_UNET,
    "vae/config.json": { _class_name: "AutoencoderTiny" },
  };
  for (const [path, value] of Object.entries(json)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), JSON.stringify(value));
  }
  for (const [name, shapes] of [
    ["unet", unetShapes()],
    ["vae", tinyShapes()],
  ] as const) {
    const tensors = [...shapes].map(([name, shape]): StoredShape => ({ name, shape, type: "BF16" }));
    await write(join(folder, name, "diffusion_pytorch_model.safetensors"), tensors);
  }
  await layOutQwen3Vl(folder, write);
}
