/** Whether a UNet takes a picture to edit, told by its channels alone: said before anything else is looked for. */
import { EmilieError } from "../../errors.ts";

interface Channels {
  readonly in_channels: number;
  readonly out_channels: number;
}

/** `latent` is the number of the VAE's latent channels. Throws "checkpoint.unsupported" saying what the UNet was made for. */
export function checkEditable(id: string, unet: Channels, latent: number): void {
  if (unet.in_channels === 2 * latent && unet.out_channels === latent) return;
  throw new EmilieError(
    "checkpoint.unsupported",
    `${id} cannot edit: its UNet has in_channels ${unet.in_channels} and out_channels ${unet.out_channels}, ` +
      `where an InstructPix2Pix UNet of a VAE with ${latent} latent channels has ${2 * latent} and ${latent}. ` +
      `${madeFor(unet, latent)}; use an instruction checkpoint, such as timbrooks/instruct-pix2pix.`,
  );
}

function madeFor({ in_channels, out_channels }: Channels, latent: number): string {
  if (out_channels !== latent) return "Its output is no latent of the VAE's";
  if (in_channels === latent) return "A text-to-image checkpoint has no input for the picture";
  if (in_channels === 2 * latent + 1) return "An inpainting checkpoint fills holes and reads no instruction";
  if (in_channels === latent + 1) return "A depth-to-image checkpoint takes a depth map, not a picture";
  return "Its input is not a latent beside the picture's";
}
