/** The options of an edit, with defaults and checks: everything in an edit that is not the method itself. */

import { EmilieError } from "../errors.ts";
import { checkOptions, type OptionNames } from "../input/options.ts";
import type { StepListener } from "../samplers/index.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { defined } from "../util/defined.ts";
import { checkCapabilities } from "./capabilities.ts";
import type { EditModel } from "./edit-model.ts";
import { presetOf } from "./presets.ts";
import type { EditSettings } from "./settings.ts";
import {
  checkSettings,
  fallbacks,
  type ReplaySettings,
  type ResolvedSettings,
  settingNames,
} from "./settings-derived.ts";
import { type ResolvedWindow, resolveWindow } from "./window.ts";

/** An instruction with its own mask and weight; several regions can be combined into one edit, in one pass. */
export interface Region {
  /** What should change, in words. */
  readonly instruction: string;
  /** m_r [1, h, w] in [0, 1] on the latent grid. Absent: everywhere. */
  readonly mask?: Tensor;
  /** s_r. Default: the edit's textGuidance. Negative pushes away from the instruction. */
  readonly weight?: number;
}

/** What a recipe that is being replayed has recorded; it may have been written without ranges, or with other ranges. */
export interface Recorded extends Partial<ReplaySettings> {
  /** The weights of its regions, if they have their own. */
  readonly regions: readonly (number | undefined)[];
}

/** How an edit is computed. Defaults are the checkpoint's own if it states them. */
export interface EditOptions extends EditSettings {
  /**
   * What the recipe that is being replayed has recorded: these values remain valid. Values that differ from it are checked against the ranges.
   * @internal
   */
  readonly recorded?: Recorded;
  /** Reference pictures as the model encodes them, [latentChannels, h, w] each, of any size; at most the model's `maxReferences`. Default: none. */
  readonly references?: readonly Tensor[];
  /** Stops between steps with code "aborted". */
  readonly signal?: AbortSignal;
  /** Called at every step. */
  readonly onStep?: StepListener;
}

/** The names of {@link EditOptions}. */
export const EDIT_OPTIONS: OptionNames<EditOptions> = {
  ...settingNames("edit"),
  ...{ references: true, signal: true, onStep: true, recorded: false },
};
export const REGION_OPTIONS: OptionNames<Region> = { instruction: true, mask: true, weight: true };

/** All options of an edit with the checkpoint's defaults filled in and checked: what a recipe records. */
export function resolveOptions(
  model: EditModel,
  { preset = "balanced", ...options }: EditOptions = {},
): ResolvedOptions {
  checkSettings({ preset });
  const resolved = { ...fallbacks(), ...presetOf(model, preset), ...defined(options) };
  const window = resolveWindow(model, resolved.window);
  checkSettings(resolved, options.recorded);
  checkCapabilities(model, resolved);
  const { steps, stopAfter = steps } = resolved;
  if (stopAfter > steps) {
    throw new EmilieError("option.invalid", `stopAfter must be at most the ${steps} steps, got ${stopAfter}`);
  }
  return { ...resolved, window };
}

/** The result of {@link resolveOptions}. */
export type ResolvedOptions = ResolvedSettings &
  Omit<EditOptions, keyof ResolvedSettings | "preset"> & { readonly window: "off" | ResolvedWindow };

/** Checks masks, once. A mask of ones is treated as no mask, so that both give the same result bit for bit. */
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
