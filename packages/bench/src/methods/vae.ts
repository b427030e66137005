/**
 * What the VAE does alone, beside the methods that also run the UNet: `vae-only` goes through decode, 8 bits and encode at
 * every turn, `vae-once` shows the first latent at every turn. With image iteration and latent iteration they make the
 * square {round trip or not} × {UNet or not}. Instructions are not read, so they are for turns that ask for nothing.
 */
import type { EditModel, Picture } from "../library.ts";
import type { BenchMethod } from "../types.ts";
import { metered } from "./metered.ts";
import { decodePicture, encodePicture } from "./round-trip.ts";

async function roundTrip(model: EditModel, picture: Picture, signal?: AbortSignal): Promise<Picture> {
  return decodePicture(model, await encodePicture(model, picture, { signal }), picture, { signal });
}

function method(name: string, title: string, everyTurn: boolean): BenchMethod {
  return {
    name,
    title,
    reference: "REED-VAE, arXiv 2504.18989, measures repeated edits so",
    revision: 1,
    settings: () => ({ everyTurn }),
    async *run(model, start, turns, settings, { signal }) {
      let picture = start;
      for (let i = 0; i < turns.length; i++) {
        const goesThrough = i === 0 || settings.everyTurn;
        const before = picture;
        const result = await metered(model, async () =>
          goesThrough ? roundTrip(model, before, signal) : before,
        );
        picture = result.picture;
        yield result;
      }
    },
  };
}

export const vaeMethods: readonly BenchMethod[] = [
  method("vae-only", "VAE round trip every turn, no UNet", true),
  method("vae-once", "VAE round trip once, no UNet", false),
];
