/**
 * AutoencoderKLFlux2 of diffusers (models/autoencoders/autoencoder_kl_flux2.py): the graphs of AutoencoderKL, whole, in bands or in tiles as
 * there, between pictures and the latents that the denoiser works on.
 */
import type { PlacedWeights } from "../../checkpoint/storage.ts";
import { EmilieError } from "../../errors.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { RunGraph } from "../autoencoder-kl/fine-stage.ts";
import { decode, encode, VAE_LIMITS } from "../autoencoder-kl/vae.ts";
import { flux2Channels, flux2Factor } from "./config.ts";
import { fromDenoiser, toDenoiser } from "./latents.ts";
import type { Flux2Vae } from "./read.ts";

/**
 * image [1, 3, h, w] in [−1, 1] → the mode of the posterior, patchified and normalised [1, 4·latent, h/factor, w/factor]: 128 channels and a
 * factor of 16 as published.
 *
 * @param weights of `vae.table`, in the precision of vaePrecision (autoencoder-kl/layers.ts)
 * @throws EmilieError "option.invalid" where the sides are no multiples of the factor
 */
export async function encodeFlux2(
  vae: Pick<Flux2Vae, "config" | "statistics">,
  weights: PlacedWeights,
  image: Tensor,
  run: RunGraph,
  limits = VAE_LIMITS,
): Promise<Tensor> {
  const factor = flux2Factor(vae.config);
  const [, channels, h = 0, w = 0] = image.shape;
  if (image.shape.length !== 4 || channels !== 3 || h % factor !== 0 || w % factor !== 0 || h * w === 0) {
    throw new EmilieError(
      "option.invalid",
      `The autoencoder takes pictures [1, 3, height, width] whose sides are multiples of ${factor}; got [${image.shape}].`,
    );
  }
  return toDenoiser(await encode(vae.config.encoder, weights, image, run, limits), vae.statistics);
}

/**
 * z [1, 4·latent, h, w], normalised → image [1, 3, h·factor, w·factor]
 *
 * @throws EmilieError "option.invalid" where z has another number of channels
 */
export async function decodeFlux2(
  vae: Pick<Flux2Vae, "config" | "statistics">,
  weights: PlacedWeights,
  z: Tensor,
  run: RunGraph,
  limits = VAE_LIMITS,
): Promise<Tensor> {
  const channels = flux2Channels(vae.config);
  if (z.shape.length !== 4 || z.shape[1] !== channels) {
    throw new EmilieError(
      "option.invalid",
      `The autoencoder takes latents [1, ${channels}, height, width]; got [${z.shape}].`,
    );
  }
  return decode(vae.config.decoder, weights, fromDenoiser(z, vae.statistics), run, limits);
}
