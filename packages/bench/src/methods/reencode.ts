/**
 * Latent iteration with a visit to the encoder every k turns: the picture as it stands is decoded, rounded to 8 bits and encoded again, and the session
 * goes on from there. Latents have nothing that pulls them back to what the autoencoder can draw; the round trip does, and costs what it costs
 * (REED-VAE, arXiv 2504.18989, measures that). Between visits it is EMILIE with its masks, so that k = 1 is image iteration pasted by the
 * mask, and k beyond the chain is `emilie`. The gated variants are what a session would be if it visited the encoder and kept its gate.
 */
import { type EditOptions, openSession, resolveOptions, type Session } from "../library.ts";
import type { BenchMethod } from "../types.ts";
import { editSettings, GUIDED_THROUGHOUT } from "./emilie.ts";
import { metered } from "./metered.ts";
import { turnSeed } from "./turn-seed.ts";

/** The method that encodes anew before turns k + 1, 2k + 1 and so on; gated, with the gate that the checkpoint states. */
export function reencodeEvery(k: number, gated = false): BenchMethod {
  return {
    name: `reencode-every-${k}${gated ? "-gated" : ""}`,
    title: `EMILIE, ${gated ? "gated, " : ""}encoded anew every ${k} turns`,
    reference: "EMILIE, arXiv 2309.00613; REED-VAE, arXiv 2504.18989, on what a round trip costs",
    revision: 1,
    settings: (model, mode) => ({
      ...editSettings(model, mode),
      every: k,
      ...(gated && { gate: resolveOptions(model).gate }),
    }),
    async *run(model, start, turns, settings, { seed, signal }) {
      const {
        every,
        gate = 0,
        ...options
      } = settings as unknown as Omit<EditOptions, "references"> & {
        every: number;
      };
      let picture = start;
      let session: Session | undefined;
      for (const [i, { instruction, mask }] of turns.entries()) {
        const before = picture;
        const result = await metered(model, async () => {
          if (!session || i % every === 0) session = await openSession(model, before, { signal });
          const edit = {
            ...options,
            ...GUIDED_THROUGHOUT,
            mask,
            gate,
            seed: turnSeed(settings, seed, i),
            signal,
          };
          return (await session.edit(instruction, edit)).render({ signal });
        });
        picture = result.picture;
        yield result;
      }
    },
  };
}

export const reencodeMethods: readonly BenchMethod[] = [5, 10].flatMap((k) => [
  reencodeEvery(k),
  reencodeEvery(k, true),
]);
