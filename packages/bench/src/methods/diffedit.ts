/**
 * DiffEdit (Couairon et al., arXiv 2210.11427), in three steps: where the instruction changes the noise estimate is the
 * mask; DDIM backwards without an instruction gives the latents that the picture comes from; DDIM forwards with the
 * instruction makes the edit, while outside the mask those latents are put back after every step.
 *
 * The paper contrasts a target text with a source text or none, on a text-to-image model. On an InstructPix2Pix model
 * the contrast is the instruction against the null text at the same condition, and the inversion is that of the null text
 * with the condition. Inversion is DDIM's, so the sampler is DDIM in every mode.
 */
import {
  blend,
  contiguous,
  createNoise,
  createSchedule,
  type EditModel,
  invertDdim,
  modelInput,
  type NoiseLevel,
  type NoiseSource,
  noised,
  samplers,
  scheduleFrom,
  stepwise,
  type Tensor,
  toCondition,
  toScaled,
  zeros,
} from "../library.ts";
import type { BenchMethod } from "../types.ts";
import { type GuidanceSettings, instructed, ownGuidance, uninstructed } from "./instructed.ts";
import { iterated, type SingleEdit } from "./iterated.ts";
import { latentMask } from "./latent-mask.ts";
import { decodePicture } from "./round-trip.ts";

export type DiffEditSettings = GuidanceSettings & {
  readonly sampler: "ddim";
  /** Of the whole schedule. */
  readonly scheduleSteps: number;
  /** Taken backwards, and forwards again. */
  readonly steps: number;
  /** "own": from the noise estimates. "given": the person's, and everywhere where there is none. */
  readonly mask: "own" | "given";
  /** How noisy the latents are that the mask is found at, as a share of the schedule. */
  readonly maskStrength: number;
  readonly maskDraws: number;
  /** The difference is clamped at so many times its mean. */
  readonly maskClamp: number;
  readonly maskThreshold: number;
};

const ENCODING_RATIO = 0.8;
const PAPER_STEPS = 50;
const MASK = { maskStrength: 0.5, maskDraws: 10, maskClamp: 3, maskThreshold: 0.5 };

function variant(name: string, title: string, mask: DiffEditSettings["mask"]): BenchMethod {
  return iterated<DiffEditSettings>({
    name,
    title,
    reference: "Couairon et al., DiffEdit, arXiv 2210.11427",
    revision: 1,
    settings(model, mode) {
      const same = mode.mode === "same-steps";
      const scheduleSteps = same ? Math.round(mode.steps / ENCODING_RATIO) : PAPER_STEPS;
      const steps = same ? mode.steps : Math.round(ENCODING_RATIO * PAPER_STEPS);
      return { sampler: "ddim", scheduleSteps, steps, mask, ...MASK, ...ownGuidance(model) };
    },
    edit,
  });
}

/** As in the paper: it finds its mask itself. */
export const diffEdit = variant("diffedit", "DiffEdit", "own");
/** With the person's mask for its own. */
export const diffEditGivenMask = variant("diffedit-given-mask", "DiffEdit with the given mask", "given");

async function edit(
  { model, picture, c, instruction, mask, seed, signal }: SingleEdit,
  settings: DiffEditSettings,
) {
  const { scheduleSteps, steps } = settings;
  const whole = contiguous(createSchedule(model.schedulerConfig, { sampler: "ddim", steps: scheduleSteps }));
  const noise = createNoise(seed);
  const level = whole.levels[Math.round((1 - settings.maskStrength) * scheduleSteps)]!;
  const m =
    settings.mask === "own"
      ? await contrastMask(model, c, instruction, level, noise, settings, signal)
      : mask && latentMask(mask, c);

  const schedule = scheduleFrom(whole, scheduleSteps - steps);
  const source = toScaled(model, c);
  const inverted = await invertDdim(await uninstructed(model, c, signal), source, schedule);
  const denoise = await instructed(model, c, instruction, settings, signal);
  // Where step i arrives, step i + 1 starts; the last one arrives at the source itself.
  const background = (step: number) => inverted[step + 1] ?? source;
  const z0 = await stepwise(samplers.ddim, denoise, inverted[0]!, schedule, noise, (x, _arrival, step) =>
    m ? blend(m, x, background(step)) : x,
  );
  return decodePicture(model, toCondition(model, z0), picture, { signal });
}

type MaskSettings = Pick<DiffEditSettings, "maskDraws" | "maskClamp" | "maskThreshold">;

/**
 * Where an instruction changes the network's estimate: |ε(y,c) − ε(∅,c)|, mean over channels and noise draws, clamped,
 * scaled to [0, 1] and cut at the threshold. [1, h, w], 0 or 1. What the network predicts, ε or v, differs between two
 * texts by the same factor everywhere, so its raw answers serve.
 */
export async function contrastMask(
  model: EditModel,
  c: Tensor,
  instruction: string,
  level: NoiseLevel,
  noise: NoiseSource,
  { maskDraws, maskClamp, maskThreshold }: MaskSettings,
  signal?: AbortSignal,
): Promise<Tensor> {
  const texts = await Promise.all(["", instruction].map((text) => model.encodeText(text, { signal, c })));
  const source = toScaled(model, c);
  const [channels, h, w] = c.shape as [number, number, number];
  const { data, shape } = zeros([1, h, w]);
  for (let draw = 0; draw < maskDraws; draw++) {
    const z = modelInput(noised(source, level, noise.randn(c.shape)), level);
    const inputs = texts.map((text) => ({ z, c, text }));
    const [without, with_] = await model.denoise(inputs, level.t, { signal });
    for (let i = 0; i < c.data.length; i++) {
      data[i % (h * w)]! += Math.abs(with_!.data[i]! - without!.data[i]!) / (channels * maskDraws);
    }
  }
  const most = (maskClamp * data.reduce((sum, v) => sum + v, 0)) / data.length;
  return { data: data.map((v) => (Math.min(v, most) > maskThreshold * most ? 1 : 0)), shape };
}
