/**
 * A whole full-size checkpoint of the InstructPix2Pix kind with random weights: UNet (859.5 M parameters), VAE (83.7 M) and CLIP
 * text encoder (123.1 M), 4.3 GB of fp32 as timbrooks/instruct-pix2pix lies on the hub, written once into the folder of
 * random-unet.ts. It edits nothing, and takes as long as a real one.
 */
import { layOutFolder } from "../tests/support/full-checkpoint.ts";
import { componentsOf, PUBLISHED } from "../tests/support/published.ts";
import { folder } from "./random-unet.ts";
import { parametersOf, writeRandom } from "./random-weights.ts";

/** Makes the checkpoint where it is missing. Returns its folder and how many parameters each part has. */
export async function makeRandomCheckpoint(): Promise<{
  folder: string;
  parameters: Record<string, number>;
}> {
  await layOutFolder(folder, "sd1", { write: writeRandom });
  const { unet, vae, texts } = componentsOf(PUBLISHED.sd1);
  return {
    folder,
    parameters: { unet: parametersOf(unet), vae: parametersOf(vae), text: parametersOf(texts[0]!) },
  };
}
