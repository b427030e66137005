/**
 * One edit: Algorithm 1 of EMILIE (arXiv 2309.00613), with gradient control made exact. Read this file first.
 *
 * A session is  c₁ = E(I₀),  then for each edit  c_{e+1} = edit(model, c_e, …).c;  pictures are D(c) where somebody looks.
 */
import { EmilieError } from "../errors.ts";
import type { EditModel } from "../models/model.ts";
import { createSchedule, type SamplerName, type StepEvent, samplers } from "../samplers/index.ts";
import { createNoise } from "../tensor/noise.ts";
import { blend } from "../tensor/ops.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { moved } from "./gate.ts";
import { CONTROLS, type Control, controlled, endsOnSource, masksDirection } from "./gradient-control.ts";
import { guided, guidesWithin } from "./guidance.ts";
import { nextCondition, toScaled } from "./latent-iteration.ts";
import { checkPreset, type PresetName, presetOf } from "./presets.ts";
import { crop, paste, resolveWindow, type WindowOption, windowOf } from "./window.ts";

/** An instruction with a place and a strength of its own; several of them make one edit in one pass. */
export interface Region {
  /** What should change, in words. */
  readonly instruction: string;
  /** m_r [1, h, w] in [0, 1] on the latent grid. Absent: everywhere. */
  readonly mask?: Tensor;
  /** s_r. Default: the edit's textGuidance. Negative pushes away from the instruction. */
  readonly weight?: number;
}

/** How an edit is computed. Defaults are the checkpoint's own where it states them. */
export interface EditOptions {
  /**
   * How much is computed: "draft" to look, "balanced" (the default), "best" to keep. It stands for the options that
   * {@link presetOf} gives for the checkpoint; one that is given as well beats it.
   */
  readonly preset?: PresetName;
  /** Any integer in [0, 2⁶⁴); the noise is torch's for the same seed. Default 0. */
  readonly seed?: number | bigint;
  /** UNet steps. Default: the preset's. */
  readonly steps?: number;
  /** Default: the preset's. */
  readonly sampler?: SamplerName;
  /** s_T. Default: the checkpoint's own, else 7.5. */
  readonly textGuidance?: number;
  /** s_I. Default: the checkpoint's own, else 1.5. */
  readonly imageGuidance?: number;
  /**
   * Where in the schedule guidance acts, as shares of it: 0 is its noisy end, 1 its clean one, and a step is guided where its
   * middle, (i + ½) / steps, lies in [from, to] (limited-interval guidance, arXiv 2404.07724). Elsewhere s_T = s_I = 1: the
   * conditional term alone, one UNet call in the place of three. Default: the preset's, [0, 1] where it has none.
   */
  readonly guidanceInterval?: readonly [from: number, to: number];
  /**
   * Deep UNet features are computed at every so many-th step and reused at those between, for each guidance term its own
   * (DeepCache, arXiv 2312.00858). From 1, the default, which reuses nothing.
   */
  readonly reuse?: number;
  /** How a mask acts. Default "anchored". */
  readonly control?: Control;
  /**
   * How much of the edit is done, from 0 (the parent, and no UNet runs) to 1 (all of it, the default): gradient control
   * takes strength·m for m, and without a mask the strength everywhere. Under "direction" it weakens the text guidance.
   */
  readonly strength?: number;
  /**
   * What the edit moves by less than this, as the root mean square over a latent pixel's channels in scaled units, is carried over from
   * the parent bit for bit, so that errors do not add up over a chain. 0 takes everything. Default: the checkpoint's own, else 0;
   * where noise ends and edits begin has to be measured for each checkpoint. Weaker with the strength.
   */
  readonly gate?: number;
  /** What ε(∅, c) is told instead of "", for instance a no-op sentence. Default "". */
  readonly base?: string;
  /**
   * Where the UNet runs: on the whole picture ("off", the default), or, under controls that end on the source, on a window
   * around the masks, with "auto" for the margin and the least side, or numbers. The noise is then drawn for the window.
   */
  readonly window?: WindowOption;
  /** Ends after so many of the steps, with x̂₀ of the last of them as the result. Default: all are taken. */
  readonly stopAfter?: number;
  /** Stops between steps with code "aborted". */
  readonly signal?: AbortSignal;
  /** Hears of every step. */
  readonly onStep?: StepListener;
}

/** Hears of every step, and is awaited. "keep" ends the edit there as `stopAfter` does: what the preview shows is the result. */
export type StepListener =
  | ((event: StepEvent) => void | Promise<void>)
  | ((event: StepEvent) => "keep" | undefined | Promise<"keep" | undefined>);

/** What {@link edit} gives. */
export interface EditResult {
  /** The condition of the next edit, [channels, h, w]. */
  readonly c: Tensor;
  /** False where no mask left anything to change (then no UNet ran), or nothing passed the gate: c is the parent's. */
  readonly changed: boolean;
  /** How many steps were taken: fewer than asked for where the edit was ended early. */
  readonly steps: number;
}

const DEFAULTS = {
  seed: 0,
  guidanceInterval: [0, 1] as readonly [number, number],
  reuse: 1,
  control: "anchored",
  strength: 1,
  gate: 0,
  base: "",
  window: "off" as WindowOption,
} as const;

/** All options of an edit with the checkpoint's defaults filled in and checked: what a recipe records. */
export function resolveOptions(model: EditModel, { preset = "balanced", ...options }: EditOptions = {}) {
  checkPreset(preset);
  const resolved = { ...DEFAULTS, ...presetOf(model, preset), ...defined(options) };
  const {
    steps,
    textGuidance,
    imageGuidance,
    guidanceInterval,
    reuse,
    control,
    strength,
    gate,
    seed,
    sampler,
    stopAfter = steps,
  } = resolved;
  const expect = (ok: boolean, what: string, given: unknown) => {
    if (!ok) throw new EmilieError("option.invalid", `${what}, got ${String(given)}`);
  };
  expect(
    Number.isInteger(steps) && steps >= 1 && steps <= 1000,
    "steps must be a whole number from 1 to 1000",
    steps,
  );
  expect(
    Number.isInteger(stopAfter) && stopAfter >= 1 && stopAfter <= steps,
    `stopAfter must be a whole number from 1 to the ${steps} steps`,
    stopAfter,
  );
  expect(Number.isFinite(textGuidance), "the text guidance must be a finite number", textGuidance);
  expect(Number.isFinite(imageGuidance), "the image guidance must be a finite number", imageGuidance);
  const [from, to] = guidanceInterval;
  expect(
    guidanceInterval.length === 2 && from >= 0 && from <= to && to <= 1,
    "the guidance interval must be two numbers, 0 ≤ from ≤ to ≤ 1",
    guidanceInterval,
  );
  expect(
    Number.isInteger(reuse) && reuse >= 1 && reuse <= 1000,
    "reuse must be a whole number from 1 to 1000",
    reuse,
  );
  expect(CONTROLS.includes(control as Control), `the control must be one of ${CONTROLS.join(", ")}`, control);
  expect(strength >= 0 && strength <= 1, "the strength must be a number from 0 to 1", strength);
  expect(gate >= 0 && Number.isFinite(gate), "the gate must be a number from 0 up", gate);
  expect(sampler in samplers, `the sampler must be one of ${Object.keys(samplers).join(", ")}`, sampler);
  const whole = typeof seed === "bigint" || Number.isSafeInteger(seed);
  expect(
    whole && seed >= 0 && BigInt(seed) < 2n ** 64n,
    "the seed must be a whole number from 0 to 2⁶⁴ − 1",
    seed,
  );
  const window = resolveWindow(model, resolved.window);
  return { ...resolved, control: control as Control, sampler: sampler as SamplerName, window };
}

function defined<T extends object>(options: T): Partial<T> {
  return Object.fromEntries(Object.entries(options).filter(([, v]) => v !== undefined)) as Partial<T>;
}

/** Masks are checked once, here; a mask of ones is no mask, so that both take the same path bit for bit. */
function checkRegions(regions: readonly Region[], c: Tensor): Region[] {
  const [, h, w] = c.shape;
  const checked = regions.map((region) => {
    const { instruction, mask } = region;
    if (!mask) return region;
    if (mask.shape.length !== 3 || mask.shape[0] !== 1 || mask.shape[1] !== h || mask.shape[2] !== w) {
      throw new EmilieError(
        "mask.invalid",
        `the mask of "${instruction}" must have the latent's shape [1,${h},${w}], got [${mask.shape}]`,
      );
    }
    if (!mask.data.every((m) => m >= 0 && m <= 1)) {
      throw new EmilieError(
        "mask.invalid",
        `the mask of "${instruction}" must hold values from 0 (keep) to 1 (may change)`,
      );
    }
    return mask.data.every((m) => m === 1) ? { ...region, mask: undefined } : region;
  });
  return checked.filter(({ mask }) => !mask || mask.data.some((m) => m > 0));
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
  const [first, ...rest] = regions.map((r) => r.mask!);
  const data = first!.data.map((m, i) => rest.reduce((max, mask) => Math.max(max, mask.data[i]!), m));
  return { data, shape: first!.shape };
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

  // What a window around the masks leaves out stays as it is; without one, crop and paste do nothing.
  const masks = union(open);
  const window =
    masks && resolved.window !== "off" && endsOnSource(control)
      ? windowOf(masks, resolved.window, model.stride / model.factor)
      : undefined;
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
