/**
 * Blended Latent Diffusion (Avrahami et al., arXiv 2206.02779; code: omriav/blended-latent-diffusion): sample from the
 * source noised to three quarters of the schedule, and after every step put the source, noised to the same level, back
 * where the mask is 0. A thin mask is dilated and shrinks to itself over the steps (its section 4.3).
 *
 * Where this differs from the reference, and why:
 * - Background and foreground are blended at one level, as the paper has it and its code for LDM does; its code for Stable
 *   Diffusion noises the source to the level that the step came from, which leaves noise in the background at the end.
 *   Here the last step arrives at σ = 0, so the background ends on the source, and the condition is carried over itself.
 * - The reference fine-tunes the decoder's weights for every picture (minutes), or blends pixels. Pixels are blended here,
 *   with the seam that emilie's own pictures have, so that a comparison is not about seams.
 * - How often a thin mask is dilated is the user's choice there (0 if not said), and fixed here.
 *
 * Without a mask the whole picture is edited.
 */
import {
  blend,
  composite,
  createNoise,
  createSchedule,
  isEmptyMask,
  nextCondition,
  noised,
  type SamplerName,
  samplers,
  scheduleFrom,
  stepwise,
  type Tensor,
  toScaled,
} from "../library.ts";
import { type GuidanceSettings, instructed, ownGuidance } from "./instructed.ts";
import { iterated, type SingleEdit } from "./iterated.ts";
import { dilate, hardMask, isThin, latentMask } from "./latent-mask.ts";
import { decodePicture } from "./round-trip.ts";

export type BlendedSettings = GuidanceSettings & {
  readonly sampler: SamplerName;
  /** Of the whole schedule. */
  readonly scheduleSteps: number;
  /** Taken, the first quarter being skipped. */
  readonly steps: number;
  /** Dilations of a thin mask at the first step. */
  readonly thinDilations: number;
  /** Outside the mask the picture is the turn's own before, pixel for pixel. */
  readonly pixelBlending: boolean;
};

const SKIPPED = 0.25;
const PAPER_STEPS = 50;

/** DDIM in the paper; with "same-steps" any sampler, multistep ones at first order since x is changed between steps. */
export const blendedLatent = iterated<BlendedSettings>({
  name: "blended-latent",
  title: "Blended Latent Diffusion, pixels blended",
  reference: "Avrahami et al., Blended Latent Diffusion, arXiv 2206.02779",
  revision: 1,
  settings(model, mode) {
    const same = mode.mode === "same-steps";
    const scheduleSteps = same ? Math.round(mode.steps / (1 - SKIPPED)) : PAPER_STEPS;
    const steps = same ? mode.steps : PAPER_STEPS - Math.floor(SKIPPED * PAPER_STEPS);
    const sampler = same ? mode.sampler : "ddim";
    return { sampler, scheduleSteps, steps, thinDilations: 2, pixelBlending: true, ...ownGuidance(model) };
  },
  async edit(edit, settings) {
    const { model, picture, c, mask, signal } = edit;
    const hard = mask && hardMask(mask);
    if (hard && isEmptyMask(hard)) return picture;
    const next = await blended(edit, hard && latentMask(hard, c), settings);
    const whole = await decodePicture(model, next, picture, { signal });
    return hard && settings.pixelBlending ? composite(picture, whole, hard) : whole;
  },
});

/** The condition after the edit, [channels, h, w]; where m is 0 it is the parent's, bit for bit. */
export async function blended(
  { model, c, instruction, seed, signal }: Omit<SingleEdit, "picture" | "mask">,
  m: Tensor | undefined,
  settings: BlendedSettings,
): Promise<Tensor> {
  const { sampler, scheduleSteps, steps } = settings;
  const whole = createSchedule(model.schedulerConfig, { sampler, steps: scheduleSteps });
  const schedule = scheduleFrom(whole, scheduleSteps - steps);
  const noise = createNoise(seed);
  const source = toScaled(model, c);
  const start = noised(source, schedule.levels[0]!, noise.randn(c.shape));
  const denoise = await instructed(model, c, instruction, settings, signal);
  const masks = m && shrinkingMasks(m, settings.thinDilations, steps);
  const z0 = await stepwise(samplers[sampler], denoise, start, schedule, noise, (x, arrival, step) =>
    masks ? blend(masks[step]!, x, noised(source, arrival, noise.randn(c.shape))) : x,
  );
  return nextCondition(model, z0, c, m);
}

/** The mask of each step: itself; a thin one dilated by `dilations` cells at first and by one less in every interval. */
export function shrinkingMasks(m: Tensor, dilations: number, steps: number): Tensor[] {
  const radii = isThin(m) ? Array.from({ length: dilations + 1 }, (_, i) => dilations - i) : [0];
  const masks = radii.map((radius) => (radius === 0 ? m : dilate(m, radius)));
  const interval = Math.floor(steps / masks.length) + 1;
  return Array.from({ length: steps }, (_, step) => masks[Math.floor(step / interval)]!);
}
