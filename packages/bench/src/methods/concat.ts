/**
 * All instructions in one prompt: turn k is one edit of the first picture by instructions 1 to k, joined. It is what a
 * user of InstructPix2Pix (Brooks et al., arXiv 2211.09800) has without iteration, and the paper of EMILIE
 * (arXiv 2309.00613) compares with it. Nothing adds up over the turns, neither noise nor what earlier turns reached.
 *
 * A text encoder reads so many tokens and no more (77 in Stable Diffusion, 32 in picturebook, two of them its marks); what
 * is beyond is cut, so from there on later instructions have no effect at all: about the sixth on picturebook. That is
 * the method's own limit and is not worked around. The settings name it. Besides, picturebook was trained on one instruction
 * at a time, so that of a joined prompt it mostly follows one: how weak concat is on it says little about larger models.
 */
import {
  type Mask,
  openSession,
  type Picture,
  resizeMask,
  resolveOptions,
  type SamplerName,
  type Session,
} from "../library.ts";
import type { BenchMethod, MethodTurn } from "../types.ts";
import { GUIDED_THROUGHOUT } from "./emilie.ts";
import { metered } from "./metered.ts";

export type ConcatSettings = {
  readonly sampler: SamplerName;
  readonly steps: number;
  readonly textGuidance: number;
  readonly imageGuidance: number;
  /** Tokens that the text encoder reads of the joined instructions. */
  readonly tokenLimit: number;
};

/** No mask: the prompt says everything. */
export const concat = variant("concat", "All instructions in one prompt", false);
/** The masks so far, united, under emilie's gradient control; without one of them, no mask. */
export const concatMasked = variant("concat-masked", "All instructions in one prompt, masks united", true);

function variant(name: string, title: string, masked: boolean): BenchMethod {
  return {
    name,
    title,
    reference: "Brooks et al., InstructPix2Pix, arXiv 2211.09800",
    revision: 1,
    fromFirst: true,
    settings(model, mode): ConcatSettings {
      const { sampler, steps, textGuidance, imageGuidance } = resolveOptions(
        model,
        mode.mode === "same-steps" ? { steps: mode.steps, sampler: mode.sampler } : {},
      );
      return { sampler, steps, textGuidance, imageGuidance, tokenLimit: model.countTokens("").limit };
    },
    async *run(model, start, turns, settings, { seed, signal }) {
      const { tokenLimit: _, ...options } = settings as ConcatSettings;
      let session: Session | undefined;
      for (const k of turns.keys()) {
        const sofar = turns.slice(0, k + 1);
        yield await metered(model, async () => {
          session ??= await openSession(model, start, { signal });
          const mask = masked ? unionSoFar(sofar, start) : undefined;
          const edit = { ...options, ...GUIDED_THROUGHOUT, from: session.root, mask, seed, gate: 0, signal };
          return (await session.edit(joined(sofar), edit)).render({ signal });
        });
      }
    },
  };
}

/** "make it winter, add a balloon": the instructions in their order. */
export function joined(turns: readonly MethodTurn[]): string {
  return turns.map(({ instruction }) => instruction.trim().replace(/[.,;]+$/, "")).join(", ");
}

/** The largest of the masks at each pixel of the picture; absent where a turn may change everything. */
function unionSoFar(turns: readonly MethodTurn[], { width, height }: Picture): Mask | undefined {
  const union = new Float32Array(width * height);
  for (const { mask } of turns) {
    if (!mask) return undefined;
    const { data } = resizeMask(mask, width, height);
    for (let i = 0; i < union.length; i++) union[i] = Math.max(union[i]!, data[i]!);
  }
  return { width, height, data: union };
}
