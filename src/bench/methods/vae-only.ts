/**
 * No edit at all: every turn is one round trip through the autoencoder and 8 bits. What image iteration loses here it
 * loses without the UNet (as in REED-VAE, arXiv 2504.18989).
 */
import { iterated } from "./iterated.ts";
import { decodePicture } from "./round-trip.ts";

/** The round trip alone, for the question of what comes from it and what from the UNet. */
export const vaeOnly = iterated({
  name: "vae-only",
  title: "The autoencoder's round trip alone",
  reference: "EMILIE, arXiv 2309.00613, section 4.2: what latent iteration leaves out",
  revision: 1,
  settings: () => ({}),
  edit: ({ model, c, picture, signal }) => decodePicture(model, c, picture, { signal }),
});
