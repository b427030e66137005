/**
 * A full-size InstructPix2Pix UNet with random weights (859.5 M parameters, 3.4 GB of fp32), written once into a
 * temporary folder.
 */
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseUNetConfig, type UNetConfig } from "../src/networks/stable-diffusion/unet-config.ts";
import { componentsOf, PUBLISHED } from "../tests/support/published.ts";
import { writeRandomWeights } from "./random-weights.ts";

export const folder = join(tmpdir(), "emilie-bench-unet-3");
export const config: UNetConfig = parseUNetConfig(PUBLISHED.sd1.unet);

export const makeRandomUNet = (): Promise<number> =>
  writeRandomWeights(
    join(folder, "unet", "diffusion_pytorch_model.safetensors"),
    componentsOf(PUBLISHED.sd1).unet,
  );

/** The same in half precision, as most are published: 1.7 GB. */
export const halfFolder = join(tmpdir(), "emilie-bench-unet-2-f16");

export const makeHalfUNet = (): Promise<number> =>
  writeRandomWeights(
    join(halfFolder, "unet", "diffusion_pytorch_model.safetensors"),
    componentsOf(PUBLISHED.sd1).unet,
    "F16",
  );

export const removeRandomUNet = () => rm(folder, { recursive: true, force: true });
