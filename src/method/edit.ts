/**
 * One edit: Algorithm 1 of EMILIE (arXiv 2309.00613), with gradient control made exact. Read this file first.
 *
 * A session is  c₁ = E(I₀),  then for each edit  c_{e+1} = edit(model, c_e, …).c;  pictures are D(c) where somebody looks.
 */
import { EmilieError } from "../errors.ts";
import type { EditModel } from "../models/model.ts";
import { createSchedule, samplers } from "../samplers/index.ts";
import { createNoise } from "../tensor/noise.ts";
import { blend, largest } from "../tensor/ops.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { moved } from "./gate.ts";
import { controlled, endsOnSource, masksDirection } from "./gradient-control.ts";
import { guided, guidesWithin } from "./guidance.ts";
import { nextCondition, toScaled } from "./latent-iteration.ts";
import { checkRegions, type EditOptions, type Region, resolveOptions } from "./options.ts";
import { crop, paste, windowedSteps, windowOf } from "./window.ts";

/** What {@link edit} gives. */
export interface EditResult {
  /** The condition of the next edit, [channels, h, w]. */
  readonly c: Tensor;
  /** False where no mask left anything to change (then no UNet ran), or nothing passed the gate: c is the parent's. */
  readonly changed: boolean;
  /** How many steps were taken: fewer than asked for where the edit was ended early. */
  readonly steps: number;
}

/** strength·m, where no mask is 1 everywhere; the mask as it is at full strength. */
function weakened(m: Tensor | undefined, strength: number, c: Tensor): Tensor | undefined {
  if (strength === 1) return m;
  const [, h, w] = c.shape as [number, number, number];
  const data = m ? m.data.map((value) => strength * value) : new Float32Array(h * w).fill(strength);
  return { data, shape: [1, h, w] };
}

/** m = max_r m_r; absent where a region is global. */
function union(regions: readonly Region[]): Tensor | undefined {
  if (regions.some((r) => !r.mask)) return undefined;
  return largest(regions.map((r) => r.mask!));
}

/**
 * Edit the picture whose condition latent is c: sample z₀ under guidance and gradient control, and give the condition that
 * the next edit starts from.
 *
 * @param parent its c, [channels, h, w]: E(I).mode of the first picture or the c of the edit before
 * @param regions one region for a plain edit; several are composed in one pass (method: section 4)
 * @throws EmilieError option.invalid, mask.invalid, aborted
 */
export async function edit(
  model: EditModel,
  parent: Tensor,
  regions: readonly Region[],
  options: EditOptions = {},
): Promise<EditResult> {
  const resolved = resolveOptions(model, options);
  const { seed, steps, sampler, textGuidance, imageGuidance, control, strength, base, signal, onStep } =
    resolved;
  const { guidanceInterval, reuse, gate, stopAfter = steps } = resolved;
  if (regions.length === 0)
    throw new EmilieError("option.invalid", "an edit needs at least one instruction, got none");
  const open = checkRegions(regions, parent);
  if (open.length === 0 || strength === 0) return { c: parent, changed: false, steps };

  // What a window around the masks leaves out stays as it is; without one, crop and paste do nothing. Where some steps are to
  // see the whole picture, the window is the UNet's alone, at the other steps.
  const masks = union(open);
  const size = endsOnSource(control) && resolved.window !== "off" ? resolved.window : undefined;
  const around = masks && size && windowOf(masks, size, model.stride / model.factor);
  const share = size?.whole ?? 0;
  const window = share > 0 ? undefined : around;
  const c = crop(parent, window);
  const active = open.map((r) => ({ ...r, mask: r.mask && crop(r.mask, window) }));

  // Texts, schedule, and z_T, which is the first thing the seed draws.
  const encode = (text: string) => model.encodeText(text, { signal });
  const [nullText, baseText, ...texts] = await Promise.all(
    ["", base, ...active.map((r) => r.instruction)].map(encode),
  );
  const schedule = createSchedule(model.schedulerConfig, { sampler, steps });
  const noise = createNoise(seed);
  const start = noise.randn(c.shape);
  const x = { data: start.data.map((v) => v * schedule.initSigma), shape: c.shape };

  // ε̂: with one region the mask acts below, on x̂₀; with several each direction needs its own.
  // Strength acts once: on x̂₀ too, but for the control that leaves x̂₀ alone.
  const local = masksDirection(control) || active.length > 1;
  const pull = control === "direction" ? strength : 1;
  const directions = active.map((r, i) => ({
    text: texts[i]!,
    weight: pull * (r.weight ?? textGuidance),
    unguided: pull,
    mask: local ? r.mask : undefined,
  }));
  const guide = guided({
    model,
    c,
    nullText: nullText!,
    baseText: baseText!,
    directions,
    imageGuidance,
    signal,
    guides: guidesWithin(guidanceInterval, schedule.levels.length),
    reuse,
    windowed: share > 0 ? windowedSteps(around, share, schedule.levels.length) : undefined,
  });

  // Gradient control, where there is anything to keep.
  const m = weakened(union(active), strength, c);
  const denoise = m ? controlled(guide, control, m, toScaled(model, c), schedule.trainSteps) : guide;

  const source = window && toScaled(model, parent);
  const shown = (part: Tensor) => (source ? paste(source, part, window) : part);
  const result = await samplers[sampler](denoise, x, schedule, noise, async (event) => {
    const answer = await onStep?.({ ...event, x: shown(event.x), denoised: shown(event.denoised) });
    const taken = event.step + 1;
    if (signal?.aborted)
      throw new EmilieError("aborted", `the edit was stopped after step ${taken} of ${event.steps}`);
    if (taken < steps && (answer === "keep" || taken >= stopAfter)) throw new Ended(event.denoised, taken);
  }).then(
    (z0) => new Ended(z0, steps),
    (error) => {
      if (error instanceof Ended) return error;
      throw error;
    },
  );
  const { z0, steps: taken } = result;
  const next = nextCondition(model, z0, c, m && endsOnSource(control) ? m : undefined);
  if (gate === 0) return { c: paste(parent, next, window), changed: true, steps: taken };
  // What hardly moved stays the parent's.
  const place = moved(toScaled(model, next), toScaled(model, c), gate * strength);
  if (place.data.every((value) => value === 0)) return { c: parent, changed: false, steps: taken };
  return { c: paste(parent, blend(place, next, c), window), changed: true, steps: taken };
}

/** Thrown through a sampler that is ended early: the last x̂₀ is the result. */
class Ended {
  constructor(
    readonly z0: Tensor,
    readonly steps: number,
  ) {}
}
