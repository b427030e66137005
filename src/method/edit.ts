/**
 * One edit: Algorithm 1 of EMILIE (arXiv 2309.00613), with gradient control made exact. Read this file first.
 *
 * A session is  c₁ = E(I₀),  then for each edit  c_{e+1} = edit(model, c_e, …).c;  pictures are D(c), decoded lazily.
 */
import { EmilieError } from "../errors.ts";
import { checkOptions } from "../input/options.ts";
import { samplers } from "../samplers/index.ts";
import { createNoise } from "../tensor/noise.ts";
import { scale } from "../tensor/ops.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { checkWeight } from "./capabilities.ts";
import type { EditModel } from "./edit-model.ts";
import { gated } from "./gating.ts";
import { endsOnSource, strengthMask, union, withGradientControl } from "./gradient-control.ts";
import { directionsOf, guidesWithin, withGuidance } from "./guidance.ts";
import { nextCondition, toScaled } from "./latent-iteration.ts";
import {
  checkRegions,
  EDIT_OPTIONS,
  type EditOptions,
  type Region,
  type ResolvedOptions,
  resolveOptions,
} from "./options.ts";
import { scheduleOf } from "./schedule.ts";
import { type View, viewOf } from "./window.ts";

/** The result of {@link edit}. */
export interface EditResult {
  /** The condition of the next edit, [channels, h, w]. */
  readonly c: Tensor;
  /** False if the masks or the strength left nothing to change (then no network ran), or if nothing passed the gate. c is then the parent's. */
  readonly changed: boolean;
  /** The number of steps taken: fewer than requested if the edit was ended early. */
  readonly steps: number;
}

/**
 * Edits the picture whose condition latent is `parent`, and returns the condition from which the next edit starts. The denoiser is given the instructions
 * as they are: what a checkpoint understands (`rephrase`, refusals) is asked before, by sessions.
 *
 * @param parent the condition latent of the picture, [channels, h, w]: E(I).mode of the original, or c of the previous edit
 * @param regions one region for a plain edit; several are composed in one pass
 * @throws EmilieError option.invalid, mask.invalid, aborted
 */
export async function edit(
  model: EditModel,
  parent: Tensor,
  regions: readonly Region[],
  options: EditOptions = {},
): Promise<EditResult> {
  checkOptions(options, EDIT_OPTIONS, "the edit's options");
  const settings = resolveOptions(model, options);
  const active = checkRegions(regions, parent);
  for (const { weight } of regions) checkWeight(model, weight);
  const unchanged = { c: parent, changed: false };
  if (active.length === 0 || settings.strength === 0) return { ...unchanged, steps: settings.steps };
  const view = viewOf(model, active, settings, parent);
  const { next, steps } = await sampleEdit(model, view, settings);
  const kept = gated(model, next, view.c, settings.gate * settings.strength);
  return kept ? { c: view.paste(parent, kept), changed: true, steps } : { ...unchanged, steps };
}

/** Algorithm 1 on the part of the latent in view: z_T ~ N(0, I) → z₀ with guidance and gradient control → c of the next edit. */
async function sampleEdit(model: EditModel, { c, regions, shown }: View<Region>, settings: ResolvedOptions) {
  const { seed, steps, sampler, control, strength, base, signal, onStep, stopAfter = steps } = settings;
  const encode = (text: string) => model.encodeText(text, { signal, c });
  const { guidedBy = "text and picture" } = model;
  const [baseText, nullText] = await Promise.all([
    guidedBy === "nothing" ? undefined : encode(base),
    guidedBy === "text and picture" ? encode("") : undefined,
  ]);
  const texts = await Promise.all(regions.map((r) => encode(r.instruction)));
  const schedule = scheduleOf(model, c, { sampler, steps });
  const noise = createNoise(seed);
  const zT = scale(noise.randn(c.shape), schedule.initSigma);

  const directions = directionsOf(model, regions, texts, settings);
  const guides = guidesWithin(settings, schedule.levels.length);
  const guided = withGuidance({ ...settings, model, c, nullText, baseText, directions, guides });
  const m = strengthMask(union(regions), strength, c);
  const denoise = m
    ? withGradientControl(guided, control, m, toScaled(model, c), schedule.trainSteps)
    : guided;

  let taken = 0;
  const z0 = await samplers[sampler](denoise, zT, schedule, noise, async (event) => {
    taken = event.step + 1;
    const answer = await onStep?.({ ...event, x: shown(event.x), denoised: shown(event.denoised) });
    if (signal?.aborted)
      throw new EmilieError("aborted", `the edit was stopped after step ${taken} of ${steps}`);
    return taken >= stopAfter ? "keep" : (answer ?? undefined);
  });
  return { next: nextCondition(model, z0, c, m && endsOnSource(control) ? m : undefined), steps: taken };
}
