/** What a checkpoint is called and how large its pictures are, for listings. */
import { vaeFactor } from "../autoencoder-kl/graph.ts";
import type { Checkpoint } from "./checkpoint.ts";

export function familyName({ family }: Checkpoint): string {
  return family.name;
}

/** The longer side, in pixels, of the pictures that the checkpoint was trained on. */
export function trainedSize({ unet, vae, own }: Checkpoint): number {
  return own.nativeSize ?? vaeFactor(vae) * Math.max(...[unet.sample_size ?? 64].flat());
}
