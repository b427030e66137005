/** DreamLite in small (training/parity/make_dreamlite.py), as a folder that may be changed, and the published UNet's configuration and tensors. */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll } from "vitest";

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
