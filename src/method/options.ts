/** What an edit can be told, with its defaults, checked: everything of method/edit.ts that is not the method. */

import { EmilieError } from "../errors.ts";
import { checkOptions, type OptionNames } from "../input/options.ts";
import { MAX_TEXT } from "../limits.ts";
import { type SamplerName, type StepListener, samplers } from "../samplers/index.ts";
import { MAX_SEED } from "../tensor/noise.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { defined } from "../util/defined.ts";
import type { EditModel } from "./edit-model.ts";
import { CONTROLS, type Control } from "./gradient-control.ts";
import { checkPreset, type PresetName, presetOf } from "./presets.ts";
import { resolveWindow, type WindowOption } from "./window.ts";

/** An instruction with a place and a strength of its own; several of them make one edit in one pass. */
export interface Region {
  /** What should change, in words. */
  readonly instruction: string;
  /** m_r [1, h, w] in [0, 1] on the latent grid. Absent: everywhere. */
  readonly mask?: Tensor;
  /** s_r. Default: the edit's textGuidance. Negative pushes away from the instruction. */
  readonly weight?: number;
}

/** What a recipe records of how strongly an edit is guided. */
export interface RecordedWeights {
  readonly textGuidance: number;
  readonly imageGuidance: number;
  /** Those of its regions, where they have their own. */
  readonly regions: readonly (number | undefined)[];
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
  /** Steps of the sampler. Default: the preset's. */
  readonly steps?: number;
  /** Default: the preset's. */
  readonly sampler?: SamplerName;
  /**
   * s_T, from −100 to 100: 1 is the instruction without guidance, 0 none of it, and below 0 it is pushed away from. Default: the
   * checkpoint's own, else 7.5. At 1 and below diffusers leaves out the picture's guidance as well; here s_I still acts.
   */
  readonly textGuidance?: number;
  /**
   * s_I, from 1 (the picture as the model takes it) to 100. Default: the checkpoint's own, else 1.5. Less is refused: diffusers then
   * leaves out guidance altogether, which is `textGuidance: 1, imageGuidance: 1` here.
   */
  readonly imageGuidance?: number;
  /**
   * Where in the schedule guidance acts, as shares of it: 0 is its noisy end, 1 its clean one, and a step is guided where its
   * middle, (i + ½) / steps, lies in [from, to] (limited-interval guidance, arXiv 2404.07724). Elsewhere s_T = s_I = 1: the
   * conditional term alone, one call of the denoiser in the place of three. Default: the preset's, [0, 1] where it has none.
   */
  readonly guidanceInterval?: readonly [from: number, to: number];
  /** How a mask acts. Default "anchored". */
  readonly control?: Control;
  /**
   * How much of the edit is done, from 0 (the parent, and no network runs) to 1 (all of it, the default): gradient control
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
   * Where the model runs: on the whole picture ("off", the default, and "auto" at the model's native size), or, under controls that
   * end on the source, on a window around the masks, with numbers for the margin and the least side. The noise is drawn for the window.
   */
  readonly window?: WindowOption;
  /** Ends after so many of the steps, with x̂₀ of the last of them as the result. Default: all are taken. */
  readonly stopAfter?: number;
  /**
   * The weights of a recipe that is done again: recipes were written before there were ranges, and what they record stays computable.
   * What differs from it is asked for anew, and held to the ranges.
   * @internal
   */
  readonly recorded?: RecordedWeights;
  /** Stops between steps with code "aborted". */
  readonly signal?: AbortSignal;
  /** Hears of every step. */
  readonly onStep?: StepListener;
}

export const EDIT_OPTIONS: OptionNames<EditOptions> = {
  ...{ preset: true, seed: true, steps: true, sampler: true, textGuidance: true, imageGuidance: true },
  ...{ guidanceInterval: true, reuse: true, control: true, strength: true, gate: true, base: true },
  ...{ window: true, stopAfter: true, signal: true, onStep: true, recorded: false },
};
export const REGION_OPTIONS: OptionNames<Region> = { instruction: true, mask: true, weight: true };

const DEFAULTS = {
  seed: 0,
  guidanceInterval: [0, 1] as readonly [number, number],
  control: "anchored",
  strength: 1,
  gate: 0,
  base: "",
  window: "off" as WindowOption,
} as const;

/** What the two guidance weights may be, for every door that takes them. Recorded ones are replayed as they are (EditOptions.recorded). */
export const GUIDANCE_RANGES = { text: [-100, 100], image: [1, 100] } as const;

/** A text of digits compares like a number, and would be recorded as a text that no session opens. */
const within = (value: unknown, [least, most]: readonly [number, number]): boolean =>
  typeof value === "number" && value >= least && value <= most;

/** All options of an edit with the checkpoint's defaults filled in and checked: what a recipe records. */
export function resolveOptions(model: EditModel, { preset = "balanced", ...options }: EditOptions = {}) {
  checkPreset(preset);
  const resolved = { ...DEFAULTS, ...presetOf(model, preset), ...defined(options) };
  const {
    steps,
    textGuidance,
    imageGuidance,
    guidanceInterval,
    control,
    strength,
    gate,
    seed,
    sampler,
    stopAfter = steps,
    recorded,
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
  const { text, image } = GUIDANCE_RANGES;
  expect(
    within(textGuidance, text) || textGuidance === recorded?.textGuidance,
    `the text guidance must be a number from ${text[0]} to ${text[1]}`,
    textGuidance,
  );
  expect(
    within(imageGuidance, image) || imageGuidance === recorded?.imageGuidance,
    `the image guidance must be a number from ${image[0]} to ${image[1]} (for an edit without guidance set both to 1)`,
    imageGuidance,
  );
  expect(
    resolved.base.length <= MAX_TEXT,
    `the base must have at most ${MAX_TEXT} characters`,
    `${resolved.base.length}`,
  );
  const [from, to] = guidanceInterval;
  expect(
    guidanceInterval.length === 2 && within(from, [0, 1]) && within(to, [from, 1]),
    "the guidance interval must be two numbers, 0 ≤ from ≤ to ≤ 1",
    guidanceInterval,
  );
  expect(CONTROLS.includes(control as Control), `the control must be one of ${CONTROLS.join(", ")}`, control);
  expect(within(strength, [0, 1]), "the strength must be a number from 0 to 1", strength);
  expect(within(gate, [0, Number.MAX_VALUE]), "the gate must be a number from 0 up", gate);
  expect(
    Object.hasOwn(samplers, sampler),
    `the sampler must be one of ${Object.keys(samplers).join(", ")}`,
    sampler,
  );
  const whole = typeof seed === "bigint" || Number.isSafeInteger(seed);
  expect(
    whole && seed >= 0 && BigInt(seed) <= MAX_SEED,
    "the seed must be a whole number from 0 to 2⁶⁴ − 1",
    seed,
  );
  const window = resolveWindow(model, resolved.window);
  return { ...resolved, control: control as Control, sampler: sampler as SamplerName, window };
}

export type ResolvedOptions = ReturnType<typeof resolveOptions>;

/** Masks are checked once, here; a mask of ones is no mask, so that both take the same path bit for bit. */
export function checkRegions(regions: readonly Region[], c: Tensor): Region[] {
  if (regions.length === 0)
    throw new EmilieError("option.invalid", "an edit needs at least one instruction, got none");
  const [, h, w] = c.shape;
  const checked = regions.map((region) => {
    checkOptions(region, REGION_OPTIONS, "a region");
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

export type { StepListener } from "../samplers/index.ts";
