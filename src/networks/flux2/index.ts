/** FLUX.2 klein, distilled and base: a transformer over text and pictures (Flux2Transformer2DModel), Qwen3 for the text, AutoencoderKLFlux2. */
import type { Architecture } from "../architecture.ts";
import { describe } from "./describe.ts";
import { createEditModel } from "./editor.ts";
import { readSmallFiles } from "./layout.ts";
import { PIPELINES } from "./pipeline.ts";
import { isFlux2File } from "./single-file.ts";

export const flux2: Architecture = {
  name: "flux2",
  pipelines: PIPELINES,
  isSingleFile: isFlux2File,
  files: {
    denoiser: "transformer",
    networks: {
      transformer: "diffusion_pytorch_model",
      vae: "diffusion_pytorch_model",
      text_encoder: "model",
    },
    required: ["transformer", "vae", "text_encoder"],
    tokenizers: ["tokenizer"],
  },
  check: readSmallFiles,
  describe,
  createEditModel,
};
