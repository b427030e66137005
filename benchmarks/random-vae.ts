/** A full-size VAE of SD 1.x with random weights (83.7 M parameters, 335 MB of fp32), written once into a temporary folder. */
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseVaeConfig, type VaeConfig } from "../src/networks/autoencoder-kl/config.ts";
import { componentsOf, PUBLISHED } from "../tests/support/published.ts";
import { writeRandomWeights } from "./random-weights.ts";

export const folder = join(tmpdir(), "emilie-bench-vae-2");
export const config: VaeConfig = parseVaeConfig(PUBLISHED.sd1.vae);

export const makeRandomVae = () =>
  writeRandomWeights(
    join(folder, "vae", "diffusion_pytorch_model.safetensors"),
    componentsOf(PUBLISHED.sd1).vae,
  );

export const removeRandomVae = () => rm(folder, { recursive: true, force: true });
