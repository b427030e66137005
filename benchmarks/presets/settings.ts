/** What `npm run bench -- presets` compares: settings of an edit by name, in groups. */
import type { SessionEditOptions } from "../../src/index.ts";

export type Settings = Pick<
  SessionEditOptions,
  "preset" | "steps" | "sampler" | "textGuidance" | "imageGuidance" | "guidanceInterval"
>;
export type Group = Readonly<Record<string, Settings>>;

/** What diffusers does when it is told nothing, with the guidance that picturebook states. All others are paired against it. */
export const BASELINE = "diffusers";
const DIFFUSERS = {
  steps: 100,
  sampler: "euler-ancestral",
  textGuidance: 1,
  imageGuidance: 1,
  guidanceInterval: [0, 1],
} as const;
const own = { steps: 8, sampler: "ddim", guidanceInterval: [0, 1] } as const;
/** InstructPix2Pix's own guidance, and a little of it. */
const strong = { ...own, textGuidance: 7.5, imageGuidance: 1.5 };
const mild = { ...own, textGuidance: 1.5, imageGuidance: 1 };
const SAMPLERS = ["ddim", "dpm++2m", "unipc", "euler", "euler-ancestral"] as const;
const STEPS = [2, 3, 4, 6, 8, 12, 20] as const;

export const groups: Readonly<Record<string, Group>> = {
  presets: {
    [BASELINE]: DIFFUSERS,
    best: { preset: "best" },
    balanced: { preset: "balanced" },
    "3 steps": { steps: 3 },
    draft: { preset: "draft" },
    "diffusers, 7.5 / 1.5": { ...DIFFUSERS, textGuidance: 7.5, imageGuidance: 1.5 },
  },
  samplers: Object.fromEntries(
    STEPS.flatMap((steps) =>
      SAMPLERS.map((sampler): [string, Settings] => [`${sampler}, ${steps} steps`, { steps, sampler }]),
    ),
  ),
  guidance: {
    "7.5 / 1.5": strong,
    "7.5 / 1.5, 0 to 0.5": { ...strong, guidanceInterval: [0, 0.5] },
    "7.5 / 1.5, 0 to 0.25": { ...strong, guidanceInterval: [0, 0.25] },
    "1.5 / 1": mild,
    "1.5 / 1, 0 to 0.5": { ...mild, guidanceInterval: [0, 0.5] },
    "1.5 / 1, 0.25 to 0.75": { ...mild, guidanceInterval: [0.25, 0.75] },
  },
};
