/** DreamLite and DreamLite-mobile: a UNet that has picture and source side by side (DreamLiteUNetModel), Qwen3-VL for text and picture, AutoencoderTiny. */
import type { Architecture } from "../architecture.ts";
import { readSmallFiles } from "./checkpoint.ts";
import { describe } from "./describe.ts";
import { createEditModel } from "./editor.ts";
import { PIPELINES } from "./pipeline.ts";

export const dreamlite: Architecture = {
  name: "dreamlite",
  pipelines: PIPELINES,
  files: {
    denoiser: "unet",
    beside: "processor",
    networks: {
      unet: "diffusion_pytorch_model",
      vae: "diffusion_pytorch_model",
      text_encoder: "model",
    },
    required: ["unet", "vae", "text_encoder"],
    tokenizers: ["tokenizer", "processor"],
  },
  check: readSmallFiles,
  describe,
  createEditModel,
};
