/** What a checkpoint is called and how large its pictures are, for listings. */
import type { ClipTextConfig, EmilieDefaults } from "../checkpoint/configs.ts";
import { vaeFactor } from "./autoencoder-kl.ts";
import type { Checkpoint } from "./checkpoint.ts";

/** The text encoder tells the families apart: CLIP ViT-L has width 768, OpenCLIP ViT-H 1024. */
export function familyName({ hidden_size: width }: ClipTextConfig): string {
  const base = { 768: " (Stable Diffusion 1.x)", 1024: " (Stable Diffusion 2.x)" }[width] ?? "";
  return `InstructPix2Pix${base}`;
}

/** The longer side, in pixels, of the pictures that the checkpoint was trained on. */
export function trainedSize({ unet, vae }: Checkpoint, own: EmilieDefaults): number {
  return own.nativeSize ?? vaeFactor(vae) * Math.max(...[unet.sample_size ?? 64].flat());
}
