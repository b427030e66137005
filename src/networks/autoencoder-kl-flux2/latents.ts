/**
 * Between the autoencoder's latents and those of the denoiser: patches of 2×2 become channels, and each of these is normalised by the
 * batch norm's running statistics (Flux2KleinPipeline of diffusers: _patchify_latents, _unpatchify_latents, _encode_vae_image).
 */
import { type Tensor, zeros } from "../../tensor/tensor.ts";

/** Of each channel of a patchified latent. */
export interface Statistics {
  readonly mean: Float32Array;
  /** √(variance + eps) */
  readonly deviation: Float32Array;
}

/** x [1, c, h, w], of even sides → [1, 4c, h/2, w/2], normalised */
export function toDenoiser(x: Tensor, { mean, deviation }: Statistics): Tensor {
  const [, c = 0, h = 0, w = 0] = x.shape;
  const result = zeros([1, 4 * c, h / 2, w / 2]);
  eachValue(result.shape, (to, from, channel) => {
    result.data[to] = (x.data[from]! - mean[channel]!) / deviation[channel]!;
  });
  return result;
}

/** The way back: z [1, 4c, h, w] → [1, c, 2h, 2w] */
export function fromDenoiser(z: Tensor, { mean, deviation }: Statistics): Tensor {
  const [, channels = 0, h = 0, w = 0] = z.shape;
  const result = zeros([1, channels / 4, 2 * h, 2 * w]);
  eachValue(z.shape, (from, to, channel) => {
    result.data[to] = z.data[from]! * deviation[channel]! + mean[channel]!;
  });
  return result;
}

/** The places of every value of a patchified latent [1, channels, h, w], in it and in the one without patches. */
function eachValue(
  [, channels = 0, h = 0, w = 0]: readonly number[],
  visit: (patchified: number, plain: number, channel: number) => void,
): void {
  for (let channel = 0; channel < channels; channel++) {
    const [c, row, column] = [channel >> 2, (channel >> 1) & 1, channel & 1];
    for (let i = 0; i < h; i++) {
      for (let j = 0; j < w; j++) {
        visit((channel * h + i) * w + j, ((c * h + i) * 2 + row) * 2 * w + 2 * j + column, channel);
      }
    }
  }
}
