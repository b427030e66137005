/** What bench:presets compares: settings of an edit by name, in groups. */
import type { SessionEditOptions } from "../../src/index.ts";

export type Settings = Pick<
  SessionEditOptions,
  "preset" | "steps" | "sampler" | "textGuidance" | "imageGuidance" | "guidanceInterval" | "reuse"
>;

/** What diffusers does when it is told nothing. Everything is paired against the first of them. */
const DIFFUSERS = { steps: 100, sampler: "euler-ancestral", guidanceInterval: [0, 1], reuse: 1 } as const;
/** InstructPix2Pix's own guidance; three terms a step. */
const STRONG = { textGuidance: 7.5, imageGuidance: 1.5 } as const;
/** The guidance that picturebook states; one term a step. */
const OWN = { textGuidance: 1, imageGuidance: 1 } as const;
const SAMPLERS = ["ddim", "dpm++2m", "unipc", "euler", "euler-ancestral"] as const;
const STEPS = [2, 3, 4, 6, 8, 12, 20] as const;

export const BASELINE = "diffusers";

export const groups: Readonly<Record<string, Readonly<Record<string, Settings>>>> = {
  presets: {
    [BASELINE]: { ...DIFFUSERS, ...OWN },
    "diffusers-7.5": { ...DIFFUSERS, ...STRONG },
    best: { preset: "best" },
    balanced: { preset: "balanced" },
    draft: { preset: "draft" },
  },
  samplers: Object.fromEntries(
    STEPS.flatMap((steps) =>
      SAMPLERS.map((sampler): [string, Settings] => [`${sampler}-${steps}`, { steps, sampler }]),
    ),
  ),
};
