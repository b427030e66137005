/**
 * Image iteration, what one does with an editor that knows no sessions: every edit starts from the picture that the last
 * one gave, decoded, rounded to 8 bits as a file has it, and encoded again (InstructPix2Pix, arXiv 2211.09800, as
 * MagicBrush, arXiv 2306.10012, applies it over several turns). It knows no masks; the masked variant lays each result
 * over its parent by the turn's mask, so that nothing but the iteration differs from a method that does. The gated variants carry over what an edit
 * hardly moved, as a session does with this checkpoint: without them nobody could say whether the gate or latent iteration made a difference.
 */
import { composite, type EditOptions, openSession, resolveOptions } from "../library.ts";
import type { BenchMethod } from "../types.ts";
import { editSettings, GUIDED_THROUGHOUT } from "./emilie.ts";
import { metered } from "./metered.ts";
import { turnSeed } from "./turn-seed.ts";

interface Variant {
  readonly title: string;
  readonly pasted: boolean;
  readonly fixedSeed?: boolean;
  /** What an edit hardly moved is carried over, by the gate that the checkpoint states. */
  readonly gated?: boolean;
}

function method(name: string, { title, pasted, fixedSeed = false, gated = false }: Variant): BenchMethod {
  return {
    name,
    title,
    reference: "InstructPix2Pix, arXiv 2211.09800; MagicBrush, arXiv 2306.10012",
    revision: 1,
    settings: (model, mode) => ({
      ...editSettings(model, mode),
      ...{ pasted, fixedSeed },
      ...(gated && { gate: resolveOptions(model).gate }),
    }),
    async *run(model, start, turns, settings, { seed, signal }) {
      const { steps, sampler, textGuidance, imageGuidance, gate = 0 } = settings as unknown as EditOptions;
      let picture = start;
      for (const [i, { instruction, mask }] of turns.entries()) {
        const before = picture;
        const result = await metered(model, async () => {
          // A session of one edit: encode, edit, decode, round.
          const session = await openSession(model, before, { signal });
          const options = {
            ...{ steps, sampler, textGuidance, imageGuidance },
            ...GUIDED_THROUGHOUT,
            gate,
            signal,
          };
          const node = await session.edit(instruction, { ...options, seed: turnSeed(settings, seed, i) });
          const edited = await node.render({ signal });
          return settings.pasted && mask ? composite(before, edited, mask) : edited;
        });
        picture = result.picture;
        yield result;
      }
    },
  };
}

export const imageIterationMethods: readonly BenchMethod[] = [
  method("image-iteration", { title: "Image iteration", pasted: false }),
  method("image-iteration-masked", { title: "Image iteration, pasted by the mask", pasted: true }),
  method("image-iteration-gated", { title: "Image iteration, gated", pasted: false, gated: true }),
  method("image-iteration-masked-gated", {
    title: "Image iteration, gated, pasted by the mask",
    pasted: true,
    gated: true,
  }),
  method("image-iteration-fixed-seed", {
    title: "Image iteration, one seed for all turns",
    pasted: false,
    fixedSeed: true,
  }),
];
