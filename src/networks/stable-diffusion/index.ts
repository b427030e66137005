/** Editors of the InstructPix2Pix kind on Stable Diffusion 1.x, 2.x and XL: one UNet, one or two CLIP text encoders, AutoencoderKL. */
import type { Architecture } from "../architecture.ts";
import { checkTogether } from "./check-together.ts";
import { describe } from "./describe.ts";
import { createEditModel } from "./editor.ts";
import { readConfigs } from "./layout.ts";
import { PIPELINES } from "./pipeline.ts";
import { isOriginal } from "./single-file/parts.ts";

export const stableDiffusion: Architecture = {
  name: "stable-diffusion",
  pipelines: PIPELINES,
  isSingleFile: isOriginal,
  files: {
    denoiser: "unet",
    networks: {
      unet: "diffusion_pytorch_model",
      vae: "diffusion_pytorch_model",
      text_encoder: "model",
      text_encoder_2: "model",
      reader: "model",
    },
    required: ["unet", "vae", "text_encoder"],
    tokenizers: ["tokenizer", "tokenizer_2", "reader"],
  },
  check: async (source) => checkTogether(source.id, await readConfigs(source)),
  describe,
  createEditModel,
};
