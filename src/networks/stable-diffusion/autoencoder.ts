/** What encodes and decodes for a checkpoint, in its own units: its VAE, or a tiny autoencoder in that one's place. */

import type { PlacedWeights } from "../../checkpoint/storage.ts";
import { scale } from "../../tensor/ops.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { VaeConfig } from "../autoencoder-kl/config.ts";
import type { RunGraph } from "../autoencoder-kl/fine-stage.ts";
import { decode, encode, type VaeLimits } from "../autoencoder-kl/vae.ts";
import { decodeTiny, encodeTiny } from "../autoencoder-tiny/autoencoder.ts";
import type { TinyAutoencoder } from "../autoencoder-tiny/read.ts";

/** Latents are the checkpoint's unscaled ones, [1, channels, h, w]; images [1, 3, h · factor, w · factor] in [−1, 1]. */
export interface Autoencoder {
  encode(image: Tensor, run: RunGraph): Promise<Tensor>;
  decode(latent: Tensor, run: RunGraph): Promise<Tensor>;
}

export function ownAutoencoder(config: VaeConfig, weights: PlacedWeights, limits: VaeLimits): Autoencoder {
  return {
    encode: (image, run) => encode(config, weights, image, run, limits),
    decode: (latent, run) => decode(config, weights, latent, run, limits),
  };
}

/**
 * A tiny autoencoder's latents are z in the units that the UNet works in (times a factor of its own, 1 as published), and the checkpoint's unscaled latents are
 * z / s: the scale trap once more (method/latent-iteration.ts).
 *
 * @param scalingFactor s, of the checkpoint's own VAE
 */
export function tinyAutoencoder(
  { config }: TinyAutoencoder,
  weights: PlacedWeights,
  scalingFactor: number,
  limits: VaeLimits,
): Autoencoder {
  const unit = config.scalingFactor / scalingFactor;
  return {
    encode: async (image, run) => scale(await encodeTiny(config, weights, image, run, limits), unit),
    decode: (latent, run) => decodeTiny(config, weights, scale(latent, 1 / unit), run, limits),
  };
}
